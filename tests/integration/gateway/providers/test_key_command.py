"""The command that prints the key: real ones, those that hang and their children included."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.core.errors import KeyMissingError
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.gateway.providers.choosing import choose_upstream
from pytest_agentfix.gateway.providers.key_command import find_program, unlock
from pytest_agentfix.gateway.providers.upstream import Upstream
from tests.kits.gateway_kit import make_upstream
from tests.kits.process_kit import wait_until_gone

KEY = "sk-sentinel-0123456789"


def write_script(folder: Path, text: str) -> tuple[str, ...]:
    path = folder / "key-command"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return (str(path), "an argument", "$HOME; echo no")


def run(folder: Path, text: str, patience: float = 30.0) -> Upstream:
    command = write_script(folder, text)
    upstream = make_upstream(key="", key_source="agent_fix_api_key_command", key_command=command)
    return unlock(upstream, patience=patience)


def fail(folder: Path, text: str, patience: float = 30.0) -> KeyMissingError:
    with pytest.raises(KeyMissingError) as caught:
        run(folder, text, patience)
    assert KEY not in str(caught.value)
    assert "agent_fix_api_key_command" in caught.value.problem
    assert "has to print the key" in caught.value.next_step
    return caught.value


@pytest.mark.parametrize(
    "text",
    [f"echo {KEY}", f"printf '\\n  {KEY}  \\r\\n\\n'", f"echo warning >&2; printf {KEY}"],
    ids=["plain", "blanks", "words"],
)
def test_the_key_is_what_it_prints(tmp_path: Path, text: str) -> None:
    assert run(tmp_path, text) == make_upstream(key=KEY, key_source="agent_fix_api_key_command")


def test_no_command_is_no_change() -> None:
    upstream = make_upstream()

    assert unlock(upstream) is upstream


def test_no_shell_no_input_no_terminal(tmp_path: Path) -> None:
    script = (
        f'[ "$1" = "an argument" ] && [ "$2" = \'$HOME; echo no\' ] && ! read line'
        f" && ! (: < /dev/tty) 2>/dev/null && echo {KEY}"
    )

    assert run(tmp_path, script).key == KEY


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("exit 3", "ended with status 3."),
        (f"echo {KEY}; echo 'vault is  locked.' >&2; exit 1", "status 1: vault is locked."),
        (f"echo {KEY}; echo 'bad: {KEY}' >&2; exit 1", "status 1: bad: ***."),
        ("printf 'a\\033[31m\\nb' >&2; exit 1", "status 1: a [31m b."),
        ("kill -9 $$", "ended with signal 9."),
        ("true", "printed nothing."),
        ("echo; echo why >&2", "printed nothing: why."),
        (f"echo {KEY}; echo {KEY}", "printed more than one line."),
        (f"echo '{KEY} x'", "printed something with blanks or other characters no key has."),
        (f"printf '{KEY}\\303\\251'", "printed something with blanks or other characters no key"),
        ("head -c 1000000 /dev/zero | tr '\\0' x", "printed far more than a key."),
    ],
    ids=range(11),
)
def test_anything_else_is_an_error(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in fail(tmp_path, text).problem


def test_long_words_are_cut(tmp_path: Path) -> None:
    assert len(fail(tmp_path, "head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1").problem) < 500


def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    error = fail(tmp_path, f"sleep 300 & echo $! > {tmp_path}/child; echo {KEY}; wait", 5.0)

    assert "did not end within 5 seconds" in error.problem
    wait_until_gone(int((tmp_path / "child").read_text()))


def test_one_that_closed_its_streams_is_killed_too(tmp_path: Path) -> None:
    assert "did not end" in fail(tmp_path, "exec >&- 2>&-; sleep 300", 0.5).problem


def test_what_goes_on_writing_is_not_waited_for(tmp_path: Path) -> None:
    upstream = run(tmp_path, f"echo {KEY}; yes >&2 & echo $! > {tmp_path}/child")

    with suppress(ProcessLookupError):  # nobody reads what it writes, which may have ended it
        os.kill(int((tmp_path / "child").read_text()), 9)
    assert upstream.key == KEY


def test_what_it_leaves_in_the_background_is_not_waited_for(tmp_path: Path) -> None:
    upstream = run(tmp_path, f"sleep 300 & echo $! > {tmp_path}/child; echo {KEY}")

    child = int((tmp_path / "child").read_text())
    os.kill(child, 9)
    assert upstream.key == KEY


def test_a_command_that_is_gone_meanwhile(tmp_path: Path) -> None:
    upstream = make_upstream(key="", key_command=(str(tmp_path / "gone"),))

    with pytest.raises(KeyMissingError, match=r"could not be started \(No such file"):
        unlock(upstream)


def test_the_program_is_found_on_the_path(tmp_path: Path) -> None:
    path, *_ = write_script(tmp_path, "true")
    environ = {"PATH": str(tmp_path)}

    assert find_program(["key-command", "a"], environ=environ) == (path, "a")
    with pytest.raises(KeyMissingError, match="not found or may not be run"):
        find_program(["other"], environ=environ)


def write_command(folder: Path) -> str:
    path = folder / "give-key"
    path.write_text(f"#!/bin/sh\ntouch {folder}/was-run\necho {KEY}\n")
    path.chmod(0o755)
    return str(path)


def choose(home: Path, environ: dict[str, str], **settings: Any) -> Upstream:
    return choose_upstream(Settings(**settings), environ=environ, home=home)


def test_a_key_command_is_run_only_when_it_is_unlocked(tmp_path: Path) -> None:
    command = (write_command(tmp_path), "work")

    upstream = choose(tmp_path, {"OPENAI_API_KEY": "x"}, model="openai/x", api_key_command=command)

    assert (upstream.key, upstream.key_source, upstream.key_command) == (
        "",
        "agent_fix_api_key_command",
        command,
    )
    assert not (tmp_path / "was-run").exists()
    assert command[0] not in repr(upstream)
    assert unlock(upstream) == replace(upstream, key=KEY, key_command=())


def test_a_key_command_goes_with_a_base_url(tmp_path: Path) -> None:
    command = (write_command(tmp_path),)

    upstream = choose(tmp_path, {}, model="a/b", base_url="http://x/v1", api_key_command=command)

    assert unlock(upstream).key == KEY
