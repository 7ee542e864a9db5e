"""Assertions that are calls: unittest's methods, numpy's and pandas' functions, mock's methods."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from pytest_agentfix.core.python_source import last_name
from pytest_agentfix.judge.variants.bindings import qualify
from pytest_agentfix.judge.variants.changed_values import Change, Changer
from pytest_agentfix.judge.variants.random_names import make_number, split_words

_EQUALS: Final = split_words(
    "assertEqual assertEquals assertListEqual assertTupleEqual assertSetEqual assertDictEqual "
    "assertSequenceEqual assertMultiLineEqual assertCountEqual assertAlmostEqual "
    "assertAlmostEquals"
)
_OPPOSITES: Final = {
    **{
        f"assert{one}": f"assert{other}"
        for left, right in (
            ("Is", "IsNot"),
            ("IsNone", "IsNotNone"),
            ("In", "NotIn"),
            ("IsInstance", "NotIsInstance"),
            ("Greater", "LessEqual"),
            ("Less", "GreaterEqual"),
            ("Regex", "NotRegex"),
        )
        for one, other in ((left, right), (right, left))
    },
    "assertNotEqual": "assertEqual",
    "assertNotAlmostEqual": "assertAlmostEqual",
}
# Those with a condition that can be evaluated with another expectation.
_OPERATORS: Final[Mapping[str, ast.cmpop]] = {
    "assertLess": ast.Lt(),
    "assertLessEqual": ast.LtE(),
    "assertGreater": ast.Gt(),
    "assertGreaterEqual": ast.GtE(),
    "assertIn": ast.In(),
    "assertNotEqual": ast.NotEq(),
}
_TELLING: Final = split_words("assertIs assertIsNone assertRegex")  # there is no other way to pass
_LIBRARIES: Final = frozenset({"numpy", "pandas", "polars", "xarray", "torch", "jax", "nose"})
_LIBRARY_EQUALS: Final = split_words(
    "assert_array_equal assert_equal assert_allclose assert_almost_equal assert_close "
    "assert_array_almost_equal assert_frame_equal assert_series_equal assert_index_equal"
)
_MOCK_ARGUMENTS: Final = frozenset(
    f"assert_{verb}_{how}" for verb in ("called", "awaited") for how in ("with", "once_with")
) | {"assert_any_call", "assert_any_await"}
_MOCK_OPPOSITES: Final = {
    "assert_called": "assert_not_called",
    "assert_called_once": "assert_not_called",
    "assert_not_called": "assert_called",
    "assert_awaited": "assert_not_awaited",
    "assert_awaited_once": "assert_not_awaited",
    "assert_not_awaited": "assert_awaited",
}


def change_call(call: ast.Call, *, receiver: str, changer: Changer) -> list[Change]:
    """Return calls that fail in place of one that passes; [] if that is not certain.

    ``receiver`` is the name of the test case in its method, "" for none.
    """
    function = call.func
    if any(isinstance(one, ast.Starred) for one in call.args):
        return []
    if isinstance(function, ast.Attribute):
        owner = function.value
        if receiver and isinstance(owner, ast.Name) and owner.id == receiver:
            return _change_unittest(call, function, changer)
        changed = _change_mock(call, function, changer)
        if changed:
            return changed
    dotted = qualify(function, changer.imports).split(".")
    if dotted[0] in _LIBRARIES and dotted[-1] in _LIBRARY_EQUALS:
        return _change_pair(call, changer)
    return []


def _change_unittest(call: ast.Call, function: ast.Attribute, changer: Changer) -> list[Change]:
    name = function.attr
    if name in _EQUALS:
        return _change_pair(call, changer)
    if name in ("assertTrue", "assertFalse") and call.args:
        asserted, more = call.args[0], call.args[1:]
        if name == "assertFalse":
            changes = [changer.negate(ast.UnaryOp(op=ast.Not(), operand=asserted))]
        else:
            changes = changer.change_condition(asserted)
        return [
            replace(one, expression=_assert_true(call, [one.expression, *more])) for one in changes
        ]
    condition = _make_condition(name, call.args)
    if condition is not None:
        change = changer.negate(condition)
        return [replace(change, expression=_assert_true(call, [change.expression]))]
    if name in _OPPOSITES and call.args:
        changed = _replace(call, name=_OPPOSITES[name])
        return [Change(expression=changed, is_evidence=name in _TELLING)]
    return []


def _make_condition(name: str, args: Sequence[ast.expr]) -> ast.expr | None:
    """Return the condition that a method of unittest's asserts, ``None`` if it is no formula."""
    match args:
        case [left, right, *_] if name in _OPERATORS:
            return ast.Compare(left=left, ops=[_OPERATORS[name]], comparators=[right])
        case [left, right, *_] if name == "assertIsInstance":
            function = ast.Name(id="isinstance", ctx=ast.Load())
            return ast.Call(func=function, args=[left, right], keywords=[])
    return None


def _assert_true(call: ast.Call, arguments: Sequence[ast.expr]) -> ast.Call:
    made = _replace(call, name="assertTrue", args=arguments)
    made.keywords = [word for word in call.keywords if word.arg == "msg"]
    return made


def _change_mock(call: ast.Call, function: ast.Attribute, changer: Changer) -> list[Change]:
    name = function.attr
    if name in _MOCK_ARGUMENTS:
        more = ast.Constant(make_number(changer.rng))
        return [Change(expression=_replace(call, args=[*call.args, more]))]
    if name in _MOCK_OPPOSITES and not call.args:
        return [Change(expression=_replace(call, name=_MOCK_OPPOSITES[name]))]
    return []


def _change_pair(call: ast.Call, changer: Changer) -> list[Change]:
    match call.args:
        case [left, right, *more]:
            pair = changer.change_pair(left, right)
            if pair is not None:
                return [Change(expression=_replace(call, args=[*pair, *more]))]
    return []


def _replace(call: ast.Call, *, name: str = "", args: Sequence[ast.expr] | None = None) -> ast.Call:
    """Copy a call with another method's name or other arguments."""
    changed = copy.copy(call)
    if name and isinstance(call.func, ast.Attribute):
        changed.func = copy.copy(call.func)
        changed.func.attr = name
    if args is not None:
        changed.args = list(args)
    return changed


def is_raises(call: ast.AST, *, receiver: str, changer: Changer) -> bool:
    """Return whether a call expects an exception, which is its first argument."""
    if not (isinstance(call, ast.Call) and call.args):
        return False
    if isinstance(call.args[0], ast.Starred):
        return False
    name, function = last_name(call), call.func
    if name in ("assertRaises", "assertRaisesRegex") and isinstance(function, ast.Attribute):
        return bool(receiver) and last_name(function.value) == receiver
    return qualify(function, changer.imports) == "pytest.raises"


def expect_other(call: ast.Call, exception: str, text: str) -> ast.Call:
    """Copy a call that expects an exception so that it expects another one.

    If its message has to match something, that is ``text`` in the copy.
    """
    more = list(call.args[1:])
    if last_name(call) == "assertRaisesRegex" and more:
        more[0] = ast.Constant(text)
    changed = _replace(call, args=[ast.Name(id=exception, ctx=ast.Load()), *more])
    changed.keywords = [
        ast.keyword(arg=word.arg, value=ast.Constant(text))
        if word.arg in ("match", "expected_regex") and len(call.args) == 1
        else word
        for word in call.keywords
    ]
    return changed
