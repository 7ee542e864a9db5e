"""Tests that a class inherits: where they are found, and why they cannot be copied."""

from __future__ import annotations

import ast
import random
from textwrap import dedent

import pytest

from pytest_agentfix.judge.variants import TestName, make_mutant
from pytest_agentfix.judge.variants.inheritance import copy_inherited
from pytest_agentfix.judge.variants.locate import find_class
from tests.kits.variants_kit import make_project

IT: TestName = ("TestIt", "test_it")
BASE = "class Base:\n    def test_it(self):\n        assert self.f() == 3\n"


def copy_into(text: str, files: dict[str, str], path: str = "pkg/tests/test_it.py") -> str:
    """Return the class after the copy, or the reason why there is none."""
    tree = ast.parse(dedent(text))
    project = make_project(path, files)
    inherited = copy_inherited(tree, [IT], project, rng=random.Random(1))
    if inherited.impossible:
        return inherited.impossible[IT]
    ast.fix_missing_locations(tree)
    return ast.unparse(find_class(tree, ["TestIt"])[-1])


@pytest.mark.parametrize(
    ("line", "base", "path"),
    [
        ("from .base import Base", "Base", "pkg/tests/base.py"),
        ("from ..base import Base", "Base", "pkg/base.py"),
        ("from . import base", "base.Base", "pkg/tests/base.py"),
        ("from .. import Base", "Base", "pkg/__init__.py"),
        ("from pkg.testing import Base as Root", "Root", "pkg/testing.py"),
        ("import pkg.testing", "pkg.testing.Base", "pkg/testing.py"),
        ("import pkg.testing as t", "t.Base", "src/pkg/testing.py"),
        ("from base import *", "Base", "pkg/tests/base.py"),
        ("from base import Base", "Base[int]", "base.py"),
    ],
)
def test_base_in_another_module(line: str, base: str, path: str) -> None:
    text = f"{line}\nclass TestIt({base}):\n    pass\n"
    assert "assert self.f() == 3" in copy_into(text, {path: BASE})
    assert copy_into(text, {}) == "its class inherits it from code that is not in the tree"


def test_base_that_a_package_hands_on() -> None:
    files = {"kit/__init__.py": "from .cases import *\n", "kit/cases.py": "from kit.base import *"}
    text = "from kit import Base\nclass TestIt(Base):\n    pass\n"
    assert "assert self.f() == 3" in copy_into(text, {**files, "kit/base.py": BASE})


def test_modules_that_import_each_other() -> None:
    files = {"a.py": "from b import Base\n", "b.py": "from a import Base\n"}
    text = "from a import Base\nclass TestIt(Base):\n    pass\n"
    assert copy_into(text, files) == "its class inherits it from code that is not in the tree"


def test_classes_that_derive_from_each_other() -> None:
    text = "class A(B):\n    pass\nclass B(A):\n    pass\nclass TestIt(A):\n    pass\n"
    assert copy_into(text, {}) == "its class inherits it from code that is not in the tree"


def test_module_that_cannot_be_parsed() -> None:
    text = "from base import Base\nclass TestIt(Base):\n    pass\n"
    reason = copy_into(text, {"base.py": "class Base(:\n"})
    assert reason == "its class inherits it from code that is not in the tree"


def test_common_base_comes_last() -> None:
    text = """
        class Root:
            def test_it(self):
                assert f() == 1
        class Left(Root):
            pass
        class Right(Root):
            def test_it(self):
                assert f() == 2
        class TestIt(Left, Right):
            pass
        """
    assert "assert f() == 2" in copy_into(text, {})


def test_own_test_stays() -> None:
    text = "from base import Base\nclass TestIt(Base):\n    def test_it(self):\n        g()"
    assert "self.f()" not in copy_into(text, {"base.py": BASE})


def test_names_of_the_other_module() -> None:
    base = """
        import os, json as js
        from .kit import check
        LIMIT = 1
        class Base:
            def test_it(self, given, other=LIMIT):
                local = [LIMIT for _ in given]
                assert check(len(local), LIMIT, js, os, Own) == self.LIMIT
        """
    text = """
        from pkg.tests.base import Base
        import json as js
        os = None
        class TestIt(Base):
            pass
        """
    copied = copy_into(text, {"pkg/tests/base.py": dedent(base)})
    (names,) = {one.split("[")[0].split("(")[-1] for one in copied.split() if "['check']" in one}
    named = {word: f"{names}['{word}']" for word in ("check", "LIMIT", "os", "Own")}
    assert copied == dedent(
        f"""\
        class TestIt(Base):
            pass

            def test_it(self, given, other={named["LIMIT"]}):
                local = [{named["LIMIT"]} for _ in given]
                assert {named["check"]}(len(local), {named["LIMIT"]}, js, {named["os"]}, \
{named["Own"]}) == self.LIMIT"""
    )


def test_library_that_only_the_other_module_imports() -> None:
    base = "import pytest\n" + BASE.replace("assert", "pytest.raises(Error, f)\n        assert")
    text = "from base import Base\nclass TestIt(Base):\n    pass\n"
    project = make_project("test_it.py", {"base.py": base})
    mutant = make_mutant(text, [IT], rng=random.Random(1), project=project)
    assert ("import pytest" in mutant.source, mutant.changed) == (True, {IT: 2})


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        (
            "    def test_it(self):\n        global n\n        n = 1\n",
            "it is inherited, and assigns to globals of its module",
        ),
        (
            "    cases = [1]\n    @parametrize('n', cases)\n    def test_it(self, n):\n        1\n",
            "it is inherited, and its decorators use names of its class",
        ),
    ],
)
def test_obstacles(method: str, reason: str) -> None:
    text = "from base import Base\nclass TestIt(Base):\n    pass\n"
    assert copy_into(text, {"base.py": f"class Base:\n{method}"}) == reason


def test_base_that_only_the_class_around_knows() -> None:
    text = """
        class TestOuter:
            from base import Base
            class TestIt(Base):
                pass
        """
    name = ("TestOuter", "TestIt", "test_it")
    project = make_project("test_it.py", {"base.py": BASE})
    mutant = make_mutant(dedent(text), [name], rng=random.Random(1), project=project)
    reason = "it is inherited from a class that its module does not know by name"
    assert mutant.impossible == {name: reason}


def test_test_without_any_assertion() -> None:
    text = "def test_it():\n    f()\n"
    mutant = make_mutant(text, [("test_it",)], rng=random.Random(1))
    assert mutant.impossible == {("test_it",): "it asserts nothing, it only must not raise"}
