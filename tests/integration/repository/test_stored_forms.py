"""Files that git stores in another form than they have in the work tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_agentfix.core.errors import LandingError
from pytest_agentfix.repository import Repository
from pytest_agentfix.repository.attributes import StoredForms
from tests.kits.repository_kit import (
    digest_tree,
    make_fix,
    make_repository,
    run_git,
    start_run,
    write_files,
)

OLD, NEW = "größe\r\nname\r\n", "größe\r\nnäme\r\n"
FORMS = {
    "working-tree-encoding=UTF-16": "utf-16",
    "working-tree-encoding=UTF-16LE-BOM text eol=crlf": "utf-16",
    "working-tree-encoding=UTF-16LE text eol=crlf": "utf-16-le",
    "working-tree-encoding=latin1": "latin-1",
    "working-tree-encoding=CP1252 eol=crlf": "cp1252",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_work_tree_with_an_encoding_of_its_own(tmp_path: Path, form: str) -> None:
    old, new = (text.encode(FORMS[form]) for text in (OLD, NEW))
    files = {".gitattributes": f"*.csv {form}\n".encode(), "a.csv": old, "b.csv": old}
    top = make_repository(tmp_path / "r", files)
    run = start_run(top)
    landing = run.lander.land(make_fix({"a.csv": new, "b.csv": None, "c.csv": new}))
    assert (landing.branch, run_git(top, "status", "--porcelain")) == ("main", "")
    assert (top / "a.csv").read_bytes() == new
    stored = run_git(top, "cat-file", "blob", "HEAD:a.csv")
    assert stored.splitlines() == NEW.splitlines()
    # What git makes of the commit is what the tests saw.
    run_git(top, "rm", "-q", "--cached", "-r", ".")
    (top / "a.csv").unlink()
    run_git(top, "reset", "-q", "--hard")
    assert (top / "a.csv").read_bytes() == new


def test_uncommitted_edits_in_an_encoding_of_their_own(tmp_path: Path) -> None:
    files = {
        ".gitattributes": b"*.csv working-tree-encoding=UTF-16\n",
        "a.csv": OLD.encode("utf-16"),
    }
    top = make_repository(tmp_path / "r", files)
    write_files(top, {"a.csv": f"{OLD}mine\r\n".encode("utf-16")})
    landing = start_run(top).lander.land(make_fix({"a.csv": f"{NEW}mine\r\n".encode("utf-16")}))
    assert landing.branch == "agent-fix/test-a"
    added = run_git(top, "show", "--format=", str(landing.commit)).splitlines()
    assert [line for line in added if line.startswith("+") and line[1:2] != "+"] == ["+näme"]


def test_content_in_no_encoding_is_not_stored(tmp_path: Path) -> None:
    files = {".gitattributes": b"*.csv working-tree-encoding=UTF-16LE\n", "a.csv": b"a\0"}
    top = make_repository(tmp_path / "r", files)
    before = digest_tree(top)
    with pytest.raises(LandingError, match=r"'a.csv' is not in its working-tree-encoding"):
        start_run(top).lander.land(make_fix({"a.csv": b"abc"}))
    assert digest_tree(top) == before


@pytest.mark.parametrize(
    ("attributes", "autocrlf", "stored"),
    [
        ("*.py text", "false", b"1\n"),
        ("*.py eol=crlf", "false", b"1\n"),
        ("*.py text=auto", "false", b"1\n"),
        ("", "true", b"1\n"),
        ("", "input", b"1\n"),
        ("", "false", b"1\r\n"),
        ("*.py -text", "true", b"1\r\n"),
    ],
)
def test_a_new_file_with_crlf(
    tmp_path: Path, attributes: str, autocrlf: str, stored: bytes
) -> None:
    top = make_repository(tmp_path / "r", {".gitattributes": f"{attributes}\n".encode()})
    run_git(top, "config", "core.autocrlf", autocrlf)
    assert start_run(top).lander.land(make_fix({"new.py": b"1\r\n"})).branch == "main"
    assert run_git(top, "status", "--porcelain") == ""
    assert (top / "new.py").read_bytes() == b"1\r\n"
    assert int(run_git(top, "cat-file", "-s", "HEAD:new.py")) == len(stored)


@pytest.fixture
def filtered(tmp_path: Path) -> Path:
    """A repository with a filter that leaves no content as it is, like git-crypt."""
    top = tmp_path / "r"
    top.mkdir()
    run_git(top, "init", "-q")
    for name, program in (("clean", "tr a-z n-za-m"), ("smudge", "tr a-z n-za-m")):
        run_git(top, "config", f"filter.secret.{name}", program)
    run_git(top, "config", "filter.trim.clean", "cat")
    write_files(
        top,
        {
            ".gitattributes": b"*.key filter=secret\n*.py filter=trim\n*.txt filter=gone\n",
            "a.key": b"secret\n",
            "a.py": b"1\n",
            "a.txt": b"1\n",
        },
    )
    run_git(top, "add", "-A")
    run_git(top, "commit", "-q", "-m", "start")
    assert run_git(top, "show", "HEAD:a.key") == "frperg"
    return top


@pytest.mark.parametrize("path", ["a.key", "new.key"])
def test_nothing_is_stored_past_a_filter(filtered: Path, path: str) -> None:
    run = start_run(filtered)
    refs = run_git(filtered, "for-each-ref")
    with pytest.raises(LandingError, match=rf"git stores '{path}' through a filter"):
        run.lander.land(make_fix({path: b"plain\n"}))
    assert run_git(filtered, "for-each-ref") == refs
    assert run_git(filtered, "status", "--porcelain") == ""


def test_a_filter_that_leaves_a_file_alone_is_no_obstacle(filtered: Path) -> None:
    landing = start_run(filtered).lander.land(make_fix({"a.py": b"2\n", "a.txt": b"2\n"}))
    assert landing.branch == "main"


def test_what_the_policy_is_told(filtered: Path) -> None:
    write_files(
        filtered,
        {".gitattributes": b"*.key filter=secret\n*.csv working-tree-encoding=UTF-16LE-BOM\n"},
    )
    repository = Repository.open(filtered)
    files = {name: ((filtered / name).read_bytes(), False) for name in ("a.key", "a.py", "a.txt")}
    asked = [*files, "new.key", "x y\n.csv", "-rf", ":(top)a.key"]
    assert repository.read_stored_forms(asked, files.get) == StoredForms(
        encodings={"x y\n.csv": "utf-16"}, filtered=frozenset({"a.key", "new.key", ":(top)a.key"})
    )
    assert repository.read_stored_forms([], files.get) == StoredForms()
