"""The base over time: fixes on top of it, the tree moving on under it, and its size."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.core.model import ChangeSet, FileChange
from pytest_agentfix.sandbox.workspace import Base
from pytest_agentfix.sandbox.workspace.file_copier import sign
from pytest_agentfix.sandbox.workspace.tree import EXECUTABLE_FILE, PLAIN_FILE, FileTree, PathList

FILES = ["calc.py", "pkg/a.py", "pkg/b.py", "link", "conf/hidden.json"]

LONG_AGO = 10**18  # ns


def _is_hidden(path: str) -> bool:
    return path.endswith("hidden.json")


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    for path in FILES:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        if path == "link":
            (top / path).symlink_to("pkg")
        else:
            (top / path).write_text(path)
    return top


@pytest.fixture
def base(top: Path, tmp_path: Path) -> Base:
    return Base.create(top=top, files=FILES, folder=tmp_path / "base", is_hidden=_is_hidden)


def test_hidden_files_have_a_folder_of_their_own(base: Base) -> None:
    assert (base.place.hidden / "conf/hidden.json").read_text() == "conf/hidden.json"
    assert sorted(path.name for path in base.place.plain.iterdir()) == ["calc.py", "link", "pkg"]
    assert base.read("conf/hidden.json") == (b"conf/hidden.json", False)


FIX = ChangeSet(
    {"calc.py": FileChange(b"x"), "pkg/a.py": FileChange(None), "n.py": FileChange(b"n")}
)


def test_the_delta_is_what_fixes_changed(base: Base) -> None:
    assert base.delta() == ChangeSet()
    assert base.with_changes(FIX).delta() == FIX
    back = base.with_changes(FIX).with_changes(ChangeSet({"n.py": FileChange(None)}))
    assert back.delta() == ChangeSet({"calc.py": FileChange(b"x"), "pkg/a.py": FileChange(None)})


def test_a_tree_that_stayed_as_it_was(base: Base, top: Path) -> None:
    os.utime(top / "calc.py", ns=(LONG_AGO, LONG_AGO))  # touched, the same all the same
    again, is_changed = base.refresh(FILES)
    assert (again, is_changed) == (base, False)


def _write(top: Path) -> None:
    (top / "calc.py").write_text("calc.pY")


def _write_in_secret(top: Path) -> None:
    """The same size and time, as a test might do that restores what it changed, badly."""
    before = (top / "calc.py").stat().st_mtime_ns
    (top / "calc.py").write_text("calc.pY")
    os.utime(top / "calc.py", ns=(before, before))


def _make_executable(top: Path) -> None:
    (top / "calc.py").chmod(0o755)


def _link(top: Path) -> None:
    (top / "link").unlink()
    (top / "link").symlink_to("pkg/a.py")


def _replace_by_link(top: Path) -> None:
    (top / "calc.py").unlink()
    (top / "calc.py").symlink_to("pkg")


def _remove(top: Path) -> None:
    (top / "pkg/a.py").unlink()
    (top / "pkg/b.py").unlink()


def _add(top: Path) -> None:
    (top / "new").mkdir()
    (top / "new/n.py").write_text("n")


def _file_to_folder(top: Path) -> None:
    (top / "calc.py").unlink()
    (top / "calc.py").mkdir()
    (top / "calc.py/x.py").write_text("x")


def _hidden(top: Path) -> None:
    (top / "conf/hidden.json").write_text("{}")


CHANGES = [
    *(_write, _write_in_secret, _make_executable, _link, _replace_by_link),
    *(_remove, _add, _file_to_folder, _hidden),
]


@pytest.mark.parametrize("change", CHANGES, ids=[change.__name__ for change in CHANGES])
def test_a_tree_that_changed_is_laid_out_anew(base: Base, top: Path, change: object) -> None:
    assert callable(change)
    change(top)
    files = [
        str(path.relative_to(top))
        for path in sorted(top.rglob("*"))
        if path.is_symlink() or path.is_file()
    ]
    again, is_changed = base.refresh(files)
    assert is_changed
    fresh = Base.create(
        top=top, files=files, folder=base.place.folder.parent / "fresh", is_hidden=_is_hidden
    )
    assert dict(again.files) == dict(fresh.files)
    assert _tree(again.place.folder) == _tree(fresh.place.folder)
    assert again.refresh(files)[1] is False


def _tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else path.read_text()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def test_a_signature_is_taken_from_files_that_rest_only(top: Path, tmp_path: Path) -> None:
    """A file changed while it is copied, or right after, may keep its size and times."""
    changed = (top / "calc.py").lstat().st_ctime_ns
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.time_ns", lambda: changed + 10**9)
        base = Base.create(top=top, files=["calc.py"], folder=tmp_path / "base")
        assert list(base.copy.signatures) == [0]
        patch.setattr("time.time_ns", lambda: changed + 10**10)
        rested = Base.create(top=top, files=["calc.py"], folder=tmp_path / "rested")
    assert list(rested.copy.signatures) == [sign((top / "calc.py").lstat())]


def test_what_was_left_out_is_no_news(top: Path, tmp_path: Path) -> None:
    os.mkfifo(top / "fifo")
    files = [*FILES, "fifo", "gone.py"]
    base = Base.create(top=top, files=files, folder=tmp_path / "base")
    again, is_changed = base.refresh(files)
    assert (is_changed, again.notices, len(base.notices)) == (False, base.notices, 1)


CACHES = ["__pycache__/calc.cpython-311.pyc", "pkg/calc.pyc", ".coverage", ".ruff_cache/0"]


def test_what_tools_leave_is_no_news(top: Path, tmp_path: Path) -> None:
    """Every suite does, where nothing is ignored: what stands on the base may stay."""
    old, new = CACHES[:2], CACHES[2:]
    _fill(top, old, "old")
    base = Base.create(top=top, files=[*FILES, *old], folder=tmp_path / "base")
    _fill(top, [CACHES[1], *new], "new")
    (top / CACHES[0]).unlink()
    assert base.refresh([*FILES, *CACHES[1:]]) == (base, False)
    assert base.read(CACHES[0]) == (b"old", False)


def test_what_tools_leave_comes_along_with_the_rest(top: Path, tmp_path: Path) -> None:
    base = Base.create(top=top, files=FILES, folder=tmp_path / "base")
    _fill(top, [*CACHES, "new.py"], "new")
    again, is_changed = base.refresh([*FILES, *CACHES, "new.py"])
    assert is_changed
    assert again.read(CACHES[0]) == (b"new", False)


def test_an_example_that_failed_is_news(top: Path, tmp_path: Path) -> None:
    """Without it the test that failed may pass in the sandbox."""
    base = Base.create(top=top, files=FILES, folder=tmp_path / "base")
    _fill(top, [".hypothesis/examples/1/2"], "0")
    again, is_changed = base.refresh([*FILES, ".hypothesis/examples/1/2"])
    assert is_changed
    assert again.read(".hypothesis/examples/1/2") == (b"0", False)


def _fill(top: Path, paths: Sequence[str], text: str) -> None:
    for path in paths:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text)


def test_a_hundred_thousand_files_take_little_room() -> None:
    paths = [f"package/module_{number % 1000}/file_{number}.py" for number in range(100_000)]
    tree = FileTree(dict.fromkeys(paths, PLAIN_FILE))
    per_file = (sys.getsizeof(tree.copied) + sum(map(sys.getsizeof, paths))) / len(paths)
    assert per_file < 250  # bytes
    more = tree.with_delta({"new.py": EXECUTABLE_FILE})
    assert (more.copied, len(more)) == (tree.copied, 100_001)


NAMES = st.sampled_from(["a", "a.b", "a0", "b", "a-b"])

PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


@given(
    copied=st.sets(PATHS),
    delta=st.dictionaries(PATHS, st.sampled_from([None, PLAIN_FILE])),
    folder=PATHS,
)
def test_a_tree_says_what_a_plain_mapping_would(
    copied: set[str], delta: dict[str, None], folder: str
) -> None:
    plain = dict.fromkeys(copied, PLAIN_FILE)
    tree = FileTree(plain).with_delta(delta)
    for path, entry in delta.items():
        plain.pop(path, None)
        if entry is not None:
            plain[path] = entry
    below = {path for path in plain if path.startswith(f"{folder}/")}
    assert (dict(tree), len(tree)) == (plain, len(plain))
    assert tree.has_folder(folder) == bool(below)
    assert set(tree.below(folder)) == below
    assert tree.names_in(folder) == {path[len(folder) + 1 :].partition("/")[0] for path in below}
    assert {path for path in copied | delta.keys() if path in tree} == plain.keys()
    listed = PathList(copied)
    assert list(listed.below("")) == sorted(copied)
    assert set(listed.names_in("")) == {path.partition("/")[0] for path in copied}
