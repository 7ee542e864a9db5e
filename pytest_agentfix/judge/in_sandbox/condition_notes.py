"""Make the conditions of a module visible, and the moment in which its functions are entered.

Standard library only; ``sessions/orders.py`` inlines this file's text in ``pytest_runner.py``.

The tree of a module gets calls of three functions that are put into ``builtins`` under names of the
order: one at the start of each function to watch, one around each condition, one around each of
the condition's operands. Lines stay what they are. The host names all of these by their positions.
"""

import ast
import builtins
from collections.abc import Callable, Mapping
from typing import Any

from pytest_agentfix.judge.in_sandbox.asked_values import AskedValues
from pytest_agentfix.judge.in_sandbox.value_description import describe_value, digest_text

OPERAND_LIMIT = 20  # evaluations of one operand in one call that are compared
KEYS_LIMIT = 2_000  # of a container that are remembered when its module has been imported


class ConditionNotes:
    """Notes how the conditions of one call end; nothing is noted until ``start``.

    ``met`` maps a condition's number to the outcomes it had, ``counts`` to the number of times it
    ended, ``firsts`` to the time at which it first had each outcome. ``asked`` are the values asked
    about.
    """

    def __init__(self, asked: AskedValues) -> None:
        self.asked = asked
        self.is_active = False
        self.met: dict[int, set[bool]] = {}
        self.counts: dict[int, int] = {}
        self.firsts: dict[int, dict[bool, int]] = {}
        self._operands: dict[tuple[int, int], list[str]] = {}
        self._first: dict[int, Any] = {}  # an operand that is waiting for the next one
        self._loaded: dict[int, tuple[Any, frozenset[str]]] = {}
        self._kinds: dict[int, str] = {}
        self._cases: dict[int, list[int]] = {}  # a match's or try's own number -> its parts

    def add(self, kinds: "Mapping[int, str]", cases: "Mapping[int, list[int]]") -> None:
        """Learn the conditions of one more file."""
        self._kinds.update(kinds)
        self._cases.update(cases)

    def forget(self) -> None:
        """Forget the notes about the call before."""
        self.met.clear()
        self.counts.clear()
        self.firsts.clear()
        self._operands.clear()
        self._first.clear()
        self.asked.forget()

    def start(self) -> None:
        """Note from now on."""
        self.is_active = True

    def stop(self) -> None:
        """Note no more."""
        self.is_active = False

    def loaded(self, names: "dict[str, Any]") -> None:
        """Remember what a module's containers hold after its import.

        A key that came later is state of the program, and nothing that its text knows.
        """
        module = names.get("__name__")
        for value in list(names.values()):
            self._remember(value)
            if isinstance(value, type) and value.__module__ == module:
                for inner in list(vars(value).values()):
                    self._remember(inner)

    def _remember(self, value: Any) -> None:
        if type(value) in (dict, set, list) and len(value) <= KEYS_LIMIT:
            keys = frozenset(describe_value(key) for key in value)
            self._loaded[id(value)] = (value, keys)

    def note(self, number: int, value: Any) -> Any:
        """Note a condition's value; return it."""
        if self.is_active and self._kinds.get(number) not in ("get", "item", "attribute"):
            self.is_active = False
            try:
                self._note(number, value)
            finally:
                self.is_active = True
        return value

    def _note(self, number: int, value: Any) -> None:
        self.asked.take_answer(number, value)
        first, hit = self._first.pop(number, None), self.asked.pop_hit(number)
        try:
            is_text = isinstance(value, (str, bytes)) and type(first) is type(value)
            # of a method of a text: has it changed anything?
            outcome = value != first if is_text else value is not None and bool(value)
            outcome = outcome if hit is None else hit
        except Exception:  # noqa: BLE001 - an array has no truth, an object any
            return
        self._meet(number, outcome=outcome)

    def _meet(self, number: int, *, outcome: bool, count: int = 1) -> None:
        """Note an outcome; ``count`` is 0 where ``reach`` has counted it already."""
        self.met.setdefault(number, set()).add(outcome)
        self.asked.take_outcome(number, outcome=outcome)
        times = self.counts[number] = self.counts.get(number, 0) + count
        self.firsts.setdefault(number, {}).setdefault(outcome, times)

    def enter(self, number: int) -> None:
        """Note that a ``case`` or a handler is entered."""
        if self.is_active:
            self._meet(number, outcome=True, count=0)

    def reach(self, number: int) -> None:
        """Note that a ``match`` or a ``try`` begins: none of its parts is entered so far."""
        if self.is_active:
            for part in self._cases.get(number, ()):
                self._meet(part, outcome=False)

    def operand(self, number: int, place: int, value: Any) -> Any:
        """Note an operand of a condition; return it."""
        if self.is_active:
            self.is_active = False
            try:
                self._note_operand(number, place, value)
            finally:
                self.is_active = True
        return value

    def _note_operand(self, number: int, place: int, value: Any) -> None:
        values = self._operands.setdefault((number, place), [])
        if len(values) < OPERAND_LIMIT:
            values.append(describe_value(value, 3))
        self.asked.take_operand(number, place, value)
        kind = self._kinds.get(number)
        if place == 0:
            self._first[number] = value
        elif place == 1 and kind in ("get", "item", "attribute"):
            hit = self._is_hit(kind, self._first.get(number), value)
            if hit is not None:
                self._meet(number, outcome=hit)

    def _is_hit(self, kind: str, container: Any, key: Any) -> "bool | None":
        """Return whether a look-up finds something, ``None`` if that says nothing."""
        try:
            if kind == "attribute":
                return hasattr(container, key)
            if isinstance(container, (list, tuple)):
                return bool(-len(container) <= key < len(container))
            if not isinstance(container, dict):
                return None
            hit: bool = key in container
        except Exception:  # noqa: BLE001 - of any type
            return None
        known = self._loaded.get(id(container))
        if hit and known is not None and describe_value(key) not in known[1]:
            return None
        return hit

    def digests(self) -> "dict[str, str]":
        """Return the digest of each operand, by the numbers of condition and operand."""
        return {
            f"{number}.{place}": digest_text("\n".join(values))
            for (number, place), values in self._operands.items()
        }


def position(node: ast.AST) -> "tuple[Any, ...]":
    """Return what the host names a node by."""
    return (
        getattr(node, "lineno", 0),
        getattr(node, "col_offset", 0),
        getattr(node, "end_lineno", 0),
        getattr(node, "end_col_offset", 0),
        type(node).__name__,
    )


class Instrumenter(ast.NodeTransformer):
    """Puts the calls into the tree of one file; see the module's docstring.

    ``functions`` and ``conditions`` map positions to numbers, and to numbers and kinds.
    """

    def __init__(
        self,
        names: "Mapping[str, str]",
        functions: "Mapping[tuple[Any, ...], int]",
        conditions: "Mapping[tuple[Any, ...], tuple[int, str]]",
    ) -> None:
        self._names = names
        self._functions = functions
        self._conditions = conditions

    def visit(self, node: ast.AST) -> Any:
        """Change the inner nodes first; then this one, if it is a condition or function."""
        place = position(node)
        super().generic_visit(node)
        if place in self._functions:
            self._open(node, self._functions[place])
        if place not in self._conditions:
            return node
        number, kind = self._conditions[place]
        if kind in ("match", "try"):
            return [ast.Expr(self._call("reach", node, ast.Constant(number))), node]
        if kind == "handler":
            node.body.insert(0, ast.Expr(self._call("enter", node, ast.Constant(number))))  # type: ignore[attr-defined]
            return node
        if not isinstance(node, ast.expr):
            return node
        self._wrap_operands(node, number, kind)
        return self._call("note", node, ast.Constant(number), node)

    def visit_case(self, case: Any, number: int) -> None:
        """Note the entry of a ``case``, which has no position of its own."""
        case.body.insert(0, ast.Expr(self._call("enter", case.pattern, ast.Constant(number))))

    def _wrap_operands(self, node: Any, number: int, kind: str) -> None:
        def wrap(place: int, inner: ast.expr) -> ast.expr:
            if isinstance(inner, ast.Starred):
                return inner
            return self._call("operand", inner, ast.Constant(number), ast.Constant(place), inner)

        if kind == "compare":
            node.left = wrap(0, node.left)
            node.comparators = [wrap(i + 1, one) for i, one in enumerate(node.comparators)]
        elif kind in ("call", "get"):
            if isinstance(node.func, ast.Attribute) and not is_super(node.func.value):
                node.func.value = wrap(0, node.func.value)
            node.args = [wrap(i + 1, one) for i, one in enumerate(node.args)]
        elif kind == "attribute":
            node.args = [wrap(i, one) for i, one in enumerate(node.args)]
        elif kind == "item":
            node.value = wrap(0, node.value)
            inner = node.slice.value if type(node.slice).__name__ == "Index" else node.slice
            node.slice = wrap(1, inner)

    def _open(self, node: Any, number: int) -> None:
        """Put the hook at the start of a function."""
        hook = self._call("entered", node, ast.Constant(number))
        if isinstance(node, ast.Lambda):
            pair = ast.copy_location(ast.Tuple([hook, node.body], ast.Load()), node.body)
            last: Any = ast.Constant(1)
            if not hasattr(ast, "unparse"):  # Python 3.8
                last = ast.Index(last)
            node.body = ast.Subscript(pair, last, ast.Load())
            return
        first = node.body[0]
        is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        node.body.insert(1 if is_text else 0, ast.copy_location(ast.Expr(hook), first))

    def _call(self, name: str, at: ast.AST, *arguments: ast.expr) -> ast.Call:
        function = ast.Name(self._names[name], ast.Load())
        return ast.copy_location(ast.Call(function, list(arguments), []), at)


def is_super(node: ast.AST) -> bool:
    """Return whether a node is ``super()``, which looks at its caller's frame."""
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "super"


def instrument(source: bytes, path: str, plan: "dict[str, Any]", names: "dict[str, str]") -> Any:
    """Compile a module with the calls in it; raises whatever ``compile`` does."""
    tree = ast.parse(source, path)
    functions = {tuple(place): number for number, place, _ in plan["functions"]}
    conditions = {tuple(place): (number, kind) for number, kind, place in plan["conditions"]}
    instrumenter = Instrumenter(names, functions, conditions)
    cases = [
        (case, conditions[position(case.pattern)][0])
        for node in ast.walk(tree)
        for case in getattr(node, "cases", ())
        if conditions.get(position(case.pattern), (0, ""))[1] == "case"
    ]
    tree = instrumenter.visit(tree)
    for case, number in cases:
        instrumenter.visit_case(case, number)
    known = ast.parse(f"{names['loaded']}(globals())", path)
    tree.body += known.body
    ast.fix_missing_locations(tree)
    return compile(tree, path, "exec", dont_inherit=True)


def install_hooks(
    names: "dict[str, str]", notes: ConditionNotes, entered: "Callable[[int], None]"
) -> None:
    """Make the functions known to every module."""
    hooks = {
        "entered": entered,
        "note": notes.note,
        "operand": notes.operand,
        "enter": notes.enter,
        "reach": notes.reach,
        "loaded": notes.loaded,
    }
    for name, hook in hooks.items():
        setattr(builtins, names[name], hook)
