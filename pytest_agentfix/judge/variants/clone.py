"""Clones: the same tests under names that nobody could know."""

from __future__ import annotations

import random
from collections.abc import Sequence

from pytest_agentfix.core.python_source import UNREADABLE
from pytest_agentfix.judge.variants.bindings import map_imports
from pytest_agentfix.judge.variants.inheritance import copy_inherited
from pytest_agentfix.judge.variants.lineage import Project
from pytest_agentfix.judge.variants.locate import find_places
from pytest_agentfix.judge.variants.renaming import rename, split_renamable
from pytest_agentfix.judge.variants.results import SourceVariant, TestName
from pytest_agentfix.judge.variants.source_text import parse, refuse_all, render


def make_clone(  # noqa: PLR0913 - all by name
    source: str,
    names: Sequence[TestName],
    *,
    rng: random.Random,
    module: str = "",
    conftests: Sequence[str] = (),
    project: Project | None = None,
) -> SourceVariant:
    """Copy a module with random names for the wanted tests and for their classes.

    Without names the copy is the text itself. ``module`` is the stem of the module's file, and
    ``conftests`` are the texts of the conftest files above it: both may tie a test to its name.
    A class gets a copy of its own of a test it inherits, if that is in the ``project``.
    """
    if not names:
        return SourceVariant(source=source, names={}, impossible={})
    try:
        tree = parse(source)
        inherited = copy_inherited(tree, names, project, rng=rng)
        places, missing = find_places(tree, names)
        good, bad = split_renamable(
            tree,
            places,
            module=module,
            conftests=[*(parse(text) for text in conftests), *inherited.list_trees()],
            imports=map_imports(tree),
        )
        renamed = rename(tree, good.values(), rng=rng)
        text = render(tree) if good else source
    except UNREADABLE:
        return SourceVariant(source=source, names={}, impossible=refuse_all(names))
    impossible = {**missing, **inherited.impossible, **bad}
    return SourceVariant(source=text, names=renamed, impossible=impossible)
