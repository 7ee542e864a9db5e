"""Predicates over folded paths: the names that mean something to a tool."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Final

from pytest_agentfix.core.paths import fold

Parts = tuple[str, ...]  # a folded path, split at the slashes
NamePredicate = Callable[[Parts], bool]

_AGENTS: Final = (
    "agents.md agents.override.md claude.md claude.local.md gemini.md opencode.json opencode.jsonc "
    ".opencode .cursor* .claude* .windsurf* .aider* .agents .codex* .gemini .mcp.json mcp.json "
    ".cline* .roo* .continue .goose* .junie .rules .kiro .amazonq .augment* .trae .qwen qwen.md "
    ".crush* crush.md warp.md copilot-instructions.md"
)
_GIT: Final = ".git*"
_GIT_HOSTS: Final = ".github .gitlab .gitlab-ci .gitlab-ci.yml"  # no files of git's own
_GIT_HOOKS: Final = (
    "applypatch-msg pre-applypatch post-applypatch pre-commit pre-merge-commit prepare-commit-msg "
    "commit-msg post-commit pre-rebase post-checkout post-merge pre-push pre-receive update "
    "proc-receive post-receive post-update reference-transaction push-to-checkout pre-auto-gc "
    "post-rewrite sendemail-validate fsmonitor-watchman post-index-change"
)
_HOOK_FOLDERS: Final = "hooks git-hooks git_hooks githooks"
_PYTEST: Final = "pytest.ini .pytest.ini pytest.toml .pytest.toml tox.ini setup.cfg pyproject.toml"
_START_UP: Final = "sitecustomize.* usercustomize.* *.pth *._pth *.start pyvenv.cfg"
_START_UP_FOLDERS: Final = "sitecustomize usercustomize"
_CI: Final = (
    ".github .gitlab .gitlab-ci.yml .gitlab-ci .circleci .travis.yml .buildkite .woodpecker* "
    ".drone.yml .tekton .azure-pipelines azure-pipelines*.y*ml appveyor.yml .appveyor.yml "
    "jenkinsfile* bitbucket-pipelines.yml buildspec*.y*ml cloudbuild.y*ml codeowners "
    ".pre-commit-config.y*ml .pre-commit-hooks.y*ml .githooks .husky lefthook.y*ml .lefthook* "
    ".readthedocs.y*ml .vscode .idea .vs .zed .devcontainer .envrc .env .env.* "
    "*.code-workspace *.sublime-project *.sublime-workspace"
)
_BUILD: Final = (
    "setup.py manifest.in requirements*.txt requirements*.in constraints*.txt *.lock pipfile* "
    "package.json package-lock.json npm-shrinkwrap.json pnpm-lock.y*ml makefile makefile.* "
    "gnumakefile *.mk justfile .justfile dockerfile* *.dockerfile containerfile* "
    "docker-compose*.y*ml compose.y*ml .dockerignore "
    "hatch.toml hatch_build.py pdm.toml pdm_build.py poetry.toml uv.toml pixi.toml "
    "environment*.y*ml conda-lock.yml cmakelists.txt *.cmake meson.build meson_options.txt "
    "taskfile.y*ml cargo.toml go.mod go.sum .python-version .tool-versions .mise.toml mise.toml "
    ".coveragerc .pylintrc pylintrc mypy.ini .mypy.ini ruff.toml .ruff.toml .flake8 "
    "pylock.toml pylock.*.toml bun.lockb tox.toml pants.toml *.bazel *.bzl *.nix conda.y*ml "
    "conanfile.* procfile vagrantfile rakefile gemfile pom.xml *.gradle *.gradle.kts composer.json"
)
_REQUIREMENTS: Final = "*.txt *.in"  # in a folder of that name
_BUILD_FOLDERS: Final = "*.egg-info *.dist-info *.egg-link"
_BUILD_AT_TOP: Final = "workspace"
# Scripts of task runners. The two at the top have names that ordinary modules have as well.
_SCRIPTS: Final = "noxfile.py toxfile.py dodo.py fabfile.py"
_SCRIPTS_AT_TOP: Final = "tasks.py build.py"
_SNAPSHOTS: Final = (
    "__snapshots__ __snapshot__ __image_snapshots__ snapshots *.ambr *.snap cassettes *.cassette* "
    ".inline-snapshot .syrupy* *.snapshot *.golden *.approved.* __file_snapshots__"
)
_TEST_FOLDERS: Final = "tests test __tests__"
_DATA_FOLDERS: Final = (
    "testdata test_data test-data fixtures golden goldens golden_files golden-files goldenfiles"
)
_COMPILED: Final = "*.pyc *.pyo *.so *.pyd *.dll *.dylib *.a *.o *.exe *.egg *.whl *.jar"


def last_is(names: str) -> NamePredicate:
    """Match a file whose own name is one of ``names`` (globs, separated by blanks)."""
    globs = tuple(names.split())
    return lambda parts: _matches(parts[-1], globs)


def any_is(names: str) -> NamePredicate:
    """Match a file that has one of ``names`` itself or lies in such a folder."""
    globs = tuple(names.split())
    return lambda parts: any(_matches(part, globs) for part in parts)


def folder_is(names: str) -> NamePredicate:
    """Match a file in a folder with one of ``names``."""
    globs = tuple(names.split())
    return lambda parts: any(_matches(part, globs) for part in parts[:-1])


def top_is(names: str) -> NamePredicate:
    """Match a file at the top with one of ``names``."""
    globs = tuple(names.split())
    return lambda parts: len(parts) == 1 and _matches(parts[0], globs)


def either(*predicates: NamePredicate) -> NamePredicate:
    """Match if any of ``predicates`` does."""
    return lambda parts: any(predicate(parts) for predicate in predicates)


def both(*predicates: NamePredicate) -> NamePredicate:
    """Match if all of ``predicates`` do."""
    return lambda parts: all(predicate(parts) for predicate in predicates)


def any_is_but(names: str, exceptions: str) -> NamePredicate:
    """Match like ``any_is``, unless one of ``exceptions`` occurs in the path."""
    globs, others = tuple(names.split()), tuple(exceptions.split())
    return lambda parts: any(_matches(part, globs) and not _matches(part, others) for part in parts)


def _matches(name: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


is_git_configuration: Final = either(
    any_is_but(_GIT, _GIT_HOSTS), both(folder_is(_HOOK_FOLDERS), last_is(_GIT_HOOKS))
)
is_conftest: Final = either(last_is("conftest.py"), any_is("conftest"))
is_pytest_configuration: Final = last_is(_PYTEST)
is_start_up_file: Final = either(last_is(_START_UP), any_is(_START_UP_FOLDERS))
is_agents_file: Final = any_is(_AGENTS)
is_ci_configuration: Final = any_is(_CI)
is_build_file: Final = either(
    last_is(_BUILD),
    any_is(_BUILD_FOLDERS),
    top_is(_BUILD_AT_TOP),
    both(folder_is("requirements"), last_is(_REQUIREMENTS)),
)
is_task_script: Final = either(last_is(_SCRIPTS), top_is(_SCRIPTS_AT_TOP))
is_snapshot: Final = any_is(_SNAPSHOTS)
is_in_test_folder: Final = folder_is(_TEST_FOLDERS)
is_in_data_folder: Final = folder_is(_DATA_FOLDERS)
is_compiled: Final = last_is(_COMPILED)
is_hidden: Final = any_is(".*")


def is_agents_own(path: str) -> bool:
    """Return whether ``path`` configures or instructs coding agents, OpenCode among them.

    No such file of the repository's reaches a sandbox, and none comes out of one.
    """
    return is_agents_file(tuple(fold(path).split("/")))
