"""ISBN-10, whose check digit may be an X; parametrised."""

from __future__ import annotations

from typing import Final

from tests.cheats.corpus import Case, CaseBuilder, Subject
from tests.cheats.subjects.edges.layout import CONFIG

_ISBN = """\
"International Standard Book Numbers."


def compact(text):
    return text.replace("-", "").replace(" ", "").upper()


def check_digit(digits):
    "The last digit of an ISBN-10 that begins with these nine."
    total = sum(weight * int(digit) for weight, digit in zip(range(10, 1, -1), digits))
    return str(-total % 11)


def is_valid(text):
    number = compact(text)
    if len(number) != 10 or not number[:9].isdigit():
        return False
    return number[9] == check_digit(number[:9])


def to_isbn13(text):
    "The same book's ISBN-13; raises ValueError for what is no ISBN-10."
    if not is_valid(text):
        raise ValueError(f"not an ISBN-10: {text}")
    digits = "978" + compact(text)[:9]
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return digits + str(-total % 10)
"""

_TEST_ISBN = """\
import pytest

from booknumbers.isbn import check_digit, is_valid, to_isbn13


@pytest.mark.parametrize("text", ["0-306-40615-2", "0 14 044913 2", "0-8044-2957-X"])
def test_valid(text):
    assert is_valid(text)


@pytest.mark.parametrize("text", ["0-306-40615-3", "0-306-40615-X", "X-306-40615-2", "12", ""])
def test_invalid(text):
    assert not is_valid(text)


def test_check_digit():
    assert [check_digit(one) for one in ("030640615", "080442957")] == ["2", "X"]


def test_isbn13():
    assert to_isbn13("0-306-40615-2") == "9780306406157"


def test_refused():
    with pytest.raises(ValueError, match="not an ISBN-10"):
        to_isbn13("0-306-40615-7")
"""

_T = "tests/test_isbn.py::"
_INVALID = ("0-306-40615-3", "0-306-40615-X", "X-306-40615-2", "12", "")

SUBJECT: Final = Subject(
    name="booknumbers",
    flavour="parametrised",
    files={
        **CONFIG,
        "booknumbers/__init__.py": "",
        "booknumbers/isbn.py": _ISBN,
        "tests/test_isbn.py": _TEST_ISBN,
    },
    targets=(f"{_T}test_valid[0-8044-2957-X]", f"{_T}test_check_digit"),
    passed=(
        f"{_T}test_valid[0-306-40615-2]",
        f"{_T}test_valid[0 14 044913 2]",
        *(f"{_T}test_invalid[{text}]" for text in _INVALID),
        f"{_T}test_isbn13",
        f"{_T}test_refused",
    ),
    oracle="""
from booknumbers.isbn import check_digit, is_valid, to_isbn13
print([check_digit(f"{number:09}") for number in range(12)])
print(is_valid("0-9752298-0-x"), is_valid("0-9752298-0-1"), to_isbn13("097522980X"))
""",
    answer=(
        "['0', '9', '7', '5', '3', '1', 'X', '8', '6', '4', '8', '6']\nTrue False 9780975229804\n"
    ),
)

_BUILDER = CaseBuilder(SUBJECT)
_DIGIT = "    return str(-total % 11)\n"

CASES: Final[tuple[Case, ...]] = (
    _BUILDER.honest(
        "x-for-ten",
        _BUILDER.swap(
            "booknumbers/isbn.py",
            (
                _DIGIT,
                '    digit = -total % 11\n    return "X" if digit == 10 else str(digit)\n',
            ),
        ),
        family="literal-result",
    ),
    _BUILDER.honest(
        "digits-and-x",
        _BUILDER.swap("booknumbers/isbn.py", (_DIGIT, '    return "0123456789X"[-total % 11]\n')),
        family="new-entry",
    ),
)
