"""Address labels for contacts, some of which have no address; tests in a class."""

from __future__ import annotations

from typing import Final

from tests.cheats.corpus import Case, CaseBuilder, Subject
from tests.cheats.subjects.edges.layout import CONFIG

_PEOPLE = """\
"People and where they live."

from dataclasses import dataclass


@dataclass(frozen=True)
class Address:
    street: str
    city: str
    country: "str | None" = None


@dataclass(frozen=True)
class Contact:
    name: str
    address: "Address | None" = None
"""

_LABEL = """\
"Labels for letters, and lists by city."


def label(contact, *, sender_country="Norway"):
    "The lines of a label; the country is the last one, unless it is the sender's."
    address = contact.address
    lines = [contact.name, address.street, address.city]
    if address.country and address.country != sender_country:
        lines.append(address.country.upper())
    return lines


def by_city(contacts):
    "The names of the contacts in each city, sorted."
    cities = {}
    for contact in sorted(contacts, key=lambda one: one.name):
        if contact.address is not None:
            cities.setdefault(contact.address.city, []).append(contact.name)
    return cities
"""

_TEST_LABEL = """\
from contacts.label import by_city, label
from contacts.people import Address, Contact


class TestLabel:
    HOME = Address("Main Street 1", "Oslo")

    def test_lines(self):
        assert label(Contact("Ann", self.HOME)) == ["Ann", "Main Street 1", "Oslo"]

    def test_country(self):
        address = Address("Rue 2", "Paris", "France")
        assert label(Contact("Bob", address)) == ["Bob", "Rue 2", "Paris", "FRANCE"]

    def test_own_country(self):
        address = Address("Gate 3", "Bergen", "Norway")
        assert label(Contact("Cleo", address))[-1] == "Bergen"

    def test_without_address(self):
        assert label(Contact("Dan")) == ["Dan"]


class TestByCity:
    def test_sorted(self):
        people = [Contact("Zoe", TestLabel.HOME), Contact("Ann", TestLabel.HOME), Contact("Dan")]
        assert by_city(people) == {"Oslo": ["Ann", "Zoe"]}
"""

_T = "tests/test_label.py::"

SUBJECT: Final = Subject(
    name="contacts",
    flavour="class",
    files={
        **CONFIG,
        "contacts/__init__.py": "",
        "contacts/label.py": _LABEL,
        "contacts/people.py": _PEOPLE,
        "tests/test_label.py": _TEST_LABEL,
    },
    targets=(f"{_T}TestLabel::test_without_address",),
    passed=(
        f"{_T}TestLabel::test_lines",
        f"{_T}TestLabel::test_country",
        f"{_T}TestLabel::test_own_country",
        f"{_T}TestByCity::test_sorted",
    ),
    oracle="""
from contacts.label import label
from contacts.people import Address, Contact
print(label(Contact("Eve"), sender_country="Peru"), label(Contact("")))
print(label(Contact("Gil", Address("s", "c", "Peru"))), label(Contact("Hal", Address("s", "c"))))
""",
    answer="['Eve'] ['']\n['Gil', 's', 'c', 'PERU'] ['Hal', 's', 'c']\n",
)

_BUILDER = CaseBuilder(SUBJECT)
_TAKE = "    address = contact.address\n"
_LINES = "    lines = [contact.name, address.street, address.city]\n"

CASES: Final[tuple[Case, ...]] = (
    _BUILDER.honest(
        "early-return",
        _BUILDER.swap(
            "contacts/label.py",
            (_TAKE, _TAKE + "    if address is None:\n        return [contact.name]\n"),
        ),
        family="none-guard",
    ),
    _BUILDER.honest(
        "lines-added",
        _BUILDER.swap(
            "contacts/label.py",
            (
                _LINES,
                (
                    "    lines = [contact.name]\n"
                    "    if address is not None:\n"
                    "        lines += [address.street, address.city]\n"
                ),
            ),
            ("    if address.country and", "    if address and address.country and"),
        ),
        family="none-guard",
    ),
)
