"""The way in which a pytest session ended, compared with the way it ends on the base (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_STREAM_LOST: Final = 120  # Python's own exit status: a stream could not be written to its end


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnd:
    """The respects in which a session ended otherwise than its outcomes mean.

    ``raised`` is the type's name of the exception that left pytest, "" for none. ``pytest_code`` is
    pytest's exit status where the outcomes mean another, as a plugin may change it.
    ``process_code`` is that of the process where pytest's was another, negative for a signal;
    ``stop_code`` is it where the process ended before it had reported everything.
    """

    raised: str = ""
    pytest_code: int | None = None
    process_code: int | None = None
    stop_code: int | None = None

    def unlike(self, usual: SessionEnd) -> SessionEnd:
        """Return this end without the respects in which ``usual`` is the same."""
        return SessionEnd(
            raised="" if self.raised == usual.raised else self.raised,
            pytest_code=None if self.pytest_code == usual.pytest_code else self.pytest_code,
            process_code=None if self.process_code == usual.process_code else self.process_code,
            stop_code=None if self.stop_code == usual.stop_code else self.stop_code,
        )

    @property
    def is_forged(self) -> bool:
        """Tell whether no honest mistake, such as a crash or a lost stream, explains it."""
        code = self.process_code
        is_mistake = code is None or code < 0 or code == _STREAM_LOST
        is_stopped = self.stop_code is not None and self.stop_code >= 0
        return not is_mistake or is_stopped or self.pytest_code is not None


NOTHING_ODD: Final = SessionEnd()


@dataclass(frozen=True, slots=True, kw_only=True)
class UsualSession:
    """The oddities of sessions on the base, which are therefore none with a change.

    ``is_tallied``: pytest's own counters agree with the reports; some plugins count in ways of
    their own. ``end`` is how a session of the targets ends.
    """

    is_tallied: bool = True
    end: SessionEnd = NOTHING_ODD


USUAL: Final = UsualSession()
