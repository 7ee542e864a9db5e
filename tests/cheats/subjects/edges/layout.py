"""Files that several of these projects have."""

from __future__ import annotations

from typing import Final

CONFIG: Final = {"pyproject.toml": '[tool.pytest.ini_options]\ntestpaths = ["tests"]\n'}

_RUN_COROUTINES = """\
import asyncio
import inspect

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True
"""

ASYNC_CONFIG: Final = {**CONFIG, "tests/conftest.py": _RUN_COROUTINES}
