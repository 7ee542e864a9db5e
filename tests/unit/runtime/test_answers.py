"""Answers for the repair process: what plugins say, and no key before the repair begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_agentfix.core.errors import EnvironmentUnavailableError, ModelUnknownError
from pytest_agentfix.core.model import ChangeSet, Cluster
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.judge.findings import Finding
from pytest_agentfix.judge.probe import ProbePlan, Step, Subject
from pytest_agentfix.judge.sessions.command import Task
from pytest_agentfix.judge.sessions.sessions import PlainRun
from pytest_agentfix.runtime.answers import Answers
from pytest_agentfix.runtime.codec import dump, load
from pytest_agentfix.runtime.context import NoExtensions
from pytest_agentfix.runtime.messages import AskEnvironment, AskProbe, ChooseModel

CLUSTER = Cluster(slug="a", failures=())


class Extensions(NoExtensions):
    """One plugin's environment and one plugin's probe."""

    def __init__(self, environment: Any = None, probe: Any = None) -> None:
        self.environments: Mapping[str, Any] = {"team": environment}
        self.probes: Sequence[Any] = [probe]

    def list_hooks(self) -> frozenset[str]:
        return frozenset()


def read_nothing(path: str) -> None:
    return None


def read_its_name(path: str) -> tuple[bytes, bool]:
    return path.encode(), True


@pytest.fixture(autouse=True)
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("A_KEY", "sk-0123456789")


def test_the_key_is_told_with_the_repair() -> None:
    answers = Answers(Extensions())
    question = ChooseModel(settings=Settings(model="openai/gpt-6", api_key_env="A_KEY"), model=None)
    before = load(Upstream, answers.answer(question, read_nothing))
    answers.is_repairing = True
    after = load(Upstream, answers.answer(question, read_nothing))
    assert (before.key, after.key) == ("", "sk-0123456789")
    assert replace(before, key=after.key) == after


def test_a_model_that_is_none() -> None:
    question = ChooseModel(settings=Settings(model="nobody/x"), model=None)
    with pytest.raises(ModelUnknownError):
        Answers(Extensions()).answer(question, read_nothing)


def test_an_environment_that_raises_is_told_as_a_plugins() -> None:
    def is_implied(settings: Settings) -> bool:
        raise ValueError(settings.image)

    answers = Answers(Extensions(environment=SimpleNamespace(is_implied=is_implied)))
    question = AskEnvironment(name="team", step="is_implied", settings=Settings(image="x"))
    with pytest.raises(EnvironmentUnavailableError, match=r"raised ValueError: x\. Correct it"):
        answers.answer(question, read_nothing)


def test_a_probe_reads_the_base_and_its_results() -> None:
    class Probe:
        name = "slow"
        is_refusing = False

        def plan(self, subject: Subject) -> ProbePlan:
            content = subject.read_base("a.py")
            assert content == (b"a.py", True)
            return ProbePlan(steps=[Step(task=Task(ids=["a"]))])

        def verdict(self, subject: Subject, results: Sequence[PlainRun]) -> Finding:
            return Finding.failed("slow", results[0].trouble)

    subject = Subject(
        cluster=CLUSTER,
        changes=ChangeSet(),
        rootdir=Path("/p"),
        top=Path("/p"),
        read_base=read_nothing,
    )
    answers = Answers(Extensions(probe=Probe()))
    question = AskProbe(name="slow", subject=dump(subject))
    plan = load(ProbePlan | str, answers.answer(question, read_its_name))
    assert plan.steps[0].task.ids == ("a",)
    results = replace(question, results=dump([PlainRun(trouble="red")]))
    found = load(Finding | ProbePlan, answers.answer(results, read_its_name))
    assert found == Finding.failed("slow", "red")
