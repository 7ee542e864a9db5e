"""The facts about a failure that a session in a sandbox reports, with real tests in it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pytest_agentfix.core.model import Frame, TestOutcome, Want, WantKind
from tests.kits.session_kit import run_session, write

WANTS = """\
    import locale, os, socket, subprocess, tempfile
    import pytest

    def test_file(): open("data/rates.json")
    def test_home(): open(os.path.expanduser("~/.shop/rates.json"))
    def test_program(): subprocess.run(["no-such-program"])
    def test_program_by_path(): subprocess.run(["/opt/no/such"])
    def test_exec(): os.execvp("no-such-program", ["x"])
    def test_cwd(): subprocess.run(["true"], cwd="/no/such/folder")
    def test_variable(): os.environ["SHOP_MODE"]
    def test_own_dictionary(): dict()["SHOP_MODE"]
    def test_module(): import no_such_module.inner
    def test_locale(): locale.setlocale(locale.LC_ALL, "xx_YY.UTF-8")
    def test_permission(): os.chown("/etc/hosts", 5, 5)
    def test_address(): socket.socket().bind(("192.0.2.1", 0))
    def test_lookup(): socket.getaddrinfo("example.invalid", 80)
    def test_refused(): socket.create_connection(("127.0.0.1", 1))
    def test_missing_output(tmp_path): open(tmp_path / "out.txt")
    def test_missing_in_a_random_folder(): open(os.path.join(tempfile.mkdtemp(), "out.txt"))
    def test_assertion(): assert 0

    def test_hidden():
        try:
            open("/data/rates.json")
        except OSError:
            raise ValueError from None

    def test_cause():
        try:
            open("/data/rates.json")
        except OSError as error:
            raise ValueError("no rates") from error

    def test_context():
        try:
            open("/data/rates.json")
        except OSError:
            assert 0, "no rates"

    class GroupError(Exception):
        exceptions = (ValueError(), FileNotFoundError(2, "no", "/data/rates.json"))

    def test_group(): raise GroupError
"""


def outcomes(top: Path, name: str = "test_it.py", *, watch: bool = True) -> dict[str, TestOutcome]:
    report = run_session(top, [name], watch=watch).report
    return {nodeid.split("::")[1]: one for nodeid, one in report.outcomes.items()}


def test_what_a_failure_shows_to_be_lacking(tmp_path: Path) -> None:
    top = tmp_path / "top"
    write(top, {"test_it.py": WANTS})
    wants = {name: one.want for name, one in outcomes(top).items()}
    rates = Want(WantKind.FILE, "/data/rates.json")
    expected = {
        "test_file": Want(WantKind.FILE, f"{top}/data/rates.json"),
        "test_home": Want(WantKind.FILE, f"{tmp_path}/scratch/home/.shop/rates.json"),
        "test_program": Want(WantKind.PROGRAM, "no-such-program"),
        "test_program_by_path": Want(WantKind.PROGRAM, "/opt/no/such"),
        "test_exec": Want(WantKind.PROGRAM, "no-such-program"),
        "test_cwd": Want(WantKind.FILE, "/no/such/folder"),
        "test_variable": Want(WantKind.VARIABLE, "SHOP_MODE"),
        "test_own_dictionary": None,
        "test_module": Want(WantKind.MODULE, "no_such_module"),
        "test_locale": Want(WantKind.LOCALE, "xx_YY.UTF-8"),
        "test_address": Want(WantKind.ADDRESS, "192.0.2.1"),
        "test_lookup": Want(WantKind.NETWORK, "example.invalid"),
        "test_refused": None,
        "test_missing_output": None,
        "test_missing_in_a_random_folder": None,
        "test_assertion": None,
        "test_hidden": None,
        "test_cause": rates,
        "test_context": rates,
        "test_group": rates,
    }
    permission = wants.pop("test_permission")  # root has it
    assert permission in (None, Want(WantKind.PERMISSION, "/etc/hosts"))
    assert wants == expected


HISTORY = """\
    import subprocess
    import pytest

    def git(*words, **more):
        return subprocess.run(["git", *words], capture_output=True, **more)

    @pytest.fixture(scope="module")
    def tags():
        return git("tag").stdout

    def test_before(): assert 0
    def test_failing_git(): git("-c", "a.b=c", "describe", "--tags", check=True)
    def test_looks_at_it(): assert git("log", "-1").stdout
    def test_shell(): assert subprocess.run("git log -2", shell=True, capture_output=True).stdout
    def test_elsewhere(tmp_path):
        git("init", "-q", cwd=tmp_path)
        git("describe", cwd=tmp_path, check=True)
    def test_elsewhere_by_option(tmp_path): assert git("-C", str(tmp_path), "log").stdout
    def test_without_git(): assert 0
    def test_first_of_a_fixture(tags): assert 0
    def test_second_of_a_fixture(tags): assert 0
"""


def test_a_test_that_runs_git_in_the_project_may_lack_its_history(tmp_path: Path) -> None:
    top = tmp_path / "top"
    write(top, {"test_it.py": HISTORY})
    names = {name: one.want and one.want.name for name, one in outcomes(top).items()}
    assert names == {
        "test_before": None,
        "test_failing_git": "git describe --tags",
        "test_looks_at_it": "git log -1",
        "test_shell": "git log -2",
        "test_elsewhere": None,
        "test_elsewhere_by_option": None,
        "test_without_git": None,
        "test_first_of_a_fixture": "git tag",
        "test_second_of_a_fixture": "git tag",
    }
    unwatched = {name: one.want for name, one in outcomes(top, watch=False).items() if one.want}
    assert list(unwatched) == ["test_failing_git", "test_elsewhere"]


def test_the_frame_is_the_projects_and_the_name_the_hosts(tmp_path: Path) -> None:
    top = tmp_path / "top"
    shop = "import json\n\ndef total(text):\n    return json.loads(text)\n"
    test = "from shop import total\ndef test_total():\n    total('{')\n"
    write(top, {"shop.py": shop, "test_it.py": test})
    outcome = outcomes(top)["test_total"]
    assert outcome.exception == "JSONDecodeError"
    assert outcome.message.startswith("Expecting property name")
    assert outcome.frame == Frame(top / "shop.py", 4, "total")


def test_an_error_of_collecting_has_its_facts_and_so_has_what_it_hides(tmp_path: Path) -> None:
    top = tmp_path / "top"
    files = {
        "shop.py": "import os\nMODE = os.environ['CALC_MODE']\n",
        "test_it.py": "import shop\ndef test_total(): pass\n",
    }
    write(top, files)
    report = run_session(top, ["test_it.py::test_total"]).report
    (error,) = report.collect_errors
    assert error.summary == "KeyError: 'CALC_MODE'"
    hidden = report.outcome_of("test_it.py::test_total")
    assert (hidden.outcome, hidden.exception, hidden.message) == (
        "missing",
        "KeyError",
        "'CALC_MODE'",
    )
    assert hidden.want == error.want == Want(WantKind.VARIABLE, "CALC_MODE")
    assert hidden.frame == error.frame == Frame(top / "shop.py", 2, "<module>")


def test_an_exception_that_raises_when_it_is_asked_is_reported(tmp_path: Path) -> None:
    top = tmp_path / "top"
    text = """\
        class HostileError(FileNotFoundError):
            def __str__(self): raise SystemExit
            @property
            def filename(self): raise SystemExit
            @property
            def exceptions(self): raise SystemExit
        def test_it(): raise HostileError
        def test_next(): pass
    """
    write(top, {"test_it.py": text})
    run = run_session(top, ["test_it.py"], watch=True)
    assert run.report.exceptions["test_it.py::test_it"] == "HostileError"
    assert run.report.outcome_of("test_it.py::test_next").is_passed
    assert run.trouble == ""


@pytest.mark.parametrize("has_repository", [True, False])
def test_host_and_sandbox_describe_alike(tmp_path: Path, *, has_repository: bool) -> None:
    """Show it with a plain run of the plugin's own facts beside a session's."""
    top = tmp_path / "top"
    write(top, {"test_it.py": WANTS, "conftest.py": CONFTEST})
    if has_repository:
        subprocess.run(["git", "init", "-q", top], check=True)
    run = run_session(top, ["test_it.py"], watch=True)
    told = dict(line.split("\t") for line in (top / "facts").read_text().splitlines())
    assert len(told) > 10
    for nodeid, outcome in run.report.outcomes.items():
        if outcome.outcome == "failed":
            assert outcome.frame is not None
            frame = [str(outcome.frame.path), outcome.frame.line, outcome.frame.function]
            assert told[nodeid] == repr([outcome.exception, outcome.message, frame])


CONFTEST = """\
    import pytest
    from pathlib import Path
    from pytest_agentfix.pytest_hooks.items import FACTS, ItemPlugin

    def pytest_configure(config):
        config.pluginmanager.register(ItemPlugin(config))

    def pytest_runtest_logreport(report):
        if report.failed:
            facts = getattr(report, FACTS)
            told = [facts["exception"], facts["message"], list(facts["frames"][-1])]
            with Path(__file__).with_name("facts").open("a") as file:
                print(report.nodeid, repr(told), sep="\\t", file=file)
"""
