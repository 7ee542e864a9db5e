"""Answers what the repair process asks pytest's: about the model, and what plugins say.

Everything is imported when it is asked for: most runs have nothing to repair, and hardly any has
environments or probes of other plugins.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pytest_agentfix.core.errors import AgentFixError, EnvironmentUnavailableError
from pytest_agentfix.core.ports import Extensions
from pytest_agentfix.core.unforeseen import setup_step
from pytest_agentfix.runtime.codec import dump, load
from pytest_agentfix.runtime.messages import (
    About,
    AskClusters,
    AskEnvironment,
    AskMessage,
    AskNotes,
    AskPath,
    AskProbe,
    ChooseModel,
)

if TYPE_CHECKING:
    from pytest_agentfix.judge.probe import Probe
    from pytest_agentfix.sandbox.engine import Engine
    from pytest_agentfix.sandbox.environments import EnvironmentKind

ReadFile = Callable[[str], "tuple[bytes, bool] | None"]


class RunExtensions(Extensions, Protocol):
    """The extensions of a run, with the kinds of environment and probes that plugins add."""

    @property
    def environments(self) -> Mapping[str, EnvironmentKind]:
        """The kinds by their name."""
        ...

    @property
    def probes(self) -> Sequence[Probe]:
        """The probes; none of them raises."""
        ...

    def list_hooks(self) -> frozenset[str]:
        """Return the names of the hooks that some plugin implements."""
        ...


class Answers:
    """The answers of one run. Keys are told once ``is_repairing`` is set."""

    def __init__(self, extensions: RunExtensions) -> None:
        self._extensions = extensions
        self._engine: Engine | None = None
        self.is_repairing = False

    def answer(self, about: About, read_file: ReadFile) -> Any:
        """Return the answer, dumped; raises what a plugin's environment or the choice raises.

        ``read_file`` returns content and executable bit of a path of the base.
        """
        match about:
            case ChooseModel():
                return self._choose_model(about)
            case AskEnvironment():
                return self._ask_environment(about)
            case AskProbe():
                return self._ask_probe(about, read_file)
            case _:
                return dump(self._ask_hook(about))

    def _ask_hook(self, about: AskClusters | AskNotes | AskPath | AskMessage) -> object:
        match about:
            case AskClusters(failures=failures):
                return self._extensions.cluster(failures)
            case AskNotes(cluster=cluster, prompt=prompt):
                return self._extensions.prompt_notes(cluster, prompt)
            case AskPath(path=path, cluster=cluster):
                return self._extensions.is_open(path, cluster)
            case AskMessage(fix=fix, message=message):
                return self._extensions.commit_message(fix, message)

    def _choose_model(self, about: ChooseModel) -> Any:
        from pytest_agentfix.runtime.model_choice import choose_model, strip_key  # noqa: PLC0415

        with setup_step(
            "choose the model", "Correct the settings of the model, OpenCode's own too."
        ):
            upstream = choose_model(about.settings, about.model, os.environ)
        return dump(upstream if self.is_repairing else strip_key(upstream))

    def _ask_environment(self, about: AskEnvironment) -> Any:
        kind, top = self._extensions.environments[about.name], Path(about.top)
        try:
            if about.step == "is_implied":
                assert about.settings is not None
                return bool(kind.is_implied(about.settings))
            if about.step == "find_obstacle":
                return str(kind.find_obstacle(self._find_engine(), top=top))
            assert about.settings is not None
            return dump(kind.prepare(about.settings, self._find_engine(), top=top))
        except AgentFixError:
            raise
        except Exception as error:
            raise EnvironmentUnavailableError(
                f"A plugin's environment raised {type(error).__name__}: {error}.",
                "Correct it, or choose another with --agent-fix-environment.",
            ) from error

    def _find_engine(self) -> Engine:
        from pytest_agentfix.sandbox.engine import Engine  # noqa: PLC0415

        if self._engine is None:
            self._engine = Engine.connect()
        return self._engine

    def _ask_probe(self, about: AskProbe, read_file: ReadFile) -> Any:
        from pytest_agentfix.judge.probe import Subject  # noqa: PLC0415
        from pytest_agentfix.judge.sessions.session_result import SessionResult  # noqa: PLC0415
        from pytest_agentfix.judge.sessions.sessions import PlainRun  # noqa: PLC0415

        probe = next(one for one in self._extensions.probes if one.name == about.name)
        subject = replace(load(Subject, about.subject), read_base=read_file)
        if about.results is None:
            return dump(probe.plan(subject))
        return dump(
            probe.verdict(subject, load(tuple[SessionResult | PlainRun, ...], about.results))
        )

    def close(self) -> None:
        """Let go of the engine."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None
