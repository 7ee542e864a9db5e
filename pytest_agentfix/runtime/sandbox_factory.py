"""Makes the sandboxes of a run: the workspace, the mounts, the labels, the preflight.

Every sandbox starts with the run's first base; later fixes, and the changes to be tried or shown,
are written into it before anything untrusted runs there. So sandboxes can be made ahead of time,
before it is known what they are for, and be put back to it for another use.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pytest_agentfix.agents.opencode.driver import BINARY
from pytest_agentfix.core.errors import OverlayUnavailableError, SandboxError
from pytest_agentfix.core.model import ChangeSet, Collected
from pytest_agentfix.core.ports import MODEL_PORT, AcceptHandler, Command
from pytest_agentfix.repository import IgnoreRules, make_snapshot
from pytest_agentfix.runtime.judge_sandbox import JudgeSandbox, Removals, WaitingSession
from pytest_agentfix.runtime.prewarm_pool import PrewarmPool
from pytest_agentfix.sandbox.container import ContainerSandbox, SandboxPlan
from pytest_agentfix.sandbox.engine import OWNER_LABEL, SESSION_LABEL, Engine
from pytest_agentfix.sandbox.environments import Environment
from pytest_agentfix.sandbox.file_writer import History, write_changes
from pytest_agentfix.sandbox.preflight import check_sandbox
from pytest_agentfix.sandbox.put_back import PutBackPlan, put_back
from pytest_agentfix.sandbox.scratch import Scratch, owner_name
from pytest_agentfix.sandbox.workspace import (
    Base,
    OverlayWorkspace,
    Workspace,
    make_mount_points,
)
from pytest_agentfix.sandbox.workspace.files import translated

# Files of the repository that OpenCode would read or import; the agent's copy has none of them.
AGENT_FILES: Final = frozenset({".opencode", "opencode.json", "opencode.jsonc"})
JUDGES_AHEAD: Final = 3  # sandboxes, where it is not known how many a judgement takes
MOST_AHEAD: Final = 8
BARE_AHEAD: Final = 1
WRITE_LIMIT: Final = 300.0  # seconds that writing into a fresh sandbox may take
PUT_BACK_LIMIT: Final = 60.0  # the same for putting a used one back
# Folders of a sandbox that can be written beside the workspace, and what is always in them.
TEMPORARY: Final = ("/tmp", "/dev/shm", "/dev/mqueue")  # noqa: S108 - a sandbox's own
GUESTS_HOME: Final = "/tmp/home"  # noqa: S108

AnyWorkspace = Workspace | OverlayWorkspace
Keep = Callable[[str], None]


def is_agent_file(path: str) -> bool:
    """Return whether ``path``, from the repository's top, is one of OpenCode's own files."""
    return any(part.casefold() in AGENT_FILES for part in path.split("/"))


def _never(_path: str) -> bool:
    return False


@dataclass(slots=True, kw_only=True)
class WorkspaceSandbox:
    """A sandbox that is up, with its workspace: the first base, or with later changes.

    ``waiting`` is the judge's first session in it, if that was started ahead.
    """

    container: ContainerSandbox
    workspace: AnyWorkspace
    waiting: WaitingSession | None = None


@dataclass(slots=True, kw_only=True)
class SandboxFactory:
    """The sandboxes of one run. ``base`` is the tree as the tests saw it; it never changes.

    ``session`` is the command of any of the judge's sessions, without its stdin.
    """

    engine: Engine
    environment: Environment
    scratch: Scratch
    base: Base
    ignore: IgnoreRules
    opencode: Path
    session: Command | None = None
    history: Path | None = None  # the repository's own, in the place of ``.git`` for judges only
    is_kept: bool = False
    temporary: tuple[str, ...] = TEMPORARY
    _has_overlays: bool = True
    _fresh: Base | None = None  # the first base, as a new agent's workspace has it
    _is_shut_down: bool = False
    _checked: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turns: list[int] = field(default_factory=list)  # sandboxes that each agent's work will take
    _open: weakref.WeakSet[ContainerSandbox] = field(default_factory=weakref.WeakSet)
    _open_lock: threading.Lock = field(default_factory=threading.Lock)
    _removals: Removals = field(default_factory=Removals)
    # Made ahead: for the judge's sessions, and for its calls outside of pytest.
    judges: PrewarmPool[WorkspaceSandbox] = field(init=False)
    bare_judges: PrewarmPool[WorkspaceSandbox] = field(init=False)

    def __post_init__(self) -> None:
        # A workspace that is kept has to show the whole tree, not what differs.
        self._has_overlays = not self.is_kept
        self.judges = PrewarmPool(
            lambda _: self._make_for_sessions(), self._remove, name="agentfix-judges-ahead"
        )
        self.bare_judges = PrewarmPool(
            lambda _: self._make_plain("judge"), self._remove, name="agentfix-bare-judges-ahead"
        )

    def open_for_judge(
        self, base: Base, changes: ChangeSet, keep: Keep, *, is_bare: bool = False
    ) -> JudgeSandbox:
        """Return a sandbox with ``base`` plus ``changes``, which the agent never touches.

        In one that ``is_bare`` no session has been started ahead.
        """
        sandbox = (self.bare_judges if is_bare else self.judges).acquire()
        try:
            self._write(sandbox, base.with_changes(changes), History.KEPT)
        except BaseException:
            _close(sandbox)
            raise
        self.note_kept("judge", sandbox, keep)
        return JudgeSandbox(sandbox.container, sandbox.waiting, self._removals)

    def open_for_agent(self, accept: AcceptHandler) -> WorkspaceSandbox:
        """Return a sandbox with the first base, OpenCode, and a port that ``accept`` serves."""
        return self._listen(self._make_plain("agent", {self.opencode: BINARY}, accept))

    def open_copy_for_agent(
        self, accept: AcceptHandler, base: Base, shown: ChangeSet
    ) -> WorkspaceSandbox:
        """Return the same with ``base`` plus ``shown`` in it, for environments that have no git."""
        workspace = self._make_copy(base, shown, is_agents=True)
        return self._listen(self._start("agent", workspace, {self.opencode: BINARY}, accept))

    def _make_reader(self, workspace: AnyWorkspace) -> Callable[[], Collected]:
        skip = self.environment.mounts_inside(self.base.top)
        return lambda: workspace.collect(is_ignored=self.ignore.is_ignored, skip=skip)

    def apply_view(
        self, sandbox: WorkspaceSandbox, base: Base, shown: ChangeSet, keep: Keep
    ) -> bool:
        """Write ``base`` plus ``shown`` into an agent's sandbox that is new, or was put back.

        ``shown`` are files as the agent is to see them; its changes are relative to those. Returns
        ``False`` where the history inside could not be made anew: withheld cases could then be
        read from it.
        """
        # Changes by other fixes are no secret, and need no rewriting of everything else.
        history = History.FORGOTTEN if shown else History.ANEW
        is_done = self._write(sandbox, base.with_changes(shown), history)
        if is_done:
            self.note_kept("agent", sandbox, keep)
        return is_done

    def put_back(self, sandbox: WorkspaceSandbox, *, made: Sequence[str]) -> None:
        """Undo what was done in an agent's sandbox, and let it listen again.

        Only the agent's server may be left there; ``made`` are temporary folders that it needs.
        Raises ``EnvironmentTrouble`` where anything is odd: it is of no use then.
        """
        with self._lock:
            self._fresh = self._fresh or self.base.as_made()
        plan = PutBackPlan(
            fresh=self._fresh,
            skip=self.environment.mounts_inside(self.base.top),
            emptied=self.temporary,
            made=(GUESTS_HOME, *made) if self.temporary else (),
            python=self.environment.python,
            env=self.environment.env,
            timeout=PUT_BACK_LIMIT,
        )
        put_back(sandbox.container, sandbox.workspace, plan)
        sandbox.workspace.base = self.base
        self._listen(sandbox)

    @contextlib.contextmanager
    def agent_at_work(self, needed: int = JUDGES_AHEAD) -> Iterator[None]:
        """Make sandboxes for the judge ahead while an agent thinks, and not while tests run.

        ``needed`` are those for sessions that the judgement of its work will take.
        """
        self._set_targets(self._turns.append, needed)
        try:
            yield
        finally:
            self._set_targets(self._turns.remove, needed)

    def _set_targets(self, note: Callable[[int], None], needed: int) -> None:
        with self._lock:
            note(needed)
            turns = [] if self.is_kept else self._turns
            self.judges.set_target(min(sum(turns), MOST_AHEAD))
            self.bare_judges.set_target(min(len(turns), BARE_AHEAD))

    def note_kept(self, kind: str, sandbox: WorkspaceSandbox, keep: Keep) -> None:
        """Tell ``keep`` where a sandbox will be left, if sandboxes are left at all."""
        if self.is_kept:
            keep(f"{kind}: container {sandbox.container.identity[:12]}, {sandbox.workspace.path}")

    def shutdown(self) -> None:
        """End every sandbox that is open, and open no more; whoever waits for one is woken."""
        self._is_shut_down = True
        self.judges.close()
        self.bare_judges.close()
        with self._open_lock:
            left = list(self._open)
        for container in left:
            self._removals.add(container)
        self._removals.finish()

    def _remove(self, sandbox: WorkspaceSandbox) -> None:
        self._removals.add(sandbox.container)

    def _write(self, sandbox: WorkspaceSandbox, base: Base, history: History) -> bool:
        changes = base.delta()
        if not changes:
            return True
        is_anew = write_changes(
            sandbox.container,
            python=self.environment.python,
            top=self.base.top,
            changes=changes,
            env=self.environment.env,
            history=history,
            timeout=WRITE_LIMIT,
        )
        sandbox.workspace.expect(changes)
        return is_anew or history is History.KEPT

    def _make_for_sessions(self) -> WorkspaceSandbox:
        sandbox = self._make_plain("judge")
        if self.session is not None:
            try:
                sandbox.waiting = WaitingSession.start(sandbox.container, self.session)
            except BaseException:
                _close(sandbox)
                raise
        return sandbox

    def _make_plain(
        self,
        kind: str,
        read_only: Mapping[Path, Path] | None = None,
        accept: AcceptHandler | None = None,
    ) -> WorkspaceSandbox:
        is_agents = kind == "agent"
        if not is_agents and self.history is not None:
            read_only = {**(read_only or {}), self.history: self.base.top / ".git"}
        if self._has_overlays:
            try:
                workspace = OverlayWorkspace.create(
                    self.base,
                    self.scratch.folder("workspace"),
                    owner=self._owner,
                    is_hidden=is_agent_file if is_agents else None,
                )
                return self._start(kind, workspace, read_only, accept)
            except OverlayUnavailableError:
                self._has_overlays = False  # copies from now on
        copy = self._make_copy(self.base, ChangeSet(), is_agents=is_agents)
        return self._start(kind, copy, read_only, accept)

    def _make_copy(self, base: Base, changes: ChangeSet, *, is_agents: bool) -> Workspace:
        is_plain = is_agents and base is self.base and not changes
        return Workspace.create(
            base,
            self.scratch.folder("workspace"),
            changes=changes,
            owner=self._owner,
            is_hidden=is_agent_file if is_agents else _never,
            snapshot=self._copy_snapshot if is_plain else make_snapshot,
        )

    def _copy_snapshot(self, folder: Path) -> None:
        """Give ``folder`` the repository that is in the base, to which it can be put back."""
        with translated(".git", "copying"):
            shutil.copytree(self.base.place.plain / ".git", folder / ".git")

    @property
    def _owner(self) -> tuple[int, int] | None:
        return None if os.getuid() else self.environment.user

    def _start(
        self,
        kind: str,
        workspace: AnyWorkspace,
        read_only: Mapping[Path, Path] | None,
        accept: AcceptHandler | None,
    ) -> WorkspaceSandbox:
        make_mount_points(
            workspace.path, self.environment.mounts_inside(self.base.top), owner=self._owner
        )
        container = ContainerSandbox(
            self.engine,
            self.plan(read_only or {}),
            workspace,
            read_changes=self._make_reader(workspace),
            accept=accept,
        )
        with self._open_lock:
            self._open.add(container)
        try:
            self._check_open()
            self._check_once(kind, container)
        except BaseException:
            container.close()
            raise
        return WorkspaceSandbox(container=container, workspace=workspace)

    def _check_open(self) -> None:
        if self._is_shut_down:
            raise SandboxError("The run was interrupted.", "Run it again.")

    @staticmethod
    def _listen(sandbox: WorkspaceSandbox) -> WorkspaceSandbox:
        try:
            sandbox.container.listen(MODEL_PORT)
        except BaseException:
            _close(sandbox)
            raise
        return sandbox

    def plan(self, read_only: Mapping[Path, Path]) -> SandboxPlan:
        """Return what every sandbox of the run has in common."""
        labels = {
            SESSION_LABEL: self.scratch.session,
            OWNER_LABEL: owner_name(self.scratch.root),
        }
        return SandboxPlan(
            environment=self.environment,
            top=self.base.top,
            labels=labels,
            read_only=read_only,
            is_kept=self.is_kept,
        )

    def _check_once(self, kind: str, container: ContainerSandbox) -> None:
        """Run the preflight once for each kind of sandbox; the mounts differ between them."""
        with self._lock:
            is_new = kind not in self._checked
        if is_new:
            check_sandbox(container, self.environment, workspace=self.base.top)
            with self._lock:
                self._checked.add(kind)


def _close(sandbox: WorkspaceSandbox) -> None:
    sandbox.container.close()
