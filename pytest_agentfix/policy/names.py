"""Predicates over folded paths: which names mean something to a tool."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Final

from pytest_agentfix.policy.paths import fold

Parts = tuple[str, ...]  # a folded path, split at the slashes
NamePredicate = Callable[[Parts], bool]

_AGENTS: Final = (
    "agents.md agents.override.md claude.md claude.local.md gemini.md opencode.json opencode.jsonc "
    ".opencode .cursor* .claude* .windsurf* .aider* .agents .codex* .gemini .mcp.json mcp.json "
    ".cline* .roo* .continue .goose* .junie"
)
_PYTEST: Final = "pytest.ini .pytest.ini pytest.toml .pytest.toml tox.ini setup.cfg pyproject.toml"
_START_UP: Final = "sitecustomize.py usercustomize.py *.pth *.start"
_START_UP_FOLDERS: Final = "sitecustomize usercustomize"
_CI: Final = (
    ".github .gitlab .gitlab-ci.yml .gitlab-ci .circleci .travis.yml .buildkite .woodpecker* "
    ".drone.yml .tekton .azure-pipelines azure-pipelines*.y*ml appveyor.yml .appveyor.yml "
    "jenkinsfile* bitbucket-pipelines.yml buildspec*.y*ml cloudbuild.y*ml codeowners "
    ".pre-commit-config.y*ml .pre-commit-hooks.y*ml .githooks .husky lefthook.y*ml .lefthook* "
    ".readthedocs.y*ml .vscode .idea .devcontainer .envrc .env .env.*"
)
_BUILD: Final = (
    "setup.py manifest.in requirements*.txt requirements*.in constraints*.txt *.lock pipfile* "
    "package.json package-lock.json npm-shrinkwrap.json pnpm-lock.y*ml makefile makefile.* "
    "gnumakefile *.mk justfile .justfile dockerfile* *.dockerfile containerfile* "
    "docker-compose*.y*ml compose.y*ml .dockerignore noxfile.py toxfile.py dodo.py fabfile.py "
    "hatch.toml hatch_build.py pdm.toml pdm_build.py poetry.toml uv.toml pixi.toml "
    "environment*.y*ml conda-lock.yml cmakelists.txt *.cmake meson.build meson_options.txt "
    "taskfile.y*ml cargo.toml go.mod go.sum .python-version .tool-versions .mise.toml mise.toml "
    ".coveragerc .pylintrc pylintrc mypy.ini .mypy.ini ruff.toml .ruff.toml .flake8"
)
_BUILD_FOLDERS: Final = "*.egg-info *.dist-info *.egg-link"
_BUILD_AT_TOP: Final = "tasks.py build.py"  # further down these are ordinary modules
_SNAPSHOTS: Final = (
    "__snapshots__ __snapshot__ __image_snapshots__ snapshots *.ambr *.snap cassettes *.cassette* "
    ".inline-snapshot .syrupy*"
)
_TEST_FOLDERS: Final = "tests test __tests__"
_DATA_FOLDERS: Final = "testdata test_data test-data fixtures golden goldens"
_COMPILED: Final = "*.pyc *.pyo *.so *.pyd *.dll *.dylib *.a *.o *.exe *.egg *.whl *.jar"


def last_is(names: str) -> NamePredicate:
    """The file's own name is one of ``names`` (globs, separated by blanks)."""
    globs = tuple(names.split())
    return lambda parts: _matches(parts[-1], globs)


def any_is(names: str) -> NamePredicate:
    """The file, or a folder it is in, has one of ``names``."""
    globs = tuple(names.split())
    return lambda parts: any(_matches(part, globs) for part in parts)


def folder_is(names: str) -> NamePredicate:
    """A folder the file is in has one of ``names``."""
    globs = tuple(names.split())
    return lambda parts: any(_matches(part, globs) for part in parts[:-1])


def top_is(names: str) -> NamePredicate:
    """The file lies at the top and has one of ``names``."""
    globs = tuple(names.split())
    return lambda parts: len(parts) == 1 and _matches(parts[0], globs)


def either(*predicates: NamePredicate) -> NamePredicate:
    """One of ``predicates`` says yes."""
    return lambda parts: any(predicate(parts) for predicate in predicates)


def _matches(name: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


is_git_configuration: Final = any_is(".git*")
is_conftest: Final = either(last_is("conftest.py"), any_is("conftest"))
is_pytest_configuration: Final = last_is(_PYTEST)
is_start_up_file: Final = either(last_is(_START_UP), any_is(_START_UP_FOLDERS))
is_agents_file: Final = any_is(_AGENTS)
is_ci_configuration: Final = any_is(_CI)
is_build_file: Final = either(last_is(_BUILD), any_is(_BUILD_FOLDERS), top_is(_BUILD_AT_TOP))
is_snapshot: Final = any_is(_SNAPSHOTS)
is_in_test_folder: Final = folder_is(_TEST_FOLDERS)
is_in_data_folder: Final = folder_is(_DATA_FOLDERS)
is_compiled: Final = last_is(_COMPILED)
is_hidden: Final = any_is(".*")


def is_agents_own(path: str) -> bool:
    """Whether ``path`` configures or instructs coding agents, OpenCode among them.

    Such files of the repository's never reach a sandbox, and none comes out of one.
    """
    return is_agents_file(tuple(fold(path).split("/")))
