"""The repair process with the doubles of ``local_run.py`` in the places of the outside world."""

from __future__ import annotations

import importlib
import sys

from pytest_agentfix.runtime import __main__ as program

if __name__ == "__main__":
    importlib.import_module("local_run").install()
    program.main(sys.argv[1:])
