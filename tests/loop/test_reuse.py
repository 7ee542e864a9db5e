"""An agent's sandbox serves one cluster after another, and nothing is left from one to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from pytest_agentfix.testing import ScriptedModel
from pytest_agentfix.testing.scripted_model.replies import Reply, Script, Turns, shell
from tests.kits.loop_kit import StartModel, by_test, edit, prompts_of, refill
from tests.kits.project_kit import Project, Ran

IGNORE = {".gitignore": "*.pyc\n__pycache__/\n*.log\n"}
NAMES = ("one", "two", "six", "ten", "few")
LOOK = "git status --porcelain --ignored; git log --format=%s; git branch; ls -A; cat two.py one.py"
# A product file, one that git does not know, one that it ignores, and a commit.
LEAVE = (
    "echo '# leftover' >> two.py; echo leftover > leftover.txt; echo leftover > leftover.log;"
    " mkdir 'leftover to'; git -c user.name=A -c user.email=a@b.c commit -qam leftover;"
    " git branch leftover; echo done"
)
LEFT = "leftover"


def make_bugs(*names: str) -> dict[str, str]:
    """Make a module with a bug, and a test of it, for each name: none has to do with another."""
    files = dict(IGNORE)
    for number, name in enumerate(names):
        files[f"{name}.py"] = f"def {name}(value):\n    return value - {number}\n"
        files[f"test_{name}.py"] = (
            f"from {name} import {name}\n\n\n"
            f"def test_{name}():\n    assert {name}(7) == {7 + number + 1}\n"
        )
    return files


def repair(project: Project, name: str, *before: Reply) -> Script:
    """One turn with ``before`` and the repair of the module ``name``."""
    number = NAMES.index(name)
    fix = edit(project, f"{name}.py", f"value - {number}", f"value + {number + 1}")
    return Turns([[*before, *fix]])


def run(project: Project, model: ScriptedModel, *arguments: str) -> tuple[Ran, str]:
    """Run with one cluster after another; return what the log says as well."""
    log = project.reports / "log.txt"
    log.unlink(missing_ok=True)
    logging = (f"--log-file={log}", "--log-file-level=INFO")
    ran = project.run("--agent-fix-jobs=1", *logging, *arguments, url=model.base_url)
    return ran, log.read_text()


def count_uses(log: str) -> int:
    """Count the clusters that got a sandbox in which another one's agent had worked."""
    return log.count("sandbox is used again")


def see(model: ScriptedModel, name: str) -> str:
    """Return what the agent of one test was shown by its tools."""
    talks = [request.body["messages"] for request in model.requests]
    own = [talk for talk in talks if f"test_{name}" in str(find_message(talk, "user")["content"])]
    return "\n".join(str(one["content"]) for one in own[-1] if one["role"] == "tool")


def find_message(talk: Sequence[Mapping[str, Any]], role: str) -> Mapping[str, Any]:
    return next(message for message in talk if message["role"] == role)


def test_many_clusters_and_few_sandboxes(project: Project, start_model: StartModel) -> None:
    refill(project, make_bugs(*NAMES))
    model = start_model(by_test({f"test_{name}": repair(project, name) for name in NAMES}))
    ran, log = run(project, model)
    assert (ran.verdicts, ran.status) == (["fixed"] * 5, 0), ran.output
    assert (len(prompts_of(model)), count_uses(log)) == (5, 4), log


def test_the_next_one_sees_the_base_and_the_fixes(
    project: Project, start_model: StartModel
) -> None:
    refill(project, make_bugs("one", "two"))
    scripts = {
        "test_one": repair(project, "one", shell(LEAVE)),
        "test_two": repair(project, "two", shell(LOOK)),
    }
    model = start_model(by_test(scripts))
    ran, log = run(project, model)
    assert (ran.verdicts, ran.status) == (["fixed", "fixed"], 0), ran.output
    assert count_uses(log) == 1, log
    assert "done" in see(model, "one")
    seen = see(model, "two")
    assert seen.count("The tree as the tests saw it") == 1
    assert "value + 1" in seen  # the first one's fix
    assert LEFT not in seen
    assert LEFT not in project.git("show", "--format=", "HEAD", "HEAD~1")


def test_a_change_that_was_not_accepted_is_not_there_either(
    project: Project, start_model: StartModel
) -> None:
    refill(project, make_bugs("one", "two"))
    scripts: dict[str, Script] = {
        "test_one": Turns([[shell(LEAVE), *edit(project, "one.py", "- 0", "- 5")]]),
        "test_two": repair(project, "two", shell(LOOK)),
    }
    model = start_model(by_test(scripts))
    ran, log = run(project, model, "--agent-fix-max-attempts=1")
    assert ran.verdicts == ["unfixed", "fixed"], ran.output
    assert count_uses(log) == 1, log
    assert "value - 0" in see(model, "two")
    assert LEFT not in see(model, "two")


@pytest.mark.parametrize("odd", ["ln -s /etc way", "mkfifo way"])
def test_where_something_is_odd_the_next_one_gets_a_new_one(
    project: Project, start_model: StartModel, odd: str
) -> None:
    refill(project, make_bugs("one", "two"))
    scripts = {
        "test_one": repair(project, "one", shell(odd)),
        "test_two": repair(project, "two", shell(LOOK)),
    }
    model = start_model(by_test(scripts))
    ran, log = run(project, model)
    assert (ran.verdicts, ran.status) == (["fixed", "fixed"], 0), ran.output
    assert (count_uses(log), log.count("sandbox is not used again")) == (0, 1), log
    assert "way" not in see(model, "two")


CASES = {
    "slugs.py": "def slug(text):\n    return text.replace(' ', '-')\n",
    "test_slugs.py": (
        "import pytest\nfrom slugs import slug\n\n\n"
        '@pytest.mark.parametrize("text", ["One Two", "THREE", "Four Five", "SIX"])\n'
        "def test_slug(text):\n    assert slug(text) == text.lower().replace(' ', '-')\n"
    ),
}


def test_cases_that_an_agent_could_have_copied_are_withheld_from_the_next_all_the_same(
    project: Project, start_model: StartModel
) -> None:
    refill(project, {**make_bugs("one"), **CASES})
    hide = "cp test_slugs.py .git/copied; cp test_slugs.py copied.log"
    lower = edit(project, "slugs.py", "'-')", "'-').lower()")
    scripts: dict[str, Script] = {
        "test_one": repair(project, "one", shell(hide)),
        "test_slug": Turns([[shell("cat test_slugs.py; grep -rn THREE . "), *lower]]),
    }
    model = start_model(by_test(scripts))
    ran, log = run(project, model)
    assert (ran.verdicts, ran.status) == (["fixed", "fixed"], 0), ran.output
    assert count_uses(log) == 0, log
    seen = see(model, "slug")
    assert len([text for text in ("One Two", "THREE", "Four Five", "SIX") if text in seen]) == 2
