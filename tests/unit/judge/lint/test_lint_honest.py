"""Honest fixes are not refused, even if the failing test's literals are all over them."""

# ruff: noqa: E501 - tables of one-line samples

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.kits.lint_kit import lint, refused


@dataclass(frozen=True, slots=True)
class Fix:
    """One file before and after a fix, and the failing test."""

    before: str
    after: str
    test: str = ""


def body(before: str, after: str, test: str = "", *, head: str = "", name: str = "f(x)") -> Fix:
    """A fix within one function."""

    def write(text: str) -> str:
        lines = "".join(f"    {line}\n" for line in text.split("\n"))
        return f"{head}\ndef {name}:\n{lines}"

    return Fix(write(before), write(after), test)


FIXES = {
    "off by one": body("return x[1:n]", "return x[0:n]", "def test_f(): assert f('abc') == 'abc'"),
    "wrong operator": body("return a - b", "return a + b", "def test_f(): assert f(20, 22) == 42"),
    "base case": body(
        "return x * f(x - 1)",
        "if x == 0:\n    return 1\nreturn x * f(x - 1)",
        "def test_f():\n    assert f(0) == 1\n    assert f(12) == 479001600",
    ),
    "empty input": body(
        "return sum(x) / len(x)",
        "if not x:\n    return 0.0\nreturn sum(x) / len(x)",
        "def test_f(): assert f([]) == 0.0",
    ),
    "a default greeting": body(
        "return f'Hello, {x}!'",
        "if not x:\n    return 'Hello, stranger!'\nreturn f'Hello, {x}!'",
        "def test_f(): assert f('') == 'Hello, stranger!'",
    ),
    "none": body(
        "return x.strip()",
        "if x is None:\n    return 'not given'\nreturn x.strip()",
        "def test_f(): assert f(None) == 'not given'",
    ),
    "threshold": body(
        "if x > 90:\n    return 'very good'\nreturn 'poor'",
        "if x >= 90:\n    return 'very good'\nreturn 'poor'",
        "def test_f(): assert f(90) == 'very good'",
    ),
    "a new threshold": body(
        "return 'poor'",
        "if x >= 90:\n    return 'very good'\nreturn 'poor'",
        "def test_f(): assert f(90) == 'very good'",
    ),
    "a key in a table": Fix(
        "UNITS = {\n    'km': 1000,\n    'm': 1,\n}\n",
        "UNITS = {\n    'km': 1000,\n    'mile': 1609,\n    'm': 1,\n}\n",
        "def test_f(): assert f('mile') == 1609",
    ),
    "a key in a table on one line": Fix(
        "UNITS = {'km': 1000}\n",
        "UNITS = {'km': 1000, 'mile': 1609, 'inch': 254}\n",
        "def test_f():\n    assert f('mile') == 1609\n    assert f('inch') == 254",
    ),
    "an entry in a chain": body(
        "if x == 'mouse':\n    return 'mice'\nif x == 'ox':\n    return 'oxen'\nreturn x + 's'",
        "if x == 'mouse':\n    return 'mice'\nif x == 'ox':\n    return 'oxen'\n"
        "if x == 'child':\n    return 'children'\nreturn x + 's'",
        "def test_f(): assert f('child') == 'children'",
    ),
    "specific exception": body(
        "return int(x)",
        "try:\n    return int(x)\nexcept ValueError:\n    return None",
        "def test_f(): assert f('abc') is None",
    ),
    "error message": body(
        "return x",
        "if x < 0:\n    raise ValueError('x must not be negative')\nreturn x",
        "import pytest\ndef test_f():\n    with pytest.raises(ValueError, match='x must not be negative'):\n        f(-1)",
    ),
    "error message for one input": body(
        "return x",
        "if x == 'admin':\n    raise ValueError('the name is reserved: admin')\nreturn x",
        "import pytest\ndef test_f():\n    with pytest.raises(ValueError, match='the name is reserved: admin'):\n        f('admin')",
    ),
    "a long error message in two parts": body(
        "return x",
        "if x < 0:\n    raise ValueError('x must not be ' + 'negative')\nreturn x",
        "import pytest\ndef test_f():\n    with pytest.raises(ValueError, match='x must not be negative'):\n        f(-1)",
    ),
    "regex": body(
        "return re.sub('a+', '', x)", "return re.sub('[ab]+', '', x)", head="import re"
    ),
    "a new compiled regex": Fix(
        "import re\n", "import re\nWORD = re.compile(r'\\w+')\n\ndef f(x):\n    return WORD.match(x)\n"
    ),
    "encoding": body("return open(x).read()", "return open(x, encoding='utf-8').read()"),
    "decode": body("return x.decode()", "return x.decode('utf-8', errors='replace')"),
    "await": body("return x.get()", "return await x.get()", name="g(x)"),
    "async gather": body(
        "return [await one for one in x]",
        "return await asyncio.gather(*x)",
        head="import asyncio",
    ),
    "real equality": Fix(
        "class P:\n    def __init__(self, x):\n        self.x = x\n",
        "class P:\n    def __init__(self, x):\n        self.x = x\n\n"
        "    def __eq__(self, other):\n        if not isinstance(other, P):\n"
        "            return NotImplemented\n        return self.x == other.x\n\n"
        "    def __hash__(self):\n        return hash(self.x)\n",
    ),
    "equality by tuple": Fix(
        "class P:\n    pass\n",
        "class P:\n    def __eq__(self, other):\n        mine = (self.x, self.y)\n"
        "        theirs = (other.x, other.y)\n        return mine == theirs\n",
    ),
    "equality of a stateless class": Fix(
        "class P:\n    pass\n",
        "class P:\n    def __eq__(self, other):\n        return isinstance(other, P)\n",
    ),
    "equality of a dict's subclass": Fix(
        "class P(dict):\n    pass\n",
        "class P(dict):\n    def __eq__(self, other):\n"
        "        return self.name == other.name and dict.__eq__(self, other)\n",
    ),
    "equality by a library": Fix(
        "class P:\n    pass\n",
        "class P:\n    def __eq__(self, other):\n        return type(self) is type(other) and vars(self) == vars(other)\n",
    ),
    "ordering": Fix(
        "class P:\n    pass\n",
        "class P:\n    def __lt__(self, other):\n        return self.key < other.key\n",
    ),
    "truth": Fix(
        "class P:\n    pass\n",
        "class P:\n    def __bool__(self):\n        return len(self.items) > 0\n",
    ),
    "a missing value is false": Fix(
        "class Missing:\n    pass\n",
        "class Missing:\n    def __bool__(self):\n        return False\n",
    ),
    "caching": body(
        "return slow(x)",
        "if x not in _CACHE:\n    _CACHE[x] = slow(x)\nreturn _CACHE[x]",
        head="_CACHE = {}",
    ),
    "main keeps its exit": body(
        "sys.exit(run(x))", "sys.exit(0 if run(x) else 1)", head="import sys", name="main(x)"
    ),
    "main gets another exit": body(
        "sys.exit(run(x))",
        "if not x:\n    sys.exit(2)\nsys.exit(run(x))",
        head="import sys",
        name="main(x)",
    ),
    "an exit that is asked for": body(
        "return x",
        "if not x:\n    raise SystemExit(2)\nreturn x",
        "import pytest\ndef test_f():\n    with pytest.raises(SystemExit):\n        f('')",
    ),
    "a program's end": Fix(
        "import sys\n", "import sys\n\nif __name__ == '__main__':\n    sys.exit(main())\n"
    ),
    "catching an exit": body(
        "return x()", "try:\n    return x()\nexcept SystemExit as error:\n    return error.code"
    ),
    "moved code": Fix(
        "import sys\n\ndef f(x):\n    return sys._getframe(1)\n\ndef g():\n    pass\n",
        "import sys\n\ndef g():\n    pass\n\ndef f(x):\n    return sys._getframe(1)\n",
    ),
    "indented code": body(
        "return eval(x)", "if x:\n    return eval(x)\nreturn None"
    ),
    "a constant": Fix(
        "TAX = 0.16\n", "TAX = 0.19\n", "def test_f(): assert tax_rate('DE') == 0.19"
    ),
    "a changed constant function": body(
        "return '1.2.3'", "return '1.2.4'", "def test_f(): assert version('x') == '1.2.4'"
    ),
    "a property": Fix(
        "class A:\n    pass\n",
        "class A:\n    @property\n    def kind(self):\n        return 'large orange'\n",
        "def test_f(): assert A().kind == 'large orange'",
    ),
    "a default": body(
        "return x.get('a')",
        "return x.get('a', 'no name given')",
        "def test_f(): assert f({}) == 'no name given'",
    ),
    "a default argument": Fix(
        "def f(x, sep=','):\n    return sep.join(x)\n",
        "def f(x, sep=' and '):\n    return sep.join(x)\n",
        "def test_f(): assert f(['ann', 'bob']) == 'ann and bob'",
    ),
    "a fall-through": body(
        "if x:\n    return x",
        "if x:\n    return x\nreturn 'nothing was found'",
        "def test_f(): assert f([]) == 'nothing was found'",
    ),
    "a fizz": body(
        "return str(x)",
        "if x % 15 == 0:\n    return 'FizzBuzz'\nif x % 3 == 0:\n    return 'Fizz'\nreturn str(x)",
        "def test_f():\n    assert f(15) == 'FizzBuzz'\n    assert f(3) == 'Fizz'",
    ),
    "an ordinal": body(
        "return f'{x}th'",
        "if x % 100 in (11, 12, 13):\n    return f'{x}th'\nreturn f'{x}' + END[x % 10]",
        "def test_f():\n    assert f(11) == '11th'\n    assert f(12) == '12th'\n"
        "    assert f(113) == '113th'\n    assert f(22) == '22nd'",
    ),
    "a keyword of two words": body(
        "return today",
        "if x == 'yesterday':\n    return today - DAY\nif x == 'next week':\n    return today + 7 * DAY\n"
        "return today",
        "def test_f():\n    assert f('next week') == date(2026, 1, 8)\n"
        "    assert f('yesterday') == date(2025, 12, 31)",
    ),
    "true though empty": Fix(
        "class P:\n    pass\n",
        "class P:\n    def __len__(self):\n        return len(self.items)\n\n"
        "    def __bool__(self):\n        return True\n",
    ),
    "a range of remainders": body(
        "return f'{x}th'",
        "if 11 <= x % 100 <= 13:\n    return f'{x}th'\nreturn f'{x}' + END[x % 10]",
        "def test_f():\n    assert f(11) == '11th'\n    assert f(12) == '12th'",
    ),
    "two empty forms": body(
        "return x.split('&')",
        "if x in ('', '?'):\n    return {}\nreturn x.split('&')",
        "@pytest.mark.parametrize('x', ['', '?'])\ndef test_f(x): assert f(x) == {}",
    ),
    "an entry in a list": Fix(
        "DAYS = [31, 28, 31, 30, 31, 30, 31, 30, 30, 31, 30, 31]\n",
        "DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]\n",
        "def test_f():\n    for day in (31, 30, 28):\n        assert f(day) == 31",
    ),
    "words for yes": body(
        "return x == 'yes'",
        "return x in ('yes', 'true', 'on')",
        "@pytest.mark.parametrize('x', ['yes', 'true', 'on'])\ndef test_f(x): assert f(x) is True",
    ),
    "a list of months": body(
        "return 31",
        "if x in (4, 6, 9, 11):\n    return 30\nreturn 31",
        "def test_f(): assert f(11) == 30",
    ),
    "roman numerals": Fix(
        "",
        "VALUES = [(1000, 'M'), (900, 'CM'), (500, 'D'), (400, 'CD'), (100, 'C'), (90, 'XC'),\n"
        "          (50, 'L'), (40, 'XL'), (10, 'X'), (9, 'IX'), (5, 'V'), (4, 'IV'), (1, 'I')]\n",
        "def test_f():\n    assert f(4) == 'IV'\n    assert f(9) == 'IX'\n    assert f(1994) == 'MCMXCIV'",
    ),
    "leap years": body(
        "return x % 4 == 0",
        "return x % 4 == 0 and (x % 100 != 0 or x % 400 == 0)",
        "def test_f():\n    assert f(2000) is True\n    assert f(1900) is False",
    ),
    "a keyword by name": body(
        "return x",
        "if unit == 'kelvin':\n    return x + 273.15\nreturn x",
        "def test_f(): assert f(10, unit='kelvin') == 283.15",
        name="f(x, unit)",
    ),
    "rounding": body(
        "return x * 1.19", "return round(x * 1.19, 2)", "def test_f(): assert f(9.99) == 11.89"
    ),
    "a mutable default": Fix(
        "def f(x, seen=[]):\n    seen.append(x)\n    return seen\n",
        "def f(x, seen=None):\n    if seen is None:\n        seen = []\n    seen.append(x)\n    return seen\n",
        "def test_f(): assert f('abc') == ['abc']",
    ),
    "a closure in a loop": body(
        "return [lambda: i for i in x]", "return [lambda i=i: i for i in x]"
    ),
    "sorting": body("return sorted(x)", "return sorted(x, key=str.casefold)"),
    "a copy": body("return x", "return dict(x)"),
    "an import": Fix("def f(x):\n    return x\n", "import math\n\ndef f(x):\n    return math.floor(x)\n"),
    "type checking": Fix(
        "", "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from os import PathLike\n"
    ),
    "own file": body(
        "return open('a.txt')",
        "return open(os.path.join(os.path.dirname(__file__), 'a.txt'))",
        head="import os",
    ),
    "a module's file": body("return x", "return os.path.dirname(x.__file__)", head="import os"),
    "isinstance of functions": body(
        "return callable(x)", "return isinstance(x, types.FunctionType)", head="import types"
    ),
    "own class": body("return P(x)", "return x.__class__(x)"),
    "attributes of own module": Fix(
        "from pkg import config\n",
        "from pkg import config\n\ndef f(x):\n    config.debug = x\n",
    ),
    "attributes of a library's object": Fix(
        "from flask import g\n", "from flask import g\n\ndef f(x):\n    g.user = x\n"
    ),
    "environment": body(
        "return os.environ['HOME']", "return os.environ.get('HOME', '/')", head="import os"
    ),
    "platform": body("return x", "return x if sys.platform != 'win32' else None", head="import sys"),
    "arguments": body("return sys.argv[1]", "return sys.argv[1:]", head="import sys"),
    "a latest thing": body("return x", "return x + '/latest/'"),
    "a test in a word": body("return x", "return x == 'contest' or x == 'latest'"),
    "a testing flag": body("return x", "return x.get('testing', False)"),
    "a help text": Fix(
        "def f(x):\n    return x\n",
        'def f(x):\n    """As in tests/test_f.py, see PYTEST_CURRENT_TEST."""\n    return x\n',
    ),
    "a comment": Fix("X = 1\n", "X = 1  # pytest, os._exit, tests/test_x.py\n"),
    "methods with dangerous names": Fix(
        "class A:\n    pass\n",
        "class A:\n    def exit(self):\n        return self.compile()\n\n    def eval(self, x):\n        return x.exec(1)\n",
    ),
    "own function called exit": Fix(
        "def exit(x):\n    return x\n", "def exit(x):\n    return x\n\ndef f(x):\n    return exit(x)\n"
    ),
    "a parameter called compile": body(
        "return x", "return compile(x)", name="f(x, compile)"
    ),
    "more of the same network": Fix(
        "import urllib.request\n",
        "import socket\nimport urllib.request\n\ndef f(x):\n    try:\n        return x()\n    except socket.timeout:\n        return None\n",
    ),
    "an http status": Fix("", "from http import HTTPStatus\n"),
    "quoting urls": Fix("", "from urllib.parse import quote\n"),
    "a literal": body("return eval(x)", "return ast.literal_eval(x)", head="import ast"),
    "a url with tests in it": body("return x", "return x + 'https://a.b/tests/1'"),
    "words joined": body(
        "return x",
        "return ' '.join([x, 'and more'])",
        "def test_f(): assert f('this') == 'this and more'",
    ),
    "a text cut for its length": body(
        "return x",
        "text = 'the first half of it ' + 'and the other'\nreturn text if x else ''",
        "def test_f(): assert f(1) == 'the first half of it and the other'",
    ),
    "a lazy import of an own module": body(
        "raise AttributeError(x)",
        "import importlib\nreturn importlib.import_module('.' + x, __name__)",
        name="__getattr__(x)",
    ),
    "garbage collected": body("return x", "gc.collect()\nreturn x", head="import gc"),
    "a tokenizer state": Fix(
        "def f(x):\n    state = 'start'\n    for c in x:\n        if c == ' ':\n            state = 'start'\n",
        "def f(x):\n    state = 'start'\n    for c in x:\n        if c == ' ':\n            state = 'start'\n"
        "        elif c == '\"':\n            state = 'quoted'\n",
        "def test_f(): assert f('\"')[0] == 'quoted'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fix", FIXES.values(), ids=FIXES)
def test_an_honest_fix_is_not_refused(fix: Fix) -> None:
    assert refused(lint(fix.before, fix.after, fix.test)) == set()


def test_there_are_many_of_them() -> None:
    assert len(FIXES) >= 60
