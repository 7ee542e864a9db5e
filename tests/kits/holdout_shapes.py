"""Parametrised tests in every form: those a case can be taken out of, and those it cannot."""

from __future__ import annotations

# Each: a test module whose cases with an "F" among their values fail, and all of them are few.
TAKEN_OUT = {
    "one line": """
        @pytest.mark.parametrize("x", ["F1", "p1", "F2", "p2"])
        def test_it(x): check(x)
        """,
    "one name in brackets": """
        @pytest.mark.parametrize(["x"], [("F1",), ("p",), ("F2",)])
        def test_it(x): check(x)
        """,
    "numbers, signs and None": """
        @pytest.mark.parametrize("x, y", [("F", -1), ("F", 1.5), (0, True), ("F", 2j), (None, -2)])
        def test_it(x, y): check(x)
        """,
    "many lines with comments": """
        @pytest.mark.parametrize(
            ("x", "y"),
            [
                # the first
                ("F", 1),  # one, with a comma
                ("F", 2),  # two ] and )
                # about the third
                (
                    "F",
                    3,
                ),
                ("p", 4)  # no comma here
            ],
        )
        def test_it(x, y):
            check(x)
        """,
    "trailing commas": """
        @pytest.mark.parametrize("x,y", [("F", 1), ("F", 2), ("p", 3), ],)
        def test_it(x, y): check(x)
        """,
    "commas in front": """
        @pytest.mark.parametrize("x", [ "F1"
                                      , "F2"
                                      , "p"
                                      ])
        def test_it(x): check(x)
        """,
    "pytest.param with ids and marks": """
        @pytest.mark.parametrize("x,y", [
            pytest.param("F", [1], id="first"),
            pytest.param("F", {}, id="second", marks=pytest.mark.filterwarnings("ignore")),
            pytest.param("p", (), marks=[], id="third"),
        ])
        def test_it(x, y): check(x)
        """,
    "pytest.param without ids": """
        @pytest.mark.parametrize("x", [pytest.param("F1"), pytest.param("F2"), "F3", "F4"])
        def test_it(x): check(x)
        """,
    "a tuple of cases": """
        @pytest.mark.parametrize("x", ("F1", "F2", "p", "F3"))
        def test_it(x): check(x)
        """,
    "a tuple of which one stays": """
        @pytest.mark.parametrize("x", ("F1", "F2"))
        def test_it(x): check(x)
        """,
    "keywords": """
        @pytest.mark.parametrize(argvalues=["F1", "F2"], argnames="x", indirect=False, scope=None)
        def test_it(x): check(x)
        """,
    "mark by name": """
        from pytest import mark as m
        @m.parametrize("x", ["F1", "F2"])
        def test_it(x): check(x)
        """,
    "parametrize by name": """
        parametrize = pytest.mark.parametrize
        @parametrize("x", ["F1", "F2"])
        @pytest.mark.filterwarnings("ignore")
        def test_it(x): check(x)
        """,
    "a method": """
        class TestOuter:
            class TestInner:
                @pytest.mark.parametrize("x", ["F1", "F2", "F3"])
                def test_it(self, x): check(x)
            @pytest.mark.parametrize("x", ["p"])
            def test_it(self, x): check(x)
        """,
    "unicode": """
        @pytest.mark.parametrize("größe", ["Fä€𝄞", "Fö€𝄞", "日本F語", "ü"])  # ß
        def test_it(größe): check(größe)
        """,
    "escapes and brackets in texts": r"""
        @pytest.mark.parametrize("x", ["F[,]", 'F(\',', "F\n\x00", b"F\xff", "F ] # \\", ""])
        def test_it(x): check(x)
        """,
    "containers by position": """
        @pytest.mark.parametrize("x,y", [(["F"], 1), ({"F": 2}, 2), (("F", 3), 3), ({5}, 5)])
        def test_it(x, y): check(x)
        """,
    "an id with text and a container": """
        @pytest.mark.parametrize("x,y", [("F", [1, [2, (3,)]]), ("F", [i for i in "ab"]), (1, "z")])
        def test_it(x, y): check(x)
        """,
    "classes, functions and members": """
        import enum
        class Colour(enum.Enum):
            RED = 1
            BLUE = 2
        @pytest.mark.parametrize("x,y", [("F", ValueError), ("F", Colour.RED), ("F", len),
                                         ("p", Colour.BLUE), ("p", int), ("p", lambda: 0)])
        def test_it(x, y): check(x)
        """,
    "objects, some of them known to have passed": """
        from decimal import Decimal
        @pytest.mark.parametrize("x,y", [("F", Decimal(1)), ("F", Decimal("2")), ("p", Decimal(3))])
        def test_it(x, y): check(x)
        """,
    "long texts": """
        @pytest.mark.parametrize("x", ["F" * 200, "p", "F2",
            "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
            "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
            "pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"
            "pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp",
        ])
        def test_it(x): check(x)
        """,
    "a list of ids": """
        @pytest.mark.parametrize("x,y", [("F", []), ("F", 2), ("p", [3]), ("p", 4)],
                                 ids=["one", "two",  # the second
                                      None, 4])
        def test_it(x, y): check(x)
        """,
    "a tuple of ids": """
        @pytest.mark.parametrize("x", ["F1", "F2"], ids=("one", "two"))
        def test_it(x): check(x)
        """,
    "ids of None": """
        @pytest.mark.parametrize("x", ["F1", "F2"], ids=None)
        def test_it(x): check(x)
        """,
    "repr for ids": """
        @pytest.mark.parametrize("x,y", [("F", [1]), ("F", [2]), ("p", {3: 4})], ids=repr)
        def test_it(x, y): check(x)
        """,
    "a lambda for ids": """
        @pytest.mark.parametrize("x,y", [("F", "a"), ("F", "b"), (1, "c")], ids=lambda v: f"<{v}>")
        def test_it(x, y): check(x)
        """,
    "a function for ids": """
        def name(value): return f"is {value}"
        @pytest.mark.parametrize("x", ["F1", "F2", "p"], ids=name)
        def test_it(x): check(x)
        """,
    "brackets around elements": """
        @pytest.mark.parametrize("x", [("F1"), (("F2")), "p"])
        def test_it(x): check(x)
        """,
    "texts over many lines": '''
        @pytest.mark.parametrize("x", ["""F
            one, [""", """F
            two ]""", f"{'F'}3", "p{,}"])
        def test_it(x): check(x)
        ''',
    "an async function beside it, and backslashes": """
        async def helper(): pass
        @pytest.mark.parametrize \\
            ("x", ["F1", \\
                   "F2", "p"])
        def test_it(x): check(x)
        """,
    "two functions": """
        @pytest.mark.parametrize("x", ["F1", "F2"])
        def test_one(x): check(x)
        @pytest.mark.parametrize("x", ["F1", [], "F3", "F4", ["F"]])
        def test_two(x): check(x)
        """,
}

STAYING = {
    "stacked decorators": (
        """
        @pytest.mark.parametrize("y", [1, 2])
        @pytest.mark.parametrize("x", ["F1", "F2"])
        def test_it(x, y): check(x)
        """,
        "it has more than one parametrize decorator",
    ),
    "a mark of the class": (
        """
        @pytest.mark.parametrize("y", [1, 2])
        class TestIt:
            @pytest.mark.parametrize("x", ["F1", "F2"])
            def test_it(self, x, y): check(x)
        """,
        "its cases come from more than one place",
    ),
    "a parametrised fixture": (
        """
        @pytest.fixture(params=["a", "b"])
        def y(request): return request.param
        @pytest.mark.parametrize("x", ["F1", "F2"])
        def test_it(x, y): check(x)
        """,
        "its cases come from more than one place",
    ),
    "a fixture of one case": (
        """
        @pytest.fixture(params=["a"])
        def y(request): return request.param
        @pytest.mark.parametrize("x", ["F1"])
        def test_it(x, y): check(x)
        @pytest.fixture(params=["F1", "F2"])
        def z(request): return request.param
        def test_that(z): check(z)
        """,
        "its cases are not written out in the decorator",
    ),
    "indirect": (
        """
        @pytest.fixture
        def x(request): return request.param
        @pytest.mark.parametrize("x", ["F1", "F2"], indirect=True)
        def test_it(x): check(x)
        """,
        "its cases go through fixtures",
    ),
    "a name": (
        """
        CASES = ["F1", "F2"]
        @pytest.mark.parametrize("x", CASES)
        def test_it(x): check(x)
        """,
        "its cases are not written out in the decorator",
    ),
    "a comprehension": (
        """
        @pytest.mark.parametrize("x", [f"F{i}" for i in range(3)])
        def test_it(x): check(x)
        """,
        "its cases are not written out in the decorator",
    ),
    "a star": (
        """
        @pytest.mark.parametrize("x", [*["F1", "F2"], "F3"])
        def test_it(x): check(x)
        """,
        "its cases are not written out in the decorator",
    ),
    "arguments with a star": (
        """
        @pytest.mark.parametrize(*("x", ["F1", "F2"]))
        def test_it(x): check(x)
        """,
        "its cases are not written out in the decorator",
    ),
    "a decorator by another name": (
        """
        cases = pytest.mark.parametrize("x", ["F1", "F2"])
        @cases
        def test_it(x): check(x)
        """,
        "its cases are not written out in the decorator",
    ),
    "an inherited test": (
        """
        class Base:
            @pytest.mark.parametrize("x", ["F1", "F2"])
            def test_it(self, x): check(x)
        class TestIt(Base): pass
        """,
        "its cases are not written out in the decorator",
    ),
    "a generated test": (
        """
        def pytest_generate_tests(metafunc): metafunc.parametrize("x", ["F1", "F2"])
        def test_it(x): check(x)
        """,
        "its cases are not written out in the decorator",
    ),
    "doubles": (
        """
        @pytest.mark.parametrize("x", ["F", "F", "F", "p"])
        def test_it(x): check(x)
        """,
        "the ids of its cases go by their position",
    ),
    "doubles among those that passed": (
        """
        @pytest.mark.parametrize("x", ["F1", "F2", "p", "p"])
        def test_it(x): check(x)
        """,
        "some of its cases have the same id",
    ),
    "doubles by a function": (
        """
        @pytest.mark.parametrize("x", ["F1", "F2", "p"], ids=lambda x: x[0])
        def test_it(x): check(x)
        """,
        "some of its cases have the same id",
    ),
    "a function that names nothing": (
        """
        def nothing(value): return None
        @pytest.mark.parametrize("x", [["F1"], ["F2"], ["p"]], ids=nothing)
        def test_it(x): check(x)
        """,
        "the ids of its cases go by their position",
    ),
    "ids behind a name": (
        """
        IDS = ["one", "two"]
        @pytest.mark.parametrize("x", ["F1", "F2"], ids=IDS)
        def test_it(x): check(x)
        """,
        "its ids are not written out in the decorator",
    ),
    "ids that pytest would escape": (
        """
        @pytest.mark.parametrize("x,y", [("Fä", []), ("Fö", []), ("ü", [])])
        def test_it(x, y): check(x)
        """,
        "the ids of its cases go by their position",
    ),
    "an object with a name of its own": (
        """
        one, two, three = "F1", "F2", "other"
        @pytest.mark.parametrize("x", [one, two, three])
        def test_it(x): check(x)
        """,
        "the ids of its cases go by their position",
    ),
    "two functions of that name": (
        """
        @pytest.mark.parametrize("x", ["F1", "F2"])
        def test_it(x): pass
        @pytest.mark.parametrize("x", ["F1", "F2"])
        def test_it(x): check(x)
        """,
        "its cases are not written out in the decorator",
    ),
}

HEAD = 'import pytest\ndef check(x): assert "F" not in str(x)\n'
