"""The words of the project as types: failures, clusters, change sets, judgements, results.

Everything here is immutable and free of I/O, so that every other module can import it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ReadBase = Callable[[str], "tuple[bytes, bool] | None"]
"""Content and executable bit of a path of the base; ``None`` where the base has no such file."""


def read_content(read_base: ReadBase, path: str) -> bytes | None:
    """Return the content of a file of the base, ``None`` if there is no such file."""
    found = read_base(path)
    return None if found is None else found[0]


class Phase(enum.Enum):
    """The phase of a test in which it failed."""

    COLLECT = "collect"
    SETUP = "setup"
    CALL = "call"
    TEARDOWN = "teardown"


class ItemKind(enum.Enum):
    """The sort of pytest item that a failure belongs to."""

    FUNCTION = "function"
    UNITTEST = "unittest"
    DOCTEST = "doctest"
    COLLECTOR = "collector"
    OTHER = "other"


class Verdict(enum.Enum):
    """The end of a cluster: exactly one of these."""

    FIXED = "fixed"
    FLAKY_FIXED = "flaky-fixed"
    NOT_REPRODUCED = "not-reproduced"
    UNFIXED = "unfixed"
    REFUSED = "refused"
    TEST_SUSPECT = "test-suspect"
    CONFLICT = "conflict"
    BUDGET = "budget"
    TIMEOUT = "timeout"
    ENVIRONMENT = "environment"
    AGENT_ERROR = "agent-error"
    SKIPPED = "skipped"

    @property
    def is_green(self) -> bool:
        """Return whether the cluster's tests are green now, proven by the judge."""
        return self in (Verdict.FIXED, Verdict.FLAKY_FIXED)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestPolicy:
    """Arguments of one test's ``agent_fix`` marker; ``None`` stands for one that is not given."""

    __test__ = False  # not a test class, whatever its name looks like to pytest

    enabled: bool = True
    max_attempts: int | None = None
    timeout: float | None = None  # seconds of wall clock for the cluster
    model: str | None = None
    paths: tuple[str, ...] | None = None  # globs, relative to the repository's top
    allow_test_edits: bool = False
    flaky_runs: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a failure's traceback, in a file of the project. ``line`` counts from 1."""

    path: Path  # absolute
    line: int
    function: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledCopy:
    """A distribution made from the tree that a failing test runs in the tree's place.

    All paths are absolute. ``file`` is what was imported, from ``folder``; ``source`` is what it
    was made of, in the tree's ``project``. ``own`` are files of the tree that the test imports,
    too. ``is_editable``: it is another checkout, installed to be edited.
    """

    distribution: str
    folder: Path
    file: Path
    source: Path
    project: Path
    own: tuple[Path, ...] = ()
    is_editable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failing phase report of one test (or of a collector that could not be collected).

    ``nodeid`` is relative to pytest's rootdir; ``path`` is absolute; ``line`` counts from 1.
    ``policy`` is ``None`` when the test carries no marker. ``case`` has, for each parametrised
    argument, the index of its value in its list (pytest's running number where several lists are
    combined); it is empty where the test is not parametrised. ``frames`` are those of the project's
    own files, the one that raised last. ``fixture`` is the fixture that broke, ``missing`` the
    module or name that is not there, "" for none. ``seconds`` is the time of the phase and of the
    slowest set-up of the run, ``None`` where nobody knows. ``installed`` is the copy of the tree
    that the test ran, if it seems to have run one. ``test_edit`` is the edit of the tests that is
    needed where no change of the code under test can end the failure, "" where one may. ``chosen``
    is what plugins chose for this test: xdist's ``worker`` (its id) and the number of ``workers``,
    the ``hypothesis_seed`` and the ``hypothesis_examples`` (failing ones, in base64).
    """

    nodeid: str
    phase: Phase
    kind: ItemKind
    path: Path | None
    line: int | None
    exception: str  # the exception's type name, "" where pytest did not say
    message: str  # one line
    traceback: str  # pytest's own long text of the failure
    output: str = ""  # captured stdout, stderr and log
    policy: TestPolicy | None = None
    # A dict has no hash; that of the other fields does, since equal failures have equal ones.
    case: Mapping[str, int] = field(default_factory=dict, hash=False)
    frames: tuple[Frame, ...] = ()
    fixture: str = ""
    missing: str = ""
    seconds: float | None = field(default=None, compare=False)
    installed: InstalledCopy | None = None
    test_edit: str = ""
    chosen: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def function(self) -> str:
        """The node id without the parametrisation: what one repair is about."""
        path, colons, name = self.nodeid.partition("::")  # a folder may have brackets in its name
        return path + colons + name.partition("[")[0]

    @property
    def is_in_product(self) -> bool:
        """Tell whether the test stands in the code that it tests, as a module's doctests do."""
        return self.kind is ItemKind.DOCTEST and self.nodeid.partition("::")[0].endswith(".py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Failures with one presumed cause. ``slug`` is ours: ``[a-z0-9-]`` only, unique in a run.

    ``cause`` says in a line why several tests were put together, "" for a single one. It has names
    and paths in it that somebody else chose.
    """

    slug: str
    failures: tuple[Failure, ...]
    cause: str = ""

    @property
    def targets(self) -> tuple[str, ...]:
        """The node ids to turn green, in the order they failed, without repeats."""
        return tuple(dict.fromkeys(failure.nodeid for failure in self.failures))

    @property
    def seconds(self) -> float | None:
        """The time that the failing phases took for the user, ``None`` where nobody knows."""
        known = [failure.seconds for failure in self.failures if failure.seconds is not None]
        return sum(known) if len(known) == len(self.failures) else None

    @property
    def title(self) -> str:
        """The node id that stands for the cluster in reports, where "and 2 more" may follow."""
        first = self.failures[0]
        return first.nodeid if len(self.targets) == 1 else first.function

    @property
    def functions(self) -> tuple[str, ...]:
        """The test functions (node ids without parametrisation), in the order they failed."""
        return tuple(dict.fromkeys(failure.function for failure in self.failures))

    @property
    def policy(self) -> TestPolicy:
        """The marker's policy of the cluster's tests, or one that says nothing."""
        return self.failures[0].policy or TestPolicy()


@dataclass(frozen=True, slots=True)
class FileChange:
    """New content of one file, or its deletion (``content is None``)."""

    content: bytes | None
    executable: bool = False

    @property
    def is_deletion(self) -> bool:
        """Return whether the change takes the file away."""
        return self.content is None


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Paths relative to the repository's top (``/`` separated) -> what becomes of them."""

    files: Mapping[str, FileChange] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.files)

    def __len__(self) -> int:
        return len(self.files)


@dataclass(frozen=True, slots=True)
class Drop:
    """A change that was left out, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The changes in a workspace: those of regular files, and all others.

    ``is_complete``: all of it was read. Part of a change is nothing that anybody has made, so what
    was cut off at a cap must not be taken for a change.
    """

    changes: ChangeSet = ChangeSet()
    irregular: tuple[Drop, ...] = ()
    is_complete: bool = True


class WantKind(enum.Enum):
    """The sort of thing that a sandbox can lack."""

    FILE = "file"
    PROGRAM = "program"
    VARIABLE = "variable"  # of the environment
    MODULE = "module"
    LOCALE = "locale"
    ADDRESS = "address"  # of this machine, such as ::1
    NETWORK = "network"
    PERMISSION = "permission"
    HISTORY = "history"  # the repository's commits and tags


@dataclass(frozen=True, slots=True)
class Want:
    """Something a test needed and did not find, by the name under which it was asked for."""

    kind: WantKind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TestOutcome:
    """The result of one test in a sandbox, as our reporter saw it.

    ``outcome`` is ``passed``, ``failed``, ``skipped``, ``xfailed``, ``xpassed``, ``error`` or
    ``missing`` (asked for and never reported). ``detail`` is pytest's long text of a failure,
    ``exception`` the type's name, ``message`` its first line. ``frame`` is the innermost one in the
    project's own files, ``want`` what the failure shows to be lacking; ``None`` if not known.
    """

    __test__ = False

    nodeid: str
    outcome: str
    detail: str = ""
    exception: str = ""
    message: str = ""
    frame: Frame | None = None
    want: Want | None = None

    @property
    def is_passed(self) -> bool:
        """Return whether it really passed: a skip or an expected failure is not a pass."""
        return self.outcome == "passed"


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOut:
    """The failing cases that only the judge runs.

    ``withheld`` are their node ids. ``files`` are the test files without them: paths relative to
    the repository's top -> content; a file is left out if they could not be removed from it.
    ``reason`` says why some were not removed or why nothing is withheld ("": all were removed).
    ``hidden_lines`` are stripped source lines that spell withheld cases. ``make_again`` makes the
    hold-out of the same cluster for fewer withheld cases.
    """

    withheld: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    reason: str = ""
    hidden_lines: frozenset[str] = frozenset()
    make_again: Callable[[tuple[str, ...]], HoldOut] | None = field(
        default=None, repr=False, compare=False
    )

    def reveal(self, nodeids: Iterable[str]) -> HoldOut:
        """Return the hold-out after ``nodeids`` were revealed: they are back in the files."""
        shown = frozenset(nodeids)
        left = tuple(nodeid for nodeid in self.withheld if nodeid not in shown)
        if left == self.withheld:
            return self
        return HoldOut(withheld=left) if self.make_again is None else self.make_again(left)


class ProbeResult(enum.Enum):
    """The end of one check of the judge."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The end of one probe, and why, in a line."""

    name: str
    result: ProbeResult
    detail: str


@dataclass(frozen=True, slots=True)
class Excuse:
    """The reason why a test that is red with a change does not count against it."""

    nodeid: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnjudgedGroup:
    """The tests that cannot be judged because of one error.

    ``nodeids`` end with ``error`` without any change; ``advice`` says what would help, "" if
    nobody knows.
    """

    error: str  # one line
    nodeids: tuple[str, ...]
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The tests that passed before, ``total`` in number, and how they end with a change.

    ``broken`` are red because of it; ``excused`` were red and not because of it. ``unjudged`` are
    never green with the change, and red without it too, in the way that their outcomes tell:
    nothing is known about what the change does to them. ``groups`` are these by their error.
    """

    total: int = 0
    broken: tuple[TestOutcome, ...] = ()
    excused: tuple[Excuse, ...] = ()
    unjudged: tuple[TestOutcome, ...] = ()
    groups: tuple[UnjudgedGroup, ...] = ()

    @property
    def judged(self) -> int:
        """The number of those that could be judged."""
        return self.total - len(self.unjudged)

    @property
    def unjudged_share(self) -> float:
        """The share of all of them, from 0 to 1, that could not be judged."""
        return len(self.unjudged) / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The judge's findings about one change set.

    ``red`` are the tests that are not green (targets first); it is what the agent is told.
    ``is_refused``: the change looks green and is not to be believed. ``covering`` are tests beside
    the targets that passed and ran a changed line, or can have run a changed function; of the
    ``unmeasured`` nobody knows it. ``is_covering_known``: the change makes no difference to any
    other.
    """

    probes: tuple[Evidence, ...]
    red: tuple[TestOutcome, ...] = ()
    is_refused: bool = False
    covering: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()
    is_covering_known: bool = False
    neighbours: Neighbours = Neighbours()

    @property
    def complaints(self) -> tuple[str, ...]:
        """Reasons against the change, a line for each probe that failed."""
        failed = [probe for probe in self.probes if probe.result is ProbeResult.FAILED]
        return tuple(f"{probe.name}: {probe.detail}" for probe in failed)

    @property
    def is_accepted(self) -> bool:
        """Return whether no probe failed and at least one passed."""
        results = [probe.result for probe in self.probes]
        return ProbeResult.PASSED in results and ProbeResult.FAILED not in results


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Model tokens, each in one field only.

    ``cached`` are input tokens read from a provider's cache, ``written`` those put into it at a
    price of their own. ``output`` includes what a model thinks.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    written: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            input=self.input + other.input,
            output=self.output + other.output,
            cached=self.cached + other.cached,
            written=self.written + other.written,
        )

    @property
    def total(self) -> int:
        """All of them."""
        return self.input + self.output + self.cached + self.written


class TurnEnd(enum.Enum):
    """The end of one agent turn, as seen from outside."""

    FINISHED = "finished"  # the agent says it is done
    ERROR = "error"  # OpenCode itself broke
    STALLED = "stalled"  # nothing was heard for too long
    CAPPED = "capped"  # a cap on model access was reached
    DEADLINE = "deadline"  # the cluster's wall clock ran out


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One prompt answered by the agent. ``text`` is the agent's word: shown, never trusted."""

    end: TurnEnd
    detail: str = ""
    text: str = ""
    requests: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """An accepted change set on its way into the history."""

    cluster: Cluster
    changes: ChangeSet
    judgement: Judgement
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """The place where a fix went.

    ``commit`` is the full object name, or ``None`` when only a patch was left. ``branch`` is the
    branch that holds it (``None``: a patch only). ``advice`` is the command that brings it in, or
    "" when the checked-out branch has it already. ``judged_with`` are commits of earlier fixes that
    its tests ran with and that are not below it, as they went to side branches. ``is_held_back``:
    too many tests could not be judged, so it is no place that counts as green.
    """

    commit: str | None = None
    branch: str | None = None
    patch: Path | None = None
    advice: str = ""
    judged_with: tuple[str, ...] = ()
    is_held_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStat:
    """Lines added and removed in one file of a fix."""

    path: str
    added: int
    removed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """The user's pytest command, so that a sandbox can start pytest in the same way.

    ``arguments`` are the options worth repeating: no selection, no reports, no parallelism, none
    of ours. ``environ`` are the variables that go along, ``sys_path`` are the entries of the path
    for imports when the session began. ``test_locations`` are the files and folders that were to be
    collected, as far as they exist. All paths are absolute. ``mistaken`` is an option with its
    value, "" for none, that pytest took for such a path when it chose its rootdir: those of plugins
    are not known yet at that time. ``seeds`` are values of options by their names in pytest's
    namespace, whoever chose them.
    """

    rootdir: Path
    cwd: Path
    config_file: Path | None
    arguments: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    sys_path: tuple[str, ...] = ()
    has_cwd_on_path: bool = False  # started as ``python -m pytest``
    has_xdist: bool = False
    test_patterns: tuple[str, ...] = ("test_*.py", "*_test.py")  # pytest's python_files
    test_paths: tuple[str, ...] = ()  # pytest's testpaths
    test_locations: tuple[Path, ...] = ()
    mistaken: str = ""
    seeds: Mapping[str, int | float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """The input of the repair phase, when pytest's own loop is over.

    ``passed`` are the node ids that passed, in order; they have to stay green. ``is_cut_short``:
    collection errors kept pytest from running anything, and ``passed`` then holds all items that
    could be collected, nobody knows yet how green. ``imported`` are absolute paths of files that
    the run has imported, but for what is installed; they can be anywhere.
    """

    failures: tuple[Failure, ...]
    passed: tuple[str, ...]
    invocation: Invocation
    is_cut_short: bool = False
    imported: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterResult:
    """The end of one cluster: one verdict, one line of reason, and the evidence."""

    cluster: Cluster
    verdict: Verdict
    reason: str
    landing: Landing | None = None
    attempts: int = 0
    seconds: float = 0.0  # wall clock of the whole cluster
    agent_seconds: float = 0.0  # of which OpenCode was at work
    test_seconds: float = 0.0  # of which tests ran in sandboxes
    tokens: Tokens = Tokens()
    cost_usd: float | None = None
    files: tuple[FileStat, ...] = ()
    dropped: tuple[Drop, ...] = ()
    probes: tuple[Evidence, ...] = ()
    neighbours: Neighbours = Neighbours()
    kept: tuple[str, ...] = ()  # where --agent-fix-keep left things

    @property
    def is_green(self) -> bool:
        """Return whether its tests count as green: fixed, and not held back for a person."""
        is_held_back = self.landing is not None and self.landing.is_held_back
        return self.verdict.is_green and not is_held_back


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """All clusters of a run, in the order they were tried.

    ``notices`` are one-line remarks for the summary (what was skipped and why).
    """

    clusters: tuple[ClusterResult, ...] = ()
    notices: tuple[str, ...] = ()
    seconds: float = 0.0
