"""Turn an invocation and node ids into the command that runs them in a sandbox (pure)."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pytest_agentfix.core.model import Cluster, Invocation
from pytest_agentfix.core.ports import Command
from pytest_agentfix.judge.sessions.orders import (
    PLAIN_PROGRAM,
    Choices,
    Files,
    RunOrder,
    SessionOrder,
    Traced,
    load_program,
    make_key,
)

# Variables that do not hold in a sandbox: it is no CI, has its own temporary folder, and no pytest
# is running around it.
_LEFT_OUT: Final = frozenset(
    {"TMPDIR", "TEMP", "TMP", "CI", "PYTEST_CURRENT_TEST", "PYTEST_VERSION"}
)
_WORKER: Final = "PYTEST_XDIST_WORKER"
_HYPOTHESIS: Final = "hypothesis_"  # what is for that plugin begins with it


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The work of one pytest session in a sandbox; see ``orders.SessionOrder``."""

    ids: Sequence[str]
    files: Files = field(default_factory=dict)
    order: RunOrder = field(default_factory=RunOrder)
    watch: bool = False
    cover: Mapping[str, Sequence[int]] = field(default_factory=dict)
    around: Mapping[str, Sequence[int]] = field(default_factory=dict)
    trace: Traced = field(default_factory=dict)
    enter: bool = False
    vary: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one session: a fresh pair for each."""

    report: str = field(default_factory=make_key)
    tally: str = field(default_factory=make_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandBuilder:
    """Builds the commands of one run.

    ``top`` is the repository's, ``python`` the interpreter's path inside the sandbox, ``base_env``
    the sandbox's own variables (above all ``PATH``), ``scratch`` a writable folder there.
    """

    invocation: Invocation
    top: Path
    python: str
    base_env: Mapping[str, str]
    scratch: str = "/tmp"  # noqa: S108 - the sandbox's own, on its tmpfs
    chosen: dict[str, Mapping[str, str]] = field(default_factory=dict)  # of failures, by node id

    def learn(self, cluster: Cluster) -> None:
        """Take note of what was chosen for the failing tests of ``cluster``."""
        for failure in cluster.failures:
            if failure.chosen:
                self.chosen[failure.nodeid] = failure.chosen

    def build(self, task: Task, *, keys: Keys) -> Command:
        """Build the command that runs pytest for ``task`` and reports with ``keys``."""
        invocation = self.invocation
        order = SessionOrder(
            args=self._arguments(),
            ids=tuple(task.ids),
            rootdir=str(invocation.rootdir),
            cwd=str(invocation.cwd),
            top=str(self.top),
            sys_path_first=str(invocation.cwd) if invocation.has_cwd_on_path else None,
            sys_path_last=invocation.sys_path,
            key=keys.report,
            tally_key=keys.tally,
            files=task.files,
            shuffle=task.order.seed,
            is_reversed=task.order.is_reversed,
            watch=task.watch,
            cover=task.cover,
            around=task.around,
            trace=task.trace,
            enter=task.enter,
            vary=task.vary,
            choices=self._choose(task.ids),
        )
        return self._make_command(self._pytest_argv, order.encode())

    def build_waiting(self) -> Command:
        """Build what the commands of all sessions have in common: everything but their stdin."""
        return self._make_command(self._pytest_argv, b"")

    @property
    def _pytest_argv(self) -> tuple[str, ...]:
        return (self.python, "-c", load_program(), str(self.top))

    def build_plain(self, order: bytes) -> Command:
        """Build the command that calls tests without pytest, in an isolated interpreter."""
        return self._make_command((self.python, "-I", "-c", load_program(PLAIN_PROGRAM)), order)

    def _choose(self, ids: Sequence[str]) -> Choices:
        """Return the choices for a session of ``ids``; it has one worker, a failing test's."""
        known = dict(self.chosen)
        for nodeid in (*ids, *known):
            if worker := known.get(nodeid, {}).get("worker"):
                count = known[nodeid]["workers"]
                variables = {_WORKER: worker, f"{_WORKER}_COUNT": count}
                break
        else:
            variables = {}
        hypothesis = {
            nodeid: {name: value for name, value in each.items() if name.startswith(_HYPOTHESIS)}
            for nodeid, each in known.items()
        }
        return Choices(seeds=self.invocation.seeds, variables=variables, hypothesis=hypothesis)

    def _make_command(self, argv: tuple[str, ...], order: bytes) -> Command:
        return Command(
            argv=argv,
            cwd=self.invocation.cwd,
            env=self._environment(),
            stdin=order,
            has_report=True,
        )

    def _arguments(self) -> tuple[str, ...]:
        invocation = self.invocation
        return (
            f"--rootdir={invocation.rootdir}",
            *_configuration(invocation.rootdir, invocation.config_file),
            *invocation.arguments,
            "-p",
            "no:agentfix",
            "-o",
            f"cache_dir={self.scratch}/pytest-cache-{secrets.token_hex(8)}",
            "-o",
            "required_plugins=",  # this package may be one of them
            "-o",
            "log_file=",  # its folder may not exist in a sandbox
            *(("-n0",) if invocation.has_xdist else ()),
            "--continue-on-collection-errors",
            "--color=no",
            "--no-header",
            "-q",
        )

    @property
    def home(self) -> str:
        """The user's own folder in the sandbox."""
        return f"{self.scratch}/home"

    def _environment(self) -> dict[str, str]:
        everything = {**self.invocation.environ, **self.base_env}
        kept = {name: value for name, value in everything.items() if name not in _LEFT_OUT}
        return {**kept, "PYTHONDONTWRITEBYTECODE": "1", "HOME": self.home}


def _configuration(rootdir: Path, config_file: Path | None) -> tuple[str, ...]:
    """Return the options that fix the configuration file.

    Even if the user's run had none, some of its tests could lie beside one; an empty file means
    "none", and conftest.py files above the rootdir stay out as before.
    """
    if config_file is not None:
        return ("-c", str(config_file))
    return ("-c", os.devnull, f"--confcutdir={rootdir}")
