"""The results of the makers of variants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

# A node id without its path and its brackets: ("test_a",) or ("TestX", "test_a").
TestName: TypeAlias = tuple[str, ...]

Kind: TypeAlias = Literal["function", "method", "unittest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceVariant:
    """A whole module to be written as UTF-8, and the fate of each wanted test in it.

    ``names`` maps a test's name to its name in ``source``; ``impossible`` gives the reason, in one
    short line, why a test has none. Every wanted test is in exactly one of the two.
    """

    source: str
    names: Mapping[TestName, TestName]
    impossible: Mapping[TestName, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant(SourceVariant):
    """A variant that must fail; ``changed`` counts the changed assertions of each test."""

    changed: Mapping[TestName, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """One ``parametrize``: its names, and the list in the reduced module that has its values.

    With one name the list holds plain values, with several it holds one sequence for each case.
    """

    names: tuple[str, ...]
    list: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainCall:
    """The call of one test without pytest. ``parameters`` are in the order of the decorators."""

    kind: Kind
    name: TestName
    is_async: bool
    parameters: tuple[Parameters, ...] = ()

    def describe(self, call: str, cases: Mapping[str, int]) -> dict[str, object]:
        """Return one call for ``call_runner.py``'s order, with ``call`` as its id.

        ``cases`` has the index of each argument's value, as pytest's callspec has them. A parameter
        missing from it makes the call fail.
        """
        return {
            "id": call,
            "kind": self.kind,
            "name": list(self.name),
            "is_async": self.is_async,
            "parameters": [
                {"names": list(one.names), "list": one.list, "index": cases.get(one.names[0])}
                for one in self.parameters
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectCall:
    """A reduced module that needs no pytest, and the call of each wanted test in it."""

    source: str
    calls: Mapping[TestName, PlainCall]
    impossible: Mapping[TestName, str]
