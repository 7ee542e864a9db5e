"""The judge with real pytest sessions over small projects: honest fixes and honest failures."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.core.model import (
    ChangeSet,
    Collected,
    Drop,
    FileChange,
    Phase,
    ProbeResult,
)
from pytest_agentfix.core.ports import Judge
from pytest_agentfix.testing.fakes import FakeClock
from tests.kits.judge_project import (
    BROKEN,
    FIXED,
    TEST_ADD,
    MakeProject,
    change,
    cluster,
    failure,
    soon,
    tell,
    tell_red,
)

FAIL_BEFORE = ("fail-before", "passed", "1 failed without the change")
TARGET = ("target", "passed", "1 test passed with the change")
ALONE = ("pass-to-pass", "not-applicable", "nothing else passed before")
ADD = "test_calc.py::test_add"


def test_it_is_a_judge(make_project: MakeProject) -> None:
    judge: Judge = make_project().make_judge()
    assert judge


def test_passing_fix(make_project: MakeProject) -> None:
    project = make_project()
    judgement = project.judge(cluster(ADD), change(calc=FIXED))
    assert tell(judgement) == [FAIL_BEFORE, TARGET, ALONE]
    assert judgement.red == ()
    assert judgement.is_accepted
    assert project.opened == [ChangeSet()] + [change(calc=FIXED)] * 4
    assert len(project.seconds) == 7


@pytest.mark.parametrize("passed", [(), ("test_other.py::test_a", "test_other.py::test_b")])
def test_the_sandboxes_of_a_judgement_are_known_before(
    make_project: MakeProject, passed: tuple[str, ...]
) -> None:
    """So they can be made while the agent is at work, and none in vain."""
    other = "from calc import add\ndef test_a(): assert add(0, 0) == 0\ndef test_b(): pass\n"
    project = make_project({"test_other.py": other}, passed=passed)
    judge = project.make_judge()
    judge.reproduce(cluster(ADD), deadline=soon())
    guessed = judge.count_sandboxes(is_withholding=False)
    project.opened.clear()
    assert judge.judge(cluster(ADD), change(calc=FIXED), deadline=soon()).is_accepted
    assert (guessed, project.bare) == (len(project.opened) - 1, 1)


def test_still_red(make_project: MakeProject) -> None:
    judgement = make_project().judge(cluster(ADD), change(calc=BROKEN + "\n"))
    assert tell(judgement) == [FAIL_BEFORE, ("target", "failed", "1 failed with the change")]
    assert tell_red(judgement) == [(ADD, "failed")]
    assert "assert -1 == 3" in judgement.red[0].detail
    assert not judgement.is_accepted


def test_broken_other_test(make_project: MakeProject) -> None:
    other = "from calc import add\ndef test_a(): pass\ndef test_b(): assert add.__doc__ is None\n"
    ids = ["test_other.py::test_a", "test_other.py::test_b"]
    project = make_project({"test_other.py": other}, passed=ids)
    documented = 'def add(a, b):\n    "Add."\n    return a + b\n'
    judgement = project.judge(cluster(ADD), change(calc=documented))
    detail = "1 failed with the change, in the suite's own order: test_other.py::test_b"
    broken = ("pass-to-pass", "failed", detail)
    assert [FAIL_BEFORE, TARGET, broken] == tell(judgement)
    assert tell_red(judgement) == [("test_other.py::test_b", "failed")]
    judgement = project.judge(cluster(ADD), change(calc=FIXED))
    kept = ("pass-to-pass", "passed", "2 tests still passed")
    assert [FAIL_BEFORE, TARGET, kept] == tell(judgement)


def test_other_test_that_is_red_in_the_sandbox_anyway(make_project: MakeProject) -> None:
    other = "def test_a(): pass\ndef test_b(): assert 0\ndef test_c(): import nix\n"
    ids = [f"test_other.py::test_{letter}" for letter in "abc"]
    project = make_project({"test_other.py": other}, passed=ids)
    judge = project.make_judge()
    for _ in range(2):
        judgement = judge.judge(cluster(ADD), change(calc=FIXED), deadline=soon())
        left_out = "; 1 of 3 judged"
        assert ("pass-to-pass", "passed", "1 test still passed" + left_out) == tell(judgement)[2]
        assert judgement.is_accepted
    of_base = [changes for changes in project.opened if not changes]
    assert len(of_base) == 1 + 2 + 1 + 1  # to reproduce, and by order: not for each change


def test_all_other_tests_are_red_in_the_sandbox_anyway(make_project: MakeProject) -> None:
    ids = ["test_other.py::test_b", "gone.py::test_x"]
    project = make_project({"test_other.py": "def test_b(): assert 0\n"}, passed=ids)
    judgement = project.judge(cluster(ADD), change(calc=FIXED))
    detail = "nothing else that passed before can be judged; 0 of 2 judged"
    assert ("pass-to-pass", "not-applicable", detail) == tell(judgement)[2]
    assert judgement.is_accepted


def test_tests_that_depend_on_one_another_are_not_excused(make_project: MakeProject) -> None:
    other = (
        "import calc\nseen = []\n"
        "def test_first(): seen.append(calc.add(0, 0))\n"
        "def test_second(): assert seen == [0]\n"
    )
    ids = ["test_other.py::test_first", "test_other.py::test_second"]
    project = make_project({"test_other.py": other}, passed=ids)
    judgement = project.judge(cluster(ADD), change(calc=FIXED.replace("a + b", "a + b or None")))
    assert tell_red(judgement) == [("test_other.py::test_second", "failed")]


def test_one_more_test_that_passed_is_run(make_project: MakeProject) -> None:
    passed: list[str] = []
    project = make_project({"test_other.py": "def test_a(): assert 0\n"}, passed=passed)
    judge = project.make_judge()
    deadline = soon()
    assert tell(judge.judge(cluster(ADD), change(calc=FIXED), deadline=deadline))[2] == ALONE
    passed.append("test_other.py::test_a")
    judgement = judge.judge(cluster(ADD), change(calc=FIXED), deadline=deadline)
    assert "0 of 1 judged" in tell(judgement)[2][2]


def test_not_reproduced(make_project: MakeProject) -> None:
    project = make_project({"calc.py": FIXED})
    reproduction = project.reproduce(cluster(ADD))
    seen = ("fail-before", "failed", "1 passed in the sandbox without any change")
    assert [seen] == tell(reproduction.judgement)
    assert (reproduction.judgement.red, reproduction.missing) == ((), "")
    judgement = project.judge(cluster(ADD), change(calc=FIXED))
    assert [seen] == tell(judgement)
    assert not judgement.is_accepted


def test_skipped_on_the_base_is_not_reproduced(make_project: MakeProject) -> None:
    skipping = "import pytest\n@pytest.mark.skip\ndef test_add(): pass\n"
    reproduction = make_project({"test_calc.py": skipping}).reproduce(cluster(ADD))
    assert (tell(reproduction.judgement)) == [
        ("fail-before", "failed", "1 skipped in the sandbox without any change")
    ]


def test_reproduction(make_project: MakeProject) -> None:
    litter = Collected(
        changes=ChangeSet({".hypothesis/x": FileChange(b"")}), irregular=(Drop("pipe", "a pipe"),)
    )
    test = TEST_ADD + "\ndef test_none():\n    assert add(0, 0) == 0\n"
    project = make_project({"test_calc.py": test}, litter=litter)
    reproduction = project.reproduce(cluster(ADD, "test_calc.py::test_none"))
    expected = ("fail-before", "passed", "1 failed, 1 passed without the change")
    assert [expected] == tell(reproduction.judgement)
    assert tell_red(reproduction.judgement) == [(ADD, "failed")]
    assert reproduction.missing == ""
    assert reproduction.litter == {".hypothesis/x", "pipe"}
    assert reproduction.seconds == project.seconds[1] > 0  # the second: one was not red


def test_a_rerun_runs_the_targets_and_nothing_else(make_project: MakeProject) -> None:
    test = TEST_ADD + "\ndef test_none():\n    assert add(0, 0) == 0\n"
    project = make_project({"test_calc.py": test})
    both = cluster(ADD, "test_calc.py::test_none", "test_calc.py::test_gone")
    rerun = project.make_judge().rerun(both, deadline=soon())
    assert tell_red(rerun.judgement) == [(ADD, "failed")]
    assert rerun.unfit == ("test_calc.py::test_gone",)
    assert len(project.seconds) == 1


def test_what_targets_enter_is_told_of_the_first_base(make_project: MakeProject) -> None:
    entered = make_project({}).reproduce(cluster(ADD)).entered
    assert [
        (frame.path.name, frame.function) for frame in entered if frame.path.name == "calc.py"
    ] == [("calc.py", "add")]


def test_module_missing_in_the_sandbox(make_project: MakeProject) -> None:
    project = make_project({"test_calc.py": "import nix\n" + TEST_ADD})
    reproduction = project.reproduce(cluster(ADD))
    assert reproduction.missing == "ModuleNotFoundError: No module named 'nix'"
    assert reproduction.unfit == (ADD,)
    assert reproduction.judgement.probes[0].result is ProbeResult.FAILED


def test_test_missing_in_the_sandbox(make_project: MakeProject) -> None:
    project = make_project()
    assert project.reproduce(cluster("test_calc.py::gone")).missing == (
        "test_calc.py::gone is not collected"
    )
    assert project.reproduce(cluster("gone.py::test_x", ADD)).missing == (
        "gone.py::test_x is not collected"
    )


def test_pytest_that_will_not_start(make_project: MakeProject) -> None:
    project = make_project(arguments=("--no-such-option",))
    with pytest.raises(SandboxError, match=r"would not start .*--no-such-option"):
        project.reproduce(cluster(ADD))


def test_conftest_that_breaks_in_the_sandbox(make_project: MakeProject) -> None:
    with pytest.raises(SandboxError, match=r"4\): ModuleNotFoundError: No module named 'nix'\. "):
        make_project({"conftest.py": "import nix\n"}).reproduce(cluster(ADD))


def test_internal_error(make_project: MakeProject) -> None:
    hook = "def pytest_collection_finish(): raise RuntimeError('inside')\n"
    with pytest.raises(SandboxError, match=r"pytest broke .*: RuntimeError: inside\."):
        make_project({"conftest.py": hook}).reproduce(cluster(ADD))


def test_sandbox_without_pytest(make_project: MakeProject) -> None:
    project = make_project({"lib/pytest.py": "raise ImportError('no pytest here')\n"})
    project.environ["PYTHONPATH"] = str(project.top / "lib")
    with pytest.raises(SandboxError, match=r"did not start .*no pytest here"):
        project.reproduce(cluster(ADD))


def test_tests_that_do_not_end_on_the_base(make_project: MakeProject) -> None:
    clock = FakeClock()  # so that nothing but the sessions' own limits counts
    project = make_project({"calc.py": "import time\ntime.sleep(600)\n"}, clock=clock)
    with pytest.raises(SandboxError, match="do not end"):
        project.make_judge().reproduce(cluster(ADD), deadline=clock.now + 2)


def test_change_that_hangs_is_red(make_project: MakeProject) -> None:
    project = make_project(patience=10.0)
    judgement = project.judge(
        cluster(ADD), change(calc="import time\ndef add(a, b): time.sleep(600)\n")
    )
    assert tell(judgement) == [FAIL_BEFORE, ("target", "failed", "did not end within 10 s")]
    assert tell_red(judgement) == [(ADD, "error")]
    assert "never ended" in judgement.red[0].detail


def test_no_time_left(make_project: MakeProject) -> None:
    judge = make_project().make_judge()
    with pytest.raises(TimeoutError):
        judge.reproduce(cluster(ADD), deadline=time.monotonic() - 1)
    judge.reproduce(cluster(ADD), deadline=soon())
    hanging = change(calc="import time\ntime.sleep(600)\n")
    with pytest.raises(TimeoutError):
        judge.judge(cluster(ADD), hanging, deadline=time.monotonic() + 2)


def test_change_that_breaks_the_conftest_is_red(make_project: MakeProject) -> None:
    project = make_project({"conftest.py": "import calc\n"})
    judgement = project.judge(cluster(ADD), change(calc="import nix\n"))
    assert (tell(judgement)) == [
        FAIL_BEFORE,
        ("target", "failed", "pytest would not start (exit status 4)"),
    ]
    assert tell_red(judgement) == [(ADD, "missing")]
    assert "No module named 'nix'" in judgement.red[0].detail


def test_test_that_takes_pytest_down(make_project: MakeProject) -> None:
    test = TEST_ADD + "\ndef test_more():\n    assert add(0, 0) == 0\n"
    crashing = "import os\ndef add(a, b): os.kill(os.getpid(), 9)\n"
    project = make_project({"calc.py": crashing, "test_calc.py": test})
    about = cluster(ADD, "test_calc.py::test_more")
    reproduction = project.reproduce(about)
    assert tell_red(reproduction.judgement) == [(ADD, "error")]
    assert reproduction.missing == ""
    assert project.judge(about, change(calc=FIXED)).is_accepted


def test_crash_at_collection(make_project: MakeProject) -> None:
    project = make_project({"calc.py": "import os\nos._exit(0)\n"})
    with pytest.raises(SandboxError, match="before it had reported everything"):
        project.reproduce(cluster(ADD))


class TestCollectors:
    """Targets that could not be collected."""

    FILES = {"test_calc.py": "from calc import add, sub\n" + TEST_ADD}  # noqa: RUF012
    BOTH = FIXED + "def sub(a, b):\n    return a - b\n"
    FAIL_BEFORE = ("fail-before", "passed", "1 error without the change")

    def target(self, exception: str = "ImportError") -> Any:
        return cluster(failure("test_calc.py", phase=Phase.COLLECT, exception=exception))

    def test_fixed(self, make_project: MakeProject) -> None:
        judgement = make_project(self.FILES).judge(self.target(), change(calc=self.BOTH))
        assert tell(judgement) == [self.FAIL_BEFORE, TARGET, ALONE]

    def test_collected_but_red(self, make_project: MakeProject) -> None:
        judgement = make_project(self.FILES).judge(
            self.target(), change(calc=BROKEN + "def sub(a, b): pass\n")
        )
        assert tell_red(judgement) == [(ADD, "failed")]
        assert not judgement.is_accepted

    def test_still_not_collected(self, make_project: MakeProject) -> None:
        judgement = make_project(self.FILES).judge(self.target(), change(calc=FIXED))
        assert tell_red(judgement) == [("test_calc.py", "error")]
        assert "cannot import name 'sub'" in judgement.red[0].detail

    def test_skipping_all_of_it_is_no_fix(self, make_project: MakeProject) -> None:
        lazy = "import pytest\npytest.skip('later', allow_module_level=True)\n"
        judgement = make_project(self.FILES).judge(self.target(), change(calc=lazy))
        assert tell_red(judgement) == [("test_calc.py", "missing")]
        lazy = "import pytest\ndef add(a, b): pytest.skip('later')\nsub = add\n"
        judgement = make_project(self.FILES).judge(self.target(), change(calc=lazy))
        assert tell_red(judgement) == [("test_calc.py", "skipped")]

    def test_skips_beside_passes_are_fine(self, make_project: MakeProject) -> None:
        test = self.FILES["test_calc.py"] + (
            "import pytest\n@pytest.mark.skip\ndef test_s(): pass\n"
            "@pytest.mark.xfail\ndef test_x(): assert 0\n"
        )
        judgement = make_project({"test_calc.py": test}).judge(
            self.target(), change(calc=self.BOTH)
        )
        assert judgement.is_accepted

    def test_another_error_in_the_sandbox(self, make_project: MakeProject) -> None:
        reproduction = make_project(self.FILES).reproduce(self.target("SyntaxError"))
        assert "cannot import name 'sub'" in reproduction.missing

    def test_another_module_is_missing_in_the_sandbox(self, make_project: MakeProject) -> None:
        project = make_project({"test_calc.py": "import nix\n"})
        assert project.reproduce(self.target("ModuleNotFoundError")).missing == (
            "on your machine ModuleNotFoundError, "
            "in the sandbox ModuleNotFoundError: No module named 'nix'"
        )

    def test_the_same_module_is_missing_in_the_sandbox(self, make_project: MakeProject) -> None:
        project = make_project({"test_calc.py": "import calc.nix\n"})
        one = failure("test_calc.py", phase=Phase.COLLECT, exception="ModuleNotFoundError")
        message = "No module named 'calc.nix'; 'calc' is not a package"
        reproduction = project.reproduce(cluster(replace(one, message=message)))
        assert tell(reproduction.judgement) == [self.FAIL_BEFORE]

    def test_collected_but_red_on_the_base_is_another_failure(
        self, make_project: MakeProject
    ) -> None:
        reproduction = make_project().reproduce(self.target())
        assert tell(reproduction.judgement) == [
            ("fail-before", "failed", "1 failed in the sandbox without any change")
        ]

    def test_error_without_a_known_type(self, make_project: MakeProject) -> None:
        reproduction = make_project(self.FILES).reproduce(self.target(""))
        assert tell(reproduction.judgement) == [self.FAIL_BEFORE]
        assert reproduction.missing == ""

    def test_collected_in_the_sandbox_is_not_reproduced(self, make_project: MakeProject) -> None:
        reproduction = make_project({"calc.py": FIXED}).reproduce(self.target())
        assert (tell(reproduction.judgement)) == [
            ("fail-before", "failed", "1 passed in the sandbox without any change")
        ]

    def test_error_of_another_file_hides_nothing(self, make_project: MakeProject) -> None:
        files = {"test_nix.py": "import nix\n", "test_fine.py": "def test_a(): pass\n"}
        project = make_project(files, passed=["test_nix.py::test_x", "test_fine.py::test_a"])
        judgement = project.judge(cluster(ADD), change(calc=FIXED))
        detail = "1 test still passed; 1 of 2 judged"
        assert ("pass-to-pass", "passed", detail) == tell(judgement)[2]


SLOW_ONCE = """\
import os
import time

from calc import add


def test_add():
    # Slow in the first run with the repaired code only, as on a machine that is busy.
    if add(1, 2) == 3 and not os.path.exists({mark!r}):
        open({mark!r}, "w").close()
        time.sleep(30)
    assert add(1, 2) == 3
"""


def test_a_time_limit_that_a_busy_machine_meets_is_no_red_target(
    make_project: MakeProject, tmp_path: Path
) -> None:
    test = SLOW_ONCE.format(mark=str(tmp_path / "mark"))
    ini = "[pytest]\naddopts = -p pytest_timeout\ntimeout = 2\n"
    project = make_project({"test_calc.py": test, "pytest.ini": ini})
    judgement = project.judge(cluster(ADD), change(calc=FIXED))
    assert judgement.is_accepted, judgement.complaints
