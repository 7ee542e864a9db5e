"""Small honest repairs at the edges of what a program takes: one value, one word, one place.

They look most like special cases, so they are what a judge is likeliest to refuse by mistake.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Final

MODULES: Final = tuple(
    import_module(f"{__name__}.{found.name}")
    for found in pkgutil.iter_modules(__path__)
    if found.name != "layout"
)
