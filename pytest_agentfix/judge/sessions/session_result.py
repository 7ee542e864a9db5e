"""One pytest session in a sandbox, and the reasons not to believe it (pure)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.core.ports import Completed
from pytest_agentfix.judge.failure_comparison import has_timed_out
from pytest_agentfix.judge.sessions.run_report import RunReport, Tally
from pytest_agentfix.judge.sessions.session_end import USUAL, SessionEnd, UsualSession

_PYTEST_EXITS: Final = {2: "was interrupted", 3: "broke", 4: "would not start"}
_TOLD_LINES: Final = 5
_TOLD_CHARACTERS: Final = 2_000
_LINE_CHARACTERS: Final = 300
_ERROR: Final = re.compile(r"(?i)(error|exception)\b.*:|exit: ")
_MARGIN: Final = re.compile(r"^(E|INTERNALERROR>|ERROR:)?\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionResult:
    """One pytest session in a sandbox.

    ``ids`` are those it was asked for, ``limit`` the seconds it was given; ``tally`` comes from its
    second channel. ``usual`` is a session on the base, where that is known.
    """

    completed: Completed
    report: RunReport
    limit: float
    ids: Sequence[str] = ()
    tally: Tally | None = None
    usual: UsualSession = USUAL

    @property
    def last_words(self) -> str:
        """The last lines of stderr, or of stdout if stderr is empty."""
        lines = _list_lines(self.completed.stderr) or _list_lines(self.completed.stdout)
        return "\n".join(lines[-_TOLD_LINES:])[-_TOLD_CHARACTERS:] or "It said nothing."

    @property
    def complaint(self) -> str:
        """The one line of output that most likely says what went wrong."""
        lines = _list_lines(self.completed.stdout) + _list_lines(self.completed.stderr)
        errors = [line for line in lines if _ERROR.search(line)]
        last = (errors or lines or ["it said nothing"])[-1]
        return _MARGIN.sub("", last)[:_LINE_CHARACTERS]

    @property
    def is_broken(self) -> bool:
        """Tell whether pytest never got to the tests, so that nothing follows about them.

        A test that takes pytest down with it does not count: such a test is red.
        """
        report = self.report
        is_begun = report.is_complete or bool(report.collected)
        is_readable = report.has_started and not self.is_cut
        return not (is_begun and is_readable) or report.exit_code in (3, 4)

    @property
    def is_cut(self) -> bool:
        """Tell whether a limit kept some of its report from being read: a suite may be that big."""
        return self.completed.is_report_cut or self.report.is_cut

    @property
    def trouble(self) -> str:
        """The reason not to believe this session, whatever its outcomes; "" if there is none."""
        if self.completed.is_timed_out:
            return f"did not end within {self.limit:.0f} s"
        if self.is_cut:
            return "reported more than anybody can read"
        return (
            _check_report(self.completed.code, self.report)
            or _describe_end(self.end.unlike(self.usual.end), self.report)
            or self._check_tally()
        )

    @property
    def end(self) -> SessionEnd:
        """The way in which it ended: each part is empty unless it is odd."""
        code, report = self.completed.code, self.report
        if not report.is_complete:
            return SessionEnd(stop_code=code)
        has_own_code = report.exit_code != report.expected_exit
        return SessionEnd(
            raised=report.raised,
            pytest_code=report.exit_code if has_own_code else None,
            process_code=code if code != report.exit_code else None,
        )

    @property
    def as_usual(self) -> UsualSession:
        """Its oddities, for a session on the base: with a change they are none."""
        return UsualSession(is_tallied=not self.has_odd_tally, end=self.end)

    @property
    def is_forged(self) -> bool:
        """Tell whether the report differs from the run in a way that no honest mistake explains.

        A crash by a signal, a hang, a flood, a pytest that cannot start or breaks, and a plugin
        that raises at the end are honest mistakes.
        """
        completed, report = self.completed, self.report
        is_whole = not completed.is_timed_out and not self.is_cut
        if not is_whole or not report.has_started or not self.trouble:
            return False
        odd = self.end.unlike(self.usual.end)
        if not report.is_complete:
            return odd.is_forged
        if not report.is_consistent:
            return True
        if report.exit_code in _PYTEST_EXITS:
            return False
        return odd.is_forged or bool(self._check_tally())

    @property
    def has_met_time_limit(self) -> bool:
        """Tell whether a time limit of the tests' own may be what ended some of them, or all.

        A limit is met on a busy machine, too.
        """
        is_stopped = not self.report.is_complete and self.completed.code >= 0
        return is_stopped or any(map(has_timed_out, self.report.outcomes.values()))

    @property
    def has_odd_tally(self) -> bool:
        """Tell whether the counters of pytest's own session alone are not to be believed."""
        is_whole = not self.completed.is_timed_out and not self.is_cut
        return is_whole and bool(
            not _check_report(self.completed.code, self.report) and self._check_tally()
        )

    def _check_tally(self) -> str:
        """Compare both channels: the reporter's lines and the counters of pytest's session."""
        report, tally = self.report, self.tally
        is_begun = bool(report.collected)
        if not self.usual.is_tallied or not is_begun:
            return ""
        if tally is None:
            return "the counters of pytest's own session are not reported"
        if tally.exit_code != report.exit_code or tally.collected != len(report.collected):
            return "the report and pytest's own session do not agree about what was run"
        if not report.collect_errors and tally.failed != report.failed_reports:
            return (
                f"{report.failed_reports} failures are reported, and pytest's own session counted "
                f"{tally.failed}"
            )
        return ""


def _check_report(code: int, report: RunReport) -> str:
    if not report.has_started:
        return f"pytest did not start (exit status {code})"
    if not report.is_complete:
        return f"pytest ended with exit status {code} before it had reported everything"
    if report.exit_code in _PYTEST_EXITS:
        why = f" with {report.raised}" if report.raised else ""
        return f"pytest {_PYTEST_EXITS[report.exit_code]}{why} (exit status {code})"
    return "" if report.is_consistent else "the report does not add up"


def _describe_end(odd: SessionEnd, report: RunReport) -> str:
    if odd.raised:
        return f"pytest ended with {odd.raised}"
    if odd.process_code is not None:
        pytest_code = report.exit_code
        return f"the process ended with exit status {odd.process_code}, pytest with {pytest_code}"
    if odd.pytest_code is not None:
        return f"exit status {odd.pytest_code} where the outcomes mean {report.expected_exit}"
    return ""


def _list_lines(stream: bytes) -> list[str]:
    return [line for line in stream.decode(errors="replace").splitlines() if line.strip()]
