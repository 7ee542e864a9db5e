"""A call of a test that can be made again.

Standard library only; ``sessions/orders.py`` inlines this file's text in ``pytest_runner.py``.
"""

import inspect
import io
import itertools
import sys
import types
from collections.abc import Iterator
from typing import Any

from pytest_agentfix.judge.in_sandbox.condition_notes import ConditionNotes
from pytest_agentfix.judge.in_sandbox.value_description import (
    clone_value,
    describe_value,
    digest_text,
    digest_value,
    shorten_text,
)
from pytest_agentfix.judge.in_sandbox.value_variation import Variation

ITEMS_LIMIT = 200  # of a generator
ANSWER_LIMIT = 120  # characters
FRAMES_LIMIT = 200


class RepeatedCall:
    """A call of a function whose frame has just begun."""

    def __init__(self, frame: Any) -> None:
        self._code = frame.f_code
        self._globals = frame.f_globals
        self.module = str(self._globals.get("__name__", ""))
        code, names = self._code, self._code.co_varnames
        found = frame.f_locals
        count = code.co_argcount
        self._plain = names[:count]
        self._keywords = names[count : count + code.co_kwonlyargcount]
        rest = count + code.co_kwonlyargcount
        self._star = names[rest] if code.co_flags & inspect.CO_VARARGS else ""
        rest += bool(self._star)
        self._stars = names[rest] if code.co_flags & inspect.CO_VARKEYWORDS else ""
        self._own = (*self._plain, *self._keywords, self._star, self._stars)
        wanted = (*self._own, *code.co_freevars)  # what a closure holds is an input as well
        self.arguments = {name: found[name] for name in wanted if name in found}
        try:
            clone_value(self.arguments)
        except TypeError:
            self.is_plain = False
        else:
            self.is_plain = True

    def digest(self) -> str:
        """Return a digest of the arguments."""
        return digest_arguments(self._pick(self.arguments))

    def _pick(self, arguments: "dict[str, Any]") -> "dict[str, Any]":
        """Return the arguments without what the closure holds: the base's may hold other things."""
        return {name: value for name, value in arguments.items() if name in self._own}

    def show(self) -> str:
        """Return the arguments in a line."""
        shown = (
            f"{name}={shorten_text(describe_value(value, 2))}"
            for name, value in self._pick(self.arguments).items()
        )
        return ", ".join(shown)[: 3 * ANSWER_LIMIT]

    def run(self, variation: "Variation | None", notes: ConditionNotes) -> "dict[str, Any]":
        """Call the function, in a process to throw away; return what it came to."""
        arguments = clone_value(self.arguments) if self.is_plain else self.arguments
        if variation is not None:
            try:
                variation.apply(arguments)
            except Exception:  # noqa: BLE001 - of objects nobody vouches for
                return {"end": "odd"}
        digest = digest_arguments(self._pick(arguments))
        if variation is not None:
            is_held = variation.place[0] in self._code.co_freevars
            digest = digest_arguments(arguments) if is_held else variation.sign(digest)
        cells = (
            types.CellType(arguments[name]) if name in arguments else types.CellType()
            for name in self._code.co_freevars
        )
        streams = sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
        notes.forget()
        function = types.FunctionType(
            self._code, self._globals, self._code.co_name, None, tuple(cells)
        )
        positional = [arguments[name] for name in self._plain]
        positional += arguments.get(self._star, ())
        named = {name: arguments[name] for name in self._keywords}
        named.update(arguments.get(self._stars, {}))
        notes.start()
        try:
            answer, end = drive(function(*positional, **named)), "ok"
        except BaseException as error:  # noqa: BLE001 - any end is an outcome
            answer, end = error, "raised"
        notes.stop()
        shown = describe_value(answer)
        said = [stream.getvalue() for stream in streams]
        result = [digest_value(answer), self._digest_globals(), *said]
        return {
            "end": end,
            "digest": digest,
            "result": digest_text("\0".join(result)),
            "outcome": digest_text("\0".join([*result, digest_value(self._pick(arguments))])),
            "answer": shown[:ANSWER_LIMIT],
            "met": {
                str(number): "".join("FT"[one] for one in sorted(outcomes))
                for number, outcomes in notes.met.items()
            },
            "operands": notes.digests(),
            "asked": notes.asked.describe(),
            "counts": {str(number): count for number, count in notes.counts.items()},
            "firsts": {
                str(number): {"FT"[one]: count for one, count in firsts.items()}
                for number, firsts in notes.firsts.items()
            },
            **(variation.report() if variation is not None else {}),
        }

    def _digest_globals(self) -> str:
        """Digest the module's plain data that the function mentions: it may be its effect."""
        plain = (int, float, str, bytes, list, dict, set, tuple)
        found = {name: self._globals.get(name) for name in self._code.co_names}
        return digest_value(
            {name: value for name, value in found.items() if isinstance(value, plain)}, 3
        )


def drive(result: Any) -> Any:
    """Run a coroutine and exhaust a generator or an iterator; return what they come to."""
    if inspect.iscoroutine(result):
        return run_coroutine(result)
    if inspect.isasyncgen(result):
        return run_coroutine(list_items(result))
    if inspect.isgenerator(result):
        items: list[Any] = []
        try:
            while len(items) < ITEMS_LIMIT:
                items.append(next(result))
        except StopIteration as end:
            return [items, end.value]
        return [items, "and more"]
    if isinstance(result, Iterator) and type(result).__module__ in ("builtins", "itertools"):
        return list(itertools.islice(result, ITEMS_LIMIT))
    return result


async def list_items(result: Any) -> "list[Any]":
    """Return the first items of an asynchronous generator."""
    items: list[Any] = []
    async for item in result:
        items.append(item)
        if len(items) >= ITEMS_LIMIT:
            break
    return items


def run_coroutine(coroutine: Any) -> Any:
    """Run a coroutine on a loop of its own, whatever loop this process was in."""
    import asyncio  # noqa: PLC0415 - most sessions can do without

    asyncio.events._set_running_loop(None)  # noqa: SLF001 - there is no other way
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop.run_until_complete(coroutine)


def is_within_itself(frame: Any) -> bool:
    """Return whether the function was called by itself, directly or not."""
    above = frame.f_back
    for _ in range(FRAMES_LIMIT):
        if above is None:
            return False
        if above.f_code is frame.f_code:
            return True
        above = above.f_back
    return True


def digest_arguments(arguments: "dict[str, Any]") -> str:
    """Return a digest of a call's arguments."""
    return digest_value(arguments, 6)
