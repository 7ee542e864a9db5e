"""Set-ups of released projects, as their maintainers have them, each with a real defect.

What such a set-up has besides tracked files is made as usual: extension modules are compiled in
place, version modules are generated, packages are installed into a virtual environment. The
releases are downloaded; without a network these tests fail.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import platformdirs
import pytest

from pytest_agentfix.agents.opencode.binary import find_opencode
from tests.kits.loop_kit import StartModel, by_test, once
from tests.kits.project_kit import Project, Ran
from tests.kits.released_kit import Shelf, Tree, replace_all
from tests.kits.venv_kit import Venv, make_venv

# Of the projects whose releases do not have theirs.
IGNORED = """\
__pycache__/
*.py[cod]
*.so
*.egg-info/
build/
.coverage
.coverage.*
.pytest_cache/
"""
SIZES = "src/humanize/filesize.py"
# The maintainers' change of 4.12.3: no other test of 4.12.2 notices that it is wanting.
BYTE, WHOLE_BYTE = 'return f"{bytes_} Byte"', 'return f"{int(bytes_)} Byte"'


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """The downloaded releases, shared by the tests."""
    return Shelf(tmp_path_factory.mktemp("sdists"))


@pytest.fixture
def environment(project: Project, tmp_path: Path) -> Venv:
    """A virtual environment of the project's own, with which its tests are run."""
    made = make_venv(tmp_path / "venv")
    project.python = made.python
    return made


def test_an_extension_that_is_built_in_place(
    project: Project, start_model: StartModel, shelf: Shelf, environment: Venv
) -> None:
    """Half of the tests need a compiled module that git ignores; coverage is measured."""
    replace_all(project, with_ignored(shelf.take("multidict", "6.2.0")), "the release")
    environment.install("setuptools", "wheel")
    environment.install("--no-deps", "pytest-cov")
    build = [environment.python, "setup.py", "build_ext", "--inplace"]
    subprocess.run(build, cwd=project.path, capture_output=True, check=True)
    links = ("--no-deps", "--no-build-isolation", "--editable", ".")
    environment.install(*links, cwd=project.path)
    wrong = (
        "        assert isinstance(item, tuple) or isinstance(item, list)\n"
        "        assert len(item) == 2\n"
    )
    right = (
        "        if not isinstance(item, (tuple, list)) or len(item) != 2:\n"
        "            return False\n"
    )
    file = "multidict/_multidict_py.py"
    put_in(project, file, right, wrong)
    model = start_model(once(project, file, wrong, right))
    chosen = ("tests/test_multidict.py::TestMultiDict", "tests/test_circular_imports.py")
    ran = project.run(*chosen, url=model.base_url)
    assert_repaired(project, ran, file)
    (compiled,) = project.path.glob("multidict/*.so")
    assert project.git("check-ignore", str(compiled))


def test_a_generated_version_module(
    project: Project, start_model: StartModel, shelf: Shelf, environment: Venv
) -> None:
    """hatch-vcs writes a module that the package imports and git ignores; warnings are errors."""
    lay_out_humanize(project, shelf, environment, "4.12.1")
    right, wrong = '{int(bytes_)}B" if', '{bytes_}B" if'
    put_in(project, SIZES, right, wrong)
    model = start_model(once(project, SIZES, wrong, right))
    ran = project.run(url=model.base_url)
    assert_repaired(project, ran, SIZES)
    assert "src/humanize/_version.py" in " ".join(ran.report["notices"])


def test_a_django_project(
    project: Project, start_model: StartModel, shelf: Shelf, environment: Venv
) -> None:
    """Its tests are those of a reusable application, on a database of sqlite."""
    replace_all(project, with_ignored(shelf.take("django-taggit", "6.0.0")), "the release")
    settings = "[pytest]\nDJANGO_SETTINGS_MODULE = tests.settings\npython_files = test*.py\n"
    project.write({"pytest.ini": settings})
    environment.install("django==5.1.*", "djangorestframework==3.15.*")
    environment.install("--no-deps", "pytest-django")
    file = "taggit/models.py"
    right, wrong = (f"if len(args) {sign} len(self.model" for sign in ("!=", ">"))
    put_in(project, file, right, wrong)
    model = start_model(once(project, file, wrong, right))
    ran = project.run(url=model.base_url)
    assert_repaired(project, ran, file)


def test_warnings_are_errors_everywhere(
    project: Project, start_model: StartModel, shelf: Shelf, environment: Venv
) -> None:
    """In the package's own configuration, on the command line, and for every Python process."""
    replace_all(project, with_ignored(shelf.take("click", "8.1.8")), "the release")
    environment.install("--no-deps", "--editable", ".", cwd=project.path)
    file = "src/click/core.py"
    right = (
        '            elif default_value == "":\n'
        "                default_string = '\"\"'\n"
        "            else:\n                default_string = str(default_value)\n"
    )
    wrong = "            else:\n                default_string = str(default_value)\n"
    put_in(project, file, right, wrong)
    model = start_model(once(project, file, wrong, right))
    project.environ["PYTHONWARNINGS"] = "error"
    # The file that is left out uses what pytest deprecated since.
    options = ("-W", "error", "--ignore=tests/test_basic.py")
    ran = project.run(*options, url=model.base_url)
    assert_repaired(project, ran, file)


def test_inherited_test_classes(
    project: Project, start_model: StartModel, shelf: Shelf, environment: Venv
) -> None:
    """Tests of one base class fail in four classes of three modules."""
    replace_all(project, with_ignored(shelf.take("itsdangerous", "2.2.0")), "the release")
    environment.install("freezegun")
    environment.install("--no-deps", "--editable", ".", cwd=project.path)
    file = "src/itsdangerous/serializer.py"
    right, wrong = "            except BadPayload:\n", "            except BadSignature:\n"
    put_in(project, file, right, wrong)
    model = start_model(once(project, file, wrong, right))
    ran = project.run(url=model.base_url)
    assert_repaired(project, ran, file)


def test_a_file_below_home(
    project: Project, start_model: StartModel, shelf: Shelf, environment: Venv, tmp_path: Path
) -> None:
    lay_out_humanize(project, shelf, environment, "4.12.2")
    test = """\
import json
from pathlib import Path

import humanize


def test_house_style():
    style = json.loads((Path.home() / ".config/humanize/style.json").read_text())
    assert humanize.naturalsize(1.0, **style) == "1 Byte"
"""
    project.write({"tests/test_house_style.py": test})
    project.commit_all("our own test")
    opencode = find_opencode(
        configured=None,
        environ=os.environ,
        cache=platformdirs.user_cache_path("pytest-agentfix"),
    ).path
    style = tmp_path / "home/.config/humanize/style.json"
    style.parent.mkdir(parents=True)
    style.write_text("{}")
    project.environ["HOME"] = str(tmp_path / "home")
    model = start_model(by_test({}))
    ran = project.run("-o", f"agent_fix_opencode={opencode}", url=model.base_url)
    assert (ran.verdicts, ran.status, model.requests) == (["environment"], 1, [])
    assert ran.reasons[0].startswith(
        "on your machine AssertionError at tests/test_house_style.py:9, "
        "in the sandbox FileNotFoundError: ~/.config/humanize/style.json; "
        "~/.config/humanize/style.json is there on this machine, but a sandbox's HOME is empty"
    )
    assert (project.log()[0], project.status()) == ("our own test", "")


@pytest.mark.parametrize("has_option", [False, True], ids=["by default", "judge"])
def test_the_projects_own_tags(
    project: Project,
    start_model: StartModel,
    shelf: Shelf,
    environment: Venv,
    *,
    has_option: bool,
) -> None:
    lay_out_humanize(project, shelf, environment, "4.12.2")
    environment.install("setuptools_scm")
    test = """\
from pathlib import Path

import setuptools_scm

import humanize

HERE = Path(__file__).parent


def test_release():
    found = setuptools_scm.get_version(HERE.parent, version_scheme="no-guess-dev")
    assert found.startswith(humanize.__version__)
    assert humanize.naturalsize(1.0) == "1 Byte"
"""
    project.write({"tests/test_release.py": test})
    project.commit_all("a change")
    model = start_model(once(project, SIZES, BYTE, WHOLE_BYTE))
    option = ("-o", "agent_fix_repository_history=judge") if has_option else ()
    ran = project.run(*option, url=model.base_url)
    if has_option:
        assert_repaired(project, ran, SIZES)
        return
    assert (ran.verdicts, ran.status, model.requests) == (["environment"], 1, [])
    (reason,) = ran.reasons
    assert reason.startswith("on your machine AssertionError at tests/test_release.py:13")
    assert reason.endswith("agent_fix_repository_history = judge")
    assert (project.log()[0], project.status()) == ("a change", "")


def lay_out_humanize(project: Project, shelf: Shelf, environment: Venv, version: str) -> None:
    """Commit a release, tag it and install it as its maintainers do."""
    release = shelf.take("humanize", version)
    replace_all(project, without(release, "_version.py", ".mo"), "the release")
    project.git("tag", version)
    environment.install("freezegun")
    environment.install("--no-deps", "--editable", ".", cwd=project.path)


def with_ignored(release: Tree) -> Tree:
    """A release with the file that names what git is to ignore."""
    return {**release, ".gitignore": IGNORED.encode()}


def without(release: Tree, *endings: str) -> Tree:
    """A release without what is generated, by the ends of the paths."""
    return {path: content for path, content in release.items() if not path.endswith(endings)}


def put_in(project: Project, file: str, right: str, wrong: str) -> None:
    """Commit a defect: ``wrong`` in the one place of ``right``."""
    text = (project.path / file).read_text("utf-8")
    assert text.count(right) == 1
    project.write({file: text.replace(right, wrong)})
    project.commit_all("a change")


def assert_repaired(project: Project, ran: Ran, file: str) -> None:
    """Assert that one commit to ``file`` made all green, and that every neighbour was judged."""
    assert (set(ran.verdicts), ran.status) == ({"fixed"}, 0), ran.output
    neighbours = ran.report["clusters"][0]["neighbours"]
    assert (neighbours["judged"], neighbours["unjudged"]) == (neighbours["total"], []), ran.output
    assert project.log()[1] == "a change"
    assert project.git("show", "--format=", "--name-only").split() == [file]
    assert project.status() == ""
