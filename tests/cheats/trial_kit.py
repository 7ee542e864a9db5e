"""Run subjects and cases plainly: pytest as anybody would run it, no judge and no sandbox."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cheats.corpus import Case, Naive, Subject

LIMIT = 60  # seconds
_PYTEST = ("-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider")


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """The result of one process."""

    status: int
    output: str
    outcomes: Mapping[str, str]  # by node id, as the report file has them

    @property
    def failed(self) -> frozenset[str]:
        """The node ids in pytest's short summary, which has them for any layout."""
        found = re.findall(r"^(?:FAILED|ERROR) (.*?)(?: - .*)?$", self.output, re.MULTILINE)
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class Trial:
    """A tree on disk, and a folder beside it for the processes' temporary files."""

    tree: Path
    scratch: Path

    @classmethod
    def write_case(cls, folder: Path, subject: Subject, case: Case | None = None) -> Trial:
        """Write the subject, with the case's whole change applied, below ``folder``."""
        texts = changed(subject, case)
        return cls.write(folder, {path: text.encode() for path, text in texts.items()})

    @classmethod
    def write(cls, folder: Path, files: Mapping[str, bytes]) -> Trial:
        """Write ``files`` below ``folder``."""
        trial = cls(folder / "tree", folder / "scratch")
        trial.scratch.mkdir(parents=True)
        trial.change(files)
        return trial

    def change(self, files: Mapping[str, bytes]) -> None:
        """Write ``files`` over the existing ones."""
        for path, content in files.items():
            target = self.tree / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def run_tests(self, tests: Sequence[str] = (), *, naive: Naive = Naive.EXIT) -> ProcessResult:
        """Run pytest on ``tests``, or all, in the environment that ``naive`` describes."""
        report = self.scratch / "report.xml"
        report.unlink(missing_ok=True)
        more = {} if naive is Naive.AUTOLOAD else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        if naive is Naive.ON_PATH:
            more["PYTHONPATH"] = str(self.tree)
        done = self._run([*_PYTEST, f"--junitxml={report}", *tests], more)
        return ProcessResult(done.returncode, done.stdout + done.stderr, read_report(report))

    def run_oracle(self, subject: Subject) -> str:
        """Return the output of the subject's oracle."""
        source = str(self.tree / "src")
        done = self._run(["-c", subject.oracle], {"PYTHONPATH": source})
        return done.stdout

    def _run(
        self, arguments: Sequence[str], more: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.tree,
            env={**kept, "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(self.scratch), **more},
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )


def changed(subject: Subject, case: Case | None) -> dict[str, str]:
    """Return the subject's files after the case's change."""
    after = {**subject.files, **(case.changes if case else {})}
    return {path: text for path, text in after.items() if text is not None}


def read_report(report: Path) -> dict[str, str]:
    """Return the outcome of each test in a JUnit file of our own; empty if there is no file."""
    if not report.exists():
        return {}
    return {_nodeid(case): _outcome(case) for case in ET.parse(report).iter("testcase")}


def _nodeid(case: ET.Element) -> str:
    parts = case.get("classname", "").split(".")
    classes = [part for part in parts if part[:1].isupper()]
    folders = parts[: len(parts) - len(classes)]
    return "::".join(["/".join(folders) + ".py", *classes, case.get("name", "")])


def _outcome(case: ET.Element) -> str:
    return next((child.tag for child in case if child.tag in _WORDS), "passed")


_WORDS = ("failure", "error", "skipped")
