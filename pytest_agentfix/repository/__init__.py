"""The user's git repository: what is in it, and how fixes are brought into it.

The only package that imports ``git``. Every call is plumbing through GitPython with hooks, drivers
and the caller's ``GIT_*`` variables switched off; nothing an agent wrote is ever checked out,
diffed by porcelain, filtered, or put on a command line.
"""

from pytest_agentfix.repository._ignore import IgnoreRules
from pytest_agentfix.repository._landing import CommitLander
from pytest_agentfix.repository._open import Repository
from pytest_agentfix.repository._snapshot import make_snapshot

__all__ = ["CommitLander", "IgnoreRules", "Repository", "make_snapshot"]
