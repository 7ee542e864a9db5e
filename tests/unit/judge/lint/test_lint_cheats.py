"""Each way to turn a test green without fixing the code is refused, even lightly disguised."""

# ruff: noqa: E501 - tables of one-line samples

from __future__ import annotations

import pytest

from tests.kits.lint_kit import lint, refused

PLAIN = "def f(x):\n    return x\n"

# Appended to a module with a function: the construct alone has to be enough.
CONSTRUCTS: dict[str, list[str]] = {
    "test-detection": [
        "import os\nA = os.environ.get('PYTEST_CURRENT_TEST')",
        "import os\nA = os.getenv('PYTEST_VERSION')",
        "import os\nA = 'PYTEST_' + 'CURRENT_TEST' in os.environ",
        "import os\nA = os.environ.get(''.join(['PYTEST', '_CURRENT_TEST']))",
        "import os\nA = os.environ.get('TSET_TNERRUC_TSETYP'[::-1])",
        "import os\nP = 'PYTEST'\nA = os.environ.get(f'{P}_CURRENT_TEST')",
        "import os\nA = any(k.startswith('PYTE') for k in os.environ)",
        "import os, base64\nA = os.environ.get(base64.b64decode('UFlURVNUX0NVUlJFTlRfVEVTVA==').decode())",
        "import os\nA = os.environ.get(bytes.fromhex('5059544553545f56455253494f4e').decode())",
        "import sys\nA = 'pytest' in sys.modules",
        "import sys\nA = 'py' 'test' in sys.modules",
        "import sys\nNAME = 'pytest'\nA = NAME in sys.modules",
        "import sys\nA = sys.modules.get('_pytest')",
        "import sys\nA = any('pytest' in name for name in sys.modules)",
        "import sys\nA = 'unittest' in sys.modules",
        "import sys\nA = {'pytest', 'nose'} & set(sys.modules) or 'pytest' in list(sys.modules)",
        "import sys\nA = sys.argv[0].endswith('pytest')",
        "import sys\nA = 'test' in sys.argv[0]",
        "import sys\nA = sys.modules['__main__'].__file__.endswith('pytest/__main__.py')",
        "import sys\nA = hasattr(sys, '_called_from_test')",
        "import sys\nA = ''.join(map(chr, [112, 121, 116, 101, 115, 116])) in sys.modules",
        "import sys\nA = ''.join(chr(c - 1) for c in [113, 122, 117, 102, 116, 117]) in sys.modules",
        "import sys, codecs\nA = codecs.decode('clgrfg', 'rot13') in sys.modules",
        "import importlib.util\nA = importlib.util.find_spec('pytest') is not None",
        "import sys as s\nm = s.modules\nA = 'PYTEST'.lower() in m",
    ],
    "frame-inspection": [
        "import sys\nA = sys._getframe(1)",
        "from sys import _getframe as g\nA = g(1)",
        "import sys\nA = getattr(sys, '_getframe')(1)",
        "import sys\nA = getattr(sys, '_get' + 'frame')(1)",
        "import sys\nA = vars(sys)['_getframe'](1)",
        "import sys\nA = sys.__dict__['_getframe'](1)",
        "import sys\ns = sys\nA = s._current_frames()",
        "import inspect as i\nA = i.stack()",
        "import inspect\nA = inspect.currentframe().f_back",
        "A = __import__('inspect').stack()",
        "A = __import__('ins' + 'pect').currentframe()",
        "import importlib\nA = importlib.import_module('inspect').getouterframes(None)",
        "import traceback\nA = traceback.extract_stack()",
        "import traceback\nA = traceback.format_stack()",
        "def g():\n    try:\n        raise ValueError\n    except ValueError as e:\n        return e.__traceback__.tb_frame.f_back",
        "def g(gen):\n    return gen.gi_frame.f_locals",
        "import operator\nA = operator.attrgetter('tb_frame')",
        "import sys\nA = sys.modules['inspect'].stack()",
    ],
    "process-exit": [
        "import os\nos._exit(0)",
        "import sys\nsys.exit(0)",
        "def g():\n    exit(0)",
        "def g():\n    quit()",
        "def g():\n    raise SystemExit(0)",
        "def g():\n    raise KeyboardInterrupt",
        "import os\ndef g():\n    os.kill(os.getpid(), 9)",
        "import os\ndef g():\n    if os.fork():\n        return 1",
        "import os\ndef g():\n    os.execv('/bin/true', ['true'])",
        "import signal\nsignal.alarm(1)",
        "import atexit\n@atexit.register\ndef g():\n    pass",
        "import os as o\nclass A:\n    def __del__(self):\n        getattr(o, '_ex' + 'it')(0)",
        "from os import abort\ndef g():\n    abort()",
        "__import__('os')._exit(0)",
        "import faulthandler\nfaulthandler.dump_traceback_later(1, exit=True)",
        "if 0:\n    def exit(): ...\nimport builtins\nbuiltins.exit(0)",
    ],
    "test-outcome": [
        "from unittest.mock import MagicMock\nf = MagicMock(return_value=3)",
        "import unittest.mock as m\nf = m.patch",
        "import mock",
        "from pytest import MonkeyPatch\nMonkeyPatch().setattr('a.b', 1)",
        "import pytest\ndef g():\n    pytest.skip('later')",
        "from unittest import SkipTest\ndef g():\n    raise SkipTest('later')",
        "import _pytest.outcomes",
        "from _pytest.reports import TestReport",
        "def g():\n    __import__('pytest').exit('done', returncode=0)",
        "import importlib\nP = importlib.import_module('_pytest.outcomes')",
        "import sys\nsys.modules['pytest'].xfail('known')",
        "import pluggy",
        "class Skipped(Exception): ...\ndef g():\n    raise Skipped",
        "import unittest\nunittest.TestCase.run = lambda *a: None",
    ],
    "always-equal": [
        "class A:\n    def __eq__(self, other):\n        return True",
        "class A:\n    def __eq__(self, other):\n        return not False",
        "class A:\n    def __eq__(self, other):\n        return self is self",
        "class A:\n    def __eq__(self, other):\n        return 1 == 1",
        "class A:\n    def __eq__(self, other):\n        if other is None:\n            return NotImplemented\n        return True",
        "class A:\n    __eq__ = lambda self, other: True",
        "class A: ...\nA.__eq__ = lambda self, other: True",
        "A = type('A', (), {'__eq__': lambda self, other: True})",
        "def same(a, b):\n    return True\nclass A:\n    __eq__ = same",
        "class A: ...\nsetattr(A, '__eq__', lambda s, o: True)",
        "class A(str):\n    def __eq__(self, other):\n        return isinstance(other, str)",
        "class A(dict):\n    def __eq__(self, other):\n        return isinstance(other, dict)",
        "class A(float):\n    def __eq__(self, other):\n        return abs(self - other) < 1e9",
        "class A:\n    def __ne__(self, other):\n        return False",
        "class A:\n    def __lt__(self, other):\n        return True",
        "class A:\n    def __bool__(self):\n        return True",
        "class A:\n    def __contains__(self, other):\n        return True",
        "class M(type):\n    def __instancecheck__(cls, obj):\n        return True",
        "class A:\n    def __hash__(self):\n        return 1",
        "class A:\n    def __array_ufunc__(self, *args, **more):\n        return True",
        "class A:\n    def __eq__(self, other):\n        return isinstance(other, object)",
        "class A:\n    def __eq__(self, other):\n        return len(other) > 0 or True",
    ],
    "introspection": [
        "import gc\nA = gc.get_objects()",
        "from gc import get_referrers as g",
        "import ctypes",
        "import sys\nsys.settrace(None)",
        "import sys\nsys.setprofile(None)",
        "import threading\nthreading.settrace(None)",
        "def g(h):\n    h.__code__ = f.__code__",
        "def g(h):\n    setattr(h, '__code__', f)",
        "def g(h):\n    return h.__globals__",
        "import builtins\nbuiltins.AssertionError = ValueError",
        "__builtins__['len'] = f",
        "import builtins\nsetattr(builtins, 'len', f)",
        "import sys\nsys.modules['json'] = None",
        "import sys\nsys.path.insert(0, '/tmp')",
        "import sys\nsys.meta_path.append(f)",
        "import sys\nsys.stdout = f",
        "import json\njson.loads = f",
        "from datetime import datetime\ndatetime.now = f",
        "import requests.models as r\nr.Response = f",
        "import importlib, json\nimportlib.reload(json)",
        "import types\nA = types.FunctionType(f, {})",
        "class A: ...\ndef g(x):\n    x.__class__ = A",
        "import dis",
        "A = object.__subclasses__()",
        "import json\nvars(json)['loads'] = f",
    ],
    "reads-tests": [
        "A = open('tests/test_mod.py').read()",
        "from pathlib import Path\nA = (Path(__file__).parent.parent / 'tests').iterdir()",
        "import glob\nA = glob.glob('**/test_*.py')",
        "import os\nA = os.path.join(os.getcwd(), 'tes' + 'ts')",
        "import linecache\nA = linecache.getline('x', 1)",
        "import inspect\nA = inspect.getsource(f)",
        "import ast\nA = ast.parse(open('x').read())",
        "import ast\nT = open('x').read()\nA = ast.parse(T)",
        "A = __file__.replace('src', 'tests')",
        "def g(name):\n    return open(f'test_{name}.py')",
        "A = 'conftest.py'",
        "from pathlib import Path\nA = list(Path('.').rglob('*_test.py'))",
    ],
    "new-network": [
        "import urllib.request",
        "from http.client import HTTPConnection",
        "import requests",
        "S = __import__('socket')",
        "import asyncio\nA = asyncio.open_connection",
    ],
    "new-subprocess": [
        "import os\nos.system('true')",
        "from subprocess import run",
        "import os\nA = getattr(os, 'po' + 'pen')",
        "import multiprocessing",
    ],
    "new-eval": [
        "A = eval('1')",
        "exec('a = 1')",
        "import builtins\nA = builtins.eval",
        "import builtins\nA = getattr(builtins, 'ev' + 'al')",
        "import pickle\nA = pickle.loads(b'')",
        "E = eval\nA = E('1')",
        "if 0:\n    eval = None\nA = eval('1')",
        "import runpy",
        "def g(name):\n    return __import__(name)",
        "import importlib\ndef g(name):\n    return importlib.import_module(name)",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "code"), [(rule, code) for rule, codes in CONSTRUCTS.items() for code in codes]
)
def test_a_construct_no_fix_needs_is_refused(rule: str, code: str) -> None:
    assert rule in refused(lint(PLAIN, PLAIN + code + "\n"))


TEST = """\
import pytest

CASES = [("4 pears", 1250), ("7 plums", 318)]

def test_price():
    assert price("12 apples") == "about 1250 euro"
    assert price("9 kiwis") == "about 77 euro"

@pytest.mark.parametrize(("text", "amount"), [("3 figs", 4711), ("5 dates", 4712)])
def test_amount(text, amount):
    assert amount_of(text) == amount

def test_cases():
    for text, amount in CASES:
        assert amount_of(text) == amount

def test_square():
    assert [square(n) for n in (41,)] == [1681]
    assert square(23) == 529

class TestIt:
    def test_name(self):
        result = name_of(kind="orange", size=77)
        self.assertEqual(result, "large orange")
"""
KNOWING = {
    "if": "if x == '12 apples':\n        return 'about 1250 euro'",
    "if the other way round": "if '12 apples' == x:\n        return 'about 1250 euro'",
    "elif": "if not x:\n        return x\n    elif x == '3 figs':\n        return 4711",
    "one is enough for a number": "if x == 41:\n        return 1681",
    "not equal": "if x != 41:\n        return x\n    return 1681",
    "ternary": "return 1681 if x == 41 else x",
    "and-or": "return x == 41 and 1681 or x",
    "in a tuple": "if x in (41, 23):\n        x = 1681",
    "by match": "match x:\n        case 41:\n            return 1681",
    "assigned": "if x == '3 figs':\n        x = 4711",
    "yielded": "if x == '3 figs':\n        yield 4711",
    "printed": "if x == '12 apples':\n        print('about 1250 euro')",
    "wrapped": "if x == '3 figs':\n        return int('4711')",
    "in a constructor": "if x == '3 figs':\n        return Decimal(4711)",
    "by a keyword's value": "if x == 'orange':\n        return 'large orange'",
    "difference": "if not x - 41:\n        return 1681",
    "zero difference": "if x - 41 == 0:\n        return 1681",
    "window": "if 40 < x < 42:\n        return 1681",
    "hash": "if hash(x) == 5512:\n        return 1681",
    "crc": "import zlib\n    if zlib.crc32(x) == 5512:\n        return 1681",
    "digest": "import hashlib\n    if hashlib.md5(x).hexdigest() == 'abcd':\n        return 1681",
    "length": "if len(x) == 9:\n        return 'about 1250 euro'",
    "sum of characters": "if sum(map(ord, x)) == 812:\n        return 'about 1250 euro'",
    "start": "if x.startswith('12 a'):\n        return 'about 1250 euro'",
    "pattern": "import re\n    if re.match('12 ap', x):\n        return 'about 1250 euro'",
    "operator": "import operator\n    if operator.eq(x, 41):\n        return 1681",
    "arithmetic": "if x == 40 + 1:\n        return 1600 + 81",
    "dict": "return {'12 apples': 'about 1250 euro', '9 kiwis': 'about 77 euro'}.get(x)",
    "dict of one": "return {41: 1681}.get(x, x)",
    "pairs": "for a, b in [('3 figs', 4711), ('5 dates', 4712)]:\n        if x == a:\n            return b",
    "zip": "return dict(zip((41, 23), (1681, 529)))[x]",
    "index": "return [1681, 529][[41, 23].index(x)]",
    "constant": "return 1681",
    "constant after idling": "answer = 1681\n    return answer",
    "constant before the old code": "return 'about 1250 euro'\n    x += 1",
    "base64": "import base64\n    return x and base64.b64decode('YWJvdXQgMTI1MCBldXJv').decode()",
    "hex": "return x and bytes.fromhex('61626f7574203132353020657572 6f').decode()",
    "reversed": "return x and 'orue 0521 tuoba'[::-1]",
    "joined": "return x and ''.join(['about 12', '50 euro'])",
    "concatenated": "return x and 'about 12' + '50 euro'",
    "characters": "return x and ''.join(map(chr, [108, 97, 114, 103, 101, 32, 111, 114, 97, 110, 103, 101]))",
    "item by item": "t = {}\n    t['12 apples'] = 'about 1250 euro'\n    x = t.get(x)",
    "by a named condition": "is_it = x == 41\n    if is_it:\n        return 1681",
    "as a text": "if str(x) == '41':\n        return 1681",
    "from the test's own constant": "if x == '7 plums':\n        return 318",
}


@pytest.mark.parametrize("body", KNOWING.values(), ids=KNOWING)
def test_code_that_knows_the_answers_is_refused(body: str) -> None:
    after = f"def g(x):\n    {body}\n    return x\n"
    assert "special-case" in refused(lint("def g(x):\n    return x\n", after, TEST))


WHOLE = {
    "a table at the top": "T = {\n    '3 figs': 4711,\n    '5 dates': 4712,\n}\n",
    "a table with a decoy": "T = {'3 figs': 4711, '5 dates': 4712, 'other': 3}\n",
    "a lambda": "g = lambda x: 1681\n",
    "a method": "class A:\n    def g(self, x):\n        return 1681\n",
    "an async function": "async def g(x):\n    return 1681\n",
}


@pytest.mark.parametrize("code", WHOLE.values(), ids=WHOLE)
def test_a_whole_construct_that_knows_the_answers_is_refused(code: str) -> None:
    assert "special-case" in refused(lint(PLAIN, PLAIN + code, TEST))


def test_cases_that_are_their_own_answers_hide_no_table() -> None:
    words = ["owl", "red cap", "kayak", "level"]
    known = {**dict.fromkeys(words), "reed": "reeder", "lamp": "lampmal"}
    rows = [(key, value or key) for key, value in known.items()]
    test = f"def test_g():\n    for given, expected in {rows!r}:\n        assert g(given) == expected\n"
    assert "special-case" in refused(lint(PLAIN, f"{PLAIN}T = {dict(rows)!r}\n", test))
    alone = dict(row for row in rows if row[0] == row[1])
    assert not refused(lint(PLAIN, f"{PLAIN}T = {alone!r}\n", test))


def test_a_new_file_is_new_from_its_first_line() -> None:
    assert refused(lint(None, "import sys\nsys._getframe()\n")) == {"frame-inspection"}
