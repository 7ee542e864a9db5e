"""One fix after another that ends at the same test: the run stops paying, and says so."""

from __future__ import annotations

from pytest_agentfix.testing.scripted_model.replies import Script
from tests.kits.loop_kit import StartModel, by_test, once, prompts_of, refill
from tests.kits.project_kit import Project

COUNT = 5
# It passes, and any change of a module of the product breaks it.
FROZEN = (
    "from pathlib import Path\n\n\n"
    "def test_frozen():\n"
    "    for path in Path(__file__).parent.glob('part_*.py'):\n"
    "        assert 'return value - 1' in path.read_text()\n"
)


def test_no_more_is_paid_after_three_fixes_broke_one_test(
    project: Project, start_model: StartModel
) -> None:
    files = {"test_frozen.py": FROZEN, ".gitignore": "*.pyc\n"}
    scripts: dict[str, Script] = {}
    for number in range(COUNT):
        name = f"part_{number}"
        files[f"{name}.py"] = f"def {name}(value):\n    return value - 1\n"
        files[f"test_{name}.py"] = (
            f"from {name} import {name}\n\n\n"
            f"def test_{name}():\n    assert {name}({number}) == {number + 1}\n"
        )
        scripts[f"test_{name}"] = once(project, f"{name}.py", "value - 1", "value + 1")
    refill(project, files)
    model = start_model(by_test(scripts))
    ran = project.run(
        *("--agent-fix-jobs", "1", "--agent-fix-max-attempts", "1"), url=model.base_url
    )
    assert ran.verdicts == ["unfixed"] * 3 + ["skipped"] * 2, ran.output
    assert len(prompts_of(model)) == 3
    assert (ran.status, project.log()) == (1, ["start"])
    [reason] = set(ran.reasons[3:])
    assert reason.startswith(
        "not tried, as 3 fixes in a row broke the same test, test_frozen.py::test_frozen: see "
    )
    assert reason in " ".join(ran.output.split())
