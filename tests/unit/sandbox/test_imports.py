"""The places that an interpreter imports from are found, and what lies beside them is not."""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_agentfix.sandbox.environments.environment import Environment
from pytest_agentfix.sandbox.environments.imports import (
    MOST_SINGLE,
    Boundary,
    find_mapped,
    find_on_path,
    find_root,
)
from pytest_agentfix.sandbox.environments.mirror import (
    _find_parts,
    _find_variables,
    _follow_links,
    add_imported,
    list_left_out,
)

CHECKOUT = (
    "shop/__init__.py",
    "shop/cart.py",
    "single.py",
    "fast.cpython-311-x86_64-linux-gnu.so.txt",
    "acme/part/__init__.py",
    "shop.egg-info/PKG-INFO",
    ".git/config",
    ".env",
    ".envrc",
    "credentials.json",
    "README.md",
    "data/rates.json",
    "node_modules/x/index.js",
    "not-a-name/x.py",
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home" / "me"
    home.mkdir(parents=True)
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    return home


@pytest.fixture
def boundary(home: Path) -> Boundary:
    return Boundary(home / "top")


def lay(folder: Path, *names: str, text: str = "") -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def on_path(entries: Iterable[object], boundary: Boundary) -> list[Path]:
    return [path for entry in entries for path in find_on_path(entry, boundary)]


def show(found: Iterable[Path], folder: Path) -> list[str]:
    return sorted({os.path.relpath(path, folder) for path in found})


def test_of_a_checkout_only_what_can_be_imported(home: Path, boundary: Boundary) -> None:
    checkout = lay(home / "work/shop", *CHECKOUT)
    found = show(on_path([str(checkout)], boundary), checkout)
    assert found == ["acme", "shop", "shop.egg-info", "single.py"]


def test_a_folder_of_packages_is_taken_whole(home: Path, boundary: Boundary) -> None:
    names = [".local/lib/python3/site-packages", "target", "deep/site-packages/win32"]
    lay(home, "target/a-1.dist-info/METADATA", f"{names[0]}/a.py", f"{names[2]}/b.py")
    assert show(on_path([f"{home}/{name}" for name in names], boundary), home) == sorted(names)


def test_a_zipped_egg_is_a_file(home: Path, boundary: Boundary) -> None:
    lay(home, "shop-1.0.egg")
    assert show(on_path([f"{home}/shop-1.0.egg"], boundary), home) == ["shop-1.0.egg"]


def test_no_home_and_no_wide_folder_is_mounted(home: Path, boundary: Boundary) -> None:
    lay(home, "module.py", "top/src/shop.py", "top/shop/__init__.py")
    for path in ("/", "/etc", "/tmp", home.parent, home, home / "top", home / "top/src"):
        assert on_path([str(path)], boundary) == [], path
    assert on_path(["relative", "", "/no/such", "/nul\0", None, home], boundary) == []
    # What was imported from a home is, and nothing else of it.
    assert show(find_root(f"{home}/module.py", boundary), home) == ["module.py"]


def test_the_users_own_tree_is_not_mounted_by_another_name(home: Path, boundary: Boundary) -> None:
    lay(home, "top/src/shop.py", "lib/other.py")
    links = home / "links"
    links.mkdir()
    for name, target in (("top", home / "top"), ("above", home), ("lib", home / "lib")):
        (links / name).symlink_to(target)
    for path in ("top", "top/src", "above", "above/top/src"):
        assert on_path([str(links / path)], boundary) == [], path
    found = show(on_path([str(links / "lib")], boundary), home)
    assert found == ["lib/other.py", "links/lib/other.py"]


def test_an_environment_in_the_tree(home: Path, boundary: Boundary) -> None:
    """Without a ``pyvenv.cfg`` nothing else tells of it."""
    path = "top/__pypackages__/3.11/lib"
    lay(home, f"{path}/shop.py")
    assert show(on_path([f"{home}/{path}"], boundary), home) == [path]


@pytest.mark.parametrize("count", [1, MOST_SINGLE + 1])
def test_packages_that_are_links_into_a_cache(home: Path, boundary: Boundary, count: int) -> None:
    cache, packages = home / ".cache/uv/archive", home / "venv/site-packages"
    for number in range(count):
        names = (f"a{number}/__init__.py", f"a{number}-1.dist-info/METADATA")
        lay(cache / f"{number}", *names)
        for name in names:
            (packages / name).parent.mkdir(parents=True)
            (packages / name).symlink_to(cache / f"{number}" / name)
    found = show(on_path([str(packages)], boundary), home)
    place = ".cache/uv/archive/0" if count == 1 else ".cache/uv/archive"
    assert found == [place, "venv/site-packages"]


def test_what_may_be_secret_stays_outside(home: Path, boundary: Boundary) -> None:
    package = home / "work/shop"
    lay(package, "__init__.py", "tokens.py", "deep/a.py", "deep/b.json", "__pycache__/x.pyc")
    assert show(find_root(f"{package}/deep/a.py", boundary), package) == ["deep/a.py"]
    assert show(find_root(f"{package}/__init__.py", boundary), package) == ["."]
    lay(package, "deep/.env", "deep/id_rsa", "__pycache__/local_settings.cpython-311.pyc")
    lay(package, "local_settings.py", text="SECRET_KEY = 'planted-secret'\n")
    found = show(find_root(f"{package}/__init__.py", boundary), package)
    expected = ["__init__.py", "__pycache__/x.pyc", "deep/a.py", "deep/b.json", "tokens.py"]
    assert found == expected


class Finder:
    """An import hook with a table of its own, as the backends of editable installs make them."""

    def __init__(self, **tables: Any) -> None:
        vars(self).update(tables)


def test_what_import_hooks_know(home: Path, boundary: Boundary) -> None:
    lay(home, "a/pkg/__init__.py", "a/pkg/inner/__init__.py", "b/module.py", "c/ns/x.py", "d/e.py")
    lay(home, "f/g/__init__.py", "f/g/fast.abi3.so", "top/own/__init__.py", ".ssh/id_rsa")
    lay(home, ".config/app/settings.json", "data/rates.json")
    finder = Finder(
        mapping={"pkg": f"{home}/a/pkg", "module": f"{home}/b/module", "own": f"{home}/top/own"},
        namespaces={"ns": [f"{home}/c/ns"]},
        redirections={"d": f"{home}/d/e.py", "home": str(home), "key": f"{home}/.ssh/id_rsa"},
        tree={"g": {"__init__.py": f"{home}/f/g/__init__.py", "n": {"x": f"{home}/f/g/fast"}}},
        settings={"config": f"{home}/.config", "data": f"{home}/data"},
        other={1: 2, "relative": "b/module.py", "nul": "/a\0", "none": None},
        folder=f"{home}/a",
    )
    found = show(find_mapped([sys.meta_path[0], finder, Finder, object()], boundary), home)
    assert found == ["a/pkg", "b/module.py", "c/ns", "d/e.py", "f/g"]


def test_setuptools_own_hook(
    home: Path, boundary: Boundary, monkeypatch: pytest.MonkeyPatch
) -> None:
    editable_wheel = pytest.importorskip("setuptools.command.editable_wheel")
    lay(home, "work/src/shop/__init__.py", "work/single.py", "spaces/acme/part/x.py")
    mapping = {"shop": f"{home}/work/src/shop", "single": f"{home}/work/single"}
    spaces = {"acme": [f"{home}/spaces/acme"]}
    text = editable_wheel._finder_template("__editable___shop_finder", mapping, spaces)
    made = ModuleType("__editable___shop_finder")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    exec(text, vars(made))  # as its .pth file imports it
    found = show(find_mapped([vars(made)["_EditableFinder"]], boundary), home)
    assert found == ["spaces/acme", "work/single.py", "work/src/shop"]


def test_what_was_imported_meanwhile(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(home, "work/shop/__init__.py", "work/shop/cart.py", "top/own.py", "have/x.py", "tmp/t.py")
    monkeypatch.setattr("tempfile.tempdir", str(home / "tmp"))
    have = {home / "have": home / "have"}
    environment = Environment(kind="mirror", image="i", python="p", user=(1, 1), read_only=have)
    files = ["work/shop/cart.py", "work/shop/__init__.py", "top/own.py", "have/x.py", "tmp/t.py"]
    imported = [f"{home}/{file}" for file in files]
    added = add_imported(environment, imported, home / "top")
    assert show(added.read_only, home) == ["have", "work/shop"]
    assert add_imported(added, imported, home / "top") == added
    assert list_left_out(added, imported, home / "top") == ()
    lay(home, "local_settings.py", text="PASSWORD = 'planted-secret'\n")
    more = [*imported, f"{home}/local_settings.py", f"{home}/gone.py"]
    assert add_imported(added, more, home / "top") == added
    assert list_left_out(added, more, home / "top") == (f"{home}/local_settings.py",)
    image = Environment(kind="image", image="i", python="p", user=(1, 1))
    assert add_imported(image, imported, home / "top") == image


def test_a_home_that_is_an_environment(
    home: Path, boundary: Boundary, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(home, "pyvenv.cfg", "lib/python3/site-packages/a.py", "lib/libpython3.so", ".ssh/id_rsa")
    lay(home / ".local", "lib/python3/a.py", "share/keyrings/x")
    monkeypatch.setattr("sysconfig.get_path", lambda _: f"{home}/lib/python3/site-packages")
    found = show(_find_parts(home, boundary), home)
    assert found == ["lib/libpython3.so", "lib/python3/site-packages", "pyvenv.cfg"]
    monkeypatch.setattr("sysconfig.get_path", lambda _: f"{home}/.local/lib/python3")
    assert show(_find_parts(home / ".local", boundary), home) == [".local/lib/python3"]
    uv = home / ".local/share/uv/python/cpython-3.12"
    assert list(_find_parts(uv, boundary)) == [uv]


def test_an_interpreter_behind_links(home: Path) -> None:
    lay(home, "versions/3.12.1/bin/python3.12")
    (home / "versions/3.12").symlink_to("3.12.1")
    (home / "bin").mkdir()
    (home / "bin/python").symlink_to("../versions/3.12/bin/python3.12")
    found = show(_follow_links(home / "bin/python"), home)
    assert found == ["bin/python", "versions/3.12.1/bin/python3.12"]
    (home / "loop").symlink_to(home / "loop")
    assert set(_follow_links(home / "loop")) == {home / "loop"}


def test_variables_that_lead_to_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "ENABLE_USER_SITE", True)
    monkeypatch.setattr(site, "getusersitepackages", lambda: "/home/me/.local/lib/site-packages")
    monkeypatch.setattr(site, "getuserbase", lambda: "/home/me/.local")
    monkeypatch.setattr(sys, "path", ["/home/me/.local/lib/site-packages"])
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/python/lib::/home/me/lib")
    expected = {"PYTHONUSERBASE": "/home/me/.local", "LD_LIBRARY_PATH": "/opt/python/lib"}
    assert _find_variables([Path("/opt/python")]) == expected
    monkeypatch.setattr(site, "ENABLE_USER_SITE", False)
    monkeypatch.delenv("LD_LIBRARY_PATH")
    assert _find_variables([Path("/opt/python")]) == {}
