"""A small project on disk and a judge of it, for the judge's tests."""

from __future__ import annotations

import os
import random
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    Collected,
    Failure,
    FileChange,
    Invocation,
    ItemKind,
    Judgement,
    Phase,
)
from pytest_agentfix.core.ports import Clock, Reproduction, Sandbox
from pytest_agentfix.judge.judge import JudgePlan, SandboxJudge
from pytest_agentfix.judge.lint import RULES, Level
from pytest_agentfix.judge.suite_facts import SuiteFacts
from pytest_agentfix.testing.local_sandbox import LocalSandbox

BROKEN = "def add(a, b):\n    return a - b\n"
FIXED = "def add(a, b):\n    return a + b\n"
TEST_ADD = "from calc import add\n\ndef test_add():\n    assert add(1, 2) == 3\n"


CORE = ("fail-before", "target", "pass-to-pass")
NO_LINT = {rule.name: Level.OFF for rule in RULES}  # most of these tests are about what runs
_ORDER = re.compile(r", in the suite's own order and shuffled( both ways)? \(seed \d+\)")


def soon() -> float:
    """Return a deadline that no test comes near, nor a quarter of the time until then."""
    return time.monotonic() + 300


class RealClock:
    """Implements ``ports.Clock``."""

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def change(**files: str | None) -> ChangeSet:
    """Change top-level modules: ``calc="..."`` is ``calc.py``."""
    return ChangeSet(
        {
            f"{name}.py": FileChange(None if text is None else text.encode())
            for name, text in files.items()
        }
    )


def failure(nodeid: str, *, phase: Phase = Phase.CALL, exception: str = "") -> Failure:
    return Failure(
        nodeid=nodeid,
        phase=phase,
        kind=ItemKind.COLLECTOR if phase is Phase.COLLECT else ItemKind.FUNCTION,
        path=None,
        line=None,
        exception=exception,
        message="",
        traceback="",
    )


def cluster(*failures: Failure | str) -> Cluster:
    made = tuple(failure(one) if isinstance(one, str) else one for one in failures)
    return Cluster(slug="c1", failures=made)


def encode(content: str | bytes) -> bytes:
    """The bytes of a file that is given as text in UTF-8, or as it is."""
    return content.encode() if isinstance(content, str) else content


@dataclass
class Project:
    """The files of a base, and the way pytest was started on them."""

    top: Path
    files: Mapping[str, str | bytes]
    arguments: tuple[str, ...] = ()
    environ: dict[str, str] = field(default_factory=dict)
    rootdir: str = "."
    config_file: str | None = None
    has_cwd_on_path: bool = True
    has_xdist: bool = False
    has_autoload: bool = False
    passed: Sequence[str] = ()
    patience: float = 60.0
    litter: Collected = field(default_factory=Collected)
    opened: list[ChangeSet] = field(default_factory=list)
    bare: int = 0  # how many of them were opened for plain calls
    seconds: list[float] = field(default_factory=list)
    levels: Mapping[str, Level] = field(default_factory=lambda: dict(NO_LINT))
    is_whole_suite: bool = False
    is_on_top: bool = False
    is_exempt: Callable[[str], bool] = lambda _: False
    seed: int | None = None
    collect: Callable[[], Collected] | None = None  # instead of ``litter``
    clock: Clock = field(default_factory=RealClock)
    _place: threading.Lock = field(default_factory=threading.Lock)  # all sandboxes are at one path

    @contextmanager
    def open_sandbox(self, changes: ChangeSet, *, is_bare: bool = False) -> Iterator[Sandbox]:
        """Open a fresh copy of the base plus ``changes``, always at the same path."""
        self.bare += is_bare
        with self._place, self._open(changes) as sandbox:
            yield sandbox

    @contextmanager
    def _open(self, changes: ChangeSet) -> Iterator[Sandbox]:
        self.opened.append(changes)
        shutil.rmtree(self.top, ignore_errors=True)
        for path, text in self.files.items():
            self._write(path, encode(text))
        for path, one in changes.files.items():
            self._write(path, one.content)
        with LocalSandbox(self.top, collect=self.collect or (lambda: self.litter)) as sandbox:
            yield sandbox

    def _write(self, path: str, content: bytes | None) -> None:
        file = self.top / path
        if content is None:
            file.unlink()
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def make_judge(self) -> SandboxJudge:
        plain = {} if self.has_autoload else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        rootdir = (self.top / self.rootdir).resolve()
        invocation = Invocation(
            rootdir=rootdir,
            cwd=self.top,
            config_file=self.top / self.config_file if self.config_file else None,
            arguments=self.arguments,
            environ={**plain, **self.environ},
            has_cwd_on_path=self.has_cwd_on_path,
            has_xdist=self.has_xdist,
        )
        plan = JudgePlan(
            invocation=invocation,
            python=sys.executable,
            base_env={"PATH": os.defpath},
            top=self.top,
            levels=self.levels,
            is_whole_suite=self.is_whole_suite,
            is_on_top=self.is_on_top,
            is_exempt=self.is_exempt,
            patience=self.patience,
            scratch=str(self.top.parent / "scratch"),
        )
        return SandboxJudge(
            plan=plan,
            open_sandbox=self.open_sandbox,
            read_base=self.read_base,
            passed=self.passed,
            clock=self.clock,
            stopwatch=self.seconds.append,
            rng=random.Random(7),
            suite=None if self.seed is None else SuiteFacts(seed=self.seed),
        )

    def read_base(self, path: str) -> tuple[bytes, bool] | None:
        text = self.files.get(path)
        return None if text is None else (encode(text), False)

    def reproduce(self, about: Cluster) -> Reproduction:
        return self.make_judge().reproduce(about, deadline=soon())

    def judge(self, about: Cluster, changes: ChangeSet) -> Judgement:
        return self.make_judge().judge(about, changes, deadline=soon())


MakeProject = Callable[..., Project]


def tell(judgement: Judgement) -> list[tuple[str, str, str]]:
    """List the probes about green and red as plain text, without the order of the tests."""
    return [row for row in tell_all(judgement) if row[0] in CORE]


def tell_all(judgement: Judgement) -> list[tuple[str, str, str]]:
    """List all probes as plain text, without the order of the tests."""
    return [
        (probe.name, probe.result.value, _ORDER.sub("", probe.detail)) for probe in judgement.probes
    ]


def find(judgement: Judgement, name: str) -> tuple[str, str]:
    """Return result and detail of one probe."""
    return next((result, detail) for probe, result, detail in tell_all(judgement) if probe == name)


def tell_red(judgement: Judgement) -> list[tuple[str, str]]:
    """List the red tests and their outcomes."""
    return [(outcome.nodeid, outcome.outcome) for outcome in judgement.red]
