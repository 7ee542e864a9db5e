"""Releases of other people's packages, read at run time; nothing of theirs is kept here."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path, PurePosixPath

from pytest_agentfix.testing.scripted_model.replies import (
    Reply,
    Say,
    Script,
    Turns,
    edits,
    reads,
    route,
)
from tests.kits.project_kit import Project

DOWNLOAD_LIMIT = 180  # seconds
TRIES = 2  # registries have hiccups

Tree = Mapping[str, bytes]  # paths from the sdist's own folder on -> content


@dataclass(frozen=True, kw_only=True)
class Regression:
    """Two neighbouring releases, and what the older one does wrong by the newer one's tests.

    ``fixes`` has the tests that fail, each with the one file in which the maintainers put it right.
    """

    package: str
    older: str
    newer: str
    arguments: tuple[str, ...]
    fixes: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.package}-{self.older}-{self.newer}"


@dataclass(frozen=True)
class Shelf:
    """Source distributions, downloaded once into ``folder``."""

    folder: Path
    _read: dict[str, Tree] = field(default_factory=dict)

    def take(self, package: str, version: str) -> Tree:
        """The release's files; raises ``RuntimeError`` where it cannot be had."""
        name = f"{package}-{version}"
        if name not in self._read:
            self._read[name] = read_sdist(download(package, version, self.folder / name))
        return self._read[name]


def download(package: str, version: str, folder: Path) -> Path:
    """Download an sdist with pip, from whatever index pip is set up for."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
    # Only this package comes as source; what it takes to build its metadata may come as wheels.
    command += ["--no-binary", package, "--dest", str(folder), f"{package}=={version}"]
    said = ""
    for _ in range(TRIES):
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=DOWNLOAD_LIMIT, check=False
            )
        except subprocess.TimeoutExpired as error:
            said = str(error)
            continue
        if done.returncode == 0:
            (archive,) = folder.iterdir()
            return archive
        said = done.stderr
    raise RuntimeError(f"{package} {version} cannot be downloaded:\n{said}")


def read_sdist(archive: Path) -> Tree:
    """Read the regular files of an sdist. Nothing is extracted, links are passed over."""
    with tarfile.open(archive) as tar:
        return dict(_read_members(tar))


def _read_members(tar: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in tar:
        path = PurePosixPath(member.name)
        content = tar.extractfile(member) if member.isfile() else None
        if content is None:
            continue
        assert not path.is_absolute(), member.name
        assert ".." not in path.parts, member.name
        yield "/".join(path.parts[1:]), content.read()


def replace_all(project: Project, tree: Tree, message: str) -> None:
    """Make ``tree`` the whole of the work tree, and commit it."""
    project.git("rm", "-rq", "--ignore-unmatch", ".")
    for path, content in tree.items():
        target = project.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    project.commit_all(message)


def with_tests_of(older: Tree, newer: Tree) -> Tree:
    """The older release's code with the newer one's tests."""
    code = {path: content for path, content in older.items() if not path.startswith("tests/")}
    tests = {path: content for path, content in newer.items() if path.startswith("tests/")}
    return {**code, **tests}


def play_maintainers(project: Project, regression: Regression, older: Tree, newer: Tree) -> Script:
    """A model that makes the maintainers' own edits in the file that each failing test needs."""

    def choose(prompts: str) -> Script:
        asked = [test for test in regression.fixes if f"- {test}" in prompts.splitlines()]
        replies: list[Reply] = []
        for source in {regression.fixes[test]: None for test in asked}:
            path = str(project.path / source)
            hunks = find_hunks(older[source].decode(), newer[source].decode())
            replies += [reads(path), *(edits(path, old, new) for old, new in hunks)]
        return Turns([[*replies, Say("done")]])

    return route(choose)


def find_hunks(old: str, new: str) -> list[tuple[str, str]]:
    """The replacements that make ``new`` of ``old`` one after the other.

    Each has the least context with which its place is the only one, as an edit tool wants it.
    """
    context = 1
    while True:
        hunks = _grouped(old.splitlines(keepends=True), new.splitlines(keepends=True), context)
        if _lead_to(old, hunks) == new:
            return hunks
        context += 1
        assert context < 1000, "no context makes the places unique"


def _grouped(old: list[str], new: list[str], context: int) -> list[tuple[str, str]]:
    groups = SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(context)
    spans = [(group[0], group[-1]) for group in groups]
    return [
        ("".join(old[first[1] : last[2]]), "".join(new[first[3] : last[4]]))
        for first, last in spans
    ]


def _lead_to(text: str, hunks: list[tuple[str, str]]) -> str | None:
    """What becomes of ``text``, or ``None`` when a place is not the only one."""
    for old, new in hunks:
        if text.count(old) != 1:
            return None
        text = text.replace(old, new)
    return text
