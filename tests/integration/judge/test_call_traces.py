"""The dependence of tests on a change, by their calls in real sessions with it and without it."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_agentfix.core.model import ChangeSet, FileChange
from pytest_agentfix.judge.sessions.orders import Traced
from pytest_agentfix.judge.sessions.session_result import SessionResult
from pytest_agentfix.judge.trace_comparison import Comparison, Dependence, Pair, compare
from pytest_agentfix.judge.traced_functions import find_altered_functions
from tests.kits.session_kit import run_session, write

DIFFERENT = Comparison(Dependence.DIFFERENT)
SAME = Comparison(Dependence.SAME)


def unknown(reason: str) -> Comparison:
    return Comparison(Dependence.UNKNOWN, reason)


GUARD = """
    def half(n):
        if n == 5:
            return 3
        return n // 2
    """
PLAIN = "def half(n):\n    return n // 2\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Two versions of ``calc``, a module with ``test_it``, and what is found out about that."""

    found: Comparison
    base: str = PLAIN
    change: str = GUARD
    test: str = "def test_it(): assert calc.half(4) == 2"
    pairs: int = 1  # of sessions that are compared


STORE = """
    def put(items, item):
        drop(items)
        items.append(item)
        return items

    def drop(items):
        items.clear()
        return None
    """
WAITING = """
    import asyncio

    async def half(n):
        await asyncio.sleep(0)
        return n // 2
    """
CASES = {
    "another value": Case(
        change="def half(n):\n    return n / 2\n",
        found=DIFFERENT,
    ),
    "the same value by another line": Case(
        change="def half(n):\n    return n >> 1\n",
        found=SAME,
    ),
    "past a changed if": Case(found=SAME),
    "another branch to the same value": Case(
        base="""
            def half(n):
                if n > 4:
                    return n // 2
                return n // 2
            """,
        change="""
            def half(n):
                if n >= 4:
                    return n // 2
                return n // 2
            """,
        found=DIFFERENT,
    ),
    "a value that its callers throw away": Case(
        base=STORE,
        change=STORE.replace("return None", "return [1]"),
        test="""
            def test_it():
                assert calc.put([], 1) == [1]
            """,
        found=SAME,
    ),
    "a value that the test itself gets": Case(
        base=STORE,
        change=STORE.replace("return None", "return [1]"),
        test="""
            def test_it():
                calc.drop([1])
                assert calc.put([], 1) == [1]
            """,
        found=DIFFERENT,
    ),
    "a loop that runs once more": Case(
        base="""
            def last(items):
                found = None
                for index in range(len(items) - 1):
                    found = items[0]
                return found
            """,
        change="""
            def last(items):
                found = None
                for index in range(len(items)):
                    found = items[0]
                return found
            """,
        test="def test_it(): assert calc.last('abc') == 'a'",
        found=DIFFERENT,
    ),
    "another exception": Case(
        base="def get(key):\n    return {}[key]\n",
        change="def get(key):\n    raise LookupError(key)\n",
        test="""
            import pytest

            def test_it():
                with pytest.raises(LookupError):
                    calc.get(1)
            """,
        found=DIFFERENT,
    ),
    "the same exception by another line": Case(
        base="def get(key):\n    return {}[key]\n",
        change="def get(key):\n    raise KeyError(key)\n",
        test="""
            import pytest

            def test_it():
                with pytest.raises(KeyError):
                    calc.get(1)
            """,
        found=SAME,
    ),
    "an exception that is caught now": Case(
        base="def get(key):\n    return {}[key]\n",
        change="""
            def get(key):
                try:
                    return {}[key]
                except KeyError:
                    return None
            """,
        test="""
            def test_it():
                try:
                    assert calc.get(1) is None
                except KeyError:
                    pass
            """,
        found=DIFFERENT,
    ),
    "an exception on whose way something is closed": Case(
        base="""
            def get(key, used):
                try:
                    return {}[key]
                finally:
                    used.append(key)
            """,
        change="""
            def get(key, used):
                try:
                    return {}.get(key)
                finally:
                    used.append(key)
            """,
        test="""
            import contextlib

            def test_it():
                with contextlib.suppress(KeyError):
                    calc.get(1, [])
            """,
        found=DIFFERENT,
    ),
    "lines above and a comment": Case(
        change="# A comment.\n\n" + PLAIN.replace("// 2", "// 2  # rounded down"),
        found=SAME,
    ),
    "one call of many differs": Case(
        test="def test_it(): assert sum(map(calc.half, range(9))) in (16, 17)",
        found=DIFFERENT,
    ),
    "an added function, and its caller returns something else": Case(
        change="""
            def half(n):
                return exact(n)

            def exact(n):
                return n / 2
            """,
        found=DIFFERENT,
    ),
    "an added function, and its caller returns the same": Case(
        change="""
            def half(n):
                if is_odd(n):
                    return 3
                return n // 2

            def is_odd(n):
                return n == 5
            """,
        found=SAME,
    ),
    "an added function that unaltered code calls": Case(
        base="class A:\n    pass\n",
        change="class A:\n    def __repr__(self):\n        return 'A'\n",
        test="def test_it(): assert 'A' in repr(calc.A())",
        found=unknown("unaltered code calls a function that is there on one side only"),
    ),
    "an altered function that altered code calls once more": Case(
        base="""
            def half(n):
                return n // 2

            def is_odd(n):
                return bool(n % 2)
            """,
        change="""
            def half(n):
                if is_odd(n) and n == 5:
                    return 3
                return n // 2

            def is_odd(n):
                return n % 2 == 1
            """,
        test="def test_it(): assert calc.half(4) == 2 and not calc.is_odd(2)",
        found=SAME,
    ),
    "moved code": Case(
        base="def half(n):\n    return n // 2\n\ndef double(n):\n    return n * 2\n",
        change="def double(n):\n    return n * 2\n\ndef half(n):\n    return n // 2\n",
        test="def test_it(): assert calc.half(4) == 2 and calc.double(1) == 2",
        found=unknown("altered lines run outside of any function"),
    ),
    "a lambda outside of any function": Case(
        base="half = lambda n: n // 2\n",
        change="half = lambda n: n / 2\n",
        found=unknown("altered lines run outside of any function"),
    ),
    "a decorated method": Case(
        base="""
            import functools

            def twice(function):
                @functools.wraps(function)
                def call(self):
                    return function(self) * 2
                return call

            class A:
                @twice
                def one(self):
                    return 1
            """,
        change="""
            import functools

            def twice(function):
                @functools.wraps(function)
                def call(self):
                    return 2 * function(self)
                return call

            class A:
                @twice
                def one(self):
                    return 1.0
            """,
        test="def test_it(): assert calc.A().one() == 2",
        found=DIFFERENT,
    ),
    "a decorator that keeps values": Case(
        base="""
            def half(n):
                return exact(n)

            def exact(n):
                return n // 2
            """,
        change="""
            import functools

            def half(n):
                return exact(n)  # kept

            @functools.lru_cache
            def exact(n):
                return n // 2
            """,
        test="def test_it(): assert calc.half(4) == calc.half(4)",
        found=SAME,
    ),
    "a property and its setter": Case(
        base="""
            class A:
                @property
                def size(self):
                    return self._size
            """,
        change="""
            class A:
                @property
                def size(self):
                    return float(self._size)

                @size.setter
                def size(self, size):
                    self._size = size
            """,
        test="""
            def test_it():
                one = calc.A()
                one._size = 1
                assert one.size == 1
            """,
        found=DIFFERENT,
    ),
    "an attribute of what is returned": Case(
        base="""
            class A:
                pass

            def make():
                made = A()
                made.size = 1
                return made
            """,
        change="""
            class A:
                pass

            def make():
                made = A()
                made.size = 2
                return made
            """,
        test="def test_it(): assert calc.make().size",
        found=DIFFERENT,
    ),
    "an equal object": Case(
        base="""
            class A:
                pass

            def make():
                return A()
            """,
        change="""
            class A:
                pass

            def make():
                return [A()][0]
            """,
        test="def test_it(): assert calc.make()",
        found=SAME,
    ),
    "a generator that yields something else": Case(
        base="def count(n):\n    yield from range(n)\n",
        change="def count(n):\n    yield from map(float, range(n))\n",
        test="def test_it(): assert list(calc.count(3)) == [0, 1, 2]",
        found=DIFFERENT,
    ),
    "a generator that yields the same": Case(
        base="def count(n):\n    yield from range(n)\n",
        change="def count(n):\n    for one in range(n):\n        yield one\n",
        test="def test_it(): assert list(calc.count(3)) == [0, 1, 2]",
        found=SAME,
    ),
    "a generator that yields once more": Case(
        base="def count(n):\n    yield from range(n)\n",
        change="def count(n):\n    yield from range(n + 1)\n",
        test="def test_it(): assert len(list(calc.count(3))) >= 3",
        found=DIFFERENT,
    ),
    "a coroutine that returns something else": Case(
        base="async def half(n):\n    return n // 2\n",
        change="async def half(n):\n    return n / 2\n",
        test="""
            import asyncio

            def test_it():
                assert asyncio.run(calc.half(4)) == 2
            """,
        found=DIFFERENT,
    ),
    "a coroutine that waits and returns the same": Case(
        base=WAITING,
        change=WAITING.replace("// 2", ">> 1"),
        test="""
            import asyncio

            async def both():
                return await asyncio.gather(calc.half(4), calc.half(2))

            def test_it():
                assert asyncio.run(both()) == [2, 1]
            """,
        found=SAME,
    ),
    "recursion that ends elsewhere": Case(
        base="def add(n):\n    return 0 if n == 0 else n + add(n - 1)\n",
        change="def add(n):\n    return 1 if n == 1 else n + add(n - 1)\n",
        test="def test_it(): assert calc.add(4) == 10",
        found=SAME,
    ),
    "recursion of which one call differs": Case(
        base="def add(n):\n    return 0 if n <= 1 else n + add(n - 1)\n",
        change="def add(n):\n    return n if n <= 1 else n + add(n - 1)\n",
        test="def test_it(): assert calc.add(4) > 8",
        found=DIFFERENT,
    ),
    "a value that differs from run to run": Case(
        base="import uuid\n\ndef make():\n    return uuid.uuid4()\n",
        change="import uuid\n\ndef make():\n    return uuid.uuid4()  # random\n",
        test="def test_it(): assert calc.make()",
        found=unknown("results there differ from run to run"),
        pairs=2,
    ),
    "a random value, and another branch": Case(
        base="""
            import uuid

            def make(n):
                if n > 4:
                    return uuid.uuid1()
                return uuid.uuid4()
            """,
        change="""
            import uuid

            def make(n):
                if n >= 4:
                    return uuid.uuid1()
                return uuid.uuid4()
            """,
        test="def test_it(): assert calc.make(4)",
        found=DIFFERENT,
        pairs=2,
    ),
    "a difference that is there each time": Case(
        change="def half(n):\n    return n / 2\n",
        found=DIFFERENT,
        pairs=2,
    ),
    "a set in another order": Case(
        base="def names():\n    return {'a', 'b', 'c', 'd'}\n",
        change="def names():\n    return set('abcd')\n",
        test="def test_it(): assert len(calc.names()) == 4",
        found=SAME,
    ),
    "threads": Case(
        change="def half(n):\n    return n / 2\n",
        test="""
            import threading

            def test_it():
                threads = [threading.Thread(target=calc.half, args=(4,)) for _ in range(4)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            """,
        found=DIFFERENT,
    ),
    "threads that do the same": Case(
        test="""
            from concurrent.futures import ThreadPoolExecutor

            def test_it():
                with ThreadPoolExecutor(4) as pool:
                    assert sum(pool.map(calc.half, range(5))) == 4
            """,
        found=SAME,
    ),
    "a fixture of several tests": Case(
        change="def half(n):\n    return n / 2\n",
        test="""
            import pytest

            @pytest.fixture(scope='module')
            def value():
                return calc.half(4)

            def test_it(value):
                assert value == 2
            """,
        found=DIFFERENT,
    ),
    "a process": Case(
        test="""
            import subprocess, sys

            def test_it():
                assert calc.half(4) == 2
                subprocess.run([sys.executable, '-c', 'pass'], check=True)
            """,
        found=unknown("a process is started"),
    ),
    "another tracer": Case(
        test="""
            import sys

            def test_it():
                assert calc.half(4) == 2
                before = sys.gettrace()
                sys.settrace(None)
                sys.settrace(before)
            """,
        found=unknown("something else is tracing"),
    ),
    "more calls than anybody can read": Case(
        test="def test_it(): assert all(calc.half(4) == 2 for _ in range(6000))",
        found=unknown("more than 5000 calls of changed functions"),
    ),
    "a test that fails": Case(
        test="def test_it(): assert calc.half(4) == 3",
        found=unknown("not passed while calls are recorded"),
    ),
    "a repr that must not be called": Case(
        base="""
            class Sly:
                def __repr__(self):
                    raise SystemExit
                __eq__ = __hash__ = __getattr__ = __len__ = __iter__ = __repr__

            def make():
                return Sly()
            """,
        change="""
            class Sly:
                def __repr__(self):
                    raise SystemExit
                __eq__ = __hash__ = __getattr__ = __len__ = __iter__ = __repr__

            def make():
                return [Sly()][0]
            """,
        test="def test_it(): assert calc.make() is not None",
        found=SAME,
    ),
}


def name_module(case: str) -> str:
    return f"calc_{list(CASES).index(case)}"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    """Run the tests of all cases in two pairs of sessions."""
    top = tmp_path_factory.mktemp("cases") / "top"
    bases = {f"{name_module(name)}.py": textwrap.dedent(one.base) for name, one in CASES.items()}
    changed = {f"{name_module(name)}.py": textwrap.dedent(o.change) for name, o in CASES.items()}
    altered = find_altered_functions(
        ChangeSet({path: FileChange(text.encode()) for path, text in changed.items()}),
        lambda path: (bases[path].encode(), False),
        top=top,
    )
    tests = {
        f"test_{name_module(name)}.py": f"import {name_module(name)} as calc\n\n"
        + textwrap.dedent(one.test)
        for name, one in CASES.items()
    }

    def run(files: Mapping[str, str], trace: Traced) -> SessionResult:
        shutil.rmtree(top, ignore_errors=True)
        write(top, {**files, **tests})
        return run_session(top, list(tests), trace=trace)

    return [Pair(run(bases, altered.on_base), run(changed, altered.with_change)) for _ in range(2)]


@pytest.mark.parametrize("name", CASES)
def test_dependence(name: str, pairs: list[Pair]) -> None:
    case = CASES[name]
    assert not any(pair.problem for pair in pairs)
    assert compare(f"test_{name_module(name)}.py::test_it", pairs[: case.pairs]) == case.found


def test_a_process_that_is_traced_already(tmp_path: Path) -> None:
    write(
        tmp_path / "top",
        {
            "test_it.py": "def test_it(): pass\n",
            "lib/sitecustomize.py": "import sys\nsys.settrace(lambda *_: None)\n",
        },
    )
    trace = find_altered_functions(
        ChangeSet({"calc.py": FileChange(b"def f():\n    pass\n")}), lambda _: None, top=tmp_path
    ).with_change
    environ = {"PYTHONPATH": str(tmp_path / "top" / "lib")}
    run = run_session(tmp_path / "top", ["test_it.py"], trace=trace, environ=environ)
    assert run.report.trace_problem == "something else traces this process"
