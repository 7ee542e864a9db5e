"""docs/lint.md lists the rules, each with its level and a change that triggers it."""

from __future__ import annotations

import difflib

from pytest_agentfix.core.options import LINT_RULES
from pytest_agentfix.judge.lint import RULES, LintRule
from tests.kits.places import REPOSITORY

PAGE = REPOSITORY / "docs" / "lint.md"


def render_rule(rule: LintRule) -> str:
    """Render a rule's part of the page."""
    before, after = rule.sample.before.splitlines(), rule.sample.after.splitlines()
    lines = [line for line in difflib.ndiff(before, after) if not line.startswith("?")]
    diff = "\n".join(line.rstrip() for line in lines)
    test = rule.sample.test.strip()
    about = f"\nwhere the failing test is\n\n```python\n{test}\n```\n" if test else ""
    return (
        f"## `{rule.name}`\n\nDefault: `{rule.level.value}`. {rule.summary[0].upper()}"
        f"{rule.summary[1:]}. For example:\n\n```diff\n{diff}\n```\n{about}"
    )


def test_page_has_every_rule_as_it_is() -> None:
    page = PAGE.read_text("utf-8")
    parts = page[page.index("## `") :]
    assert parts == "\n".join(map(render_rule, RULES))


def test_settings_know_every_rule() -> None:
    assert [rule.name for rule in RULES] == sorted(
        LINT_RULES, key=[rule.name for rule in RULES].index
    )


def test_configuration_page_names_every_rule_and_what_it_protects() -> None:
    page = (PAGE.parent / "configuration.md").read_text("utf-8")
    lines = [line for line in page.splitlines() if line.startswith(f"| `{RULES[0].name}`")]
    start = page.splitlines().index(lines[0])
    table = page.splitlines()[start : start + len(RULES)]
    heads = [f"| `{rule.name}` | {rule.level.value} | {rule.summary} | " for rule in RULES]
    assert [line[: len(head)] for line, head in zip(table, heads, strict=True)] == heads
    assert all(len(line) > len(head) for line, head in zip(table, heads, strict=True))
