"""Requests to the background process and its results, with real values of a run."""

from __future__ import annotations

import os
import random
from pathlib import Path

from pytest_agentfix.agents.opencode.version import OpenCodeBinary
from pytest_agentfix.core.model import (
    Cluster,
    Evidence,
    Failure,
    Frame,
    Invocation,
    ItemKind,
    Judgement,
    Phase,
    ProbeResult,
    TestOutcome,
    TestPolicy,
)
from pytest_agentfix.core.ports import Reproduction
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.gateway.providers.choosing import choose_upstream
from pytest_agentfix.judge.baseline import Baseline
from pytest_agentfix.judge.findings import Finding
from pytest_agentfix.judge.planner import plan_variants
from pytest_agentfix.repository import make_snapshot
from pytest_agentfix.runtime.background.handover import Handover, HandoverItem
from pytest_agentfix.runtime.background.messages import pack, unpack
from pytest_agentfix.runtime.background.process import find_work
from pytest_agentfix.runtime.opencode_lookup import FoundOpenCode
from pytest_agentfix.runtime.prewarm.request import (
    AGENT,
    BASE,
    BASELINE,
    OPENCODE,
    WORK,
    PrewarmRequest,
    strip_key,
)
from pytest_agentfix.runtime.prewarm.result import PrewarmResult
from pytest_agentfix.runtime.prewarm.result import unpack as unpack_result
from pytest_agentfix.runtime.prewarm.worker import KnownBaseline, prewarm
from pytest_agentfix.runtime.sandbox_factory import is_agent_file
from pytest_agentfix.sandbox.environments import Environment
from pytest_agentfix.sandbox.workspace import Base

FAILURE = Failure(
    nodeid="test_a.py::test_a",
    phase=Phase.CALL,
    kind=ItemKind.FUNCTION,
    path=Path("/project/test_a.py"),
    line=3,
    exception="AssertionError",
    message="assert 1 == 2",
    traceback="E assert 1 == 2",
    policy=TestPolicy(paths=("src/*",)),
    case={"value": 1},
    frames=(Frame(Path("/project/a.py"), 2, "a"),),
)


def copy_base(folder: Path) -> Base:
    top = folder / "top"
    top.mkdir()
    (top / "a.py").write_text("def a(): return 1\n")
    (top / "opencode.json").write_text("{}")
    return Base.create(
        top=top,
        files=["a.py", "opencode.json"],
        folder=folder / "base",
        owner=None,
        is_hidden=is_agent_file,
        snapshot=make_snapshot,
    )


def make_request(folder: Path) -> PrewarmRequest:
    settings = Settings(base_url="http://127.0.0.1:9/v1", model="openai/gpt", api_key_env="A_KEY")
    upstream = choose_upstream(settings, environ={"A_KEY": "sk-planted-key"}, home=folder)
    assert upstream.key == "sk-planted-key"
    return PrewarmRequest(
        settings=settings,
        invocation=Invocation(rootdir=folder, cwd=folder, config_file=None, environ={"A": "1"}),
        environment=Environment(kind="mirror", image="x", python="/usr/bin/python3", user=(1, 1)),
        upstream=strip_key(upstream),
        token="a-token",
        top=folder,
        scratch=folder,
        cache=folder,
        failures=(FAILURE,),
        imported=("/project/_version.py",),
    )


def test_the_work_is_a_function_that_can_be_found() -> None:
    assert find_work(WORK) is prewarm


def test_the_request_survives_packing_and_holds_no_key(tmp_path: Path) -> None:
    request = make_request(tmp_path)
    data = pack(request)
    assert b"sk-planted-key" not in data
    assert unpack(data) == request


def test_a_base_can_be_used_on_the_other_side(tmp_path: Path) -> None:
    base = copy_base(tmp_path)
    record = unpack(pack(base.record()))
    found = unpack_result(Handover([HandoverItem(name=BASE, facts=record)])).base
    assert found is not None
    assert found.read("a.py") == (b"def a(): return 1\n", False)
    assert found.refresh(["a.py", "opencode.json"])[1] is False
    (tmp_path / "top" / "a.py").write_text("def a(): return 22\n")
    again, is_changed = found.refresh(["a.py", "opencode.json"])
    assert (is_changed, again.read("a.py")) == (True, (b"def a(): return 22\n", False))


def make_known() -> KnownBaseline:
    """As ``plan_variants`` makes it of a real file, with everything a judge adds."""
    red = (TestOutcome(nodeid=FAILURE.nodeid, outcome="failed", detail="E"),)
    probe = Evidence("fail-before", ProbeResult.PASSED, "1 failed")
    cluster = Cluster(slug="test-a", failures=(FAILURE,))
    variant_plan = plan_variants(
        cluster,
        rootdir=Path("/project"),
        top=Path("/project"),
        read_base={"test_a.py": (b"def test_a():\n    assert 1 == 2\n", False)}.get,
        rng=random.Random(1),
    )
    baseline = Baseline(
        targets=cluster.targets,
        reproduction=Reproduction(judgement=Judgement(probes=(probe,), red=red)),
        finding=Finding(evidence=probe, red=red),
        variant_plan=variant_plan,
    )
    return KnownBaseline(slug=cluster.slug, baseline=baseline)


def test_what_is_handed_over_is_sorted_by_kind(tmp_path: Path) -> None:
    binary = OpenCodeBinary(path=Path("/opencode"), version="1.18.34")
    opencode = FoundOpenCode(binary=binary, catalogue=None)
    items = [
        HandoverItem(name=OPENCODE, facts=unpack(pack(opencode))),
        HandoverItem(name=BASE, facts=unpack(pack(copy_base(tmp_path).record()))),
        HandoverItem(name=BASELINE, facts=unpack(pack(make_known()))),
    ]
    ready = unpack_result(Handover(items))
    assert ready.opencode == opencode
    assert ready.base is not None
    assert ready.baseline is not None
    assert ready.baseline.baseline.variant_plan.of("mutant").ids == {FAILURE.nodeid: FAILURE.nodeid}
    assert (ready.agent, ready.descriptor) == (None, -1)


def test_an_agent_that_nobody_can_use_is_let_go() -> None:
    reading, writing = os.pipe()
    handed = Handover([HandoverItem(name=AGENT, facts="no agent", descriptors=(writing,))])
    assert unpack_result(handed) == PrewarmResult()
    assert os.read(reading, 1) == b""  # closed: its sandbox ends
    os.close(reading)
