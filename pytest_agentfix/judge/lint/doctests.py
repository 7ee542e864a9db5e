"""Doctests as test functions, so that their inputs and answers are read like any test's (pure)."""

from __future__ import annotations

import doctest
import textwrap
from collections.abc import Iterator

from pytest_agentfix.core.python_source import parse_source
from pytest_agentfix.judge.doctest_source import read_examples


def make_test(name: str, text: str) -> str:
    """Return the source of a function ``name`` that asserts what the examples of ``text`` show.

    Of exceptions the type and the message are expected; what is printed counts as returned.
    """
    lines = [line for example in read_examples(text) for line in _list_lines(example)]
    body = "\n".join(lines) or "pass"
    return f"def {name}():\n{textwrap.indent(body, '    ')}\n"


def _list_lines(example: doctest.Example) -> Iterator[str]:
    source = example.source.strip()
    if parse_source(source) is None:
        return
    if example.exc_msg is not None:
        kind, _, message = example.exc_msg.strip().partition(": ")
        word = kind.rpartition(".")[2]
        if word.isidentifier():
            yield f"with raises({word}, match={message!r}):"
        else:
            yield "if True:"
        yield textwrap.indent(source, "    ")
    elif example.want.strip() and _is_expression(source):
        want = example.want.strip()
        yield f"assert ({source}) == ({want if _is_expression(want) else repr(want)})"
    else:
        yield source


def _is_expression(source: str) -> bool:
    return parse_source(f"({source}\n)") is not None
