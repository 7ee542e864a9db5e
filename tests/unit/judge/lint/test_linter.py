"""The lint looks at what a change set adds, not at what was there; no content can break it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_agentfix.core.model import ChangeSet, FileChange
from pytest_agentfix.judge.lint import RULES, Expectations, Level, LintHit, LintRule, lint_changes
from tests.kits.lint_kit import expect, lint, lint_sample, refused

EXIT = "import os\n\ndef f(x):\n    os._exit(0)\n"
PLAIN = "def f(x):\n    return x\n"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_sample_of_a_rule_triggers_it_and_nothing_else(rule: LintRule) -> None:
    hits = lint_sample(rule.sample)
    assert [(rule.name, rule.level)] == [(hit.rule, hit.level) for hit in hits]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_sample_without_a_change_triggers_nothing(rule: LintRule) -> None:
    sample = rule.sample
    assert lint(sample.before, sample.before, sample.test) == ()


def test_rules_have_names_of_their_own() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_a_hit_says_where_and_what() -> None:
    (hit,) = lint(PLAIN, EXIT)
    expected = LintHit(
        rule="process-exit", level=Level.REFUSE, path="pkg/mod.py", line=4, what="os._exit"
    )
    assert expected == hit
    assert str(hit) == "pkg/mod.py:4: os._exit (process-exit)"


def test_foreign_text_in_a_hit_is_printable_and_short() -> None:
    text = "PYTEST_A\x1b[31m" + "x" * 500
    (hit,) = lint(PLAIN, f"A = {text!r}\n" + PLAIN, path="a\x1b\n.py")
    assert str(hit).isprintable()
    assert len(str(hit)) < 200


def _lint(
    files: dict[str, str | None],
    base: dict[str, str] | None = None,
    *,
    levels: dict[str, Level] | None = None,
    exempt: str = "",
) -> list[tuple[str, str]]:
    """The paths and rules of the hits of several files' change."""
    contents = {path: (text.encode(), False) for path, text in (base or {}).items()}
    hits = lint_changes(
        ChangeSet({p: FileChange(None if t is None else t.encode()) for p, t in files.items()}),
        read_base=contents.get,
        expectations=Expectations(),
        levels=levels or {},
        is_exempt=lambda path: path == exempt,
    )
    return [(hit.path, hit.rule) for hit in hits]


def test_levels_can_be_changed() -> None:
    off = {"process-exit": Level.OFF}
    assert _lint({"a.py": EXIT}, levels=off) == []
    (hit,) = lint_changes(
        ChangeSet({"a.py": FileChange(EXIT.encode())}),
        read_base=lambda _: None,
        expectations=Expectations(),
        levels={"process-exit": Level.REPORT},
    )
    assert hit.level is Level.REPORT


def test_exempt_files_are_not_looked_at() -> None:
    files: dict[str, str | None] = {"a.py": EXIT, "tests/test_a.py": "import pytest\n"}
    assert _lint(files, exempt="tests/test_a.py") == [("a.py", "process-exit")]


def test_hits_are_sorted_by_path_and_line() -> None:
    two = "import sys\nimport gc\nA = gc.get_objects()\nB = sys._getframe()\n"
    expected = [("a.py", "introspection"), ("a.py", "frame-inspection"), ("b.py", "process-exit")]
    assert expected == _lint({"b.py": EXIT, "a.py": two})


def test_other_files_than_python_are_not_parsed() -> None:
    assert _lint({"a.txt": "import pytest (\n", "b.cfg": "os._exit\n"}) == []


def test_code_moved_to_another_file_is_not_new() -> None:
    assert _lint({"a.py": PLAIN, "b.py": EXIT}, {"a.py": EXIT}) == []


def test_code_moved_and_doubled_is_new_once() -> None:
    twice = EXIT + "\ndef g(x):\n    os._exit(0)\n"
    assert [(hit.line, hit.rule) for hit in lint("X = 1\n" + EXIT, EXIT)] == []
    base = {"a.py": "import os\nos._exit(0)\n"}
    assert _lint({"a.py": None, "b.py": twice}, base) == [("b.py", "process-exit")]


def test_a_capability_the_file_had_may_be_used_again() -> None:
    before = "import subprocess\n\ndef f(x):\n    return subprocess.run(x)\n"
    after = before + "\ndef g(x):\n    return subprocess.Popen(x)\n"
    assert lint(before, after) == ()
    assert refused(lint(PLAIN, after)) == {"new-subprocess"}


def test_what_was_not_parsable_before_is_reported_only() -> None:
    (hit,) = lint("print 'x'\n", "print 'y'\n")
    assert (hit.rule, hit.level) == ("unparsable", Level.REPORT)


def test_a_syntax_error_can_be_repaired() -> None:
    broken = "import os\n\ndef f(x:\n    os._exit(0)\n"
    assert lint(broken, EXIT) == lint(broken, EXIT.replace("x", "y").replace("_eyit", "_exit"))
    assert refused(lint("def f(x:\n    return x\n", PLAIN)) == set()


@pytest.mark.parametrize("encoding", ["utf-7", "unicode_escape", "rot13", "nonsense"])
def test_encodings_that_hide_code_are_refused(encoding: str) -> None:
    assert refused(lint(PLAIN, f"# coding: {encoding}\n{PLAIN}")) == {"unparsable"}


def test_windows_line_ends_and_odd_separators_keep_lines_in_step() -> None:
    content = b"A = 1\r\nB = '\x0c'\r\nimport os\r\nos._exit(0)\r\n"
    hits = lint_changes(
        ChangeSet({"a.py": FileChange(content)}),
        read_base=lambda _: (b"A = 1\r\nB = '\x0c'\r\nimport os\r\n", False),
        expectations=Expectations(),
    )
    assert [(hit.line, hit.rule) for hit in hits] == [(4, "process-exit")]


def test_many_hits_of_one_rule_are_cut() -> None:
    assert len(lint(None, "import os\n" + "os._exit(0)\n" * 500)) == 20


DEEP = {
    "parentheses": "(" * 5000 + ")" * 5000,
    "lists": "[" * 90 + "]" * 90,
    "signs": "-" * 20000 + "1",
    "nots": "not " * 5000 + "x",
    "sums": "+".join("x" for _ in range(20000)),
    "texts": "+".join("'ab'" for _ in range(3000)),
    "attributes": "x" + ".a" * 3000,
    "calls": "x" + "()" * 900,
    "lambdas": "lambda: " * 900 + "1",
    "ternaries": "1 if x else " * 900 + "1",
    "comparisons": "'test' in sys.argv or " * 900 + "1",
    "elif": "0\nif x == 1:\n    pass\n" + "elif x == 2:\n    pass\n" * 900,
    "indents": "0\n" + "".join(f"{' ' * n}if x:\n" for n in range(99)) + " " * 99 + "pass\n",
    "numbers": "9" * 10000,
    "powers": "2 ** 99999999",
    "repeats": "'a' * 10 ** 12",
    "joined repeats": "''.join(['a' * 2000] * 2000)",
    "widths": "'%999999999d' % 1",
    "formats": "'{:999999999}'.format(1)",
    "shifts": "1 << 99999999999",
    "zlib": "__import__('zlib').decompress(b'x')",
    "surrogates": "'\\ud800' in x",
    "null": "'\0'",
    "aliases": "0\n" + "".join(f"a{n + 1} = getattr(a{n}, a{n})\n" for n in range(200)),
    "loops of aliases": "b\nb = a\na = b\ndel a\nf = getattr(f, f(f))\n",
    "globals": "globals()['globals']()['eval']",
}  # fmt: skip


@pytest.mark.parametrize("expression", DEEP.values(), ids=DEEP)
def test_deep_and_dear_sources_do_no_harm(expression: str) -> None:
    hits = lint(PLAIN, f"{PLAIN}A = {expression}\n", "def test_f(): assert f('abc') == 'abcdef'")
    assert {hit.rule for hit in hits} <= {"unparsable", "test-detection", "new-eval", "new-encoded"}


_WORDS = st.sampled_from(
    ["if", "x", "==", "'abc'", ":", "\n", " ", "return", "(", ")", "[", "]", "def f(x):\n ", "1681",
     "import os\n", "os._exit(0)", "lambda x:", "class A:\n ", "{", "}", ",", ".", "+", "match x"]
)  # fmt: skip
_TEST = expect("def test_f():\n    assert f('abc') == 1681\n")


@settings(max_examples=2 * settings().max_examples)
@given(
    before=st.none() | st.binary(max_size=200),
    after=st.binary(max_size=300)
    | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace"))
    | st.lists(_WORDS, max_size=60).map(lambda words: "".join(words).encode()),
)
def test_any_content_gives_hits_in_order(before: bytes | None, after: bytes) -> None:
    hits = lint_changes(
        ChangeSet({"a.py": FileChange(after), "b.txt": FileChange(after)}),
        read_base=lambda path: None if before is None else (before, False),
        expectations=_TEST,
    )
    assert list(hits) == sorted(hits, key=lambda hit: (hit.path, hit.line, hit.rule))
    assert all(str(hit).isprintable() for hit in hits)
