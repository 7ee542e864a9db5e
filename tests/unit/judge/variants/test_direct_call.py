"""Plain calls: what is left of a module, how a test is called, and what cannot be."""

from __future__ import annotations

import random
from textwrap import dedent

import pytest

from pytest_agentfix.judge.variants import DirectCall, Parameters, TestName, make_plain

IT: TestName = ("test_it",)
METHOD: TestName = ("TestIt", "test_it")


def reduce(text: str, *names: TestName, conftest: str = "") -> DirectCall:
    conftests = [dedent(conftest)] if conftest else []
    return make_plain(dedent(text), names or (IT,), rng=random.Random(1), conftests=conftests)


def test_pytest_and_what_needs_it_goes() -> None:
    made = reduce(
        """
        '''Doc.'''
        from __future__ import annotations
        import os, pytest
        from pytest import approx
        from typing import TYPE_CHECKING
        from product import one, two as zwei
        if TYPE_CHECKING:
            from typing import Any
        pytest.register_assert_rewrite("helpers")
        pytestmark = pytest.mark.slow
        NEAR = approx(1)
        MARK = pytest.mark.slow
        LIMIT: int = 3
        registry.append(LIMIT)

        @pytest.fixture
        def thing(): return 1

        def near(): return NEAR
        def helper(): return LIMIT

        class TestOther:
            def test_more(self): assert pytest

        @pytest.mark.slow
        def test_it():
            assert one(helper()) == zwei

        def test_other(thing): assert thing

        if __name__ == "__main__":
            pytest.main()
        """
    )
    new = made.calls[IT].name[0]
    stamp = next(line for line in made.source.splitlines() if line.startswith("    _"))
    assert made.impossible == {}
    expected = f"""
        '''Doc.'''
        from __future__ import annotations
        import os
        from typing import TYPE_CHECKING
        from product import one
        from product import two as zwei
        if TYPE_CHECKING:
            from typing import Any
        LIMIT: int = 3
        registry.append(LIMIT)

        def helper():
            return LIMIT

        def {new}():
        {stamp}
            assert one(helper()) == zwei
        """
    assert dedent(expected).strip().replace("'''", '"""') == made.source.strip()


def test_parameters_become_lists() -> None:
    made = reduce(
        """
        import pytest
        CASES = {"a": 1}
        @pytest.mark.parametrize("n", CASES)
        @pytest.mark.parametrize(["a", "b"], [(1, 2), pytest.param(3, 4, id="x")], ids=str)
        @pytest.mark.parametrize(argnames="x,", argvalues=(pytest.param(5),))
        def test_it(n, a, b, x, y=1): assert n
        """
    )
    names = {one.names: one.list for one in made.calls[IT].parameters}
    assert list(names) == [("n",), ("a", "b"), ("x",)]
    lines = set(made.source.splitlines())
    assert {
        f"{names['n',]} = [*CASES]",
        f"{names['a', 'b']} = [*[(1, 2), (3, 4)]]",
        f"{names['x',]} = [*[5]]",
    } <= lines


def test_call_is_described_for_the_program() -> None:
    made = reduce(
        "import pytest\n@pytest.mark.parametrize('a, b', [(1, 2)])\ndef test_it(a, b): assert a\n"
    )
    call = made.calls[IT]
    name = call.parameters[0].list
    assert call.parameters == (Parameters(names=("a", "b"), list=name),)
    assert call.describe("7", {"a": 4, "b": 4}) == {
        "id": "7",
        "kind": "function",
        "name": list(call.name),
        "is_async": False,
        "parameters": [{"names": ["a", "b"], "list": name, "index": 4}],
    }


IMPOSSIBLE = {
    "def test_it(tmp_path): pass": "it needs fixtures",
    "import pytest\n@pytest.mark.parametrize('n', [1], indirect=True)\ndef test_it(n): pass": (
        "its parametrize is indirect"
    ),
    "import pytest\n@pytest.mark.parametrize(NAMES, [1])\ndef test_it(n): pass": (
        "its parametrize cannot be read"
    ),
    "import pytest\n@pytest.mark.parametrize(['n'], [(1,)])\ndef test_it(n): pass": (
        "its parametrize cannot be read"
    ),
    "import pytest\npytestmark = pytest.mark.parametrize('n', [1])\ndef test_it(n): pass": (
        "its parametrize cannot be read"
    ),
    "import pytest\n@pytest.mark.usefixtures('x')\ndef test_it(): pass": (
        "its marker usefixtures may be at work"
    ),
    "import pytest\n@pytest.mark.own(1)\ndef test_it(): pass": "its marker own may be at work",
    "import pytest\n@pytest.mark.xfail\ndef test_it(): pass": "its marker xfail may be at work",
    "from product import deco\n@deco\ndef test_it(): pass": (
        "it has a decorator that may need pytest"
    ),
    "import pytest\ndef test_it(): assert pytest.approx(1) == 1": "it uses pytest itself",
    "def test_it():\n    import pytest\n    pytest.skip()": "it uses pytest itself",
    "import pytest\ndef f(): return pytest.approx(1)\ndef test_it(): assert f()": (
        "it uses pytest itself"
    ),
    "import pytest\nnp = pytest.importorskip('numpy')\ndef test_it(): assert np": (
        "it uses pytest itself"
    ),
    "import pytest\npytest.importorskip('numpy')\ndef test_it(): assert 1": (
        "its module's own code uses pytest"
    ),
    "try:\n    import pytest\nexcept ImportError:\n    pass\ndef test_it(): assert 1": (
        "its module's own code uses pytest"
    ),
    "pytest_plugins = ['x']\ndef test_it(): assert 1": "its module's own code uses pytest",
    "def setup_module(): pass\ndef test_it(): assert 1": (
        "set-up functions of pytest's are in force"
    ),
    "import pytest\n@pytest.fixture(autouse=True)\ndef x(): pass\ndef test_it(): assert 1": (
        "an autouse fixture is in force"
    ),
    "def test_it():\n    yield": "it is a generator",
    "import multiprocessing\ndef test_it(): assert 1": (
        "its module is to be imported by other processes"
    ),
    "def test_it(:": "its module's text cannot be taken apart",
}


@pytest.mark.parametrize("text", IMPOSSIBLE)
def test_what_cannot_be_called(text: str) -> None:
    assert DirectCall(source="", calls={}, impossible={IT: IMPOSSIBLE[text]}) == reduce(text)


IMPOSSIBLE_METHODS = {
    "from product import Base\nclass TestIt(Base):\n    def test_it(self): pass": (
        "its class has a base that is not in the tree"
    ),
    "class TestIt(metaclass=M):\n    def test_it(self): pass": (
        "its class cannot be made without pytest"
    ),
    "class TestIt:\n    def __init__(self): pass\n    def test_it(self): pass": (
        "its class cannot be made without pytest"
    ),
    "import pytest\nclass TestIt:\n    A = [1]\n    @pytest.mark.parametrize('n', A)\n"
    "    def test_it(self, n): pass": "its parameters are made in its class",
    "import pytest\nclass Base:\n    @pytest.fixture(autouse=True)\n    def x(self): pass\n"
    "class TestIt(Base):\n    def test_it(self): pass": "an autouse fixture is in force",
    "class TestIt:\n    def test_a(self): pass\n    def test_it(self): self.test_a()": (
        "it calls another test"
    ),
}


@pytest.mark.parametrize("text", IMPOSSIBLE_METHODS)
def test_what_cannot_be_called_in_a_class(text: str) -> None:
    expected = DirectCall(source="", calls={}, impossible={METHOD: IMPOSSIBLE_METHODS[text]})
    assert expected == reduce(text, METHOD)


@pytest.mark.parametrize(
    ("conftest", "reason"),
    [
        ("import sys\nsys.path.insert(0, 'src')\n", "a conftest.py does things of its own"),
        ("pytest_plugins = ['x']\n", "a conftest.py does things of its own"),
        ("def pytest_configure(config):\n    start()\n", "a conftest.py does things of its own"),
        ("def pytest_runtest_setup(item): pass\n", "a conftest.py does things of its own"),
        (
            "from pytest import fixture\nif 1:\n    @fixture(autouse=FLAG)\n    def x(): pass\n",
            "an autouse fixture is in force",
        ),
        ("def (", "its module's text cannot be taken apart"),
    ],
)
def test_conftest_that_does_things(conftest: str, reason: str) -> None:
    assert reduce("def test_it(): assert 1\n", conftest=conftest).impossible == {IT: reason}


def test_conftest_that_only_offers_things() -> None:
    conftest = '''
    """Doc."""
    import pytest
    LIMIT = 3
    @pytest.fixture(autouse=False)
    def thing(): return LIMIT
    def pytest_configure(config):
        """Doc."""
        config.addinivalue_line("markers", "slow: takes long")
    def pytest_collection_modifyitems(items): items.sort()
    '''
    assert reduce("def test_it(): assert 1\n", conftest=conftest).impossible == {}


@pytest.mark.parametrize(
    ("decorators", "arguments"),
    [
        ("@mock.patch('a.b')", "m"),
        ("@mock.patch('a.b', new=1)", ""),
        ("@mock.patch('a.b', 1)", ""),
        ("@mock.patch.object(a, 'b')", "m"),
        ("@mock.patch.object(a, 'b', 1)", ""),
        ("@mock.patch.dict('a.b')", ""),
        ("@mock.patch('a.b')\n@mock.patch('a.c')", "m, n"),
        ("@given(n=st.integers())", "n"),
        ("@given(st.integers())\n@settings(deadline=None)", "n"),
        ("@unittest.skipIf(False, 'no')", ""),
        ("@pytest.mark.agent_fix(timeout=3)\n@pytest.mark.asyncio", ""),
        ("", "n=1, *, m=2"),
    ],
)
def test_arguments_that_decorators_hand_in(decorators: str, arguments: str) -> None:
    imports = (
        "import unittest, pytest\nfrom unittest import mock\n"
        "from hypothesis import given, settings, strategies as st\n"
    )
    text = f"{imports}{decorators}\ndef test_it({arguments}): assert 1\n"
    assert reduce(text).impossible == {}


def test_methods_that_cannot_be_called_leave_the_others_alone() -> None:
    text = """
    import pytest
    class TestIt:
        def test_it(self): assert 1
        def test_near(self): assert 1 == pytest.approx(1)
        @pytest.mark.slow
        def test_other(self): assert 1
        @pytest.fixture
        def thing(self): return 1
    """
    near = ("TestIt", "test_near")
    made = reduce(text, METHOD, near)
    assert made.impossible == {near: "it uses pytest itself"}
    assert ("pytest" in made.source, "test_near" in made.source) == (False, False)
