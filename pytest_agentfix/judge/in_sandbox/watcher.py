"""Remember what the tests of a session in a sandbox ask the system for.

Standard library and pytest only; ``sessions/orders.py`` inlines this text in that of
``pytest_runner.py``.
"""

import os
import sys
from collections.abc import Generator
from typing import Any

import pytest

from pytest_agentfix.judge.in_sandbox.exception_facts import call_safely

WATCHED = frozenset(
    {
        "subprocess.Popen",
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
    }
)
LOOPBACK = frozenset({"", "localhost", "ip6-localhost", "ip6-loopback", "::1", "::", "0.0.0.0"})  # noqa: S104
WITH_VALUE = frozenset(
    {"-C", "-c", "--git-dir", "--work-tree", "--exec-path", "--namespace"}
)  # options of git


class Watcher:
    """A pytest plugin that remembers what the running test asked the system for.

    That is the last network address, and the last git command in the repository below ``top``.
    Commands run outside of tests, or for a fixture that tests share, count for all that follow.
    """

    def __init__(self, top: str) -> None:
        self._top = os.path.realpath(top)
        self._shared_git = ""
        self._own_git = ""
        self._is_shared = True
        self.address = ""
        sys.addaudithook(self._note)

    @property
    def git(self) -> str:
        """The git command that the running test can depend on, "" for none."""
        return self._own_git or self._shared_git

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> "Generator[None, Any, None]":
        """Attribute what follows to this test."""
        self._own_git, self.address, self._is_shared = "", "", False
        yield
        self._own_git, self.address, self._is_shared = "", "", True

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> "Generator[None, Any, None]":
        """Attribute what a shared fixture asks for to all tests."""
        before, self._is_shared = self._is_shared, fixturedef.scope != "function"
        yield
        self._is_shared = before

    def _note(self, event: str, arguments: Any) -> None:
        if event not in WATCHED:  # nearly all
            return
        if event == "subprocess.Popen":
            command = call_safely(lambda: self._name_own_git(*arguments), "")
            if command and self._is_shared:
                self._shared_git = command
            self._own_git = command or self._own_git
            return
        is_socket = event in ("socket.bind", "socket.connect")
        self.address = call_safely(lambda: name_host(arguments[1] if is_socket else arguments), "")

    def _name_own_git(self, _executable: Any, words: Any, cwd: Any, env: Any) -> str:
        """Return the command if it is git's and about the project's own repository."""
        command = name_git(words)
        if not command:
            return ""
        folder = os.path.realpath(find_git_folder(list_words(words), cwd, env))
        return command if f"{folder}/".startswith(f"{self._top}/") else ""


def list_words(command: Any) -> "list[str]":
    """Return the words of a command line, those of a shell's command too."""
    if isinstance(command, (str, bytes)):
        return os.fsdecode(command).split()
    words = [os.fsdecode(word) for word in command]
    is_shell = words[1:2] == ["-c"] and os.path.basename(words[0]) in ("sh", "bash")
    return words[2].split() if is_shell else words


def name_git(command: Any) -> str:
    """Return a command of git's from its subcommand on; "" for any other command."""
    words = list_words(command) if isinstance(command, (str, bytes, list, tuple)) else []
    if not words or os.path.basename(words[0]) != "git":
        return ""
    _, rest = split_git(words)
    return " ".join(["git", *rest])


def split_git(words: "list[str]") -> "tuple[dict[str, str], list[str]]":
    """Return git's own options about its folder, and the words from the subcommand on."""
    options: dict[str, str] = {}
    rest = list(words[1:])
    while rest and rest[0].startswith("-"):
        name, equals, value = rest.pop(0).partition("=")
        if not equals and name in WITH_VALUE and rest:
            value = rest.pop(0)
        options[name] = value
    return options, rest


def find_git_folder(words: "list[str]", cwd: Any, env: Any) -> str:
    """Return the folder whose repository a command of git's is about."""
    folder = os.getcwd() if cwd is None else os.path.abspath(os.fsdecode(cwd))
    options, _ = split_git(words)
    given = (os.environ if env is None else env).get("GIT_DIR", "")
    folder = os.path.join(folder, options.get("-C", ""))
    return os.path.join(folder, options.get("--git-dir", "") or os.fsdecode(given))


def name_host(address: Any) -> str:
    """Return the host of a socket's address; a path or a number is none."""
    host = address[0] if isinstance(address, tuple) and address else ""
    return os.fsdecode(host) if isinstance(host, (str, bytes)) else ""


def is_loopback(host: str) -> bool:
    """Return whether ``host`` is this machine."""
    return host in LOOPBACK or host.startswith("127.")
