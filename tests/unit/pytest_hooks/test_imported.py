"""The files that a process has imported, whatever objects its modules are."""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
import types
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.pytest_hooks.imported import find_imported_files


def module(file: object) -> types.ModuleType:
    made = types.ModuleType("made")
    vars(made)["__file__"] = file
    return made


def test_files_of_modules() -> None:
    stdlib = sysconfig.get_path("stdlib")
    files: list[object] = [
        "/p/a.py",
        "/p/b.so",
        "/p/a.py",
        "relative.py",
        None,
        3,
        f"{stdlib}/json/__init__.py",
    ]
    files += ["/p/.venv/lib/python3/site-packages/c.py", "/usr/lib/python3/dist-packages/d.py"]
    files += ["/p/\udcff.py", b"/p/e.py", Path("/p/f.py")]
    assert find_imported_files(map(module, files), []) == ("/p/a.py", "/p/b.so")


class Hostile:
    """Says no to everything."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


class Lazy(types.ModuleType):
    """Would import something, or end the process, when it is asked anything."""

    def __getattribute__(self, name: str) -> Any:
        pytest.fail(f"asked for {name}")


class Text(str):
    """Not what it seems."""

    __slots__ = ()

    def split(self, *_: Any) -> list[str]:
        raise RuntimeError


def test_modules_can_be_anything() -> None:
    lazy = Lazy("lazy")
    types.ModuleType.__getattribute__(lazy, "__dict__")["__file__"] = "/p/lazy.py"
    odd: list[object] = [Hostile(), lazy, None, 3, "", object(), Hostile, module(Text("/p/x.py"))]
    assert find_imported_files(odd, []) == ("/p/lazy.py",)


def test_a_lazy_module_stays_unloaded(tmp_path: Path) -> None:
    file = tmp_path / "lazily.py"
    file.write_text("raise SystemExit('loaded')\n")
    spec = importlib.util.spec_from_file_location("lazily", file)
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    assert find_imported_files([made], []) == (str(file),)


def test_metadata_beside_the_modules(tmp_path: Path) -> None:
    names = ["shop.egg-info/PKG-INFO", "b.dist-info/METADATA", "b.dist-info/licenses/MIT", "c.py"]
    names += ["old.egg-info", "deep/d.egg-info/PKG-INFO", "e/site-packages/e.dist-info/METADATA"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    entries = [str(tmp_path), f"{tmp_path}/e/site-packages", "/nowhere", "/nul\0", 3, tmp_path]
    found = find_imported_files([], entries)
    expected = ["b.dist-info/METADATA", "b.dist-info/licenses/MIT", "old.egg-info"]
    assert found == tuple(f"{tmp_path}/{name}" for name in [*expected, "shop.egg-info/PKG-INFO"])


def test_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "of_the_user", module("/p/user.py"))
    monkeypatch.setitem(sys.modules, "hostile", Hostile())
    found = find_imported_files()
    assert {"/p/user.py", __file__} <= set(found)
    assert not any("site-packages" in path for path in found)
