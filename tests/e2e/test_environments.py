"""Scenarios that need the real ones: images, kept sandboxes, OpenCode's own retries."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest

from pytest_agentfix.agents.opencode.binary import find_opencode
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.testing.scripted_model.replies import Break, Turns
from tests.engine.image_kit import new_image_name, python_image, remove_image
from tests.kits.loop_kit import StartModel, by_test, once, refill
from tests.kits.project_kit import CALC, Project, residue
from tests.loop.test_many import BOTH, SHOP, assert_green_step_by_step, fixes_of
from tests.loop.test_scenarios import assert_untouched


@pytest.fixture(scope="module")
def small_image() -> Iterator[str]:
    """An image with Python and pytest, and neither git nor a shell."""
    engine, name = Engine.connect(), new_image_name()
    cache = platformdirs.user_cache_path("pytest-agentfix")
    opencode = find_opencode(configured=None, environ=os.environ, cache=cache).path
    packages = ["pytest", "pluggy", "iniconfig", "packaging", "pygments", "coverage"]
    packages += [] if sys.version_info >= (3, 11) else ["exceptiongroup", "tomli"]
    engine.import_image(name, python_image(packages=packages, programs=[opencode]))
    yield name
    remove_image(name)
    engine.close()


def test_side_by_side_in_an_image(
    project: Project, start_model: StartModel, small_image: str
) -> None:
    refill(project, SHOP)
    model = start_model(
        by_test(
            {
                "test_price": once(project, "price.py", "value - 1", "value + 1"),
                "test_tax": once(project, "tax.py", "value / 5", "value * 5"),
            }
        )
    )
    ran = project.run("--agent-fix-image", small_image, *BOTH, url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed", "fixed"], 0), ran.output
    assert len(fixes_of(project)) == 2
    assert_green_step_by_step(project, ran)


@pytest.fixture
def kept(project: Project) -> Iterator[Project]:
    """A project whose runs may leave things behind; they are removed here."""
    yield project
    for line in residue(project.scratch):
        kind, _, name = line.partition(" ")
        if kind == "container":
            subprocess.run(["docker", "rm", "-f", name], check=True, capture_output=True)
        elif kind == "folder":
            shutil.rmtree(name)


def test_keep_says_where_everything_is(kept: Project, start_model: StartModel) -> None:
    model = start_model(once(kept, "calc.py", "left - right", "left + right"))
    ran = kept.run("--agent-fix-keep", url=model.base_url)
    assert (ran.verdicts, ran.status, ran.counts()) == (["fixed"], 0, "1 passed, 1 fixed")
    places = ran.report["clusters"][0]["kept"]
    kinds = [place.partition(":")[0] for place in places]
    # One on the base, then with the fix: targets, mutant, clone, plain, rest.
    assert sorted(kinds) == ["agent"] + ["judge"] * 6
    left = residue(kept.scratch)
    for place in places:
        assert f"kept: {place}" in ran.output
        container, _, folder = place.partition(": ")[2].partition(", ")
        assert container in left
        assert "calc.py" in {path.name for path in Path(folder).iterdir()}
    assert len(left) == len(places) + 1  # and the one folder that holds the workspaces
    # The next run does not take them for leftovers of one that was killed.
    (kept.path / "calc.py").write_text(CALC)
    again = kept.run("--agent-fix-max-attempts=1", url=start_model([]).base_url)
    assert again.verdicts == ["unfixed"]
    assert again.report["notices"] == []
    assert residue(kept.scratch) == left


def test_a_broken_stream(project: Project, start_model: StartModel) -> None:
    model = start_model(Turns([[Break("I will")] * 20]))
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.status) == (["environment"], 1)
    assert_untouched(project)
