"""Signed commits, and a try of the signature with an object that is thrown away."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.repository.git import Git, GitFailure, GitTimeout, clean

SIGNING_TIMEOUT: Final = 60.0  # seconds; a program asking for a passphrase must not hang the run
_SHOWN: Final = 160  # characters of git's own words
_NEXT_STEP: Final = (
    "Make this print a commit: git commit-tree -S -m try 'HEAD^{tree}'; or unset commit.gpgSign; "
    "or ask for patches: --agent-fix-no-commit"
)


class SigningFailure(GitFailure):
    """A commit could not be signed."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs commits as the user's configuration says, within ``timeout`` seconds for each."""

    git: Git
    timeout: float = SIGNING_TIMEOUT

    @property
    def is_wanted(self) -> bool:
        """Return whether the user's commits are signed."""
        return self.git.ask("config", "--type=bool", "--get", "commit.gpgSign") == "true"

    def commit(self, *arguments: str, message: bytes) -> bytes:
        """Run ``git commit-tree`` with ``arguments`` and a signature, and return its output.

        Raises ``SigningFailure``, or ``GitFailure`` where something else is wrong.
        """
        try:
            return self._commit(self.git, *arguments, message=message)
        except SigningFailure:
            raise
        except GitFailure:
            self.check()  # tells the signature from the rest
            raise

    def check(self) -> None:
        """Sign an object outside the repository; raises ``SigningFailure``."""
        with tempfile.TemporaryDirectory(prefix="agent-fix-") as folder:
            git = self.git.with_environ({"GIT_OBJECT_DIRECTORY": folder})
            empty = git.run("hash-object", "-t", "tree", "--stdin").decode().strip()
            try:
                self._commit(git, empty, message=b"try\n")
            except SigningFailure:
                raise
            except GitFailure as failure:
                raise self._make_failure(failure.words) from failure

    def _commit(self, git: Git, *arguments: str, message: bytes) -> bytes:
        try:
            return git.run(
                "commit-tree", *arguments, "-S", "-F", "-", stdin=message, timeout=self.timeout
            )
        except GitTimeout as error:
            words = f"it takes longer than {self.timeout:g} seconds; is a passphrase asked for?"
            raise self._make_failure(words) from error

    def _make_failure(self, words: str) -> SigningFailure:
        form = self.git.ask("config", "--get", "gpg.format") or "openpgp"
        what = f"signing a commit fails (commit.gpgSign with {clean(form, limit=20)})"
        return SigningFailure(f"{what}: {clean(words, limit=_SHOWN)}", _NEXT_STEP)
