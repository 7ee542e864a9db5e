"""The one door for whatever the set-up raises: it ends pytest with a usage error, in words."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from pytest_agentfix.core.errors import AgentFixError
from pytest_agentfix.core.unforeseen import make_setup_error

REPORT_IT: Final = (
    "Undo that if it is yours (`pip check` tells of packages that do not fit), else please report "
    "it; without --agent-fix the tests run as ever."
)

logger = logging.getLogger(__name__)


@contextmanager
def as_usage_errors(doing: str, next_step: str) -> Iterator[None]:
    """Raise ``pytest.UsageError`` for whatever the block raises, but for Ctrl-C and pytest's exit.

    ``doing`` and ``next_step`` are for exceptions that nobody foresaw; see ``setup_step``.
    """
    try:
        yield
    except (pytest.UsageError, pytest.exit.Exception):
        raise
    except AgentFixError as error:
        logger.debug("agent-fix could not be set up", exc_info=True)
        raise pytest.UsageError(str(error)) from error
    except (Exception, SystemExit, pytest.fail.Exception, pytest.skip.Exception) as error:
        logger.debug("agent-fix could not be set up", exc_info=True)
        raise pytest.UsageError(str(make_setup_error(doing, error, next_step))) from error
