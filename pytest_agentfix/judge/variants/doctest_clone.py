"""Clones of doctests: the base's examples under another name, with the module's names (pure).

They are evidence even where the change rewrites, moves or replaces the docstrings themselves.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pytest_agentfix.judge.doctest_source import DoctestName, find_doctest, split_name
from pytest_agentfix.judge.variants.random_names import make_word

NOT_WRITTEN: Final = "its examples are not written out in its file"
_HEAD: Final = """\
import importlib as {importlib}

globals().update(
    {{
        name: value
        for name, value in vars({importlib}.import_module({module!r})).items()
        if name[:2] != "__"
    }}
)
"""
_BODY: Final = """

def {word}():
    {text!r}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctestClone:
    """A new file beside the old one; ``names`` maps a doctest to its name there, without module.

    ``package`` is the one that the new file is in.
    """

    source: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    package: str = ""


def clone_doctests(
    path: str, content: bytes, names: Sequence[str], *, rng: random.Random
) -> DoctestClone:
    """Copy the doctests ``names`` of one Python file; those that are not written there are left."""
    texts: dict[str, str] = {}
    split: DoctestName | None = None
    for name in names:
        text, one = find_doctest(path, name, content), split_name(path, name)
        if text is not None and one is not None:
            texts[name], split = text, one
    if split is None:
        return DoctestClone()
    words = {name: make_word(rng) for name in texts}
    head = _HEAD.format(importlib=make_word(rng), module=split.module)
    bodies = [_BODY.format(word=words[name], text=text) for name, text in texts.items()]
    is_package = path.rpartition("/")[2] == "__init__.py"
    return DoctestClone(
        source="".join([head, *bodies]),
        names=words,
        package=split.module if is_package else split.package,
    )
