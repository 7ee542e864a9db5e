"""Texts that are not UTF-8 stay in their encoding, whatever wrote them."""

from __future__ import annotations

import codecs

import pytest

from pytest_agentfix.core.model import ChangeSet, Collected, Drop, FileChange
from pytest_agentfix.judge.policy import Accepted, Policy, apply_policy
from pytest_agentfix.judge.policy.declared_encoding import find_declared
from pytest_agentfix.judge.policy.text_content import settle_text

SOURCE = """\
# -*- coding: {} -*-
NAME = "Größe"


def add(left, right):
    return left - right  # é


LAST = "Maß"
"""


def show(content: bytes) -> bytes:
    """The content as an editor for UTF-8 would save it."""
    return content.decode("utf-8", "replace").encode()


def source(encoding: str = "latin-1") -> bytes:
    return SOURCE.format(encoding).encode(encoding)


def fix(content: bytes) -> bytes:
    return content.replace(b"left - right", b"left + right")


@pytest.mark.parametrize("encoding", ["latin-1", "iso-8859-15", "cp1252", "cp437", "mac_roman"])
@pytest.mark.parametrize("editor", [bytes, show])
def test_a_source_with_a_cookie_keeps_its_bytes(encoding: str, editor: type[bytes]) -> None:
    base = source(encoding)
    assert settle_text(fix(editor(base)), base) == fix(base)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("shift_jis", '# coding: shift_jis\nX = "表示"\ny = 1 - 1\n'),
        ("euc_jp", '# coding: euc_jp\nX = "表示"\ny = 1 - 1\n'),
        ("gb18030", '# coding: gb18030\nX = "大小"\ny = 1 - 1\n'),
        ("koi8-r", '# vim: set fileencoding=koi8-r :\nX = "Размер"\ny = 1 - 1\n'),
        ("latin-1", '<?xml version="1.0" encoding="latin-1"?>\n<a>é</a>\n<b>1 - 1</b>\n'),
        ("latin-1", '<html><meta charset="latin-1">\n<p>é\n<p>1 - 1\n'),
        ("latin-1", '"Content-Type: text/plain; charset=latin-1\\n"\nmsgstr "é"\n"1 - 1"\n'),
    ],
)
@pytest.mark.parametrize("editor", [bytes, show])
def test_other_encodings_and_other_declarations(
    encoding: str, text: str, editor: type[bytes]
) -> None:
    base = text.encode(encoding)
    changed = editor(base).replace(b"1 - 1", b"1 + 1")
    assert settle_text(changed, base) == base.replace(b"1 - 1", b"1 + 1")


def test_a_changed_line_keeps_its_letters() -> None:
    base = '# coding: latin-1\nX = "é" + "à" - 1\n'.encode("latin-1")
    changed = show(base).replace(b"- 1", b"+ 1")
    assert settle_text(changed, base) == base.replace(b"- 1", b"+ 1")


def test_new_letters_are_written_in_the_file_s_encoding() -> None:
    base = source()
    changed = fix(show(base)) + 'NEW = "schön"\n'.encode()
    assert settle_text(changed, base) == fix(base) + 'NEW = "schön"\n'.encode("latin-1")


def test_an_editor_that_knows_the_encoding_and_writes_utf8() -> None:
    base = source()
    assert settle_text(fix(base).decode("latin-1").encode(), base) == fix(base)


def test_moved_and_removed_lines() -> None:
    lines = [b"# coding: latin-1\n", b'A = "\xe9"\n', b'B = "\xe8x"\n', b"C = 1\n"]
    base = b"".join(lines)
    moved = b"".join([lines[0], lines[2], lines[3], lines[1]])
    assert settle_text(show(moved), base) == moved
    removed = b"".join([lines[0], lines[2]])
    assert settle_text(show(removed), base) == removed


@pytest.mark.parametrize(
    "changed",
    [
        'X = "\ufffd"\n',  # one of the two letters went
        'X = "\ufffd" + "\ufffd" + "\ufffd"\n',
        'X = "é"\nY = "€"\n',  # Latin-1 has no euro sign
    ],
)
def test_where_the_letters_are_unsure_the_change_is_refused(changed: str) -> None:
    base = '# coding: latin-1\nX = "é" + "è"\n'.encode("latin-1")
    assert settle_text(f"# coding: latin-1\n{changed}".encode(), base) is None


def test_letters_that_look_like_utf8_are_not_guessed() -> None:
    base = b'# coding: latin-1\nX = "\xc3\xa9" - 1\nY = "\xe9"\n'
    assert settle_text(show(base).replace(b"- 1", b"+ 1"), base) is None
    assert settle_text(base.replace(b"- 1", b"+ 1"), base) == base.replace(b"- 1", b"+ 1")


def test_a_file_may_become_utf8() -> None:
    base = source()
    new = fix(base).decode("latin-1").replace("latin-1", "utf-8").encode()
    assert settle_text(new, base) == new
    assert settle_text(fix(show(base)).replace(b"latin-1", b"utf-8"), base) is None


@pytest.mark.parametrize("tail", [b"\x00", b"\x07", b"\x90"])
def test_what_is_no_text_is_refused(tail: bytes) -> None:
    assert settle_text(source() + tail, source()) is None


def test_another_encoding_is_refused() -> None:
    assert settle_text(source().replace(b"latin-1", b"cp1252"), source()) is None


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_tables_with_a_byte_order_mark(encoding: str) -> None:
    base = "name;size\r\nGröße;1\r\n".encode(encoding)
    new = "name;size\r\nGröße;2\r\n".encode(encoding)
    assert settle_text(new, base) == new
    assert settle_text(show(base), base) is None
    assert settle_text(new + b"\0", base) is None
    assert settle_text("x\0".encode(encoding), base) is None
    assert settle_text("name;size\nGröße;2\n".encode(), base) == "name;size\nGröße;2\n".encode()
    assert settle_text(new, None) is None


def test_the_mark_of_utf8_stays() -> None:
    base = codecs.BOM_UTF8 + fix(b"x = left - right\n")
    new = base[3:].replace(b"x", b"y")
    assert settle_text(new, base) == codecs.BOM_UTF8 + new
    assert settle_text(base[3:], base) == base[3:]  # that it goes is the change
    assert settle_text(codecs.BOM_UTF8 + new, base[3:]) == codecs.BOM_UTF8 + new


def test_a_table_that_declares_nothing() -> None:
    base = b"name;size\nGr\xf6\xdfe;1\nlast;2\n"
    new = base.replace(b"2", b"3")
    assert settle_text(new, base) == new
    assert settle_text(show(new), base) == new
    assert settle_text(base + b"\xe9\n", base) is None  # in whatever encoding that may be
    assert settle_text(base.decode("latin-1").encode(), base) == base.decode("latin-1").encode()
    assert settle_text(b"\x89PNG\x01\xff\n2\n", b"\x89PNG\x01\xff\n1\n") is None


def test_git_s_attributes_declare_an_encoding() -> None:
    base, new = "größe 1\n".encode("utf-16-le"), "größe 2\n".encode("utf-16-le")
    assert settle_text(new, base) is None
    assert settle_text(new, base, attribute="utf-16-le") == new
    assert settle_text("größe 2\n".encode(), base, attribute="utf-16-le") is None
    base, new = (text.encode("cp1252") for text in ("größe 1 €\n", "größe 2 €\n"))
    assert settle_text(show(new), base, attribute="cp1252") is not None


@pytest.mark.parametrize("name", ["utf-7", "unicode_escape", "rot13", "nonsense", "idna", "cp037"])
def test_encodings_that_hide_what_is_written_are_none(name: str) -> None:
    content = f"# coding: {name}\n".encode() + b"\xff\n"
    assert find_declared(content) == ""
    assert settle_text(content.replace(b"\xff", b"\xfe"), content) is None


def test_large_files_are_not_looked_at() -> None:
    base = b"# coding: latin-1\n" + b"\xe9\n" * 500_000
    assert settle_text(base + b"x\n", base) is None


def apply(base: bytes, new: bytes) -> Accepted:
    files = {"pkg/a.py": (base, False)}
    collected = Collected(changes=ChangeSet({"pkg/a.py": FileChange(new)}))
    policy = Policy(base_paths=tuple(files))
    return apply_policy(policy, collected, frozenset(), read_base=files.get)


def test_the_policy_gives_back_the_encoding() -> None:
    accepted = apply(source(), fix(show(source())))
    assert accepted == Accepted(ChangeSet({"pkg/a.py": FileChange(fix(source()))}))


def test_a_file_that_was_merely_saved_is_no_change() -> None:
    assert apply(source(), show(source())) == Accepted(ChangeSet())


def test_the_reason_names_the_encoding() -> None:
    reason = "not in the encoding that the file had"
    expected = Accepted(ChangeSet(), (Drop("pkg/a.py", reason),))
    assert apply(source(), source() + b"\x90") == expected


def test_bidi_controls_do_not_come_in_by_another_encoding() -> None:
    base = "# coding: gb18030\nX = '大'\n".encode("gb18030")
    accepted = apply(base, base + "Y = '\u202e'\n".encode("gb18030"))
    assert accepted.dropped == (Drop("pkg/a.py", "bidirectional control characters"),)
