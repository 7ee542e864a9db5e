"""The user's git repository: what is in it, and how fixes are brought into it.

The only package that imports ``git``. Every call is plumbing through GitPython with hooks, drivers
and the caller's ``GIT_*`` variables switched off; nothing an agent wrote is ever checked out,
diffed by porcelain, filtered, or put on a command line.
"""

from pytest_agentfix.repository.gitignore import IgnoreRules, quote_glob
from pytest_agentfix.repository.history import copy_history
from pytest_agentfix.repository.imported import choose_imported, find_below
from pytest_agentfix.repository.landing import CommitLander
from pytest_agentfix.repository.landing_checks import check_landing, check_writable
from pytest_agentfix.repository.open import Repository
from pytest_agentfix.repository.snapshot import make_snapshot

__all__ = [
    "CommitLander",
    "IgnoreRules",
    "Repository",
    "check_landing",
    "check_writable",
    "choose_imported",
    "copy_history",
    "find_below",
    "make_snapshot",
    "quote_glob",
]
