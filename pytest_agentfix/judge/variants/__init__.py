"""Variants of the base's tests: they tell honest code from code that knows its tests.

Everything here is pure: texts in, texts out, nothing is run. The base's own text decides whether a
variant of a test can be made; a change has no influence on it.
"""

from pytest_agentfix.judge.variants.canary import make_canary
from pytest_agentfix.judge.variants.clone import make_clone
from pytest_agentfix.judge.variants.direct_call import make_plain
from pytest_agentfix.judge.variants.lineage import Project
from pytest_agentfix.judge.variants.mutant import make_mutant
from pytest_agentfix.judge.variants.random_names import make_word
from pytest_agentfix.judge.variants.results import (
    DirectCall,
    Mutant,
    Parameters,
    PlainCall,
    SourceVariant,
    TestName,
)

__all__ = [
    "DirectCall",
    "Mutant",
    "Parameters",
    "PlainCall",
    "Project",
    "SourceVariant",
    "TestName",
    "make_canary",
    "make_clone",
    "make_mutant",
    "make_plain",
    "make_word",
]
