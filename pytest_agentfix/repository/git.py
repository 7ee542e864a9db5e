"""git's plumbing through GitPython, in the one way that is safe here."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import tempfile
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType

from pytest_agentfix.core.errors import RepositoryUnreadableError

NO_FOLDER = os.devnull  # as core.hooksPath: a place that can hold no hook

_FLAGS = {
    "core.hooksPath": NO_FOLDER,  # update-ref would run reference-transaction
    "core.fsmonitor": "false",
    "core.protectNTFS": "true",
    "core.protectHFS": "true",
    "core.pager": "cat",
    "index.sparse": "false",  # writing one asks for blobs that a partial clone need not have
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.allow": "never",
    "i18n.commitEncoding": "UTF-8",
    "safe.bareRepository": "explicit",
    "user.useConfigOnly": "true",  # never an identity guessed from the machine's name
}
_SETTINGS = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_ATTR_NOSYSTEM": "1",
}
_NO_USER_CONFIG = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
# Who the user is and where the user's configuration lies; all else that a calling git (a hook, an
# alias, a rebase) left in the environment would redirect us.
_KEPT = frozenset(
    {
        "GIT_AUTHOR_NAME",
        "GIT_AUTHOR_EMAIL",
        "GIT_COMMITTER_NAME",
        "GIT_COMMITTER_EMAIL",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_SYSTEM",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CONFIG_COUNT",
        "GIT_EXEC_PATH",
    }
)
_KEPT_PREFIXES = ("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
# the last one is git's own for a write that came out short
_FULL_WORDS = ("No space left", "Disk quota exceeded", "Out of diskspace")
_WORDS_LIMIT = 600  # characters of git's own words worth showing


class GitFailure(Exception):  # noqa: N818 - internal; becomes a LandingError or SetupError
    """A git command failed; ``words`` are its own message, safe to show.

    ``next_step`` is what the user can do about it, "" where nothing is known.
    """

    def __init__(self, words: str, next_step: str = "") -> None:
        super().__init__(words)
        self.words = words
        self.next_step = next_step

    @property
    def is_disk_full(self) -> bool:
        """Return whether the disk was full."""
        return any(sign in self.words for sign in _FULL_WORDS)


class GitTimeout(GitFailure):
    """A git command took longer than it may."""


def is_disk_full(error: OSError) -> bool:
    """Return whether the disk was full."""
    return error.errno in _FULL


def clean(text: str, *, limit: int = _WORDS_LIMIT) -> str:
    """Make ``text`` one line of at most ``limit`` printable characters, without formats."""
    shown = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    line = " ".join(shown.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


@dataclass(frozen=True, slots=True)
class Git:
    """Runs git in one folder. ``where`` are the global options that name the repository."""

    folder: Path
    where: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)

    def at(self, *, git_dir: Path, work_tree: Path) -> Git:
        """Name the repository explicitly, so that nothing in the tree is taken for one."""
        return replace(
            self,
            folder=work_tree,
            where=(f"--git-dir={git_dir}", f"--work-tree={work_tree}"),
        )

    def with_environ(self, environ: Mapping[str, str]) -> Git:
        """Add environment variables."""
        return replace(self, environ={**self.environ, **environ})

    def without_user_config(self) -> Git:
        """Ignore the user's and the system's configuration."""
        return self.with_environ(_NO_USER_CONFIG)

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        timeout: float | None = None,
        fine: Collection[int] = (),
    ) -> bytes:
        """Run git and return its output; ``GitFailure`` when it fails, ``GitTimeout`` if too slow.

        An exit status in ``fine`` is no failure.
        """
        code, out, err = self._execute(arguments, stdin=stdin, timeout=timeout)
        if code in fine:
            return out
        if code != 0 and timeout is not None and err.startswith("Timeout:"):  # GitPython's words
            raise GitTimeout(f"git {arguments[0]} took longer than {timeout:g} seconds")
        if code != 0:
            raise GitFailure(clean(err) or f"git {arguments[0]} ended with status {code}")
        return out

    def ask(self, *arguments: str) -> str | None:
        """Run git and return its one line of output, or ``None`` where it has no answer."""
        code, out, _ = self._execute(arguments, stdin=b"", timeout=None)
        return os.fsdecode(out).removesuffix("\n") if code == 0 else None

    def feed(self, *arguments: str, chunks: Iterable[bytes]) -> None:
        """Run a git command that reads ``chunks`` as they come; ``GitFailure`` when it fails.

        What ``chunks`` raises is raised when the command has ended.
        """
        try:
            process = (
                _gitpython()
                .Git(self.folder)
                .execute(
                    self._command(arguments),
                    istream=subprocess.PIPE,
                    env=self._settings,
                    as_process=True,
                    shell=False,  # whatever the user's own code has set for all calls
                    start_new_session=True,  # see below
                )
            )
        except _gitpython().GitError as error:
            raise GitFailure(clean(str(error))) from error
        command = process.proc
        try:
            with contextlib.suppress(BrokenPipeError), command.stdin:  # git says why it ended
                command.stdin.writelines(chunks)
        finally:
            command.stdin = None
            _, err = command.communicate()
        if command.returncode:
            words = clean(os.fsdecode(err))
            raise GitFailure(words or f"git {arguments[0]} ended with status {command.returncode}")

    def _execute(
        self, arguments: tuple[str, ...], *, stdin: bytes, timeout: float | None
    ) -> tuple[int, bytes, str]:
        git = _gitpython()
        with tempfile.TemporaryFile() as stream:
            stream.write(stdin)
            stream.seek(0)
            try:
                code, out, err = git.Git(self.folder).execute(
                    self._command(arguments),
                    istream=stream,
                    env=self._settings,
                    with_extended_output=True,
                    with_exceptions=False,
                    shell=False,
                    stdout_as_string=False,
                    strip_newline_in_stdout=False,
                    kill_after_timeout=timeout,
                    # Ctrl-C is for pytest, which ends in order; not for the git of a landing. But
                    # what has a limit may ask for a passphrase, at the terminal.
                    start_new_session=timeout is None,
                )
            except git.GitError as error:
                raise GitFailure(clean(str(error))) from error
        return code, out, err

    @property
    def _settings(self) -> Mapping[str, str]:
        return {**_SETTINGS, **self.environ}

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        flags = [part for name, value in _FLAGS.items() for part in ("-c", f"{name}={value}")]
        options = ["--no-pager", "--no-replace-objects", "--literal-pathspecs"]
        unsetting = _unsetting(kept=self._settings.keys())
        return [*unsetting, _executable(), *options, *self.where, *flags, *arguments]


def _unsetting(kept: Collection[str]) -> list[str]:
    """Return the prefix that unsets the caller's ``GIT_*``; GitPython can only add variables.

    ``kept`` are our own, which have the caller's places by then.
    """
    foreign = [name for name in os.environ if name.startswith("GIT_") and not _is_kept(name)]
    names = [name for name in foreign if name not in kept]
    return ["env", *(part for name in names for part in ("-u", name))] if names else []


def _is_kept(name: str) -> bool:
    return name in _KEPT or name.startswith(_KEPT_PREFIXES)


def _executable() -> str:
    found = shutil.which("git")
    if found is None:
        raise RepositoryUnreadableError(
            "git is not on PATH.", "Install git (https://git-scm.com) and run again."
        )
    return str(Path(found).absolute())


def _gitpython() -> ModuleType:
    """Import GitPython, which looks for the program: too much for pytest's start-up."""
    _executable()
    import git  # noqa: PLC0415

    return git
