"""Vary what the callables among a call's arguments return: fetch functions, clients, clocks, mocks.

Standard library only; ``sessions/orders.py`` inlines this file's text in ``pytest_runner.py``.

A callable that tests bring along is an input like any argument, and what it returns is a place of
its own: ``self.fetch()`` for its first result in a call, ``self.fetch()#2`` for the second, with
steps into it as for arguments. All of this happens in a process that is thrown away. The results
are not known before: one process notes them with their variations, and each variation is then made
anew, by its number, in a process of its own.
"""

import contextlib
import functools
import inspect
import sys
import types
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from pytest_agentfix.judge.in_sandbox.value_description import (
    CALLABLES,
    describe_value,
    digest_text,
    is_leaf,
    shorten_text,
)
from pytest_agentfix.judge.in_sandbox.value_variation import (
    Variation,
    Vocabulary,
    find_places,
    list_inner,
    name_place,
    put,
    vary_value,
)

RESULTS_LIMIT = 3  # of one callable in one call
PLACE_TRIES = 16  # variations of one place
RESULT_TRIES = 50  # of one result
RETURNED_LIMIT = 150  # of one call
SEAM_DEPTH = 3
SPECIAL_METHODS = ("__call__", "__enter__", "__aenter__", "__getitem__", "__next__", "__anext__")
TEST_FOLDERS = ("tests", "test", "testing")


class Seams:
    """The callables that code of a home package gets from outside; see the module's docstring.

    ``change`` is given a callable's name, the number of a result, from 1, and the result; it
    returns what the code is to get.
    """

    def __init__(self, home: str, change: "Callable[[str, int, Any], Any]") -> None:
        self._home = home.partition(".")[0]
        self._change = change
        self._counts: dict[str, int] = {}
        self._done: dict[int, Any] = {}  # id -> an object, which keeps the id its own

    def install(self, arguments: "dict[str, Any]") -> None:
        """Wrap callables and iterators in ``arguments``, methods of tests' objects, all mocks."""
        waiting: list[tuple[tuple[Any, ...], Any]] = [
            ((name,), value) for name, value in arguments.items()
        ]
        while waiting:
            place, value = waiting.pop(0)
            if is_leaf(value) or id(value) in self._done:
                continue
            self._done[id(value)] = value
            wrapper = self._find_wrapper(name_place(place), value)
            name, *steps = place
            if wrapper is not None:
                with contextlib.suppress(Exception):  # of an object that does not let it in
                    arguments[name] = put(arguments[name], steps, wrapper)
            elif not isinstance(value, CALLABLES):
                self._wrap_methods(name_place(place), value)
                if len(place) < SEAM_DEPTH:
                    inner = list_inner(value, frozenset())
                    waiting += [((*place, step), one) for step, one in inner if step[0] != "key"]
        self._wrap_mocks()

    def _find_wrapper(self, name: str, value: Any) -> Any:
        """Return what takes the place of a callable or an iterator, ``None`` for anything else."""
        if self._is_from_outside(value):
            return self._wrap(name, value)
        if isinstance(value, Iterator) and not hasattr(value, "read"):
            return (self._note(f"{name}.__next__", item) for item in value)
        if isinstance(value, AsyncIterator):
            return (self._note(f"{name}.__anext__", item) async for item in value)
        return None

    def _is_from_outside(self, value: Any) -> bool:
        if not isinstance(value, (*CALLABLES, functools.partial)):
            return False
        function = getattr(value, "func", value)
        module = getattr(function, "__module__", None) or ""
        return module.partition(".")[0] != self._home or is_of_tests(function)

    def _wrap(self, name: str, function: Any) -> Any:
        def wrapper(*arguments: Any, **named: Any) -> Any:
            return self._hand_on(name, function(*arguments, **named))

        async def waiting(*arguments: Any, **named: Any) -> Any:
            return self._note(name, await function(*arguments, **named))

        wrapped: Any = waiting if inspect.iscoroutinefunction(function) else wrapper
        return functools.update_wrapper(wrapped, function)

    def _wrap_methods(self, name: str, owner: Any) -> None:
        """Give an object a class of its own, whose methods hand their results on."""
        kind = type(owner)
        methods: dict[str, Any] = {}
        for key, one in list_methods(kind):
            where = f"{name}.{key}".replace(".__call__", "")
            if isinstance(one, property):
                methods[key] = property(self._wrap(where, one.fget), one.fset, one.fdel)
            else:
                methods[key] = self._wrap(where, one)
        if not methods:
            return
        own = {**methods, "__slots__": (), "__module__": kind.__module__, "__doc__": kind.__doc__}
        try:
            other = types.new_class(kind.__name__, (kind,), {}, lambda names: names.update(own))
            other.__qualname__ = kind.__qualname__
            object.__setattr__(owner, "__class__", other)
        except Exception:  # noqa: BLE001 - of any metaclass
            return

    def _wrap_mocks(self) -> None:
        mixin = getattr(sys.modules.get("unittest.mock"), "CallableMixin", None)
        call = getattr(mixin, "_mock_call", None)
        if mixin is None or call is None:
            return

        def mock_call(this: Any, *arguments: Any, **named: Any) -> Any:
            name = this._extract_mock_name()  # noqa: SLF001 - there is no other way
            return self._hand_on(name, call(this, *arguments, **named))

        mixin._mock_call = mock_call  # noqa: SLF001 - as above

    def _hand_on(self, name: str, result: Any) -> Any:
        if inspect.iscoroutine(result):
            return self._hand_on_later(name, result)
        return self._note(name, result)

    async def _hand_on_later(self, name: str, result: Any) -> Any:
        return self._note(name, await result)

    def _note(self, name: str, result: Any) -> Any:
        number = self._counts[name] = self._counts.get(name, 0) + 1
        if number > RESULTS_LIMIT:
            return result
        result = self._change(name, number, result)
        if not is_leaf(result) and id(result) not in self._done:
            self._done[id(result)] = result
            self._wrap_methods(name_result(name, number), result)
        return result


class Observation(Variation):
    """No variation: it notes what callables return, as ``rows`` and as ``held``.

    A row has the callable's name, the result's number, the change's number, and place, kind,
    description and value of the change. ``held`` are places and their values.
    """

    def __init__(self, home: str, vocabulary: Vocabulary) -> None:
        super().__init__(("",), "value", "", None)
        self._seams = Seams(home, self._look)
        self._vocabulary = vocabulary
        self._rows: list[list[Any]] = []
        self._held: dict[str, str] = {}

    def apply(self, arguments: "dict[str, Any]") -> None:
        """Begin to note."""
        self._seams.install(arguments)

    def report(self) -> "dict[str, Any]":
        """Return what was noted."""
        return {"rows": self._rows[:RETURNED_LIMIT], "held": self._held}

    def _look(self, name: str, number: int, result: Any) -> Any:
        where = name_result(name, number)
        for place, value in find_places({"": result}, skip=frozenset()):
            self._held[where + name_place(place)] = shorten_text(describe_value(value, 2))
        for index, (place, kind, how, other) in enumerate(list_changes(result, self._vocabulary)):
            shown = shorten_text(describe_value(other, 2))
            self._rows.append([name, number, index, where + name_place(place), kind, how, shown])
        return result


class ReturnVariation(Variation):
    """One change of one result of one callable, made of a row of an ``Observation``."""

    def __init__(self, home: str, vocabulary: Vocabulary, row: "list[Any]") -> None:
        name, number, index, place, kind, how, shown = row
        super().__init__((place,), kind, how, shown)
        self._seams = Seams(home, self._change)
        self._vocabulary = vocabulary
        self._wanted = (name, number)
        self._index = index

    def apply(self, arguments: "dict[str, Any]") -> None:
        """Have the callable return something else."""
        self._seams.install(arguments)

    def sign(self, digest: str) -> str:
        """Return a digest that no call with the recorded results has."""
        return digest_text(f"{digest} {self._wanted} {self._index}")

    def show(self) -> str:
        """Return the value in a few characters."""
        return str(self.value)

    def _change(self, name: str, number: int, result: Any) -> Any:
        if (name, number) != self._wanted:
            return result
        place, _, _, other = list_changes(result, self._vocabulary)[self._index]
        return put(result, list(place[1:]), other)


def name_result(name: str, number: int) -> str:
    """Return the place of a callable's result."""
    return f"{name}()" + (f"#{number}" if number > 1 else "")


def list_changes(
    result: Any, vocabulary: Vocabulary
) -> "list[tuple[tuple[Any, ...], str, str, Any]]":
    """List changes of a result, as place, kind, description and value: the same ones each time."""
    found: list[tuple[tuple[Any, ...], str, str, Any]] = []
    for place, value in find_places({"": result}, skip=frozenset()):
        changes = [
            (place, kind, how, other)
            for kind, how, other in vary_value(value, vocabulary)
            if not (kind == "value" and vocabulary.avoids(other))
        ]
        step = -(-len(changes) // PLACE_TRIES) or 1
        found += changes[::step]
    return found[:RESULT_TRIES]


def list_methods(kind: Any) -> "list[tuple[str, Any]]":
    """List the public methods and properties of a class that tests define or inherit."""
    found: dict[str, Any] = {}
    for one in reversed(kind.__mro__):
        found.update(vars(one))
    return [
        (name, one)
        for name, one in found.items()
        if isinstance(one, (types.FunctionType, property))
        and (not name.startswith("_") or name in SPECIAL_METHODS)
        and is_of_tests(getattr(one, "fget", one))
    ]


def is_of_tests(function: Any) -> bool:
    """Return whether a function stands in a file of tests, as far as its path says."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    *folders, name = getattr(code, "co_filename", "").replace("\\", "/").split("/")
    is_test = name.startswith("test_") or name.endswith("_test.py")
    return (
        is_test
        or name in ("conftest.py", "tests.py")
        or any(one in TEST_FOLDERS for one in folders)
    )
