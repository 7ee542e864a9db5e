"""Sources in any encoding, as text."""

from __future__ import annotations

import ast

import pytest

from pytest_agentfix.core.python_source import decode_source, keeps_ascii, read_as_utf8


@pytest.mark.parametrize(
    ("encoding", "head", "new_head"),
    [
        ("latin-1", "# coding: latin-1\n", "# coding: utf-8\n"),
        ("cp1252", "#!/usr/bin/python\n# -*- coding: cp1252 -*-\n", None),
        ("koi8-r", "\n# vim: set fileencoding=koi8-r :\n", None),
        (
            "latin-1",
            "# coding: latin-1\n# coding: of nothing\n",
            "# coding: utf-8\n# coding: of nothing\n",
        ),
        ("utf-8-sig", "", ""),
        ("utf-8-sig", "# coding: utf-8\n", "# coding: utf-8\n"),
        ("utf-8", "# coding: utf-8\n", "# coding: utf-8\n"),
        ("utf-8", "x = 1\n# coding: latin-1\n", "x = 1\n# coding: latin-1\n"),
    ],
)
def test_the_same_source_in_utf8(encoding: str, head: str, new_head: str | None) -> None:
    body = "WORD = 'Размер'\n" if encoding == "koi8-r" else "WORD = 'größe'\n"
    read = read_as_utf8((head + body).encode(encoding))
    assert read == (head.replace(encoding, "utf-8") if new_head is None else new_head) + body
    assert ast.dump(ast.parse(read.encode())) == ast.dump(ast.parse((head + body).encode(encoding)))


def test_no_source() -> None:
    assert read_as_utf8(b"\xff\n") is None
    assert read_as_utf8(b"# coding: ascii\n\xff\n") is None


def test_an_encoding_that_expands_names_is_unreadable() -> None:
    assert [keeps_ascii(name) for name in ("idna", "utf-7", "latin-1")] == [False, False, True]
    assert decode_source(b"# coding: idna\nx = 1\n") is None
