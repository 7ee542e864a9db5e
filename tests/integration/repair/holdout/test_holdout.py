"""Cases are withheld from the agent, and the rest of the file stays as it was."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.core.model import Cluster, Failure, HoldOut, ItemKind, Phase
from pytest_agentfix.repair.holdout import choose_hold_out, redact
from tests.kits.holdout_shapes import HEAD, STAYING, TAKEN_OUT

# Tells what is collected, with what only the items know.
SPY = """
import json
def pytest_collection_finish(session):
    with open("items.json", "w") as out:
        specs = [(item.nodeid, item.callspec) for item in session.items]
        json.dump([(nodeid, spec.indices, "F" in str(spec.params)) for nodeid, spec in specs], out)
"""
SHAPES = {**TAKEN_OUT, **{name: source for name, (source, _) in STAYING.items()}}


@dataclass(frozen=True)
class Item:
    nodeid: str
    case: dict[str, int]
    is_red: bool


def _collect(folder: Path) -> list[Item]:
    """Collect ``folder`` with a real pytest."""
    environ = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, "-p", "no:agentfix", "-p", "spy", "-c", os.devnull, "--rootdir", "."],
        cwd=folder,
        env={**environ, "PYTHONPATH": "."},
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout.decode()
    return [Item(*each) for each in json.loads((folder / "items.json").read_text("utf-8"))]


def _make_folder(folder: Path, sources: Mapping[str, bytes]) -> Path:
    folder.mkdir()
    (folder / "spy.py").write_text(SPY, "utf-8")
    for name, content in sources.items():
        (folder / name).write_bytes(content)
    return folder


def _name(shape: str) -> str:
    return f"test_{list(SHAPES).index(shape)}.py"


def _content(shape: str) -> bytes:
    return (HEAD + dedent(SHAPES[shape])).encode()


@dataclass(frozen=True)
class Collection:
    """All shapes as pytest collects them before and after cases were taken out."""

    top: Path
    before: dict[str, list[Item]]
    hold_outs: dict[str, HoldOut]
    after: dict[str, list[str]]


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    top = tmp_path_factory.mktemp("shapes")
    sources = {_name(shape): _content(shape) for shape in SHAPES}
    items = _collect(_make_folder(top / "before", sources))
    before = {
        shape: [item for item in items if item.nodeid.startswith(_name(shape))] for shape in SHAPES
    }
    hold_outs = {shape: _hold_out(before[shape], _content(shape)) for shape in SHAPES}
    changed = {path: content for each in hold_outs.values() for path, content in each.files.items()}
    after = [item.nodeid for item in _collect(_make_folder(top / "after", {**sources, **changed}))]
    return Collection(
        top,
        before,
        hold_outs,
        {shape: [each for each in after if each.startswith(_name(shape))] for shape in SHAPES},
    )


TOP = Path("/top")


def _failure(nodeid: str, case: Mapping[str, int] | None = None, path: str = "") -> Failure:
    return Failure(
        nodeid=nodeid,
        phase=Phase.CALL,
        kind=ItemKind.FUNCTION,
        path=TOP / (path or nodeid.partition("::")[0]),
        line=1,
        exception="AssertionError",
        message="",
        traceback="",
        case=case or {},
    )


def _hold_out(items: Sequence[Item], content: bytes, *, can_edit_tests: bool = False) -> HoldOut:
    failures = tuple(_failure(item.nodeid, item.case) for item in items if item.is_red)
    path = items[0].nodeid.partition("::")[0]
    return choose_hold_out(
        Cluster(slug="c", failures=failures),
        top=TOP,
        read_base={path: (content, False)}.get,
        can_edit_tests=can_edit_tests,
        passed=[item.nodeid for item in items if not item.is_red],
    )


@pytest.mark.parametrize("shape", TAKEN_OUT)
def test_pytest_collects_all_but_the_withheld_cases(collection: Collection, shape: str) -> None:
    before = [item.nodeid for item in collection.before[shape]]
    hold_out = collection.hold_outs[shape]
    assert (hold_out.reason, list(hold_out.files)) == ("", [_name(shape)])
    assert hold_out.withheld
    assert collection.after[shape] == [each for each in before if each not in hold_out.withheld]


@pytest.mark.parametrize("shape", STAYING)
def test_what_cannot_be_taken_out_is_withheld_all_the_same(
    collection: Collection, shape: str
) -> None:
    hold_out = collection.hold_outs[shape]
    assert hold_out.withheld
    assert (hold_out.reason, hold_out.files) == (STAYING[shape][1], {})


@pytest.mark.parametrize("shape", SHAPES)
def test_half_of_the_red_cases_is_shown(collection: Collection, shape: str) -> None:
    red: dict[str, int] = {}
    for item in collection.before[shape]:
        red[item.nodeid.partition("[")[0]] = red.get(item.nodeid.partition("[")[0], 0) + item.is_red
    hold_out = collection.hold_outs[shape]
    withheld = Counter(nodeid.partition("[")[0] for nodeid in hold_out.withheld)
    assert withheld == {name: count // 2 for name, count in red.items() if count > 1}


@pytest.mark.parametrize("shape", TAKEN_OUT)
def test_revealed_cases_are_back_in_the_file(collection: Collection, shape: str) -> None:
    hold_out = collection.hold_outs[shape]
    assert hold_out.reveal([]) is hold_out
    first, *others = hold_out.withheld
    assert hold_out.reveal([first]).withheld == tuple(others)
    assert hold_out.reveal(hold_out.withheld) == HoldOut()


@pytest.mark.parametrize("shape", SHAPES)
def test_without_what_passed_ids_may_be_unknown_and_never_wrong(
    collection: Collection, shape: str
) -> None:
    items = [item for item in collection.before[shape] if item.is_red]
    hold_out = _hold_out(items, _content(shape))
    known = collection.hold_outs[shape]
    assert hold_out.withheld == known.withheld
    assert hold_out.files in ({}, known.files)


def _two_red(content: bytes, *, names: str = "F1 F2", path: str = "t.py") -> HoldOut:
    """Make the hold-out of ``content``, a file with two red cases; one is withheld."""
    items = [
        Item(f"{path}::test_it[{name}]", {"x": index}, is_red=True)
        for index, name in enumerate(names.split())
    ]
    return _hold_out(items, content)


LINES = """
@pytest.mark.parametrize("x", [
    "F1",  # one
    "F2",  # two
])
def test_it(x): pass
"""


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("codec", "head"),
    [("utf-8", "# ü 𝄞"), ("utf-8-sig", "# ü"), ("latin-1", "# coding: latin-1\n# ü\xff")],
)
def test_all_other_bytes_stay(ending: str, codec: str, head: str) -> None:
    before = (head + "\f\x0b\x85" * (codec != "utf-8") + LINES).replace("\n", ending)
    hold_out = _two_red(before.encode(codec))
    (nodeid,) = hold_out.withheld
    name = nodeid[-3:-1]
    line = next(line for line in before.split(ending) if f'"{name}"' in line) + ending
    assert hold_out == HoldOut(
        withheld=(nodeid,),
        files={"t.py": before.replace(line, "").encode(codec)},
        hidden_lines=frozenset({line.strip()}),
    )


def test_the_edit_as_people_see_it() -> None:
    source = """\
        @pytest.mark.parametrize(
            ("x", "y"),
            (
                # the first
                ("F", {1: 1}),  # is one
                # about the second
                (
                    "F",
                    {2: 2},
                ),  # is two
                ("p", None),
                ("p", object())  # no comma
                # the end
            ), scope="module"
        )
        def test_it(x, y): pass
        """
    items = [
        Item(f"t.py::test_it[{name}]", {"x": index, "y": index}, is_red="F" in name)
        for index, name in enumerate(["F-y0", "F-y1", "p-None", "p-y3"])
    ]
    hold_out = _hold_out(items, dedent(source).encode())
    assert hold_out.withheld == ("t.py::test_it[F-y0]",)
    assert hold_out.files["t.py"].decode() == dedent("""\
        @pytest.mark.parametrize(
            ("x", "y"),
            (
                # about the second
                (
                    "F",
                    {2: 2},
                ),  # is two
                ("p", None),
                ("p", object())  # no comma
                # the end
            ), ids=['F-y1', None, 'p-y3'], scope="module"
        )
        def test_it(x, y): pass
        """)
    assert hold_out.hidden_lines == {"# the first", '("F", {1: 1}),  # is one'}


def test_a_form_that_cannot_be_edited() -> None:
    source = b'@mark.parametrize("x", ([["F"], []]))\ndef test_it(x): pass'
    assert (
        _two_red(source, names="x0 x1").reason == "its decorator has a form that cannot be edited"
    )


def test_one_red_case_is_not_withheld() -> None:
    failures = (_failure("t.py::test_a[1]", {"x": 0}), _failure("t.py::test_b[1]", {"x": 0}))
    twice = (*failures, failures[0])  # as in call and tear-down
    hold_out = choose_hold_out(
        Cluster(slug="c", failures=twice), top=TOP, read_base=lambda _: None, can_edit_tests=False
    )
    assert hold_out == HoldOut(reason="no test has more than one failing case")
    assert redact("test_a[1]", hold_out) == "test_a[1]"


def test_the_choice_depends_on_the_node_ids_alone() -> None:
    nodeids = [f"t.py::test_it[{number}]" for number in range(9)]

    def choose(chosen: Sequence[str]) -> set[str]:
        failures = tuple(_failure(nodeid) for nodeid in chosen)
        cluster = Cluster(slug="c", failures=failures)
        return {
            *choose_hold_out(
                cluster, top=TOP, read_base=lambda _: None, can_edit_tests=False
            ).withheld
        }

    expected = {f"t.py::test_it[{number}]" for number in (2, 5, 6, 7)}
    assert choose(nodeids) == choose(nodeids[::-1]) == expected


def test_tests_that_may_be_edited_stay_in_the_workspace() -> None:
    items = [Item(f"t.py::test_it[F{n}]", {"x": n - 1}, is_red=True) for n in (1, 2)]
    hold_out = _hold_out(items, LINES.encode(), can_edit_tests=True)
    assert hold_out == HoldOut(
        withheld=("t.py::test_it[F1]",),
        reason="tests may be edited, so they stand in the workspace",
        hidden_lines=frozenset({'"F1",  # one'}),
    )


@pytest.mark.parametrize("path", ["/elsewhere/t.py", "missing.py"])
def test_a_file_that_is_not_there(path: str) -> None:
    failures = tuple(_failure(f"t.py::test_it[{n}]", {"x": n}, path) for n in range(2))
    hold_out = choose_hold_out(
        Cluster(slug="c", failures=failures),
        top=TOP,
        read_base=lambda _: None,
        can_edit_tests=False,
    )
    assert len(hold_out.withheld) == 1
    assert (hold_out.files, hold_out.reason) == ({}, "its file is not one of the repository's")


def test_brackets_in_a_folders_name() -> None:
    hold_out = _two_red(LINES.encode(), path="a[1]/t.py")
    assert (list(hold_out.files), hold_out.reason) == (["a[1]/t.py"], "")


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ([("test_it[F1]", {}), ("test_it[F2]", {})], "it is not parametrised"),
        ([("test_it", {"x": 0}), ("test_it[F2]", {"x": 1})], "it is not parametrised"),
        (
            [("test_it[F1]", {"x": 0, "y": 0}), ("test_it[F2]", {"x": 1, "y": 1})],
            "its cases come from more than one place",
        ),
        (
            [("test_it[F1]", {"x": 0}), ("test_it[F2]", {"x": 7})],
            "its cases are not those of the decorator",
        ),
        (
            [("test_it[F2]", {"x": 0}), ("test_it[F1]", {"x": 1})],
            "the ids of its cases go by their position",
        ),
    ],
)
def test_cases_that_do_not_fit_the_file(
    items: list[tuple[str, dict[str, int]]], reason: str
) -> None:
    made = [Item(f"t.py::{name}", case, is_red=True) for name, case in items]
    hold_out = _hold_out(made, LINES.encode())
    assert (len(hold_out.withheld), hold_out.files, hold_out.reason) == (1, {}, reason)


@pytest.mark.parametrize(
    "content",
    [
        b"\0",
        b"def (:",
        b"# coding: no-such\n",
        b"# coding: rot13\n",
        b"# coding: utf-8\n\xff",
        b"(" * 100_000,
        b"x = " + b"-" * 100_000 + b"1",
        b"x = " + b"1+" * 100_000 + b"1",
        b"x" * 3_000_000,
        b"\xef\xbb\xbf# coding: latin-1\n",
        LINES.replace('"F1"', "1" + "+1" * 3000).encode(),
        LINES.replace('"F1"', "a" + ".a" * 3000).encode(),
        LINES.replace('"F1"', "[" * 90 + "]" * 90).encode(),
    ],
    ids=range(13),
)
def test_hostile_files_never_raise(content: bytes) -> None:
    assert len(_two_red(content).withheld) == 1


@given(st.binary(max_size=60), st.integers(0, len(LINES)))
def test_any_bytes_in_a_file_never_raise(noise: bytes, place: int) -> None:
    content = LINES.encode()
    assert len(_two_red(content[:place] + noise + content[place:]).withheld) == 1


_values = st.recursive(
    st.one_of(
        st.integers().map(repr),
        st.text(max_size=5).map(repr),
        st.text(max_size=5).map(ascii),
        st.sampled_from(["None", "(1)", "-1.5", "b'x'", "''", "'a' 'b'", "(\n1,)", "lambda: 0"]),
    ),
    lambda inner: st.lists(inner, max_size=3).map(lambda each: f"[{', '.join(each)}]"),
    max_leaves=4,
)
_gaps = st.sampled_from(["", " ", "\n", "  # x, ]\n", "\n# (\n  "])


@given(st.lists(st.tuples(_gaps, _values, _gaps), min_size=2, max_size=6), st.data())
def test_any_list_loses_what_it_shall(
    elements: list[tuple[str, str, str]], data: st.DataObject
) -> None:
    inner = ",".join(f"{before}{value}{after}" for before, value, after in elements)
    comma = data.draw(st.sampled_from(["", ",", ", ", ",  # end\n"]))
    shape = data.draw(st.sampled_from(["[{}]", "({})"]))
    name = data.draw(st.sampled_from(["F", "[]", "é"]))
    display = shape.format(inner + comma)
    ids = [f"{name}{index}" for index in range(len(elements))]
    source = f"@p.parametrize('x', {display}, ids={ids!r})\ndef test_it(x): 0\n"
    escaped = [each.encode("unicode_escape").decode() for each in ids]
    items = [
        Item(f"t.py::test_it[{each}]", {"x": index}, is_red=True)
        for index, each in enumerate(escaped)
    ]
    hold_out = _hold_out(items, source.encode())
    assert hold_out.reason == ""
    stay = [i for i, item in enumerate(items) if item.nodeid not in hold_out.withheld]
    call = ast.parse(hold_out.files["t.py"]).body[0].decorator_list[0]  # type: ignore[attr-defined]
    expected = ast.parse(f"[{','.join(elements[i][1] for i in stay)}]", mode="eval").body
    assert [*map(ast.dump, call.args[1].elts)] == [*map(ast.dump, expected.elts)]  # type: ignore[attr-defined]
    assert ast.literal_eval(call.keywords[0].value) == [ids[i] for i in stay]
    assert type(call.args[1]) is (ast.List if shape == "[{}]" else ast.Tuple)


TRACEBACK = """\
x = 5, y = 7

    @pytest.mark.parametrize(
        ("x", "y"), [
            (5, 7),
            (6, 8),  # six
>           (1000, 1001),
E           (1000, 1001),
E               (1000, 1001), as text
        ],
    )
    def test_add(x, y):
>       assert items[0] == add(x, y)[6-8]
E       assert (6, 8) == 9

t.py:9: AssertionError of test_add[6-8]
t.py::test_add[1000-1001] and test_add[5-7]
[1000-1001]
"""


def test_redact_drops_the_lines_that_spell_withheld_cases() -> None:
    hold_out = HoldOut(
        withheld=("t.py::test_add[6-8]", "t.py::test_add[1000-1001]"),
        hidden_lines=frozenset({"(6, 8),  # six", "(1000, 1001),"}),
    )
    expected = TRACEBACK.splitlines(keepends=True)
    for line in (5, 6, 7, 15, 16, 17):
        expected[line] = ""
    assert redact(TRACEBACK, hold_out) == "".join(expected)


def test_redact_drops_a_decorator_on_one_line() -> None:
    source = b"@p.parametrize('x', ['F1', 'F2'])\ndef test_it(x): 0\n"
    hold_out = _two_red(source)
    assert redact(f">   {source.decode()}", hold_out) == "def test_it(x): 0\n"


@given(st.text(), st.lists(st.text(max_size=8), max_size=3), st.frozensets(st.text(max_size=8)))
def test_redact_only_drops_lines(text: str, ids: list[str], hidden: frozenset[str]) -> None:
    hold_out = HoldOut(withheld=tuple(f"t.py::test[{each}]" for each in ids), hidden_lines=hidden)
    kept = redact(text, hold_out).splitlines()
    remaining = iter(text.splitlines())
    assert all(line in remaining for line in kept)
    if ids:
        assert not {line.strip() for line in kept} & hidden
