"""An exception is described whatever its own code does."""

from __future__ import annotations

import doctest
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_agentfix.judge.in_sandbox.exception_facts import (
    Project,
    cut_name,
    find_frames,
    find_message,
)
from pytest_agentfix.judge.in_sandbox.exception_facts import find_name as name_of
from pytest_agentfix.pytest_hooks.exceptions import find_missing

HERE = Path(__file__)


class Text(str):
    """A subclass of ``str``: xdist could not send it."""

    __slots__ = ()


class Owner:
    """A class of the project's own."""


@pytest.fixture
def project() -> Project:
    return Project.around(HERE.parent)


def catch(call: Callable[[], object]) -> BaseException:
    try:
        call()
    except BaseException as error:  # noqa: BLE001
        return error
    raise AssertionError("it raised nothing")


def test_a_project_has_what_is_below_its_repository_but_for_environments(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "tests")
    project = Project.around(tmp_path / "tests")
    for path, expected in [
        ("shop/calc.py", True),
        ("link/x.py", True),
        (".venv/lib/python3.11/site-packages/x.py", False),
        ("usr/lib/python3/dist-packages/x.py", False),
        ("nul\0.py", False),
        ("long" * 2000, False),
    ]:
        assert project.has(f"{tmp_path}/{path}") is expected, path
    assert not project.has("<string>")
    assert not project.has("calc.py")
    assert not project.has(f"{tmp_path}x/calc.py")
    assert not project.has(pytest.__file__)


def test_a_project_below_a_link_has_its_files_under_both_names(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for given in ("real", "link"):
        project = Project(tmp_path / given)
        assert project.has(f"{tmp_path}/real/x.py")
        assert project.has(f"{tmp_path}/link/x.py")


def test_an_interpreter_inside_the_project_is_not_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    assert not Project(tmp_path).has(f"{tmp_path}/env/bin/tool.py")
    # A project that is inside the interpreter's folder (/usr/src, say) is one nevertheless.
    assert Project(tmp_path / "env" / "src").has(f"{tmp_path}/env/src/x.py")


def test_the_innermost_frames_are_kept(project: Project) -> None:
    def down(depth: int) -> None:
        if not depth:
            raise ValueError
        down(depth - 1)

    frames = find_frames(catch(lambda: down(100)), project)
    assert len(frames) == 30
    assert {(path, function) for path, _, function in frames} == {(str(HERE), "down")}
    assert frames[-1][1] < frames[-2][1]  # the line that raised comes before the call


def test_no_traceback_no_frames(project: Project) -> None:
    assert find_frames(ValueError(), project) == []


def test_of_a_group_that_nothing_of_the_project_raised_the_first_member_tells(
    project: Project,
) -> None:
    class GroupError(Exception):
        exceptions: tuple[BaseException, ...] = ()

    inner, outer, endless = GroupError(), GroupError(), GroupError()
    inner.exceptions = (catch(lambda: 1 / 0), ValueError())
    outer.exceptions = (inner,)
    endless.exceptions = (endless,)
    assert [function for _, _, function in find_frames(outer, project)] == ["catch", "<lambda>"]
    assert find_frames(endless, project) == []


def test_a_syntax_error_is_where_it_is(project: Project) -> None:
    path = str(HERE.with_name("broken.py"))
    error = catch(lambda: compile("x = (\n", path, "exec"))
    assert find_frames(error, project)[-1] == (path, 1, "<module>")
    for place in [("<string>", 1), (Text(path), 1), (path, None), (None, None)]:
        odd = SyntaxError("odd", (*place, 1, ""))
        assert find_frames(odd, project) == []


def test_what_is_missing(project: Project) -> None:
    module: Any = ModuleType("shop")
    nothing: Any = None
    owner: Any = Owner()
    values: dict[str, Any] = {}
    for call, expected in [
        (lambda: __import__("nowhere.at_all"), "nowhere"),
        (lambda: exec("from json import nothing", values), "json.nothing"),
        (lambda: exec("nothing", values), "nothing"),
        (lambda: module.total, "shop.total"),
        (lambda: owner.total, f"{__name__}.Owner.total"),
        (lambda: type(owner).total, f"{__name__}.Owner.total"),
        (lambda: nothing.total, ""),
        (lambda: [].total, ""),  # type: ignore[attr-defined]
        (lambda: 1 / 0, ""),
    ]:
        assert find_missing(catch(call), project) == expected


@pytest.mark.parametrize(
    "error",
    [
        ImportError("cannot import name 'x' from 'm'"),  # no name
        ImportError("cannot import name '", name="m"),
        ModuleNotFoundError("m", name=Text("m")),
        NameError("n", name=Text("n")),
        AttributeError("a"),
        UnboundLocalError("u"),
    ],
    ids=repr,
)
def test_what_an_error_does_not_tell_is_not_missing(error: BaseException, project: Project) -> None:
    assert find_missing(error, project) == ""


class HostileNameError(AttributeError):
    @property
    def name(self) -> str:  # type: ignore[override]
        raise SystemExit

    def __str__(self) -> str:
        raise SystemExit


def test_an_error_that_raises_when_it_is_asked(project: Project) -> None:
    error = HostileNameError()
    assert find_missing(error, project) == ""
    assert find_message(error) == "(its message could not be made)"
    assert name_of(error) == "HostileNameError"


def test_ctrl_c_is_not_kept_back() -> None:
    class InterruptingError(Exception):
        def __str__(self) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_message(InterruptingError())


def test_texts_are_plain_and_bounded() -> None:
    class OddError(Exception):
        def __str__(self) -> str:
            return Text("first\nsecond")

    assert find_message(ValueError("x" * 1_000_000)) == "x" * 500
    assert (type(find_message(OddError())), find_message(OddError())) == (str, "first")
    assert (cut_name("x" * 1000), cut_name(Text("x")), cut_name(None)) == ("x" * 200, "", "")


def _run_doctest(text: str, runner: type[doctest.DocTestRunner]) -> BaseException:
    test = doctest.DocTestParser().get_doctest(text, {}, "calc.add", "/home/me/calc.py", 0)
    return catch(lambda: runner(verbose=False).run(test))


def test_example_of_a_doctest_tells_what_it_expects() -> None:
    error = _run_doctest(">>> 1 + 1\n3\n", doctest.DebugRunner)
    assert (name_of(error), find_message(error)) == ("DocTestFailure", "expected 3, got 2")
    error = _run_doctest(">>> print(2)\n", doctest.DebugRunner)
    assert find_message(error) == "expected nothing, got 2"


def test_exception_in_an_example_is_the_news() -> None:
    error = _run_doctest(">>> int('x')\n3\n", doctest.DebugRunner)
    message = "invalid literal for int() with base 10: 'x'"
    assert (name_of(error), find_message(error)) == ("ValueError", message)


def test_first_of_several_examples_stands_for_them() -> None:
    failures = [
        _run_doctest(text, doctest.DebugRunner) for text in (">>> 1\n2\n", ">>> int('x')\n")
    ]
    error = type("MultipleDoctestFailures", (Exception,), {"failures": failures})()
    assert (name_of(error), find_message(error)) == ("DocTestFailure", "expected 2, got 1")
