"""Show whole repairs without a key and without a bill: ``make demo``.

Copies the examples into fresh git repositories, which stay for you to look at, and runs
``pytest --agent-fix`` in each. A recording stands in for the paid model; OpenCode, its sandbox,
the judge and the commit are the real ones. Exit status 1 when a fix or the green rerun is missing.

``--record`` (``make cassettes``) makes the recordings anew, with a scripted model: needed when
prompts have changed, and a replay says that a request differs.
"""
# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_agentfix.testing.scripted_model import model_server as script

_HERE: Final = Path(__file__).resolve().parent
_MODEL: Final = "scripted/demo"
_CASSETTES: Final = _HERE / "cassettes"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedFix:
    """The recorded model's work on one example: edits of one file, then its last words."""

    name: str
    file: str
    edits: tuple[tuple[str, str], ...]
    words: str

    def play(self, repository: Path) -> script.Script:
        """Return the script that makes these edits in ``repository``."""
        path = str(repository / self.file)
        steps = [script.edits(path, old, new) for old, new in self.edits]
        return script.Turns([[script.reads(path), *steps, script.Say(self.words)]])


def load_fixes() -> dict[str, ScriptedFix]:
    """Read the scripted fixes, by the example's name."""
    raw = json.loads((_HERE / "demo_fixes.json").read_text(encoding="utf-8"))
    return {
        name: ScriptedFix(
            name=name,
            file=fix["file"],
            edits=tuple((old, new) for old, new in fix["edits"]),
            words=fix["words"],
        )
        for name, fix in raw.items()
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Show the examples named in ``argv``, or all of them."""
    fixes = load_fixes()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("example", nargs="*", help=f"of {', '.join(fixes)} (default: all)")
    parser.add_argument("--record", action="store_true", help="make the recordings anew")
    arguments = parser.parse_args(argv)
    names = arguments.example or list(fixes)
    if unknown := [name for name in names if name not in fixes]:
        parser.error(f"no such example: {', '.join(unknown)}")
    folder = Path(tempfile.mkdtemp(prefix="agentfix-demo-")).resolve()
    _say(
        "A recording stands in for the paid model: no key, no network, no bill.",
        "Everything else is real: OpenCode, its sandbox, the judge, the commit.",
    )
    repair = _record if arguments.record else _replay
    missing = {name: _show(fixes[name], folder / name, repair) for name in names}
    _say("", "Look around:")
    _say(*(f"  {folder / name}   {missing[name] or 'fixed'}" for name in names))
    return 1 if any(missing.values()) else 0


def _replay(fix: ScriptedFix, repository: Path) -> None:
    _run_pytest(repository, "--agent-fix", f"--agent-fix-replay={_CASSETTES / fix.name}.jsonl")


def _record(fix: ScriptedFix, repository: Path) -> None:
    _CASSETTES.mkdir(exist_ok=True)
    with script.ScriptedModel(fix.play(repository)) as model:
        _run_pytest(
            repository,
            "--agent-fix",
            f"--agent-fix-model={_MODEL}",
            f"--agent-fix-base-url={model.base_url}",
            f"--agent-fix-record={_CASSETTES / fix.name}.jsonl",
        )


def _show(fix: ScriptedFix, repository: Path, repair: Callable[[ScriptedFix, Path], None]) -> str:
    """Repair one example; return what is missing at the end ("" if nothing is)."""
    _title(f"{fix.name}: a fresh repository in {repository}")
    _make_repository(_HERE.parent / "examples" / fix.name, repository)
    base = _ask_git(repository, "rev-parse", "HEAD")
    repair(fix, repository)
    if _ask_git(repository, "rev-list", "--count", f"{base}..HEAD") == "0":
        return "no fix was committed"
    _title(f"{fix.name}: the commit")
    _run(["git", "--no-pager", "log", "-1", "--stat", "-p"], repository)
    _title(f"{fix.name}: plain pytest, without --agent-fix")
    return "" if _run_pytest(repository) == 0 else "the rerun is not green"


def _make_repository(example: Path, repository: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", ".*_cache")
    shutil.copytree(example, repository, ignore=ignored)
    _ask_git(repository, "init", "--quiet", "--initial-branch=main")
    # Only for this repository: whoever tries the demo may have no identity, or a signing key.
    for key, value in {
        "user.name": "Demo User",
        "user.email": "demo@example.org",
        "commit.gpgsign": "false",
    }.items():
        _ask_git(repository, "config", key, value)
    _ask_git(repository, "add", "--all")
    _ask_git(repository, "commit", "--quiet", "--no-verify", "-m", "The project as it was")


def _run_pytest(repository: Path, *options: str) -> int:
    return _run([sys.executable, "-m", "pytest", *options], repository)


def _run(argv: Sequence[str], folder: Path) -> int:
    """Run with its output shown live, and return the exit status."""
    _say(f"$ {_show_command(argv)}")
    return subprocess.run(argv, cwd=folder, env=_clean_environment(), check=False).returncode


def _show_command(argv: Sequence[str]) -> str:
    return " ".join(["python" if word == sys.executable else word for word in argv])


def _ask_git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],  # noqa: S607 - the user's own git
        cwd=repository,
        env=_clean_environment(),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip()


def _clean_environment() -> Mapping[str, str]:
    """Return the user's environment less what would lead git or pytest away from the demo."""
    names = {"PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "OPENCODE"}
    return {
        name: value
        for name, value in os.environ.items()
        if name not in names and not name.startswith("GIT_")
    }


def _title(text: str) -> None:
    _say("", "-" * len(text), text, "-" * len(text))


def _say(*lines: str) -> None:
    """Write at once: the output of the programs run here comes in between."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
