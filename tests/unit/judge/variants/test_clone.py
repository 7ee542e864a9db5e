"""Clones: what they keep, what they rename, and what cannot be cloned."""

from __future__ import annotations

import ast
import random
from textwrap import dedent

import pytest

from pytest_agentfix.judge.variants import SourceVariant, TestName, make_clone

IT: TestName = ("test_it",)
METHOD: TestName = ("TestIt", "test_it")


def clone(
    text: str, *names: TestName, conftest: str = "", seed: int = 1, module: str = "test_mine"
) -> SourceVariant:
    return make_clone(
        dedent(text),
        names or (IT,),
        rng=random.Random(seed),
        module=module,
        conftests=[dedent(conftest)] if conftest else [],
    )


def test_without_names_the_text_stays() -> None:
    text = "this is no Python (\n"
    expected = SourceVariant(source=text, names={}, impossible={})
    assert expected == make_clone(text, (), rng=random.Random(1))


def test_everything_but_the_names_stays() -> None:
    made = clone(
        """
        '''Doc.'''
        from __future__ import annotations
        import pytest

        def helper():
            return 1

        @pytest.mark.slow
        def test_it():
            '''About it.'''
            assert helper()

        test_it.weight = 3

        def test_other():
            assert 0
        """
    )
    new = made.names[IT][0]
    tree = ast.parse(made.source)
    functions = {one.name: one for one in tree.body if isinstance(one, ast.FunctionDef)}
    assert ["helper", new, "test_other"] == list(functions)
    stamp = functions[new].body.pop(1)
    assert isinstance(stamp, ast.Assign)
    expected = f"""'''Doc.'''
from __future__ import annotations
import pytest

def helper():
    return 1

@pytest.mark.slow
def {new}():
    '''About it.'''
    assert helper()
{new}.weight = 3

def test_other():
    assert 0
"""
    assert ast.unparse(ast.parse(expected)) == ast.unparse(tree)


def test_names_are_never_the_same_twice() -> None:
    text = "def test_it(): assert 1\n"
    made = {clone(text, seed=seed).names[IT] for seed in range(50)}
    assert len(made) == 50


@pytest.mark.parametrize(
    ("old", "first", "last"),
    [
        ("test_it", "test_", ""),
        ("testIt", "test_", ""),
        ("check_it", "check_", ""),
        ("it_test", "it_", "_test"),
        ("should_be", "should_", ""),
    ],
)
def test_patterns_of_function_names_are_kept(old: str, first: str, last: str) -> None:
    new = clone(f"def {old}(): assert 1\n", (old,)).names[old,][0]
    assert (new.startswith(first), new.endswith(last), old in new) == (True, True, False)


@pytest.mark.parametrize(
    ("old", "first", "last"),
    [
        ("TestIt", "Test", ""),
        ("AddTests", "Add", "Tests"),
        ("HTTPTestCase", "HTTP", "Case"),
        ("Test", "Test", ""),
        ("DescribeIt", "Describe", ""),
    ],
)
def test_patterns_of_class_names_are_kept(old: str, first: str, last: str) -> None:
    text = f"class {old}:\n    def test_it(self): assert 1\nalias = {old}\n"
    made = clone(text, (old, "test_it"))
    new = made.names[old, "test_it"][0]
    assert (new.startswith(first), new.endswith(last)) == (True, True)
    assert f"alias = {new}\n" in made.source


def test_tests_of_one_class_share_its_new_name() -> None:
    text = """
    class TestIt:
        def test_a(self): assert 1
        def test_b(self): assert 1
    """
    made = clone(text, ("TestIt", "test_a"), ("TestIt", "test_b"))
    assert len({name[0] for name in made.names.values()}) == 1
    assert len({name[1] for name in made.names.values()}) == 2


def test_method_and_function_of_one_name_are_kept_apart() -> None:
    text = """
    def test_it(): assert 1
    class TestIt:
        def test_it(self): assert 1
    """
    made = clone(text, IT)
    assert made.impossible == {}
    assert "    def test_it(self)" in made.source


TIED = {
    "its text goes by __name__": "def test_it():\n    assert f().__name__ == 'x'\n",
    "its text goes by __file__": "def test_it():\n    assert f(__file__)\n",
    "its text uses inspect": "import inspect\ndef test_it():\n    assert inspect.stack()\n",
    "its text goes by PYTEST_CURRENT_TEST": (
        "import os\ndef test_it():\n    assert os.environ['PYTEST_CURRENT_TEST']\n"
    ),
    "its text goes by request.function": "def test_it(request):\n    f(request.function)\n",
    "its fixture snapshot may go by its name": "def test_it(snapshot):\n    assert 1 == snapshot\n",
    "its fixture num_regression may go by its name": "def test_it(num_regression):\n    pass\n",
    "its fixture shared_datadir may go by its name": "def test_it(shared_datadir):\n    pass\n",
    "its marker vcr goes by its name": "from pytest import mark\n@mark.vcr\ndef test_it(): pass\n",
    "its text has its own name in a string": (
        "from mock import patch\n@patch('tests.test_mine.f')\ndef test_it(f):\n    assert f()\n"
    ),
    "its name stands for other things in its module too": (
        "def helper(test_it):\n    return test_it\ndef test_it():\n    assert 1\n"
    ),
    "its module defines it more than once": "def test_it(): pass\ndef test_it(): pass\n",
    "its module's text cannot be taken apart": "def test_it(:\n",
}


@pytest.mark.parametrize("reason", TIED)
def test_tie_in_the_test_itself(reason: str) -> None:
    made = clone(TIED[reason])
    assert SourceVariant(source=TIED[reason], names={}, impossible={IT: reason}) == made


TIED_ELSEWHERE = {
    "helper": "def f():\n    return __name__\ndef test_it():\n    assert f()\n",
    "helper of a helper": (
        "NAME = __name__\ndef g():\n    return NAME\ndef f():\n    return g()\n"
        "def test_it():\n    assert f()\n"
    ),
    "fixture": (
        "import pytest\n@pytest.fixture(name='one')\ndef _one():\n    return __name__\n"
        "def test_it(one):\n    assert one\n"
    ),
    "autouse fixture": (
        "import pytest\n@pytest.fixture(autouse=True)\ndef _one():\n    return __name__\n"
        "def test_it():\n    assert 1\n"
    ),
    "usefixtures": (
        "import pytest\n@pytest.fixture\ndef one():\n    return __name__\n"
        "@pytest.mark.usefixtures('one')\ndef test_it():\n    assert 1\n"
    ),
    "set-up": "def setup_function(f):\n    print(__name__)\ndef test_it():\n    assert 1\n",
}


@pytest.mark.parametrize("where", TIED_ELSEWHERE)
def test_name_dependence_in_what_a_test_uses(where: str) -> None:
    assert clone(TIED_ELSEWHERE[where]).impossible == {IT: "its text goes by __name__"}


@pytest.mark.parametrize(
    "member",
    ["def setUp(self): self.id()", "def helper(self): return self.id()", "x = f(self.id())"],
)
def test_tie_in_the_class_of_a_test(member: str) -> None:
    text = f"class TestIt:\n    {member}\n    def test_it(self): assert 1\n"
    assert clone(text, METHOD).impossible == {METHOD: "its text goes by self.id()"}


def test_tie_in_a_fixture_of_a_conftest() -> None:
    conftest = """
    import pytest
    @pytest.fixture
    def one(request):
        return request.node.name
    @pytest.fixture
    def two(request):
        return request.node.get_closest_marker("x")
    """
    text = "def test_it(one): assert one\ndef test_b(two): assert two\n"
    made = clone(text, IT, ("test_b",), conftest=conftest)
    assert made.impossible == {IT: "its text goes by request.node.name"}
    assert list(made.names) == [("test_b",)]


@pytest.mark.parametrize(
    "text",
    [
        "from pathlib import Path\ndef test_it(): assert Path(__file__).parent\n",
        "import os\ndef test_it(): assert os.path.dirname(os.path.abspath(__file__))\n",
        "def test_it(recwarn, benchmark, tmp_path, monkeypatch): assert 1\n",
        "def other(): return __name__\ndef test_it(): assert 1\n",
        "def test_it():\n    '''This is test_it of test_mine.'''\n    assert 1\n",
        (
            "from hypothesis import given, strategies as st\n@given(st.integers())\n"
            "def test_it(n): assert n == n\n"
        ),
        "import sys\nif sys.version_info > (3,):\n    def test_it(): assert 1\n",
    ],
)
def test_what_ties_nothing(text: str) -> None:
    assert clone(text).impossible == {}


def test_overridden_method_that_is_called_by_name_stays() -> None:
    text = """
    class TestIt:
        def test_it(self): assert 1
    class TestMore(TestIt):
        def test_it(self): super().test_it()
    """
    reason = "its name stands for other things in its module too"
    assert {METHOD: reason} == clone(text, METHOD).impossible
