"""The makers of variants give an answer for any content of a file."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.judge.variants import (
    DirectCall,
    SourceVariant,
    TestName,
    make_clone,
    make_mutant,
    make_plain,
)

IT: TestName = ("test_it",)
REASON = "its module's text cannot be taken apart"
HOSTILE = {
    "null": "def test_it():\0 assert 1",
    "surrogate": "def test_it(): assert '\ud800' == 1",
    "brackets": "def test_it(): assert " + "(" * 5000 + ")" * 5000,
    "sum": "def test_it(): assert " + "1+" * 20000 + "1",
    "digits": "def test_it(): assert 1 == " + "9" * 10000,
    "hex digits": "def test_it(): assert 1 == 0x" + "f" * 10000,
    "blocks": "def test_it():\n" + "".join(" " * n + "if 1:\n" for n in range(1, 90)),
}


def make_all(text: str, *names: TestName, conftest: str = "") -> list[dict[TestName, str]]:
    rng = random.Random(1)
    made: list[SourceVariant | DirectCall] = [
        make_clone(text, names, rng=rng, conftests=[conftest]),
        make_mutant(text, names, rng=rng),
        make_plain(text, names, rng=rng, conftests=[conftest]),
    ]
    return [dict(one.impossible) for one in made]


@pytest.mark.parametrize("key", HOSTILE)
def test_hostile_text(key: str) -> None:
    assert make_all(HOSTILE[key], IT) == [{IT: REASON}] * 3


def test_hostile_conftest() -> None:
    clone, _, plain = make_all("def test_it(): assert 1\n", IT, conftest=HOSTILE["null"])
    assert [clone, plain] == [{IT: REASON}] * 2


def test_byte_order_mark() -> None:
    assert make_all("\ufeffdef test_it(): assert 1\n", IT) == [{}, {}, {}]


@given(st.text(), st.lists(st.lists(st.text()).map(tuple), min_size=1, unique=True))
def test_any_text(text: str, names: list[TestName]) -> None:
    for impossible in make_all(text, *names):
        assert impossible.keys() == set(names)


PIECES = st.sampled_from(
    [
        "import pytest",
        "from x import *",
        "@pytest.mark.parametrize('a', [pytest.param(1), *CASES])",
        "@pytest.mark.parametrize()",
        "@pytest.fixture(**more)",
        "@mock.patch(*a)",
        "@given(*a, **b)",
        "def test_it(a, /, *b, c=1, **d): assert f(*a) == {**b}; pytest.raises(*a)",
        "async def test_it(): assert not await f()",
        "class test_it(*bases): pass",
        "test_it = lambda: (yield)",
        "def test_it(self):\n    with pytest.raises(X(), *a) as (b, c): self.assertEqual(*a)",
        "def test_it():\n    for a in [*b]:\n        assert a == b == c, f'{a!r:>{b}}'",
        "def test_it():\n    match a:\n        case {'x': test_it, **rest}: assert 1",
        "del test_it",
        "global test_it",
        "pytestmark += [1]",
        "pytestmark: list",
        "if TYPE_CHECKING:\n    import pytest",
        "(a, *b), c.d = e[0] = f",
        "setup_module = print",
    ]
)


@given(st.lists(PIECES, max_size=8).map("\n".join))
def test_odd_but_possible_code(text: str) -> None:
    for impossible in make_all(text + "\n", IT, conftest=text):
        assert set(impossible) <= {IT}
