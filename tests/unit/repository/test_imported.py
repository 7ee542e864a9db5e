"""Find the files that a run imported in the tree, and choose those that come along."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_agentfix.repository import imported
from pytest_agentfix.repository.imported import choose_imported, find_below


def write(top: Path, *names: str, text: str = "x = 1\n") -> None:
    for name in names:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)


def test_only_what_is_in_the_tree(tmp_path: Path) -> None:
    top = tmp_path / "top"
    write(top, "a.py", "pkg/b.py", ".venv/pyvenv.cfg", ".venv/lib/c.py", ".git/hooks/d.py")
    write(tmp_path, "outside.py", "topology/e.py")
    names = ["a.py", "pkg/b.py", ".venv/lib/c.py", ".git/hooks/d.py", "../outside.py"]
    files = [f"{top}/{name}" for name in names]
    files += [f"{tmp_path}/topology/e.py", "/", "", "a.py", "/nul\0", str(top), f"{top}/"]
    assert find_below(top, files) == ("a.py", "pkg/b.py")


def test_links_are_followed_and_lead_nowhere_else(tmp_path: Path) -> None:
    top = tmp_path / "top"
    write(top, "build/gen.py", "real.py")
    write(tmp_path, "outside/out.py")
    (top / "src").mkdir()
    (top / "src/gen").symlink_to("../build")
    (top / "src/here.py").symlink_to("../real.py")
    (top / "src/out.py").symlink_to(tmp_path / "outside/out.py")
    (top / "src/folder").symlink_to(tmp_path / "outside")
    (tmp_path / "alias").symlink_to(top)
    names = ["src/gen/gen.py", "src/here.py", "src/out.py", "src/folder/out.py"]
    expected = ("build/gen.py", "real.py", "src/here.py")
    assert find_below(top, [f"{top}/{name}" for name in names]) == expected
    assert find_below(tmp_path / "alias", [f"{tmp_path}/alias/real.py"]) == ("real.py",)


def test_secrets_stay_out_and_are_named_with_the_line_that_takes_them(tmp_path: Path) -> None:
    write(tmp_path, "_version.py", "tokens.py", "[a].py")
    write(tmp_path, "shop/conf.py", "[a].py", text="SECRET_KEY = 'hush'\n")
    chosen = choose_imported(tmp_path, ["[a].py", "_version.py", "shop/conf.py", "tokens.py"])
    assert chosen.paths == ("_version.py",)
    take = "to take it along all the same: agent_fix_include ="
    assert chosen.left_out == (
        f"[a].py is not in the sandbox: it looks as if it held a secret; {take} \\[a].py",
        f"shop/conf.py is not in the sandbox: it looks as if it held a secret; {take} shop/conf.py",
        f"tokens.py is not in the sandbox: by its name it may hold secrets; {take} tokens.py",
    )
    assert "hush" not in repr(chosen)
    assert chosen.notices[-1] == (
        "ignored by git and imported by the tests, so in the sandbox: _version.py "
        "(read-only for the agent)"
    )


def test_large_files_stay_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imported, "FILE_LIMIT", 2 << 20)
    monkeypatch.setattr(imported, "TOTAL_LIMIT", 3 << 20)
    for name, size in (("a.so", 1 << 20), ("b.so", 3 << 20), ("c.so", 2 << 20), ("d.so", 1 << 20)):
        (tmp_path / name).touch()
        os.truncate(tmp_path / name, size)
    monkeypatch.setattr(imported, "TEXT_LIMIT", 1 << 20)
    (tmp_path / "e.py").write_text("#" * ((1 << 20) + 1))
    chosen = choose_imported(tmp_path, ["a.so", "b.so", "c.so", "d.so", "e.py", "gone.so"])
    assert chosen.paths == ("a.so", "c.so")
    reasons = [line.partition(": ")[2].partition(";")[0] for line in chosen.left_out]
    assert reasons == [
        "it is larger than 2 MB",
        "ignored files come along up to 3 MB in all",
        "it is a text larger than 1 MB",
        "it cannot be read (No such file or directory)",
    ]


def test_long_lists_are_cut(tmp_path: Path) -> None:
    names = [f"m{number}.py" for number in range(9)]
    secrets = [f"token_{number}.py" for number in range(7)]
    write(tmp_path, *names, *secrets)
    notices = choose_imported(tmp_path, [*names, *secrets]).notices
    assert len(notices) == 7
    assert notices[5] == "2 more ignored files that the tests imported are left out too"
    assert "m0.py, m1.py, m2.py, m3.py, m4.py and 4 more (" in notices[6]


def test_nothing_to_tell(tmp_path: Path) -> None:
    assert choose_imported(tmp_path, []).notices == ()
