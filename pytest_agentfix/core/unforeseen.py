"""Exceptions that nobody foresaw, as errors that a user can act on."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pytest_agentfix.core.errors import AgentFixError, UnforeseenSetupError
from pytest_agentfix.core.replaced import describe_replaced
from pytest_agentfix.core.text import clean

_SHOW_MORE: Final = "`--log-file=FILE --log-file-level=DEBUG` writes down the whole traceback."


@contextmanager
def setup_step(doing: str, next_step: str) -> Iterator[None]:
    """Turn whatever the block raises into a ``SetupError``; those of this package stay as they are.

    ``doing`` completes "agent-fix could not ..."; ``next_step`` is a whole sentence.
    """
    try:
        yield
    except AgentFixError:
        raise
    except Exception as error:
        raise make_setup_error(doing, error, next_step) from error


def make_setup_error(doing: str, error: BaseException, next_step: str) -> UnforeseenSetupError:
    """Return the error for a step of the set-up in which ``error`` was raised."""
    problem = f"agent-fix could not {doing}: {describe(error)}."
    return UnforeseenSetupError(
        " ".join(filter(None, (problem, describe_replaced()))), f"{next_step} {_SHOW_MORE}"
    )


def describe(error: BaseException) -> str:
    """Return the type, words and place of ``error`` in one line, without a full stop."""
    words = clean(str(error)).rstrip(".")
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    place = f" ({'/'.join(Path(last.filename).parts[-2:])}:{last.lineno})" if last else ""
    return f"{type(error).__name__}{f': {words}' if words else ''}{place}"
