"""Finding, verifying and caching the OpenCode binary; npm is a script that hands out a tarball."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import platform
import stat
import struct
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.agents.opencode import trials
from pytest_agentfix.agents.opencode.binary import can_find_opencode, fetch_opencode, find_opencode
from pytest_agentfix.agents.opencode.download import PINNED_VERSION, Release, choose_release
from pytest_agentfix.agents.opencode.trials import remember_pass
from pytest_agentfix.agents.opencode.version import DRIVEN, OpenCodeBinary
from pytest_agentfix.core.errors import OpenCodeMissingError, OpenCodeVersionError
from tests.kits.places import REPOSITORY

BINARY = b"\x7fELF this stands for 186 MB"


def pack_tarball(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def make_release(tarball: bytes, binary: bytes = BINARY) -> Release:
    return Release(
        package="opencode-linux-x64",
        version=PINNED_VERSION,
        integrity="sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode(),
        sha256=hashlib.sha256(binary).hexdigest(),
    )


def write_script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@dataclass(frozen=True)
class World:
    """A cache folder and a PATH that hold only what a test puts there."""

    root: Path
    cache: Path
    tarball: Path
    release: Release

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    @property
    def environ(self) -> dict[str, str]:
        return {"PATH": str(self.bin)}

    @property
    def cached(self) -> Path:
        return self.cache / self.release.file_name

    @property
    def npm_calls(self) -> list[str]:
        log = self.root / "npm-calls"
        return log.read_text().splitlines() if log.exists() else []

    def install_npm(self, *, tail: str = "exit 0") -> None:
        """Install an npm that logs its arguments and copies the tarball to its destination."""
        write_script(
            self.bin / "npm",
            f"#!/bin/sh\nPATH={os.defpath}\n"
            f'echo "$@" >> {self.root}/npm-calls\n'
            f'cp {self.tarball} "$4/{self.release.file_name}.tgz"\n{tail}\n',
        )

    def find(self, configured: Path | None = None, *, may_fetch: bool = True) -> Path:
        return self.choose(configured, may_fetch=may_fetch).path

    def choose(self, configured: Path | None = None, *, may_fetch: bool = True) -> OpenCodeBinary:
        return find_opencode(
            configured=configured,
            environ=self.environ,
            cache=self.cache,
            release=self.release,
            may_fetch=may_fetch,
        )

    def can_find(self, configured: Path | None = None) -> bool:
        return can_find_opencode(
            configured=configured,
            environ=self.environ,
            cache=self.cache,
            release=self.release,
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    content = pack_tarball({"package/package.json": b"{}", "package/bin/opencode": BINARY})
    tarball = tmp_path / "registry.tgz"
    tarball.write_bytes(content)
    (tmp_path / "bin").mkdir()
    return World(
        root=tmp_path, cache=tmp_path / "cache", tarball=tarball, release=make_release(content)
    )


def test_fetch_takes_the_one_member_and_makes_it_executable(world: World) -> None:
    world.install_npm()

    found = world.find()

    assert found == world.cached
    assert found.read_bytes() == BINARY
    assert stat.S_IMODE(found.stat().st_mode) == 0o755
    assert sorted(path.name for path in world.cache.iterdir()) == [
        world.release.file_name,
        f"{world.release.file_name}.lock",
    ]
    (call,) = world.npm_calls
    assert call.startswith(f"pack opencode-linux-x64@{PINNED_VERSION} --pack-destination ")


def test_nothing_is_fetched_where_that_is_not_allowed(world: World) -> None:
    world.install_npm()
    with pytest.raises(OpenCodeMissingError):
        world.find(may_fetch=False)
    assert world.npm_calls == []
    found = world.find()
    assert world.find(may_fetch=False) == found


def test_second_use_takes_the_cache_and_needs_no_npm(world: World) -> None:
    world.install_npm()
    world.find()
    (world.bin / "npm").unlink()

    assert world.find() == world.cached


@pytest.mark.parametrize(
    "damage", [BINARY[:-1], BINARY[:-1] + b"!", b""], ids=["truncated", "tampered", "empty"]
)
def test_damaged_cache_is_replaced(world: World, damage: bytes) -> None:
    world.install_npm()
    world.find().write_bytes(damage)

    assert world.find().read_bytes() == BINARY
    assert len(world.npm_calls) == 2


def test_damaged_cache_is_taken_away_even_when_nothing_can_replace_it(world: World) -> None:
    world.install_npm()
    world.find().write_bytes(b"\x7fELF of somebody else")
    (world.bin / "npm").unlink()

    with pytest.raises(OpenCodeMissingError):
        world.find()

    assert not world.cached.exists()


def test_cached_file_without_the_executable_bit_is_replaced(world: World) -> None:
    world.install_npm()
    world.find().chmod(0o644)

    assert stat.S_IMODE(world.find().stat().st_mode) == 0o755


def test_wrong_tarball_is_refused_before_it_is_unpacked(world: World) -> None:
    world.install_npm()
    world.tarball.write_bytes(b"this is no archive; unpacking it would fail in another way")

    with pytest.raises(OpenCodeVersionError, match="checksum of the tarball") as caught:
        world.find()

    assert "Try again" in caught.value.next_step
    assert not world.cached.exists()


@pytest.mark.parametrize(
    "members",
    [
        {"package/other": BINARY},
        {"package/bin/opencode": b"\x7fELF another program"},
    ],
    ids=["member missing", "member of another content"],
)
def test_tarball_without_the_pinned_binary_is_refused(
    world: World, members: dict[str, bytes]
) -> None:
    content = pack_tarball(members)
    world.tarball.write_bytes(content)
    world.install_npm()
    release = make_release(content)

    with pytest.raises(OpenCodeVersionError, match="package/bin/opencode"):
        fetch_opencode(environ=world.environ, cache=world.cache, release=release)

    assert [path.name for path in world.cache.iterdir()] == [f"{release.file_name}.lock"]


def test_member_that_is_a_link_is_refused(world: World) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo("package/bin/opencode")
        info.type, info.linkname = tarfile.SYMTYPE, "/bin/sh"
        archive.addfile(info)
    world.tarball.write_bytes(buffer.getvalue())
    world.install_npm()

    with pytest.raises(OpenCodeVersionError, match="package/bin/opencode"):
        fetch_opencode(
            environ=world.environ, cache=world.cache, release=make_release(buffer.getvalue())
        )


def test_no_npm_names_the_next_steps(world: World) -> None:
    with pytest.raises(OpenCodeMissingError) as caught:
        world.find()

    assert caught.value.next_step == (
        "Install npm and run `python -m pytest_agentfix.agents.opencode.binary`, or set the "
        f"ini value agent_fix_opencode to the platform binary of OpenCode {PINNED_VERSION} (the "
        "file package/bin/opencode in the npm package opencode-linux-x64)."
    )


def test_failing_npm_is_quoted_without_its_decorations(world: World) -> None:
    world.install_npm(
        tail="printf 'npm warn old\\nnpm \\033[31merror\\033[0m code ENOTFOUND\\n"
        "npm error network request failed\\n"
        "npm error A complete log of this run can be found in: x\\n' >&2; exit 1"
    )

    with pytest.raises(OpenCodeMissingError) as caught:
        world.find()

    assert caught.value.problem == (
        f"npm could not fetch opencode-linux-x64@{PINNED_VERSION}. "
        "It said: code ENOTFOUND / network request failed"
    )


def test_unwritable_cache_is_told(world: World) -> None:
    world.install_npm()
    world.cache.write_text("a file where the folder should be")

    with pytest.raises(OpenCodeMissingError, match="could not be put into the cache folder"):
        world.find()


_FETCH = """
import json, os, sys
from pathlib import Path
from pytest_agentfix.agents.opencode.binary import fetch_opencode
from pytest_agentfix.agents.opencode.download import Release
sys.stdin.readline()
found = fetch_opencode(
    environ=os.environ, cache=Path(sys.argv[1]), release=Release(**json.loads(sys.argv[2]))
)
print(found, len(found.read_bytes()))
"""


def test_two_processes_at_once_fetch_once(world: World) -> None:
    world.install_npm(tail="sleep 0.3")
    argv = [sys.executable, "-c", _FETCH, str(world.cache), json.dumps(asdict(world.release))]
    top = str(REPOSITORY)
    environ = world.environ | {"PYTHONPATH": top, "PYTHONDONTWRITEBYTECODE": "1"}

    both = [
        subprocess.Popen(
            argv, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60)[0] for process in both]

    assert answers == [f"{world.cached} {len(BINARY)}\n"] * 2
    assert len(world.npm_calls) == 1


def write_elf(path: Path, code: bytes, data: bytes = b"") -> Path:
    """Write a genuine static x86-64 program: the kernel starts it, no compiler is needed."""
    body = code + data
    base, start = 0x400000, 0x78
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, base + start, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, start + len(body), start + len(body), 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + segment + body)
    path.chmod(0o755)
    return path


def write_opencode(path: Path, answer: str) -> Path:
    """Write a program that prints ``answer``, whatever its arguments."""
    data = answer.encode()
    write = struct.pack("<BIBIBIBI", 0xB8, 1, 0xBF, 1, 0xBE, 0x400000 + 0x78 + 31, 0xBA, len(data))
    leave = b"\x0f\x05" + b"\xb8\x3c\x00\x00\x00" + b"\x31\xff" + b"\x0f\x05"
    return write_elf(path, write + leave, data)


runs_elf = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="writes x86-64 programs"
)


@runs_elf
@pytest.mark.parametrize("version", ["1.18.34", "1.18.0", "1.18.40-beta.1"])
def test_configured_binary_of_the_supported_line_is_taken(world: World, version: str) -> None:
    binary = write_opencode(world.root / "mine", f"{version}\n")

    assert world.find(binary) == binary


@runs_elf
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("3.0.0\n", f"is OpenCode 3.0.0; only {DRIVEN}."),
        ("1.17.9\n", f"is OpenCode 1.17.9; only {DRIVEN}."),
        ("0.19.9\n", f"is OpenCode 0.19.9; only {DRIVEN}."),
        ("10.18.1\n", f"is OpenCode 10.18.1; only {DRIVEN}."),
        ("hello\n", "does not tell a version of OpenCode; it says 'hello'."),
        ("", "does not tell a version of OpenCode; it says ''."),
    ],
)
def test_configured_binary_of_another_version_is_refused(
    world: World, answer: str, message: str
) -> None:
    binary = write_opencode(world.root / "mine", answer)

    with pytest.raises(OpenCodeVersionError) as caught:
        world.find(binary)

    assert caught.value.problem == f"{binary} {message}"
    assert caught.value.next_step == (
        "Run `python -m pytest_agentfix.agents.opencode.binary` to fetch OpenCode "
        f"{PINNED_VERSION} into the cache, where it is found first, or set the ini value "
        "agent_fix_opencode to the platform binary of an OpenCode 1.18."
    )


@runs_elf
def test_configured_binary_that_never_answers_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = b"\xb8\x22\x00\x00\x00\x0f\x05"
    binary = write_elf(world.root / "mine", pause)
    monkeypatch.setattr("pytest_agentfix.agents.opencode.version._TIMEOUT", 0.2)

    with pytest.raises(OpenCodeVersionError, match="did not tell its version"):
        world.find(binary)


def test_configured_binary_that_cannot_be_started_is_refused(world: World) -> None:
    binary = world.root / "mine"
    binary.write_bytes(BINARY)

    with pytest.raises(OpenCodeVersionError, match="cannot be run here: Permission denied"):
        world.find(binary)


def test_configured_launcher_script_is_refused(world: World) -> None:
    script = write_script(world.root / "opencode", "#!/usr/bin/env node\n")

    with pytest.raises(OpenCodeVersionError, match="a launcher script does not run in a sandbox"):
        world.find(script)
    assert not world.can_find(script)


def test_configured_path_that_is_no_file_is_told(world: World) -> None:
    with pytest.raises(OpenCodeMissingError, match="which is not a file"):
        world.find(world.root / "nowhere")
    assert not world.can_find(world.root / "nowhere")


@runs_elf
def test_binary_on_path_is_taken_without_npm(world: World) -> None:
    binary = write_opencode(world.bin / "opencode", "1.18.20\n")

    assert world.find() == binary


@runs_elf
def test_cache_comes_before_the_path(world: World) -> None:
    world.install_npm()
    write_opencode(world.bin / "opencode", "1.18.20\n")
    fetch_opencode(environ=world.environ, cache=world.cache, release=world.release)

    assert world.find() == world.cached


UNFIT = pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("2.3.2\n", f"is OpenCode 2.3.2; only {DRIVEN}"),
        ("1.17.9\n", f"is OpenCode 1.17.9; only {DRIVEN}"),
        ("1.19.5\n", "is OpenCode 1.19.5, which is not tried yet"),
        ("hello\n", "does not tell a version of OpenCode; it says 'hello'"),
    ],
)


@runs_elf
@UNFIT
def test_what_does_not_fit_on_path_is_passed_over_and_the_pin_fetched(
    world: World, answer: str, reason: str
) -> None:
    world.install_npm()
    binary = write_opencode(world.bin / "opencode", answer)

    found = world.choose()

    assert (found.path, found.needs_trial) == (world.cached, False)
    assert found.note == (
        f"On PATH, {binary} {reason}; it was passed over. OpenCode {PINNED_VERSION} was fetched."
    )
    assert world.choose().note == ""  # it is in the cache now, and nothing is passed over


def test_what_cannot_be_run_on_path_is_passed_over(world: World) -> None:
    world.install_npm()
    binary = world.bin / "opencode"
    binary.write_bytes(BINARY)
    binary.chmod(0o755)

    found = world.choose()

    assert found.path == world.cached
    assert found.note.startswith(f"On PATH, {binary} cannot be run here: ")


@runs_elf
def test_what_never_answers_on_path_is_passed_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.install_npm()
    write_elf(world.bin / "opencode", b"\xb8\x22\x00\x00\x00\x0f\x05")
    monkeypatch.setattr("pytest_agentfix.agents.opencode.version._TIMEOUT", 0.2)

    found = world.choose()

    assert found.path == world.cached
    assert "did not tell its version" in found.note


@runs_elf
@pytest.mark.parametrize("version", ["2.3.2", "1.17.9"])
@pytest.mark.parametrize("has_npm", [False, True], ids=["no npm", "offline"])
def test_where_no_pin_can_be_had_the_reason_names_what_was_on_path(
    world: World, version: str, *, has_npm: bool
) -> None:
    if has_npm:
        world.install_npm(tail="echo 'npm error code ENOTFOUND' >&2; exit 1")
    binary = write_opencode(world.bin / "opencode", f"{version}\n")

    with pytest.raises(OpenCodeMissingError) as caught:
        world.find()

    why = "npm could not fetch" if has_npm else "There is no npm to fetch"
    assert caught.value.problem.startswith(why)
    assert caught.value.problem.endswith(
        f" On PATH, {binary} is OpenCode {version}; only {DRIVEN}; it was passed over."
    )


def test_where_no_pin_can_be_had_the_reason_names_a_launcher_on_path(world: World) -> None:
    script = write_script(world.bin / "opencode", "#!/bin/sh\nexit 3\n")

    with pytest.raises(OpenCodeMissingError) as caught:
        world.find()

    assert caught.value.problem.endswith(
        f" On PATH, {script} leads to no Linux binary of OpenCode; it was passed over."
    )


@runs_elf
def test_later_version_on_path_is_to_be_tried_where_no_pin_can_be_had(world: World) -> None:
    binary = write_opencode(world.bin / "opencode", "1.19.5\n")

    found = world.choose()

    assert (found.path, found.version, found.needs_trial) == (binary, "1.19.5", True)
    assert found.note.endswith(f"and none in the cache. {binary} is used instead.")


@runs_elf
def test_one_that_fits_is_found_behind_one_that_does_not(world: World) -> None:
    world.install_npm()
    write_opencode(world.bin / "opencode", "2.3.2\n")
    behind = write_opencode(world.root / "behind/opencode", "1.18.20\n")
    environ = {"PATH": f"{world.bin}::{world.bin}:{behind.parent}"}

    found = find_opencode(
        configured=None, environ=environ, cache=world.cache, release=world.release
    )

    assert (found.path, found.note) == (behind, "")
    assert world.npm_calls == []


@runs_elf
def test_all_on_path_are_named_once_where_no_pin_can_be_had(world: World) -> None:
    first = write_opencode(world.bin / "opencode", "2.3.2\n")
    second = write_opencode(world.root / "behind/opencode", "1.17.0\n")
    environ = {"PATH": f"{world.bin}:{world.bin}:{second.parent}"}

    with pytest.raises(OpenCodeMissingError) as caught:
        find_opencode(configured=None, environ=environ, cache=world.cache, release=world.release)

    assert caught.value.problem.count("it was passed over.") == 2
    assert caught.value.problem.index(str(first)) < caught.value.problem.index(str(second))


@runs_elf
def test_download_that_was_tampered_with_is_told_whatever_is_on_path(world: World) -> None:
    world.install_npm()
    world.tarball.write_bytes(b"something else")
    write_opencode(world.bin / "opencode", "1.19.5\n")

    with pytest.raises(OpenCodeVersionError, match="checksum of the tarball"):
        world.find()


@runs_elf
def test_later_version_that_has_passed_on_path_is_taken_like_any_other(world: World) -> None:
    world.install_npm()
    binary = write_opencode(world.bin / "opencode", "1.19.5\n")
    remember_pass(binary, world.cache)

    found = world.choose()

    assert (found.path, found.needs_trial) == (binary, False)
    assert world.npm_calls == []


@runs_elf
def test_configured_version_2_is_taken_with_its_own_driver(world: World) -> None:
    binary = write_opencode(world.root / "mine", "2.3.2\n")

    found = world.choose(binary)

    assert (found.path, found.major, found.needs_trial) == (binary, 2, False)


@runs_elf
def test_configured_later_version_is_tried_once_for_each_binary(world: World) -> None:
    binary = write_opencode(world.root / "mine", "1.19.5\n")
    assert world.choose(binary).needs_trial

    remember_pass(binary, world.cache)
    assert not world.choose(binary).needs_trial

    write_opencode(binary, "1.19.6\n")
    assert world.choose(binary).needs_trial


@runs_elf
def test_another_contract_is_tried_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = write_opencode(world.root / "mine", "1.19.5\n")
    remember_pass(binary, world.cache)
    monkeypatch.setattr(trials, "CONTRACT", trials.CONTRACT + 1)

    assert world.choose(binary).needs_trial


@runs_elf
def test_pass_that_cannot_be_remembered_is_no_trouble(world: World) -> None:
    binary = write_opencode(world.root / "mine", "1.19.5\n")
    world.cache.write_text("a file where the folder should be")

    remember_pass(binary, world.cache)

    assert world.choose(binary).needs_trial


@runs_elf
@pytest.mark.parametrize(
    "place",
    ["lib/node_modules/opencode-ai/node_modules", "lib/node_modules"],
    ids=["nested", "hoisted"],
)
def test_binary_behind_the_npm_shim_is_found(world: World, place: str) -> None:
    shim = write_script(
        world.root / "lib/node_modules/opencode-ai/bin/opencode", "#!/usr/bin/env node\n"
    )
    (world.bin / "opencode").symlink_to(shim)
    package = choose_release().package
    binary = write_opencode(world.root / place / package / "bin/opencode", "1.18.34\n")

    assert world.find() == binary


def test_shim_with_nothing_behind_it_is_passed_over(world: World) -> None:
    world.install_npm()
    write_script(world.bin / "opencode", "#!/bin/sh\nexit 3\n")

    assert world.find() == world.cached


@runs_elf
def test_version_question_carries_no_keys(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Mapping[str, str]] = []
    run = subprocess.run

    def spy(*args: Any, **kwargs: Any) -> Any:
        seen.append(kwargs["env"])
        return run(*args, **kwargs)

    monkeypatch.setattr(subprocess, "run", spy)
    monkeypatch.setenv("SOME_API_KEY", "secret")
    world.find(write_opencode(world.root / "mine", "1.18.34\n"))

    (environ,) = seen
    assert sorted(environ) == ["HOME", "PATH", "TMPDIR"]
    assert environ["HOME"] != str(Path.home())


def test_can_find_nothing_in_an_empty_world(world: World) -> None:
    assert not world.can_find()


def test_can_find_with_npm_or_a_cached_file(world: World) -> None:
    world.install_npm()
    assert world.can_find()
    world.find()
    (world.bin / "npm").unlink()
    assert world.can_find()


def test_can_find_on_path_without_running_it(world: World) -> None:
    (world.bin / "opencode").write_bytes(BINARY)
    (world.bin / "opencode").chmod(0o755)
    assert world.can_find()


@pytest.mark.parametrize(
    ("machine", "flags", "package"),
    [
        ("x86_64", "fpu avx avx2", "opencode-linux-x64"),
        ("AMD64", "fpu avx avx2", "opencode-linux-x64"),
        ("x86_64", "fpu avx", "opencode-linux-x64-baseline"),
        ("aarch64", "", "opencode-linux-arm64"),
        ("arm64", "", "opencode-linux-arm64"),
    ],
)
def test_release_follows_the_processor(
    tmp_path: Path, machine: str, flags: str, package: str
) -> None:
    cpu_info = tmp_path / "cpuinfo"
    cpu_info.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")

    assert choose_release(machine=machine, cpu_info=cpu_info).package == package


def test_release_of_an_unknown_processor(tmp_path: Path) -> None:
    with pytest.raises(OpenCodeMissingError, match="not built for this machine's processor"):
        choose_release(machine="riscv64", cpu_info=tmp_path / "none")


def test_pinned_release_is_the_supported_version(tmp_path: Path) -> None:
    release = choose_release(machine="x86_64", cpu_info=tmp_path / "none")

    assert release.spec == "opencode-linux-x64@1.18.34"
