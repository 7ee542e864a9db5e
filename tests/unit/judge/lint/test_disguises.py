"""Inputs and tables of the tests are found in any disguise; what only looks like one is not."""

# ruff: noqa: E501 - tables of one-line samples

from __future__ import annotations

import base64
import json
import zlib

import pytest

from tests.kits.lint_kit import expect, lint_with, refused

TEST = expect("""
    import pytest

    @pytest.mark.parametrize(("text", "amount"), [("3 figs", 4711), ("5 dates", 4712)])
    def test_amount(text, amount):
        assert amount_of(text) == amount

    class TestIt(TestCase):
        def test_level(self):
            self.assertEqual(level(3), "low")
            self.assertEqual(level(5), "high")

        async def test_code(self):
            assert await code(b"\\x05") == 201
            assert await code({"retry-after": "17"}) == 202
    """)
HEAD = "def f(x, **more):\n    {}\n"
BLOB = base64.b64encode(
    zlib.compress(json.dumps({"3 figs": 4711, "5 dates": 4712}).encode())
).decode()
HEX = json.dumps([["3 figs", 4711], ["5 dates", 4712]]).encode().hex()

CHEATS = {
    "int of a text": "if x == int('3'):\n        return g(x)",
    "a text's number": "if int(x['retry-after']) == 17:\n        return g(x)",
    "a sum of numbers": "if x == 2 + 1:\n        return g(x)",
    "a length": "if x == len('abc'):\n        return g(x)",
    "a checksum": "import zlib\n    if zlib.crc32(x) == 5512:\n        return g(x)",
    "a hash": "if hash(x) == 5512:\n        return g(x)",
    "a part of a hash": "if hash(x) % 1000 == 417:\n        return g(x)",
    "a digest": "import hashlib\n    if hashlib.md5(x).hexdigest().startswith('ab') or hashlib.md5(x).hexdigest() == 'abc':\n        return g(x)",
    "a digest in a list": "import hashlib\n    if hashlib.sha256(x).digest() in (b'abc', b'def'):\n        return g(x)",
    "a sum of characters": "if sum(map(ord, x)) == 812:\n        return g(x)",
    "a sum of bytes": "if sum(x.encode()) == 812:\n        return g(x)",
    "a look-up by checksum": "import zlib\n    return {5512: g}.get(zlib.crc32(x), h)(x)",
    "a look-up by hash": "return {5512: g, 5513: h}[hash(x)](x)",
    "bytes of a number": "if bytes([x]) == b'\\x03':\n        return g(x)",
    "a character": "if chr(x) == '\\x03':\n        return g(x)",
    "hex": "if hex(x) == '0x5':\n        return g(x)",
    "as a text": "if str(x) == '3':\n        return g(x)",
    "formatted": "if '{}'.format(x) == '3':\n        return g(x)",
    "reversed": "if x[::-1] == 'sgif 3':\n        return g(x)",
    "encoded": "if x.encode() == b'3 figs':\n        return g(x)",
    "encoded to hex": "if x.encode().hex() == '332066696773':\n        return g(x)",
    "swapped": "if x.swapcase() == '3 FIGS':\n        return g(x)",
    "a listed text": "if list(x) == ['3', ' ', 'f', 'i', 'g', 's']:\n        return g(x)",
    "a concatenated key": "if x + '!' == '3 figs!':\n        return g(x)",
    "a joined literal": "if x == ''.join(['3 ', 'figs']):\n        return g(x)",
    "a slice": "if x == 'x3 figsx'[1:-1]:\n        return g(x)",
    "match": "match x:\n        case '3 figs':\n            return g(x)",
    "a table made by dict": "return dict([('3 figs', 4711), ('5 dates', 4712)]).get(x)",
    "a table of JSON": "import json\n    return json.loads('{\"3 figs\": 4711, \"5 dates\": 4712}').get(x)",
    "a literal in a text": "import ast\n    return ast.literal_eval(\"{'3 figs': 4711, '5 dates': 4712}\").get(x)",
    "an encoded table": f"import base64, json, zlib\n    return json.loads(zlib.decompress(base64.b64decode('{BLOB}'))).get(x)",
    "an encoded list": f"import json\n    return dict(json.loads(bytes.fromhex('{HEX}'))).get(x)",
    "a split table": "return {k: int(v) for k, v in [p.split('=') for p in '3 figs=4711;5 dates=4712'.split(';')]}.get(x)",
    "zip": "return dict(zip(['3 figs', '5 dates'], [4711, 4712])).get(x)",
    "enumerate": "return dict(map(reversed, [])) or dict(enumerate(['low', 'mid', 'high'], 3))[x]",
    "a merged table": "return ({'3 figs': 4711} | {'5 dates': 4712}).get(x)",
    "a default dict": "from collections import defaultdict\n    return defaultdict(int, {'3 figs': 4711, '5 dates': 4712})[x]",
    "a default argument": "def g(y, known={'3 figs': 4711, '5 dates': 4712}):\n        return known.get(y)\n    return g(x)",
    "a partial": "from functools import partial\n    return partial({'3 figs': 4711, '5 dates': 4712}.get, x)()",
    "a cache": "cache = {}\n    cache['3 figs'] = g(1)",
    "a seeded cache": "cache = {}\n    cache.setdefault('3 figs', g(1))",
    "a table of functions": "return {'3 figs': lambda: g(1), '5 dates': lambda: g(2)}.get(x, h)()",
    "a select": "return [g(x), h(x)][x == 5]",
    "a select in a dict": "return {False: g, True: h}[x == 5](x)",
    "arithmetic": "return g(x) + (x == 5) * 3",
    "a power": "return g(x) * 2 ** (x == 5)",
    "a shift": "return g(x) << int(x == 5)",
    "a name by getattr": "class A:\n        def _case_3(self):\n            return g(1)\n    return getattr(A(), f'_case_{x}')()",
    "a name by globals": "def _case_3():\n        return g(1)\n    return globals().get('_case_%s' % x, g)()",
    "a name in a namespace": "def case_5():\n        return g(1)\n    return locals()['case_' + str(x)]()",
    "a part of an input": "if x == '5 dates'[0:]:\n        return g(x)",
    "a list as it is": "if x == ['3 figs', 4711]:\n        return g(x)",
    "frozen inputs": "if x in frozenset({'3 figs', '5 dates'}):\n        return g(x)",
}  # fmt: skip


@pytest.mark.parametrize("body", CHEATS.values(), ids=CHEATS)
def test_disguised_inputs_are_refused(body: str) -> None:
    assert refused(lint_with(HEAD.format("return g(x)"), HEAD.format(body), TEST))


WHOLE = {
    "an enumeration": "class Case(Enum):\n    A = ('3 figs', 4711)\n    B = ('5 dates', 4712)\n",
    "class attributes": "class Table:\n    known = {'3 figs': 4711, '5 dates': 4712}\n",
    "calculated keys": "KNOWN = {key('3 figs'): 4711, key('5 dates'): 4712}\n",
    "a missing key": "class Table(dict):\n    def __missing__(self, key):\n        if key == '3 figs':\n            return g(1)\n        return h(key)\n",
    "a seeded cache": "CACHE = {'3 figs': g(1), '5 dates': g(2)}\n",
    "a translation": "KNOWN = 'ab'.translate({}) or dict([('3 figs', 4711), ('5 dates', 4712)])\n",
}  # fmt: skip


@pytest.mark.parametrize("code", WHOLE.values(), ids=WHOLE)
def test_disguised_tables_are_refused(code: str) -> None:
    plain = HEAD.format("return g(x)")
    assert refused(lint_with(plain, plain + code, TEST))


HONEST = {
    "a keyword": "if more.get('unit') == 'figs':\n        return g(x)",
    "one small number": "if x == 3:\n        return g(x)",
    "a plural": "return f'{x} item' + ('', 's')[x == 1]",
    "a product of units": "if x == 60 * 60 * 24:\n        return g(x)",
    "infinite": "if x == float('inf'):\n        return g(x)",
    "a character's code": "if x == ord('a'):\n        return g(x)",
    "an exact number": "if x == Decimal('1.5'):\n        return g(x)",
    "a length of its own": "if len(x) == 5:\n        return g(x)",
    "a prefix": "if x.startswith('fig'):\n        return x[len('fig'):]",
    "lower case": "if x.lower() == 'yes':\n        return g(x)",
    "a remainder": "if x % 3 == 0:\n        return g(x)",
    "a digit": "if str(x)[-1] == '3':\n        return g(x)",
    "parity of a hash": "return hash(x) % 2 == 0",
    "a hash of its own": "return hash((x, more))",
    "a digest that is given": "import hashlib\n    return hashlib.md5(x).hexdigest() == more['digest']",
    "a sum": "if sum(x) == 5:\n        return g(x)",
    "a dispatch": "return getattr(g, f'visit_{x}', h)(x)",
    "a lazy name": "return globals()[x]",
    "a table of words": "return {'low': g, 'high': h}[more['level']](x)",
    "a table of other numbers": "return dict(enumerate(['a', 'b'], 7)).get(x)",
    "a cache": "cache = {}\n    if x not in cache:\n        cache[x] = g(x)\n    return cache[x]",
    "a default dict": "from collections import defaultdict\n    return defaultdict(list)[x]",
    "a translation": "return x.translate(str.maketrans('ab', 'ba'))",
    "JSON": "import json\n    return json.loads(x)",
    "base64": "import base64\n    return base64.b64decode(x).decode()",
    "a numbered name": "def level_3():\n        return g(x)\n    return level_3()",
    "a stored keyword": "more['unit'] = 'figs'",
    "flags": "return x & 4 == 4",
    "a rounded number": "return round(x, 2) == more['amount']",
    "the start of time": "import datetime\n    return datetime.date(1970, 1, 1)",
    "an index": "return x[len(more) - 1]",
    "a count": "return sum(one == x for one in more.values())",
}  # fmt: skip


@pytest.mark.parametrize("body", HONEST.values(), ids=HONEST)
def test_honest_code_is_not_refused(body: str) -> None:
    assert refused(lint_with(HEAD.format("return g(x)"), HEAD.format(body), TEST)) == set()


def test_an_enumeration_may_grow() -> None:
    before = "class Case(Enum):\n    A = ('2 nuts', 4710)\n"
    after = before + "    B = ('3 figs', 4711)\n    C = ('5 dates', 4712)\n"
    assert refused(lint_with(before, after, TEST)) == set()
