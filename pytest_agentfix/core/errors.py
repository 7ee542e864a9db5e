"""Everything that can go wrong, one class per cause.

Each ``AgentFixError`` says what happened and what to do next. Two families matter to callers:

* ``SetupError``: the run cannot start; shown as a ``pytest.UsageError`` before the first test.
* ``EnvironmentTrouble``: something around the repair broke; the cluster ends ``environment``,
  never ``unfixed``.
"""

from __future__ import annotations


class AgentFixError(Exception):
    """Base of all errors of this package: what happened, and the next step for the user."""

    def __init__(self, problem: str, next_step: str) -> None:
        super().__init__(f"{problem} {next_step}".strip())
        self.problem = problem
        self.next_step = next_step


class SetupError(AgentFixError):
    """The run cannot start."""


class SettingError(SetupError):
    """An option, ini value or marker keyword is not of its form."""


class UnforeseenSetupError(SetupError):
    """A step of the set-up raised an exception of another kind, which is its cause."""


class DockerUnreachableError(SetupError):
    """No Docker engine answers. There is no fall-back to the host, on purpose."""


class NotARepositoryError(SetupError):
    """Neither the tests nor the current folder are in a git repository with a work tree."""


class OutsideRepositoryError(SetupError):
    """The tests, or pytest's configuration, lie outside the one repository of the run."""


class NoCommitsError(SetupError):
    """The repository has no commit to put a fix on."""


class RepositoryUnreadableError(SetupError):
    """git refuses to read the repository (ownership, permissions, damage)."""


class RepositoryUnwritableError(SetupError):
    """The user may not write where a commit has to be put."""


class IdentityMissingError(SetupError):
    """git has no name and address to commit with."""


class BranchNameError(SetupError):
    """The branch asked for is not a valid name, or is the one that is checked out."""


class ModelNotChosenError(SetupError):
    """No model was named and none could be found in the user's own settings."""


class ModelUnknownError(SetupError):
    """The model is not of the form PROVIDER/MODEL, or its provider is not known."""


class KeyMissingError(SetupError):
    """The provider's key is not set where it is looked for."""


class PriceUnknownError(SetupError):
    """A cap on money is set for a model whose price is not known."""


class OpenCodeMissingError(SetupError):
    """No OpenCode binary was found, and none could be fetched."""


class OpenCodeVersionError(SetupError):
    """The OpenCode binary is of a version this package cannot drive, or was tampered with."""


class EnvironmentUnavailableError(SetupError):
    """The environment asked for cannot work with this engine or on this system."""


class EnvironmentTrouble(AgentFixError):  # noqa: N818 - a family, not one error
    """Something around the repair broke; says nothing about the fix."""


class InstalledCopyError(EnvironmentTrouble):
    """The tests run an installed copy of the tree, which no change to the tree can reach."""


class PreflightError(EnvironmentTrouble):
    """A sandbox does not hold what it promises; nothing is run in it."""


class SandboxError(EnvironmentTrouble):
    """A sandbox could not be started, died, or spoke nonsense over the pipe."""


class OverlayUnavailableError(SandboxError):
    """The engine, the kernel or the disk has no overlay for a workspace; a full copy works."""


class OutOfMemoryError(SandboxError):
    """The sandbox ran into its memory limit."""


class DiskFullError(EnvironmentTrouble):
    """No room is left for scratch folders, or for git's objects."""


class WorkspaceError(EnvironmentTrouble):
    """A workspace could not be written or read back."""


class AgentUnavailableError(EnvironmentTrouble):
    """OpenCode does not come up in the sandbox."""


class AgentTooSlowError(AgentUnavailableError):
    """OpenCode took longer than it may; on a machine with less to do it may come up."""


class ProviderTrouble(EnvironmentTrouble):
    """The model's provider refused or is not there; ``is_final``: so it will for all clusters."""

    def __init__(self, problem: str, next_step: str, *, is_final: bool) -> None:
        super().__init__(problem, next_step)
        self.is_final = is_final


class RepairProcessError(EnvironmentTrouble):
    """The process that owns the repair has ended before its time."""


class LandingError(EnvironmentTrouble):
    """git would not take the commit; the fix itself was judged good and is kept as a patch."""


class BrokenAgainError(Exception):
    """A test that an earlier fix had turned green is red since a later one; the loop catches it."""
