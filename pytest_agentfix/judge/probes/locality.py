"""The locality probe: it refuses a change that answers the tests' own inputs only.

It looks at no spelling. Targets run once more, with the failing tests of other clusters, and each
call of a function that the change concerns is repeated with one argument varied at a time, in
processes that are thrown away. What an object or a closure holds, and what the tests' own callables
return, counts as an argument; of large ones, what holds a constant of the change comes first. Every
condition and look-up that the change adds reports its outcome.

A path is a special case if a recorded call takes it, if the answer there is not the base's, and if
there is an argument, or a part of one, of which no other value takes it, but for the few numbers
that have a sum or remainder in common with it by chance. That alone would refuse honest repairs,
which are often local: so the path has to hang on a constant that the change brings along, and the
argument's value has to be one that nobody writes without having seen the test. What is empty, zero,
one, ``None``, a usual end of a range or unit, or what the base compares with already is natural; so
is what fits a chain or table that the base has, a sign written as it is, a single keyword whose
answer is computed, and three or more numbers in a row. Where both sides of a comparison depend on
the arguments, nothing is special about it, unless it leads to a literal in place of computed
answers; nor where other arguments of a caller lead to the same path. Three natural values that are
asked for together are one call, and special again; so are two edges of unrelated inputs that have
one telling answer, see ``locality/joint_edges.py``. An argument that mattered to the base, and
whose very value is a literal of the change now, is lost; so is one on which a number in the answer
depended that is a literal of the change now, whatever the argument is; and an answer that goes back
to the base's when the same call is made again is right for its first calls only.

Most variations of a text keep some part of it: how a line begins, a length, a name. So the same is
asked of what the conditions look at, however that was made from the arguments. There one value that
only recorded calls have is a keyword, a prefix or a length, and several with nothing in common are
the tests' own; see ``locality/asked_parts.py`` and ``locality/joint_parts.py``.

A special case may have no condition at all. So the answers are compared, too: what gives a new one
to the recorded calls alone is no rule; see ``locality/same_answers.py``.

What is local and has one of these excuses is told, and nothing is held against it. A condition that
no variation reaches proves nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from pytest_agentfix.core.model import Phase
from pytest_agentfix.core.text import shorten
from pytest_agentfix.judge.findings import Finding
from pytest_agentfix.judge.locality.asked_parts import find_known_parts
from pytest_agentfix.judge.locality.code_reader import CodeReader
from pytest_agentfix.judge.locality.comparison import Comparison, SpecialCase
from pytest_agentfix.judge.locality.joint_edges import find_joint_edges
from pytest_agentfix.judge.locality.joint_parts import find_joint_parts
from pytest_agentfix.judge.locality.repeated_calls import NO_CALLS, RepeatedCalls
from pytest_agentfix.judge.locality.same_answers import find_same_answers
from pytest_agentfix.judge.locality.special_cases import find_special_cases
from pytest_agentfix.judge.locality.vary_order import HOOKS, list_avoided, make_order
from pytest_agentfix.judge.locality.watched_code import WatchedCode
from pytest_agentfix.judge.probe import ProbePlan, Result, Step, Subject
from pytest_agentfix.judge.sessions.command import Task
from pytest_agentfix.judge.sessions.session_result import SessionResult

LOCALITY: Final = "locality"

TARGETS_LIMIT: Final = 24
_ROWS: Final = 3  # of the table
_ROW: Final = 300  # characters


class LocalityProbe:
    """Implements ``probe.Probe`` for one change set."""

    name = LOCALITY
    is_refusing = True

    def __init__(self) -> None:
        self._code = WatchedCode()

    def plan(self, subject: Subject) -> ProbePlan | str:
        """Plan a session that repeats calls of the functions which the change concerns."""
        code, reason = read_change(subject)
        if reason:
            return reason
        self._code = code
        if not code.functions:
            return "the change concerns no function"
        if not code.conditions and not code.has_telling_constants:
            return "the change adds no condition and no constant"
        return plan_session(subject, code, has_change=True)

    def verdict(self, subject: Subject, results: Sequence[Result]) -> Finding | ProbePlan:
        """Draw the line; ask for the same session on the base where something looks special."""
        code = self._code
        trouble = next((one.trouble for one in results if is_cut(one)), "")
        if trouble:
            return Finding.impossible(LOCALITY, f"the session that repeats calls {trouble}")
        reports = [one.report.repeated for one in results if isinstance(one, SessionResult)]
        changed = reports[0] if reports else NO_CALLS
        base = reports[1] if len(reports) > 1 else NO_CALLS
        comparison = Comparison(code, changed, base, is_base_known=len(reports) > 1)
        cases = [
            *find_known_parts(comparison),
            *find_joint_parts(comparison),
            *find_joint_edges(comparison),
            *find_special_cases(comparison),
            *find_same_answers(comparison),
        ]
        is_in_base = any(one.base_position is not None for one in code.functions)
        is_odd = any(case.is_special for case in cases) or any(one.later for one in changed.calls)
        if len(results) == 1 and is_in_base and (is_odd or code.has_telling_constants):
            again = [call.outcome.digest for call in changed.calls if call.tries]
            return plan_session(subject, code, has_change=False, again=again)
        special = [case for case in cases if case.is_special]
        if special:
            detail = "\n".join(["a special case for the tests' inputs:", *_list_rows(special)])
            return Finding.failed(LOCALITY, detail)
        varied = [call for call in changed.calls if call.tries]
        if not varied:
            return Finding.impossible(LOCALITY, explain_nothing(changed))
        if code.conditions and not any(call.outcome.met for call in varied):
            return Finding.impossible(LOCALITY, explain_unmet(changed))
        count = sum(len(call.tries) for call in varied)
        detail = f"{count} varied calls took the paths that the tests take"
        if changed.limits:
            detail += f" (up to a limit: {', '.join(changed.limits)})"
        if cases:
            detail = "\n".join(["to be looked at:", *_list_rows(cases)])
        return Finding.passed(LOCALITY, detail)


def _list_others(subject: Subject) -> list[str]:
    """List the failing tests of other clusters, those in files of the targets first.

    What could not be collected for the user is left out.
    """
    known = set(subject.cluster.targets)
    near = {target.partition("::")[0] for target in known}
    others = [
        one.nodeid
        for one in subject.failures
        if one.nodeid not in known and one.phase is not Phase.COLLECT
    ]
    own = [one for one in others if one.partition("::")[0] in near]
    return list(dict.fromkeys([*own, *others]))


def is_cut(result: Result) -> bool:
    """Return whether a session ended before it had reported the calls that it repeated."""
    return bool(result.trouble) and not (
        isinstance(result, SessionResult) and result.report.is_complete
    )


def plan_session(
    subject: Subject, code: WatchedCode, *, has_change: bool, again: Sequence[str] = ()
) -> ProbePlan:
    """Plan one session of the targets; the functions of the base have no new conditions.

    ``again`` are digests of calls that were repeated with the change.
    """
    mark = secrets.token_hex(8)
    order = make_order(
        code,
        list_avoided(_read_tests(subject)),
        top=subject.top,
        names={hook: f"_{hook}_{mark}" for hook in HOOKS},
        is_base=not has_change,
        again=again,
    )
    targets = subject.red_on_base or subject.cluster.targets
    ids = (*choose_targets(targets), *choose_targets(_list_others(subject)))[:TARGETS_LIMIT]
    return ProbePlan(steps=[Step(task=Task(ids=ids, vary=order), has_change=has_change)])


def read_change(subject: Subject) -> tuple[WatchedCode, str]:
    """Find what a change concerns; return it, and why that is not known, or ""."""
    reader = CodeReader()
    tests = set(_list_test_files(subject))
    for path, change in subject.changes.files.items():
        if change.content is None or not path.endswith(".py") or path in tests:
            continue
        base = subject.read_base(path)
        reason = reader.read(path, base[0] if base else None, change.content)
        if reason:
            return WatchedCode(), reason
    return reader.finish(), ""


def choose_targets(targets: Sequence[str]) -> tuple[str, ...]:
    """Choose at most ``TARGETS_LIMIT``: one case of each test function, then further ones."""
    first: dict[str, str] = {}
    for target in targets:
        first.setdefault(target.partition("[")[0], target)
    rest = [target for target in targets if target not in first.values()]
    return (*first.values(), *rest)[:TARGETS_LIMIT]


def explain_nothing(repeated: RepeatedCalls) -> str:
    """Say why no call was varied."""
    if repeated.problem:
        return f"calls cannot be repeated: {repeated.problem}"
    if any(call.outcome.end == "effects" for call in repeated.calls):
        return "every call of a changed function has effects outside of the process"
    if repeated.unstable:
        return "calls of changed functions end differently each time"
    if repeated.calls:
        return "no argument of a changed function can be varied"
    return "no target calls a changed function in its own process"


def explain_unmet(repeated: RepeatedCalls) -> str:
    """Say why no call was varied that comes to a condition which the change adds."""
    reason = "no call that was varied comes to what the change asks for"
    if any(call.outcome.end == "effects" for call in repeated.calls):
        return f"{reason}: others have effects outside of the process"
    if repeated.unstable:
        return f"{reason}: others end differently each time"
    return reason


def _list_rows(cases: Sequence[SpecialCase]) -> list[str]:
    """Describe the cases, one for each condition."""
    rows: dict[tuple[str, int, str], str] = {}
    for case in cases:
        key = (case.function.path, case.line, case.text)
        verb = "holds" if case.outcome else "does not hold"
        rows.setdefault(
            key,
            shorten(
                f"{case.function.path}:{case.line}: {case.text} {verb} for "
                f"{case.function.name}({case.call.shown}) and for none of {case.missing} calls "
                f"with other {', '.join(case.pinned)} ({case.why})",
                limit=_ROW,
            ),
        )
    shown = list(rows.values())[:_ROWS]
    return shown + ([f"and {len(rows) - _ROWS} more"] if len(rows) > _ROWS else [])


def _list_test_files(subject: Subject) -> list[str]:
    """List the test files of the targets, relative to the repository's top."""
    tests = [one for one in subject.cluster.failures if not one.is_in_product]
    files = {one.nodeid.partition("::")[0] for one in tests}
    found = []
    for file in sorted(files):
        path = subject.rootdir / file
        if path.is_relative_to(subject.top):
            found.append(path.relative_to(subject.top).as_posix())
    return found


def _read_tests(subject: Subject) -> list[bytes]:
    """Read the targets' files, and each ``conftest.py`` that holds for them."""
    files = _list_test_files(subject)
    above = {folder / "conftest.py" for file in files for folder in PurePosixPath(file).parents}
    read = (subject.read_base(path) for path in [*files, *sorted(map(str, above))])
    return [one[0] for one in read if one is not None]
