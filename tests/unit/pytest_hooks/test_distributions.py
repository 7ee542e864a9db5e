"""Distributions that were made from the tree, by what is written about them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_agentfix.pytest_hooks.distributions import find_made_from, normalise_name

SITE = "site/shop_cart-1.0.dist-info"


def lay(folder: Path, *names: str, **texts: str) -> None:
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(texts.get(target.name.partition(".")[0], ""))


def lay_site(tmp_path: Path, url: object, *, editable: object = False) -> None:
    lay(tmp_path, "site/shop/cart.py", f"{SITE}/METADATA")
    noted = {"url": url, "dir_info": {"editable": editable}}
    (tmp_path / SITE / "direct_url.json").write_text(json.dumps(noted))


def find(tmp_path: Path, file: str = "site/shop/cart.py") -> list[str]:
    """Return the sources of ``file`` relative to the top, one for each that was made of it."""
    made = find_made_from(str(tmp_path / "top"), ["", f"{tmp_path}/site", "/no/such", "/nul\0"])
    sources = [one.find_source(str(tmp_path / file)) for one in made]
    return [str(Path(source).relative_to(tmp_path / "top")) for source in sources if source]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pyproject.toml", '[project]\nname = "Shop.Cart"\n'),
        ("pyproject.toml", "[tool.poetry]\nname='shop_cart'\n"),
        ("setup.cfg", "[metadata]\nname = shop-cart\n"),
        ("setup.py", "from setuptools import setup\nsetup(version='1', name='shop-cart')\n"),
    ],
)
def test_a_project_is_known_by_its_name(tmp_path: Path, file: str, text: str) -> None:
    lay(tmp_path, "top/src/shop/cart.py", "site/shop/cart.py", f"{SITE}/METADATA")
    (tmp_path / "top" / file).write_text(text)
    assert find(tmp_path) == ["src/shop/cart.py"]


def test_by_the_metadata_that_building_it_has_left(tmp_path: Path) -> None:
    lay(tmp_path, "top/setup.py", "top/src/shop_cart.egg-info/PKG-INFO", "top/src/shop/cart.py")
    lay(tmp_path, "site/shop/cart.py", f"{SITE}/METADATA")
    assert find(tmp_path) == ["src/shop/cart.py"]


@pytest.mark.parametrize("folder", ["", "packages/cart", "a/b/c"])
def test_by_where_it_was_installed_from(tmp_path: Path, folder: str) -> None:
    place = Path("top", folder)
    lay(tmp_path, str(place / "setup.py"), str(place / "lib/shop/cart.py"))
    lay_site(tmp_path, (tmp_path / place).as_uri())
    assert find(tmp_path) == [f"{folder}/lib/shop/cart.py".lstrip("/")]


def test_an_editable_one_of_the_tree_is_no_copy(tmp_path: Path) -> None:
    lay(tmp_path, "top/setup.py", "top/src/shop/cart.py", "top/src/shop_cart.egg-info/PKG-INFO")
    lay_site(tmp_path, (tmp_path / "top").as_uri(), editable=True)
    assert find(tmp_path) == find(tmp_path, "top/src/shop/cart.py") == []


def test_an_editable_one_of_another_checkout(tmp_path: Path) -> None:
    lay(tmp_path, "top/src/shop/cart.py", "top/src/shop_cart.egg-info/PKG-INFO", "top/setup.py")
    lay_site(tmp_path, (tmp_path / "other").as_uri(), editable=True)
    assert find(tmp_path, "other/src/shop/cart.py") == ["src/shop/cart.py"]
    assert find(tmp_path, "other/.venv/lib/site-packages/shop/cart.py") == []


def test_a_folder_that_is_named_in_another_way(tmp_path: Path) -> None:
    lay(tmp_path, "top/setup.py", "top/shop/cart.py")
    lay_site(tmp_path, (tmp_path / "top").as_uri())
    (tmp_path / "link").symlink_to(tmp_path / "site")
    assert find(tmp_path, "link/shop/cart.py") == ["shop/cart.py"]


def test_what_is_generated_belongs_to_its_package(tmp_path: Path) -> None:
    lay(tmp_path, "top/setup.py", "top/shop/cart.py", "top/shop/fast.pyx")
    lay_site(tmp_path, (tmp_path / "top").as_uri())
    rows = "shop/cart.py,,\nshop/_version.py,,\nshop/fast.so,,\nother.py,,\n../../bin/shop,,\n"
    (tmp_path / SITE / "RECORD").write_text(rows)
    assert find(tmp_path, "site/shop/_version.py") == ["shop"]
    assert find(tmp_path, "site/shop/fast.so") == ["shop/fast.pyx"]
    assert find(tmp_path, "site/other.py") == ["."]
    assert find(tmp_path, "site/other/cart.py") == []


@pytest.mark.parametrize("url", ["https://h/top", None, 3, ["x"], "file:///nul%00", "file://[", ""])
def test_any_note_of_an_origin_is_taken(tmp_path: Path, url: object) -> None:
    lay(tmp_path, "top/setup.py", "top/shop/cart.py")
    lay_site(tmp_path, url, editable="yes")
    assert find(tmp_path) == []


@pytest.mark.parametrize("text", ["", "[" * 100_000, "[]", "nul\0", '{"dir_info": 3, "url": "x"}'])
def test_any_text_of_it_is_taken(tmp_path: Path, text: str) -> None:
    lay(tmp_path, "top/setup.py", "top/shop/cart.py")
    lay_site(tmp_path, "")
    (tmp_path / SITE / "direct_url.json").write_text(text)
    assert find(tmp_path) == []


def test_names_have_many_spellings() -> None:
    assert {normalise_name(name) for name in ("A.b_c", "a-b-c", "a__b--C")} == {"a-b-c"}
