"""The judge with every kind of test, ways to start pytest, and ways to cheat."""

from __future__ import annotations

import pytest

from pytest_agentfix.core.model import Phase
from tests.kits.judge_project import (
    BROKEN,
    FIXED,
    TEST_ADD,
    MakeProject,
    change,
    cluster,
    failure,
    tell,
    tell_red,
)

ADD = "test_calc.py::test_add"
FIX = change(calc=FIXED)


# What an agent may put into the product's code instead of a fix, and what becomes of the target.
CHEATS = {
    "skip": ("skipped", "import pytest\ndef add(a, b): pytest.skip('no')\n"),
    "unittest skip": ("skipped", "import unittest\ndef add(a, b): raise unittest.SkipTest\n"),
    "xfail": ("xfailed", "import pytest\ndef add(a, b): pytest.xfail('no')\n"),
    "exit": ("error", "import pytest\ndef add(a, b): pytest.exit('bye', returncode=0)\n"),
    "exit at import": ("missing", "import pytest\npytest.exit('bye', returncode=0)\n"),
    "os._exit": ("error", "import os\ndef add(a, b): os._exit(0)\n"),
    "os._exit at import": ("missing", "import os\nos._exit(0)\n"),
    "sys.exit": ("failed", "import sys\ndef add(a, b): sys.exit(0)\n"),
    "sys.exit at import": ("missing", "import sys\nsys.exit(0)\n"),
    "atexit": ("failed", "import atexit, os\natexit.register(os._exit, 0)\n" + BROKEN),
    "printed": ("failed", "print('test_calc.py::test_add PASSED')\n" + BROKEN),
    "module skip": ("missing", "import pytest\npytest.skip('no', allow_module_level=True)\n"),
    "forked": (
        "failed",
        "import os\ndef add(a, b):\n    if os.fork(): return 0\n    os._exit(0)\n",
    ),
    "killed": ("error", "import os\ndef add(a, b): os.kill(os.getpid(), 9)\n"),
    "forged lines": (
        "failed",
        """
import json, os
def add(a, b):
    for when in ("setup", "call", "teardown"):
        line = json.dumps({"kind": "report", "id": "test_calc.py::test_add", "when": when,
                           "outcome": "passed", "nonce": "?"})
        for fd in range(3, 256):
            try:
                os.write(fd, line.encode() + b"\\n")
            except OSError:
                pass
    return 0
""",
    ),
}


@pytest.mark.parametrize("name", CHEATS)
def test_cheat_is_no_fix(make_project: MakeProject, name: str) -> None:
    outcome, code = CHEATS[name]
    judgement = make_project().judge(cluster(ADD), change(calc=code))
    assert [result for _, result, _ in tell(judgement)] == ["passed", "failed"]
    assert [(ADD, outcome)] == tell_red(judgement)


def test_passing_test_with_a_dishonest_exit_status_is_no_fix(make_project: MakeProject) -> None:
    code = "import atexit, os\natexit.register(os._exit, 7)\n" + FIXED
    judgement = make_project().judge(cluster(ADD), change(calc=code))
    expected = ("target", "failed", "the process ended with exit status 7, pytest with 1")
    assert expected == tell(judgement)[1]
    assert tell_red(judgement) == [(ADD, "error")]


def test_lines_written_beside_the_report_are_noticed(make_project: MakeProject) -> None:
    code = "import os\nfor fd in range(100, 110):\n    try: os.write(fd, b'{}\\n')\n"
    code += "    except OSError: pass\n"
    judgement = make_project().judge(cluster(ADD), change(calc=code + FIXED))
    assert tell(judgement)[1] == ("target", "failed", "the report does not add up")


def test_children_do_not_inherit_the_report(make_project: MakeProject) -> None:
    test = (
        "import os, subprocess, sys\nfrom calc import add\n"
        "def test_add():\n"
        "    code = 'import os; print(sorted(map(int, os.listdir(\"/proc/self/fd\"))))'\n"
        "    out = subprocess.check_output([sys.executable, '-c', code], close_fds=False)\n"
        "    assert max(eval(out)) < 100 and not os.path.exists('/proc/self/fd/3') or add(1, 1)\n"
        "    assert add(1, 2) == 3\n"
    )
    judgement = make_project({"test_calc.py": test}).judge(cluster(ADD), FIX)
    assert judgement.is_accepted


KINDS = {
    "class": ("TestK::test_a", "class TestK:\n    def test_a(self): assert add(1, 2) == 3\n"),
    "unittest": (
        "T::test_a",
        """
import unittest
class T(unittest.TestCase):
    def test_a(self): self.assertEqual(add(1, 2), 3)
""",
    ),
    "subtests": (
        "T::test_a",
        """
import unittest
class T(unittest.TestCase):
    def test_a(self):
        for n in range(3):
            with self.subTest(n=n): self.assertEqual(add(n, n), 2 * n)
""",
    ),
    "setup": (
        "test_a",
        """
import pytest
@pytest.fixture
def three(): assert add(1, 2) == 3
def test_a(three): pass
""",
    ),
    "teardown": (
        "test_a",
        """
import pytest
@pytest.fixture
def three():
    yield
    assert add(1, 2) == 3
def test_a(three): pass
""",
    ),
    "lambda": ("test_a", "test_a = lambda: None if add(1, 2) == 3 else 1 / 0\n"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_tests(make_project: MakeProject, kind: str) -> None:
    name, code = KINDS[kind]
    files = {"tests/test_kind.py": "from calc import add\n" + code}
    about = cluster(f"tests/test_kind.py::{name}")
    project = make_project(files)
    assert project.judge(about, FIX).is_accepted
    judgement = project.judge(about, change(calc=BROKEN + "\n"))
    assert [about.targets[0]] == [outcome.nodeid for outcome in judgement.red]


def test_skipped_subtest_is_no_pass(make_project: MakeProject) -> None:
    name, code = KINDS["subtests"]
    project = make_project({"test_kind.py": "from calc import add\n" + code})
    skipping = "import unittest\ndef add(a, b): raise unittest.SkipTest\n"
    judgement = project.judge(cluster(f"test_kind.py::{name}"), change(calc=skipping))
    assert not judgement.is_accepted


def test_doctests(make_project: MakeProject) -> None:
    documented = 'def add(a, b):\n    """\n    >>> add(1, 2)\n    3\n    """\n    return a {} b\n'
    files = {
        "calc.py": documented.format("-"),
        "docs/read me.txt": ">>> from calc import add\n>>> add(2, 2)\n4\n",
    }
    about = cluster("calc.py::calc.add", "docs/read me.txt::read me.txt")
    project = make_project(files, arguments=("--doctest-modules", "--doctest-glob=*.txt"))
    judgement = project.judge(about, change(calc=documented.format("+")))
    assert tell(judgement)[1] == ("target", "passed", "2 tests passed with the change")


ODD = ["a/b", "a b", "[x]", "x]", "a::b", "é", "\\n", "", "-k", "::", "'\"", "test_add"]


def test_odd_parameters(make_project: MakeProject) -> None:
    test = (
        "import pytest\nfrom calc import add\n"
        f"@pytest.mark.parametrize('x', {ODD!r})\n"
        "def test_p(x): assert add(1, 2) == 3\n"
        "@pytest.mark.parametrize('x', [1, 1, None])\n"
        "def test_q(x): assert add(1, 2) == 3\n"
    )
    names = [odd.encode("unicode_escape").decode() for odd in ODD]
    ids = [f"tests/test_odd.py::test_p[{name}]" for name in names]
    project = make_project({"tests/test_odd.py": test})
    judgement = project.judge(cluster(*ids), FIX)
    counted = ("target", "passed", f"{len(ODD)} tests passed with the change")
    assert [("fail-before", "passed", f"{len(ODD)} failed without the change"), counted] == (
        tell(judgement)[:2]
    )


def test_folder_with_brackets(make_project: MakeProject) -> None:
    project = make_project({"app/[id]/test_b.py": TEST_ADD})
    judgement = project.judge(cluster("app/[id]/test_b.py::test_add"), FIX)
    assert judgement.is_accepted


def test_folder_and_class_as_targets(make_project: MakeProject) -> None:
    init = {"pkg/__init__.py": "from calc import gone\n", "pkg/test_p.py": "def test_p(): pass\n"}
    project = make_project(init)
    about = cluster(failure("pkg", phase=Phase.COLLECT))
    reproduction = project.reproduce(about)
    assert tell_red(reproduction.judgement) == [("pkg", "error")]
    assert project.judge(about, change(calc="gone = 1\n")).is_accepted


ADDOPTS = {
    "stop": "-x --maxfail=1",
    "select": "-k nothing -m nothing --deselect test_calc.py",
    "last failed": "--lf --ff --nf",
    "stepwise": "--sw",
    "debugger": "--pdb --trace",
    "only collect": "--co",
    "only set up": "--setup-plan",
    "reports": "--junitxml=out.xml -v -rA --durations=3 --tb=no",
    "strict": "--strict-markers --strict-config",
    "without plugins": "-p no:cacheprovider -p no:logging --strict-config",
    "ours": "--agent-fix --agent-fix-model a/b --agent-fix-report x.json",
}


@pytest.mark.parametrize("name", ADDOPTS)
def test_addopts(make_project: MakeProject, name: str) -> None:
    config = f"[pytest]\naddopts = {ADDOPTS[name]}\nagent_fix_model = a/b\n"
    config += "required_plugins = pytest-agentfix\n"
    test = "import pytest\n@pytest.mark.agent_fix(timeout=1)\ndef test_a(): pass\n"
    other = "def test_b(): assert 0\ndef test_c(): pass\n"
    ids = ["test_other.py::test_b", "test_other.py::test_c", "test_more.py::test_a"]
    files = {"pytest.ini": config, "test_more.py": test, "test_other.py": other}
    project = make_project(files, config_file="pytest.ini", passed=ids)
    two = TEST_ADD + "\ndef test_too():\n    assert add(1, 1) == 2\n"
    project.files = {**project.files, "test_calc.py": two}
    judgement = project.judge(cluster(ADD, "test_calc.py::test_too"), FIX)
    left_out = "; 2 of 3 judged"
    assert [
        ("fail-before", "passed", "2 failed without the change"),
        ("target", "passed", "2 tests passed with the change"),
        ("pass-to-pass", "passed", f"2 tests still passed{left_out}"),
    ] == tell(judgement)
    assert not (project.top / "out.xml").exists()


@pytest.mark.parametrize("addopts", ["-n2", "-n2 --dist=loadfile", "-nauto -x"])
def test_xdist_in_addopts(make_project: MakeProject, addopts: str) -> None:
    files = {"pytest.ini": f"[pytest]\naddopts = {addopts}\n"}
    project = make_project(files, config_file="pytest.ini", has_xdist=True, has_autoload=True)
    assert project.judge(cluster(ADD), FIX).is_accepted


def test_rootdir_is_not_the_top(make_project: MakeProject) -> None:
    files = {"sub/tests/test_s.py": TEST_ADD, "sub/pytest.ini": "[pytest]\npythonpath = ..\n"}
    project = make_project(files, rootdir="sub", config_file="sub/pytest.ini")
    project.has_cwd_on_path = False
    assert project.judge(cluster("tests/test_s.py::test_add"), FIX).is_accepted


def test_configuration_of_a_part_is_not_used_where_the_run_had_none(
    make_project: MakeProject,
) -> None:
    files = {
        "part/pytest.ini": "[pytest]\naddopts = --no-such-option\n",
        "part/tests/test_s.py": TEST_ADD,
    }
    project = make_project(files)
    assert project.judge(cluster("part/tests/test_s.py::test_add"), FIX).is_accepted


def test_conftest_files_count(make_project: MakeProject) -> None:
    files = {
        "tests/conftest.py": "import pytest\n@pytest.fixture\ndef three(): return 3\n",
        "tests/deep/conftest.py": "import pytest\n@pytest.fixture\ndef two(three): return 2\n",
        "tests/deep/test_d.py": "from calc import add\ndef test_d(two): assert add(1, 1) == two\n",
    }
    assert make_project(files).judge(cluster("tests/deep/test_d.py::test_d"), FIX).is_accepted


def test_working_directory_is_importable_only_with_python_m_pytest(
    make_project: MakeProject,
) -> None:
    project = make_project({"tests/test_s.py": TEST_ADD, "json.py": "raise RuntimeError\n"})
    about = cluster("tests/test_s.py::test_add")
    project.has_cwd_on_path = False
    assert project.reproduce(about).missing == "ModuleNotFoundError: No module named 'calc'"
    project.environ["PYTHONPATH"] = str(project.top / "elsewhere")
    project.files = {**project.files, "elsewhere/calc.py": BROKEN}
    assert project.reproduce(about).missing == ""


def test_tests_may_close_descriptors(make_project: MakeProject) -> None:
    test = "import os\nfrom calc import add\n"
    test += "def test_add():\n    os.closerange(20, 90)\n    assert add(1, 2) == 3\n"
    assert make_project({"test_calc.py": test}).judge(cluster(ADD), FIX).is_accepted


def test_long_details_are_cut(make_project: MakeProject) -> None:
    test = "from calc import add\ndef test_add(): assert add(1, 2) == 3, 'x' * 1_000_000\n"
    reproduction = make_project({"test_calc.py": test}).reproduce(cluster(ADD))
    detail = reproduction.judgement.red[0].detail
    assert "characters left out" in detail
    assert len(detail) < 21_000


def test_many_ids(make_project: MakeProject) -> None:
    test = (
        "import pytest\n@pytest.mark.parametrize('n', range(3000))\n"
        "def test_n(n): assert n != 1234\n"
    )
    ids = [f"test_many.py::test_n[{n}]" for n in range(3000)]
    project = make_project({"test_many.py": test}, passed=ids)
    judgement = project.judge(cluster(ADD), FIX)
    assert tell(judgement)[2][2].startswith("2999 tests still passed; 2999 of 3000 judged")
