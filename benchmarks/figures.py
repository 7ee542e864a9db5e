"""The benchmarks' options and output: a table for people, JSON for programs."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kit import find_binary


def make_parser(
    doc: str | None, *, rounds: int, delays: Sequence[float] = ()
) -> argparse.ArgumentParser:
    """Make a parser with the options of every benchmark; ``--delay`` only with ``delays``."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=rounds, help=f"default: {rounds}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="default: standard output")
    parser.add_argument("--quick", action="store_true", help="small sizes: does it work at all?")
    if delays:
        parser.add_argument(
            *("--delay",),
            type=float,
            action="append",
            metavar="SECONDS",
            help=f"the model's time for an answer; repeatable (default: {list(delays)})",
        )
        parser.set_defaults(delays=list(delays))
    return parser


def show(name: str, rows: Sequence[Mapping[str, Any]], given: argparse.Namespace) -> None:
    """Write the table to standard error, and the JSON to a file or to standard output."""
    figures = {
        "benchmark": name,
        "machine": describe_machine(),
        "quick": given.quick,
        "rounds": given.rounds,
        "rows": list(rows),
    }
    text = json.dumps(figures, indent=2) + "\n"
    if given.json:
        given.json.write_text(text)
    else:
        sys.stdout.write(text)
    sys.stderr.write(f"\n{name}\n{make_table(rows)}\n")


def make_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Lay out the rows under their keys; lists (single rounds) are in the JSON only."""
    keys = [key for key in _all_keys(rows) if not any(_is_list(row.get(key)) for row in rows)]
    lines = [keys, *([_spell(row.get(key)) for key in keys] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(keys))]
    return "\n".join("  ".join(map(str.rjust, line, widths)) for line in lines)


def describe_machine() -> dict[str, Any]:
    """Describe the machine; only figures with equal descriptions can be compared."""
    return {
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "pytest": version("pytest"),
        "pytest_agentfix": version("pytest-agentfix"),
        "opencode": find_binary().name,
    }


def middle(values: Iterable[float]) -> float:
    """Return the median, to three places."""
    return round(statistics.median(values), 3)


def tell(line: str) -> None:
    """Report progress in one line on standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _all_keys(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))


def _is_list(found: Any) -> bool:
    return isinstance(found, list)


def _spell(found: Any) -> str:
    if found is None:
        return "-"
    if isinstance(found, bool):
        return "yes" if found else "no"
    return f"{found:.3f}".rstrip("0").rstrip(".") if isinstance(found, float) else str(found)
