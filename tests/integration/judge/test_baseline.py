"""The baseline of a cluster: found in one session or several, adopted, and inherited."""

from __future__ import annotations

import pickle

import pytest

from pytest_agentfix.core.model import ChangeSet, Cluster, Collected, FileChange
from pytest_agentfix.judge import planner
from tests.kits.judge_project import (
    BROKEN,
    FIXED,
    TEST_ADD,
    MakeProject,
    change,
    cluster,
    failure,
    find,
    soon,
    tell_red,
)

ADD = "test_calc.py::test_add"
MORE = "test_calc.py::test_more"
TWO = TEST_ADD + "\ndef test_more():\n    assert add(2, 2) == 4\n"


def test_one_sandbox_and_one_session_beside_the_plain_calls(make_project: MakeProject) -> None:
    project = make_project()
    judge = project.make_judge()
    reproduction = judge.reproduce(cluster(ADD), deadline=soon())
    assert tell_red(reproduction.judgement) == [(ADD, "failed")]
    assert (len(project.opened), len(project.seconds)) == (1, 2)
    known = judge.baseline("c1")
    assert known is not None
    added = known.variant_plan
    assert (list(added.of("clone").ids), len(added.canaries)) == ([ADD], 2)
    assert list(added.of("plain-call").ids) == [ADD]


def test_additions_are_no_litter(make_project: MakeProject) -> None:
    project = make_project()

    def list_new() -> Collected:
        files = (str(path.relative_to(project.top)) for path in project.top.rglob("*.py"))
        new = {path: FileChange(b"") for path in files if path not in project.files}
        return Collected(changes=ChangeSet({**new, "left.txt": FileChange(b"")}))

    project.collect = list_new
    judge = project.make_judge()
    reproduction = judge.reproduce(cluster(ADD), deadline=soon())
    assert reproduction.litter == {"left.txt"}
    known = judge.baseline("c1")
    assert known is not None
    assert len(known.variant_plan.added_files) == 2  # which were there, or this shows nothing


@pytest.mark.parametrize(
    ("why", "files"),
    [
        (
            "the clone cannot run after its original",
            {
                "calc.py": "seen = []\ndef add(a, b):\n    assert not seen\n    seen.append(1)\n"
                "    raise LookupError\n"
            },
        ),
        (
            "the suite takes no tests of others",
            {
                "conftest.py": "import pytest\ndef pytest_collection_modifyitems(items):\n"
                "    if any(i.name != 'test_add' for i in items): raise pytest.UsageError('no')\n"
            },
        ),
        (
            "the test takes pytest down",
            {"calc.py": "import os\ndef add(a, b): os.kill(os.getpid(), 9)\n"},
        ),
        (
            "another order puts the additions first",
            {"conftest.py": "def pytest_collection_modifyitems(items): items.reverse()\n"},
        ),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_apart_where_anything_is_odd(
    make_project: MakeProject, why: str, files: dict[str, str]
) -> None:
    project = make_project(files)
    judge = project.make_judge()
    reproduction = judge.reproduce(cluster(ADD), deadline=soon())
    assert [red[0] for red in tell_red(reproduction.judgement)] == [ADD], why
    assert len(project.opened) >= 3
    assert reproduction.seconds == project.seconds[1]


def test_plain_call_that_cannot_bear_what_the_session_left_is_tried_anew(
    make_project: MakeProject,
) -> None:
    test = "import os\nfrom calc import add\ndef test_add():\n"
    test += "    if os.path.exists('left'): raise LookupError\n"
    test += "    import atexit; atexit.register(lambda: open('left', 'w').close())\n"
    test += "    assert add(1, 2) == 3\n"
    project = make_project({"test_calc.py": test})
    judge = project.make_judge()
    judge.reproduce(cluster(ADD), deadline=soon())
    known = judge.baseline("c1")
    assert known is not None
    assert (len(project.opened), len(known.variant_plan.of("plain-call").calls)) == (2, 1)


def test_a_baseline_found_elsewhere_is_adopted(make_project: MakeProject) -> None:
    project = make_project()
    first = project.make_judge()
    reproduction = first.reproduce(cluster(ADD), deadline=soon())
    baseline = pickle.loads(pickle.dumps(first.baseline("c1")))
    assert baseline == first.baseline("c1")
    project.opened.clear()
    second = project.make_judge()
    second.adopt("c1", baseline)
    assert second.reproduce(cluster(ADD), deadline=soon()) == reproduction
    assert project.opened == []
    judgement = second.judge(cluster(ADD), change(calc=FIXED), deadline=soon())
    assert judgement.is_accepted
    assert find(judgement, "clone")[0] == "passed"
    assert ChangeSet() not in project.opened


def test_other_targets_are_looked_at_anew(make_project: MakeProject) -> None:
    project = make_project({"test_calc.py": TWO})
    judge = project.make_judge()
    judge.reproduce(cluster(ADD), deadline=soon())
    baseline = judge.baseline("c1")
    assert baseline is not None
    judge.adopt("c1", baseline)
    reproduction = judge.reproduce(cluster(ADD, MORE), deadline=soon())
    assert [red[0] for red in tell_red(reproduction.judgement)] == [ADD, MORE]


def part(*nodeids: str) -> Cluster:
    return Cluster(slug="part", failures=tuple(failure(nodeid) for nodeid in nodeids))


def test_a_part_is_not_reproduced_again(make_project: MakeProject) -> None:
    project = make_project({"test_calc.py": TWO})
    judge, whole = project.make_judge(), cluster(ADD, MORE)
    assert not judge.inherit(part(MORE), whole)
    judge.reproduce(whole, deadline=soon())
    assert judge.inherit(part(MORE), whole)
    project.opened.clear()
    reproduction = judge.reproduce(part(MORE), deadline=soon())
    assert tell_red(reproduction.judgement) == [(MORE, "failed")]
    only_more = "def add(a, b):\n    if a == b:\n        return a + b\n    return a - b\n"
    judgement = judge.judge(part(MORE), change(calc=only_more), deadline=soon())
    assert judgement.is_accepted
    assert find(judgement, "fail-before") == ("passed", "1 failed without the change")
    assert find(judgement, "clone") == ("passed", "1 test passed under other names")
    assert find(judgement, "mutant")[1] == "1 test failed once something else was expected"
    assert find(judgement, "plain-call") == ("passed", "1 test passed outside pytest")
    assert ChangeSet() not in project.opened


def test_a_part_that_is_not_known_enough(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "FUNCTIONS_LIMIT", 2)
    monkeypatch.setattr(planner, "ADDED_LIMIT", 2)
    ids = [ADD, MORE, "test_calc.py::test_last"]
    project = make_project({"test_calc.py": TWO + "def test_last():\n    assert add(3, 3) == 6\n"})
    judge, whole = project.make_judge(), cluster(*ids)
    judge.reproduce(whole, deadline=soon())
    assert judge.inherit(part(*ids[:2]), whole)
    assert not judge.inherit(part(ids[2]), whole)  # others stand for it, and none is left
    assert not judge.inherit(part("test_calc.py::gone"), whole)


OTHERWISE = """\
import os
from calc import add

def test_add():
    raise ValueError(add(1, 2))

def test_more():
    assert add(2, 2) == 4
"""


def test_a_part_keeps_the_differences_of_its_own_tests(make_project: MakeProject) -> None:
    project = make_project({"test_calc.py": OTHERWISE})
    judge = project.make_judge()
    both = cluster(*(failure(nodeid, exception="AssertionError") for nodeid in (ADD, MORE)))
    told = "; not as they did for the user: on your machine AssertionError, in the sandbox "
    reproduction = judge.reproduce(both, deadline=soon())
    detail = find(reproduction.judgement, "fail-before")[1]
    assert detail.startswith(f"2 failed without the change{told}ValueError at test_calc.py:5: -1")
    assert ADD in reproduction.note
    known = pickle.loads(pickle.dumps(judge.baseline("c1")))
    for nodeid, is_other in ((ADD, True), (MORE, False)):
        part = known.for_subset(
            cluster(failure(nodeid, exception="AssertionError")), rootdir=project.top
        )
        assert part is not None
        assert (told in part.finding.evidence.detail, bool(part.reproduction.note)) == (
            is_other,
            is_other,
        )


def test_on_top_of_other_fixes_failures_are_not_compared(make_project: MakeProject) -> None:
    project = make_project({"test_calc.py": OTHERWISE}, is_on_top=True)
    reproduction = project.reproduce(cluster(failure(ADD, exception="AssertionError")))
    assert (reproduction.note, reproduction.missing) == ("", "")
    assert find(reproduction.judgement, "fail-before")[1] == "1 failed without the change"


ENDINGS = {
    "pytest_unconfigure": "def pytest_unconfigure(): raise OSError\n",
    "exit status": "def pytest_sessionfinish(session): session.exitstatus = 7\n",
    "end of the process": "import atexit, os\natexit.register(os._exit, 0)\n",
}


@pytest.mark.parametrize("name", ENDINGS)
def test_a_suite_that_ends_oddly_on_the_base_may_do_so_with_the_change(
    make_project: MakeProject, name: str
) -> None:
    files = {"conftest.py": ENDINGS[name], "test_calc.py": TWO}
    project = make_project(files, passed=["test_zero.py::test_zero"])
    project.files = {
        **project.files,
        "test_zero.py": "from calc import add\ndef test_zero(): assert add(0, 0) == 0\n",
    }
    both = cluster(ADD, MORE)
    assert project.judge(both, change(calc=FIXED)).is_accepted
    # Nothing is believed of a session that is odd in other ways as well.
    judgement = project.judge(both, change(calc="import os\n" + BROKEN))
    assert not judgement.is_accepted
    cheat = "import atexit, os\natexit.register(os._exit, 9)\n" + FIXED
    judgement = project.judge(both, change(calc=cheat))
    assert (judgement.is_accepted, judgement.is_refused) == (False, True)
