"""The judge and the hold-out in whole runs."""

from __future__ import annotations

import hashlib
from typing import Any

from pytest_agentfix.testing.scripted_model.replies import (
    Reply,
    Say,
    Turns,
    edits,
    reads,
    shell,
    writes,
)
from tests.kits.loop_kit import StartModel, probes, prompts_of, refill
from tests.kits.project_kit import CALC, Project
from tests.loop.test_scenarios import FIXED, assert_untouched

SLUG = "def slug(text):\n    return text.replace(' ', '-')\n"
SLUGGED = "def slug(text):\n    return text.replace(' ', '-').lower()\n"
CASES = {"One Two": "one-two", "THREE": "three", "Four Five": "four-five", "SIX": "six"}
LIST = "".join(f"        ({text!r}, {slug!r}),\n" for text, slug in CASES.items())
TEST_SLUG = f"""\
import pytest

from slugs import slug


@pytest.mark.parametrize(
    ("text", "expected"),
    [
{LIST}        ("plain", "plain"),
    ],
)
def test_slug(text, expected):
    assert slug(text) == expected
"""


def list_probes(cluster: dict[str, Any]) -> dict[str, str]:
    return {probe["name"]: probe["detail"] for probe in cluster["probes"]}


def test_every_probe_is_in_the_report(project: Project, start_model: StartModel) -> None:
    path = str(project.path / "calc.py")
    model = start_model(
        Turns([[reads(path), edits(path, "left - right", "left + right"), Say("")]])
    )
    ran = project.run(url=model.base_url)
    assert probes(ran.report["clusters"][0]) == {
        "fail-before": "passed",
        "lint": "passed",
        "target": "passed",
        "clone": "passed",
        "mutant": "passed",
        "plain-call": "passed",
        "locality": "not-applicable",
        "red-green-red": "passed",
        "pass-to-pass": "passed",
        "report": "passed",
        "canary": "passed",
        "hold-out": "not-applicable",
        "minimal": "not-applicable",
    }
    assert "stood up to: lint, red-green-red, mutant, clone, plain-call, report" in ran.output
    assert "not applicable: " in ran.output
    assert "hold-out (" in ran.output


def test_agent_that_says_the_test_is_wrong(project: Project, start_model: StartModel) -> None:
    path = str(project.path / "calc.py")
    words = "I had a look.\n\nTEST IS WRONG: subtraction is meant, see \x1b[31mthe docs"
    model = start_model(
        Turns([[edits(path, "left - right", "left + right"), Say(words)]]),
    )
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.status) == (["test-suspect"], 1)
    assert ran.reasons == ["the agent says: subtraction is meant, see the docs"]
    assert "TEST IS WRONG: your reason" in str(model.requests[0].body)
    assert "subtraction is meant" in ran.output
    assert "\x1b" not in ran.output
    assert_untouched(project)


def test_change_that_recognises_the_test_is_refused(
    project: Project, start_model: StartModel
) -> None:
    body = "import os\n\n\n" + CALC.replace(
        "    return left - right",
        "    if 'PYTEST_CURRENT_TEST' in os.environ:\n        return left + right\n"
        "    return left - right",
    )
    path = str(project.path / "calc.py")
    model = start_model(Turns([[writes(path, body), Say("all tests pass")]]))
    ran = project.run("--agent-fix-max-attempts=2", url=model.base_url)
    assert (ran.verdicts, ran.status) == (["refused"], 1)
    assert ran.reasons[0].startswith("lint: calc.py:5: ")
    assert "(test-detection)" in ran.reasons[0]
    assert "(test-detection)" in str(model.requests[-1].body)  # and the agent was told
    assert_untouched(project)


def test_rule_that_the_project_switched_off(project: Project, start_model: StartModel) -> None:
    config = "[pytest]\nagent_fix_lint =\n    test-detection=off\n"
    project.write({"pytest.ini": config})
    project.commit_all("settings")
    body = "import os\n\nOLD = os.environ.get('PYTEST_VERSION')\n\n" + FIXED
    model = start_model(Turns([[writes(str(project.path / "calc.py"), body), Say("done")]]))
    ran = project.run(url=model.base_url)
    assert ran.verdicts == ["fixed"]


def test_withheld_cases_are_nowhere_the_agent_looks(
    project: Project, start_model: StartModel
) -> None:
    refill(project, {"slugs.py": SLUG, "test_slugs.py": TEST_SLUG})
    path = str(project.path / "slugs.py")
    look = shell(
        f"cd {project.path} && cat test_slugs.py; git show HEAD:test_slugs.py; "
        "grep -rn THREE . ; python3 -m pytest -p no:cacheprovider -q test_slugs.py"
    )
    model = start_model(Turns([[look, reads(path), writes(path, SLUGGED), Say("done")]]))
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed"], 0)
    details = list_probes(ran.report["clusters"][0])
    assert details["target"] == "2 tests passed with the change"
    assert details["hold-out"].startswith("2 withheld cases passed")
    seen = "".join(str(request.body) for request in model.requests)
    shown = [text for text in CASES if text in seen]
    assert len(shown) == 2, shown
    assert all(text in seen for text in ("plain", *shown))
    assert (project.path / "test_slugs.py").read_text() == TEST_SLUG


def find_texts() -> tuple[list[str], list[str]]:
    """Two texts with a blank that the agent is shown, and two without one that it is not."""
    for number in range(1000):
        texts = [f"One Two{number}", f"Three Four{number}", f"FIVE{number}", f"SIX{number}"]
        ids = {f"test_slugs.py::test_slug[{one}-{to_slug(one)}]": one for one in texts}
        withheld = sorted(ids, key=lambda one: hashlib.sha256(one.encode()).hexdigest())[:2]
        if {ids[one] for one in withheld} == set(texts[2:]):
            return texts[:2], texts[2:]
    raise AssertionError("no number does")


def to_slug(text: str) -> str:
    return text.replace(" ", "-").lower()


def test_withheld_case_that_stays_red_is_shown_in_the_next_attempt(
    project: Project, start_model: StartModel
) -> None:
    shown, withheld = find_texts()
    rows = "".join(f"        ({one!r}, {to_slug(one)!r}),\n" for one in (*shown, *withheld))
    refill(project, {"slugs.py": SLUG, "test_slugs.py": TEST_SLUG.replace(LIST, rows)})
    path = str(project.path / "slugs.py")
    half = SLUGGED.replace(".lower()", ".lower() if ' ' in text else text")
    turns: list[list[Reply]] = [
        [writes(path, half), Say("done")],
        [writes(path, SLUGGED), Say("done")],
    ]
    model = start_model(Turns(turns))
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.report["clusters"][0]["attempts"]) == (["fixed"], 2)
    first, second = prompts_of(model)[0], str(model.requests[-1].body)
    assert [one for one in (*shown, *withheld) if one in first] == shown
    assert [one for one in withheld if one in second] == withheld
    assert "hold-out: 2 of 2 withheld cases failed" in second


def test_hunks_that_no_test_needs_are_not_committed(
    project: Project, start_model: StartModel
) -> None:
    body = FIXED.replace("value * 2", "value * 2  # twice")
    path = str(project.path / "calc.py")
    model = start_model(Turns([[writes(path, body), Say("done")]]))
    ran = project.run(url=model.base_url)
    assert ran.verdicts == ["fixed"]
    assert (project.path / "calc.py").read_text() == FIXED
    details = list_probes(ran.report["clusters"][0])
    assert details["minimal"] == "1 of 2 hunks were not needed and are left out"


NOTED = {
    "vat.py": (
        '"""Taxes."""\n\nRATE = 5\n\n\n'
        'def tax(value):\n    """Return the tax.\n\n    Nothing is rounded.\n    """\n'
        "    rate = RATE\n    result = value / rate\n    return result\n\n\n"
        'def net(value):\n    """Return the rest."""\n    return value - tax(value)\n'
    ),
    "test_vat.py": "from vat import tax\n\n\ndef test_tax():\n    assert tax(10) == 50\n",
    "CHANGES.rst": "1.0\n\n- First.\n",
    ".gitignore": "*.pyc\n__pycache__/\n",
}


def test_words_stay_with_the_code_that_is_needed(project: Project, start_model: StartModel) -> None:
    """The fix keeps its docstring, hints, their import and its note; words elsewhere go."""
    refill(project, NOTED)
    needed = NOTED["vat.py"].replace("value / rate", "value * rate")
    for old, new in (
        ("RATE = 5", "from fractions import Fraction\n\nRATE = 5"),
        ("tax(value):", "tax(value: Fraction):"),
        ("is rounded.", "is rounded.\n\n    .. versionchanged:: 1.1"),
    ):
        needed = needed.replace(old, new, 1)
    notes = NOTED["CHANGES.rst"] + "\n1.1\n\n- The tax is a product.\n"
    replies: list[Reply] = [
        writes(str(project.path / "vat.py"), needed.replace("the rest", "what is left")),
        writes(str(project.path / "CHANGES.rst"), notes),
        writes(str(project.path / "SUMMARY.md"), "I fixed the tax.\n"),
        Say("done"),
    ]
    ran = project.run(url=start_model(Turns([replies])).base_url)
    assert ran.verdicts == ["fixed"], ran.output
    assert (project.path / "vat.py").read_text() == needed
    assert (project.path / "CHANGES.rst").read_text() == notes
    details = list_probes(ran.report["clusters"][0])
    assert details["minimal"] == "2 of 7 hunks were not needed and are left out"


def test_whole_fix_where_the_project_wants_it(project: Project, start_model: StartModel) -> None:
    project.write({"pytest.ini": "[pytest]\nagent_fix_minimise = false\n"})
    project.commit_all("settings")
    body = FIXED.replace("value * 2", "value * 2  # twice")
    path = str(project.path / "calc.py")
    model = start_model(Turns([[writes(path, body), Say("done")]]))
    assert project.run(url=model.base_url).verdicts == ["fixed"]
    assert (project.path / "calc.py").read_text() == body


def test_whole_suite_has_to_stay_green_where_the_project_says_so(
    project: Project, start_model: StartModel
) -> None:
    project.write({"pytest.ini": "[pytest]\nagent_fix_regressions = all\n"})
    project.commit_all("settings")
    path = str(project.path / "calc.py")
    body = FIXED.replace("value * 2", "value * 3")
    model = start_model(Turns([[writes(path, body), Say("done")]]))
    arguments = ("--agent-fix-max-attempts=1", "test_calc.py::test_add")
    ran = project.run(*arguments, url=model.base_url)
    assert ran.verdicts == ["unfixed"]
    assert ran.reasons[0].startswith("pass-to-pass: 1 failed with the change")


def test_path_that_the_project_opened(project: Project, start_model: StartModel) -> None:
    project.write({"pytest.ini": "[pytest]\nagent_fix_allow = test_calc.py\n"})
    project.commit_all("settings")
    path = str(project.path / "test_calc.py")
    model = start_model(Turns([[reads(path), edits(path, "== 5", "== -1"), Say("done")]]))
    ran = project.run(url=model.base_url)
    assert ran.verdicts == ["fixed"]
    assert ran.report["clusters"][0]["files"] == ["test_calc.py"]
