"""Advice on what a sandbox lacks, by names that nobody vouches for."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_agentfix.core.model import Want, WantKind
from pytest_agentfix.repository.gitignore import IgnoreRules, parse_patterns
from pytest_agentfix.runtime.advice import Advisor


@pytest.fixture
def advisor(tmp_path: Path) -> Advisor:
    top, home = tmp_path / "home/shop", tmp_path / "home"
    ignored = ["data/rates.json", "data/cache/a.bin", "gen.py", "pkg/_fast.cpython-311.so"]
    for name in [*ignored, "tracked.json", "[x].json", ".git/HEAD", "odd\n.json"]:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).touch()
    (home / ".shop").mkdir()
    (home / ".shop/rates.json").touch()
    (tmp_path / "elsewhere.json").touch()
    lines = ["data/", "gen.py", "*.so", "[[]x].json", "odd*"]
    return Advisor(
        top=top,
        home=home,
        environ={"SHOP_MODE": "hush", "SHOP_API_KEY": "hush"},
        is_ignored=IgnoreRules({"": parse_patterns(lines)}).is_ignored,
        cwd=top,
    )


def advise(advisor: Advisor, kind: WantKind, name: str) -> str:
    return advisor.advise(Want(kind, name))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("data/rates.json", "data/rates.json"),
        ("{top}/data/rates.json", "data/rates.json"),
        ("{top}/pkg/../data/rates.json", "data/rates.json"),
        ("data/cache", "data/cache/**"),
        ("[x].json", "\\[x].json"),
    ],
)
def test_an_ignored_file_of_the_tree(advisor: Advisor, name: str, value: str) -> None:
    told = advise(advisor, WantKind.FILE, name.format(top=advisor.top))
    assert told.endswith(f"add it: agent_fix_include = {value}")


@pytest.mark.parametrize("name", ["~/.shop/rates.json", "/tmp/home/.shop/rates.json"])
def test_a_file_below_home(advisor: Advisor, name: str) -> None:
    told = advise(advisor, WantKind.FILE, name)
    assert told.startswith("~/.shop/rates.json is there on this machine, but a sandbox's HOME is")
    assert "--agent-fix-image" in told
    assert told == advise(advisor, WantKind.FILE, f"{advisor.home}/.shop/rates.json")


@pytest.mark.parametrize(
    "name",
    [
        *("tracked.json", "data/none.json", "~/none", "../../elsewhere.json", "/etc/passwd", ""),
        *("~root/.ssh", "~/../elsewhere.json", "/tmp/home/../../etc/passwd", "a\0b", "x" * 5000),
        *("/tmp/home", "~", ".", "\udcff", "x" * 300),
    ],
)
def test_nothing_is_told_of_other_files(advisor: Advisor, name: str) -> None:
    assert advise(advisor, WantKind.FILE, name) == ""


def test_control_characters_go_nowhere(advisor: Advisor) -> None:
    odd = "odd\n.json"
    assert advise(advisor, WantKind.FILE, odd) == "git ignores odd .json: see agent_fix_include"
    for kind in WantKind:
        told = advise(advisor, kind, "\x1b]52;c;x\x07::set-env name=x::y\n\u202e" + "y" * 3000)
        assert told.isprintable()
        assert len(told) <= 600


def test_a_variable_by_its_name_only(advisor: Advisor) -> None:
    assert advise(advisor, WantKind.VARIABLE, "SHOP_MODE") == (
        "SHOP_MODE is set on this machine; give it to sandboxes: agent_fix_env = SHOP_MODE"
    )
    assert "keys never enter" in advise(advisor, WantKind.VARIABLE, "SHOP_API_KEY")
    for name in ("UNSET", "", "A=B", "A\nB"):
        assert advise(advisor, WantKind.VARIABLE, name) == ""


def test_modules(advisor: Advisor) -> None:
    assert advise(advisor, WantKind.MODULE, "gen").endswith("agent_fix_include = gen.py")
    fast = advise(advisor, WantKind.MODULE, "pkg._fast")
    assert fast.endswith("agent_fix_include = pkg/_fast.cpython-311.so")
    assert advise(advisor, WantKind.MODULE, "numpy.linalg") == (
        "sandboxes have no module numpy.linalg: use an image that has it (--agent-fix-image)"
    )
    for name in ("", "../gen", "a..b", "/etc/passwd", "gen\0"):
        assert advise(advisor, WantKind.MODULE, name) == ""


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        (WantKind.PROGRAM, "gs", "no program gs: use an image"),
        (WantKind.LOCALE, "de_DE.UTF-8", "the locale de_DE.UTF-8"),
        (WantKind.ADDRESS, "192.0.2.1", "the address 192.0.2.1"),
        (WantKind.NETWORK, "example.com", "no network (example.com)"),
        (WantKind.PERMISSION, "/var/x", "ordinary user and do not give access to /var/x"),
        (WantKind.HISTORY, "", "agent_fix_repository_history = judge"),
        (WantKind.FILE, ".git/HEAD", "agent_fix_repository_history = judge"),
    ],
)
def test_what_else_helps(advisor: Advisor, kind: WantKind, name: str, words: str) -> None:
    assert words in advise(advisor, kind, name)


def test_there_is_advice_for_every_kind(advisor: Advisor) -> None:
    assert all(isinstance(advise(advisor, kind, "x"), str) for kind in WantKind)
