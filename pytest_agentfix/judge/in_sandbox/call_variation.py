"""Call changed functions again, with the arguments that tests gave them and with others.

Standard library only; ``sessions/orders.py`` inlines this file's text in ``pytest_runner.py``.

When a test enters a function of the order, it is stopped while forks of the process call the
function with arguments of their own, and without a way to do harm. A fork that would
write a file, start a process or use the network ends instead. Nothing has to be copied or pickled,
and the test goes on as if nothing had happened. After the first ``calls`` of a function, only those
are varied that take a path or ask for a value which is new, and those whose digests are in
``again``; of the others the first few are only repeated.

The lines are ``varied``, one for each call that was repeated: ``function`` (its number), ``test``,
``digest`` and ``shown`` (of the arguments), ``held`` (place -> value), its outcome, ``later`` (the
first other answer of the same call in one process, "" for none), ``asked`` (condition -> the
values that it asks about: those of the recorded call, those of all variations, each with the
condition's outcomes), and ``tries``, one dictionary for each variation: ``place``, ``kind``,
``how``, ``value``, ``others``, ``moved`` (operands that had other values), ``digest`` (of its
arguments) and its outcome. ``operands`` (numbers of condition and operand -> digest) are those of
the recorded call, and of variations that may have taken its path by chance.

An outcome is ``end`` (``ok``, ``raised``, ``effects``, ``late``, ``odd``), ``answer``, ``result``
(a digest of answer and output), ``outcome`` (the same with what the arguments are afterwards) and
``met`` (condition -> ``T``, ``F`` or ``FT``). At the end comes ``variation``: ``calls`` (function
-> digests of all its calls), ``unstable``, ``problem`` and ``limits`` (those that were met).
"""

import contextlib
import importlib.machinery
import os
import resource
import signal
import sys
import time
import warnings
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from pytest_agentfix.judge.in_sandbox.asked_values import AskedValues, list_found, merge_asked
from pytest_agentfix.judge.in_sandbox.condition_notes import (
    ConditionNotes,
    install_hooks,
    instrument,
)
from pytest_agentfix.judge.in_sandbox.random_draws import draw_more, keep_rare_operands
from pytest_agentfix.judge.in_sandbox.repeatable_draws import (
    SEEDED,
    install_draws,
    put_draws,
    read_draws,
)
from pytest_agentfix.judge.in_sandbox.repeated_call import (
    ANSWER_LIMIT,
    RepeatedCall,
    is_within_itself,
)
from pytest_agentfix.judge.in_sandbox.returned_values import Observation, ReturnVariation
from pytest_agentfix.judge.in_sandbox.signed_report import ReportWriter, own_settings, shorten_id
from pytest_agentfix.judge.in_sandbox.throwaway import (
    become_throwaway,
    limit_time,
    read_results,
    send,
)
from pytest_agentfix.judge.in_sandbox.value_description import describe_value, shorten_text
from pytest_agentfix.judge.in_sandbox.value_variation import (
    Variation,
    Vocabulary,
    find_places,
    name_place,
    vary,
)

DIGESTS_LIMIT = 2_000  # calls of one function that are told apart
UNVARIED = 20  # further calls of one function that are repeated and not varied
WAITING = 5  # seconds that pass count as one of the processor's
SHARE = 5  # a call may use up this part of the variations and the seconds that are left
NAMED_SHARE = 6  # variations of a place that the change names, for each of another place
TRIES_LEAST = 40  # variations of one call
SECONDS_LEAST = 0.3  # for the variations of one call
REPEATS = 50  # of one call, to see whether its answer stays
TOGETHER = 100  # calls in one process, where arguments are plain data
LATE_LIMIT = 2  # children of one function that did not end

NO_OUTCOME: "dict[str, Any]" = {
    "end": "odd", "outcome": "", "result": "", "answer": "", "digest": "", "met": {},
    "operands": {}, "asked": {}, "counts": {}, "firsts": {},
}  # fmt: skip
OWN_KEYS = frozenset({"counts", "firsts"})  # of an outcome, not reported


class CallVarier:
    """A pytest plugin that repeats calls of the order's functions; see the module's docstring."""

    def __init__(self, order: "dict[str, Any]", writer: ReportWriter) -> None:
        self._order = order
        self._writer = writer
        self._files = {os.path.realpath(path): plan for path, plan in order["files"].items()}
        self._vocabulary = Vocabulary(order["words"], order["avoid"], tuple(order["named"]))
        self._skip = {
            number: frozenset(skip)
            for plan in order["files"].values()
            for number, _, skip in plan["functions"]
        }
        asked = {int(number): place for number, place in order["asked"].items()}
        self._notes = ConditionNotes(AskedValues(asked))
        self._again = frozenset(order["again"])  # digests of calls that are to be repeated
        self._test = ""
        self._is_open = False
        self._seen: dict[int, dict[str, None]] = {}
        self._met: set[tuple[int, str, str]] = set()  # function, condition, outcome or value found
        self._late: dict[int, int] = {}
        self._near_only: set[int] = set()  # functions that do not end for numbers far away
        self._is_further = False
        self._children = 0
        self._spent = 0.0
        self._unstable = 0
        self._limits: dict[str, None] = {}
        self._problem = ""

    def start(self) -> None:
        """Have the order's files compiled with the hooks in them, before any is imported."""
        for plan in self._files.values():
            kinds = {number: kind for number, kind, _ in plan["conditions"]}
            cases = {int(number): parts for number, parts in plan["cases"].items()}
            self._notes.add(kinds, cases)
        install_draws()
        install_hooks(self._order["names"], self._notes, self._enter)
        load = importlib.machinery.SourceFileLoader.get_code

        def get_code(loader: Any, fullname: str) -> Any:
            path = loader.get_filename(fullname)
            plan = self._files.get(os.path.realpath(path))
            if plan is None:
                return load(loader, fullname)
            try:
                with own_settings():
                    source = loader.get_data(path)
                    return instrument(source, path, plan, self._order["names"])
            except (SyntaxError, ValueError, TypeError, RecursionError) as error:
                self._problem = f"{type(error).__name__}: {error}"[:ANSWER_LIMIT]
                return load(loader, fullname)

        importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[assignment, method-assign]

    def pytest_sessionstart(self) -> None:
        """Load the order's files before pytest does, which rewrites those it is started with."""
        sys.meta_path.insert(0, self)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Find a module as Python does, if it is one of the order's files."""
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        is_own = spec is not None and os.path.realpath(spec.origin or "") in self._files
        return spec if is_own else None

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: Any) -> "Generator[None, Any, None]":
        """Repeat the calls of tests only, and not those of an import."""
        self._test, self._is_open = shorten_id(item.nodeid), True
        SEEDED.seed(self._test)
        yield
        self._is_open = False

    def report(self) -> None:
        """Report what is known about all calls together."""
        self._is_open = False
        self._writer.write(
            "variation",
            calls={str(number): list(digests) for number, digests in self._seen.items()},
            unstable=self._unstable,
            problem=self._problem,
            limits=list(self._limits),
        )

    def _enter(self, number: int) -> None:
        """Repeat the call that has just begun, if it is to be."""
        if not self._is_open:
            return
        frame = sys._getframe(1)  # noqa: SLF001 - the function that has called us
        self._is_open = False  # whatever the arguments' own code calls
        try:
            with own_settings():
                self._repeat(number, frame)
        except Exception as error:  # noqa: BLE001 - of values nobody vouches for
            self._problem = f"{type(error).__name__}: {error}"[:ANSWER_LIMIT]
        finally:
            self._is_open = True

    def _repeat(self, number: int, frame: Any) -> None:
        if is_within_itself(frame):
            return
        call = RepeatedCall(frame)
        digest = call.digest()
        seen = self._seen.setdefault(number, {})
        if digest in seen or len(seen) >= DIGESTS_LIMIT:
            return
        seen[digest] = None
        self._is_further = len(seen) > self._order["calls"]
        if self._is_further:
            self._limits["calls of one function"] = None
        if len(seen) > self._order["calls"] + self._order["further"]:
            return
        if self._is_spent() or self._late.get(number, 0) >= LATE_LIMIT:
            return
        began = read_clocks()
        (first,), (second,) = self._try(call, [None]), self._try(call, [None])
        if first != second or first["end"] in ("late", "odd"):
            self._unstable += 1
            self._spent += find_spent(began)
            return
        found = {(number, *one) for one in list_found(first["asked"])}
        found |= {(number, *one) for one in list_paths(first["met"])}
        is_new = not self._is_further or not found <= self._met or digest in self._again
        if not is_new and len(seen) > self._order["calls"] + UNVARIED:
            self._spent += find_spent(began)
            return
        self._met |= found
        held = {
            name_place(place): shorten_text(describe_value(value, 2))
            for place, value in find_places(
                call.arguments, skip=self._skip[number], vocabulary=self._vocabulary
            )
        }
        is_over = not is_new or first["end"] == "effects"
        tries = [] if is_over else self._try_all(number, call, first, held)
        keep_rare_operands(tries, first["met"])
        asked = merge_asked(first, tries)
        self._spent += find_spent(began)
        self._writer.write(
            "varied",
            function=number,
            test=self._test,
            digest=digest,
            shown=call.show(),
            end=first["end"],
            held=held,
            outcome=first["outcome"],
            result=first["result"],
            answer=first["answer"],
            met=first["met"],
            asked=asked,
            operands=first["operands"],
            later="" if is_over else self._find_later(call, first),
            tries=tries,
        )

    def _find_later(self, call: "RepeatedCall", first: "dict[str, Any]") -> str:
        """Return the first answer that is another one although the arguments are the same."""
        if first["end"] != "ok" or self._is_spent():
            return ""
        for outcome in self._try(call, [None] * REPEATS):
            if outcome["end"] != "ok" or outcome["digest"] != first["digest"]:
                return ""
            if outcome["answer"] != first["answer"]:
                return str(outcome["answer"])
        return ""

    def _try_all(
        self, number: int, call: "RepeatedCall", first: "dict[str, Any]", held: "dict[str, str]"
    ) -> "list[dict[str, Any]]":
        began = read_clocks()
        skip = self._skip[number]
        tries = self._try_list(
            number, call, vary(call.arguments, self._vocabulary, skip=skip), first, began
        )
        more = draw_more(call.arguments, tries, first["met"], self._vocabulary, skip=skip)
        tries += self._try_list(number, call, more, first, began)
        returned = self._vary_returned(call, first, held)
        return [*tries, *self._try_list(number, call, returned, first, began)]

    def _vary_returned(
        self, call: "RepeatedCall", first: "dict[str, Any]", held: "dict[str, str]"
    ) -> "list[Variation]":
        """List variations of what the call's callables return; add what they return to ``held``."""
        if self._is_spent():
            return []
        (seen,) = self._try(call, [Observation(call.module, self._vocabulary)])
        if any(seen[key] != first[key] for key in ("end", "result", "met")):
            return []
        held.update(seen.get("held", {}))
        rows = seen.get("rows", ())
        return [ReturnVariation(call.module, self._vocabulary, row) for row in rows]

    def _try_list(
        self,
        number: int,
        call: "RepeatedCall",
        waiting: "list[Variation]",
        first: "dict[str, Any]",
        began: "tuple[float, float]",
    ) -> "list[dict[str, Any]]":
        """Try variations until a limit is met; ``began`` is when the call's first one was tried."""
        tries: list[dict[str, Any]] = []
        if number in self._near_only:
            waiting = [one for one in waiting if not one.is_far]
        limit = min(self._order["tries"], self._count_left())
        if len(waiting) > limit:
            self._limits["variations of one call"] = None
        waiting = take_turns(waiting)[:limit]
        seconds = self._share_seconds()
        while waiting and not self._is_spent(find_spent(began)):
            if find_spent(began) > seconds:
                self._limits["variations of one call"] = None
                break
            is_alone = not call.is_plain or isinstance(waiting[0], ReturnVariation)
            group = waiting[:1] if is_alone else waiting[:TOGETHER]
            outcomes = self._try_group(call, group, first)
            tries += [describe_try(*one, first) for one in zip(group, outcomes)]  # noqa: B905 - Python 3.8
            last, waiting = group[len(outcomes) - 1], waiting[len(outcomes) :]
            late = sum(one["end"] == "late" for one in outcomes)
            if late and last.is_far:
                self._near_only.add(number)
                break
            self._late[number] = self._late.get(number, 0) + late
            if self._late[number] >= LATE_LIMIT:
                self._limits["seconds of one call"] = None
                break
        return tries

    def _try_group(
        self, call: "RepeatedCall", group: "list[Variation]", first: "dict[str, Any]"
    ) -> "list[dict[str, Any]]":
        """Return the outcomes of at least the first of ``group``.

        Several in one process are believed if the recorded call ends there as it did before.
        """
        if len(group) == 1:
            return self._try(call, [*group])
        outcomes = self._try(call, [*group, None])
        if len(outcomes) > len(group) and outcomes.pop() != first:
            call.is_plain = False
            return [self._try(call, [one])[0] for one in group]
        return outcomes

    def _count_left(self) -> int:
        """Return the share of one call in what is left: later calls are to have some as well."""
        left: int = self._order["children"] - self._children
        return max(left // SHARE, TRIES_LEAST)

    def _share_seconds(self) -> float:
        """Return the seconds that the variations of one call may take: a share, as of the calls."""
        left: float = self._find_share() * self._order["seconds"] - self._spent
        return max(left / SHARE, SECONDS_LEAST)

    def _find_share(self) -> float:
        """Return the part of both limits that the calls of this kind may use up."""
        is_whole = self._is_further or self._again
        return 1.0 if is_whole else float(self._order["first_share"])

    def _is_spent(self, more: float = 0.0) -> bool:
        share = self._find_share()
        if self._children >= share * self._order["children"]:
            self._limits["calls in all"] = None
            return True
        if self._spent + more > share * self._order["seconds"]:
            self._limits["seconds in all"] = None
            return True
        return False

    def _try(
        self, call: "RepeatedCall", variations: "list[Variation | None]"
    ) -> "list[dict[str, Any]]":
        """Call the function in a fork, once for each variation, until one call does not end."""
        self._children += len(variations)
        source, sink = os.pipe()
        states = read_draws()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            child = os.fork()
        if child == 0:
            try:
                os.close(source)
                become_throwaway(sink)
                for variation in variations:
                    limit_time()
                    put_draws(states)
                    send(sink, call.run(variation, self._notes))
            finally:
                os._exit(0)
        os.close(sink)
        found = read_results(source, len(variations))
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.waitpid(child, 0)
        return [{**NO_OUTCOME, **one} for one in found]


def take_turns(variations: "list[Variation]") -> "list[Variation]":
    """Return all of them, in an order in which no place has to wait for all of another one's.

    Places that hold what the change names get several in each turn.
    """
    turns: dict[str, int] = {}
    ordered = []
    for number, one in enumerate(variations):
        place = name_place(one.place)
        turns[place] = turns.get(place, 0) + 1
        turn = turns[place] // NAMED_SHARE if one.is_named else turns[place]
        ordered.append((turn, number, one))
    return [one for _, _, one in sorted(ordered, key=lambda one: one[:2])]


def list_paths(met: "dict[str, str]") -> "Iterator[tuple[str, str]]":
    """Yield each condition with each of the outcomes that it had."""
    for number, letters in met.items():
        for letter in letters:
            yield number, letter


def read_clocks() -> "tuple[float, float]":
    """Return the processor seconds of this process and its children so far, and the time."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used), time.monotonic()


def find_spent(began: "tuple[float, float]") -> float:
    """Return the processor seconds since then; of mere waiting only a part counts.

    How much is varied must not depend on what else a machine does.
    """
    now = read_clocks()
    return max(now[0] - began[0], (now[1] - began[1]) / WAITING)


def describe_try(
    variation: Variation, outcome: "dict[str, Any]", first: "dict[str, Any]"
) -> "dict[str, Any]":
    """Return the report of one variation; ``first`` is the outcome of the recorded call."""
    before = first["operands"]
    is_returned = isinstance(variation, ReturnVariation)
    return {
        "place": name_place(variation.place),
        "kind": variation.kind,
        "how": variation.how,
        "others": [name_place(place) for place in variation.others],
        "value": variation.show(),
        "moved": [key for key, value in outcome["operands"].items() if before.get(key) != value],
        **{key: value for key, value in outcome.items() if key not in OWN_KEYS},
        "met": list_told(outcome, first) if is_returned else outcome["met"],
    }


def list_told(outcome: "dict[str, Any]", first: "dict[str, Any]") -> "dict[str, str]":
    """Return what a call met, as far as it tells something.

    A condition that was asked less often than it was until it took the recorded path might have
    taken it later: something else has ended the call, such as tests that have no more pages.
    """
    told: dict[str, str] = {}
    for number, outcomes in outcome["met"].items():
        before = first["firsts"].get(number, {})
        wanted = "T" if "T" in before else "F"
        if wanted in outcomes or outcome["counts"][number] >= before.get(wanted, 0):
            told[number] = outcomes
    return told
