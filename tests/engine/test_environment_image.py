"""The environment ``image``: a user's own image, made on the spot for these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pytest_agentfix.core.errors import EnvironmentUnavailableError, SandboxError
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.sandbox.archive import make_archive
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.environments import Environment, choose_environment, sandbox_user
from pytest_agentfix.sandbox.preflight import check_sandbox
from tests.engine.image_kit import new_image_name, remove_image
from tests.engine.sandbox_kit import TOP, Place

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@pytest.fixture
def bare_image(engine: Engine) -> Iterator[str]:
    name = new_image_name()
    engine.import_image(name, make_archive({"tmp": (0o1777, None)}))
    yield name
    remove_image(name)


@pytest.mark.parametrize("kind", ["image", "auto"])
def test_a_sandbox_of_an_image(place: Place, image: str, kind: str) -> None:
    environment = choose_environment(Settings(environment=kind, image=image), place.engine, top=TOP)
    assert environment == Environment(
        kind="image",
        image=image,
        python="python3",
        user=sandbox_user(),
        env={"PATH": PATH, "HOME": "/tmp/home", "LANG": "C.UTF-8"},
    )
    sandbox = place.open(environment=environment)
    check_sandbox(sandbox, environment, workspace=TOP)
    code = (
        "import os, sys; open('mine', 'w'); print(sys.version_info[:2], os.listdir('.'),"
        "os.path.exists('/etc/alternatives'), os.listdir('/usr'))"
    )
    runner = place.runner(sandbox)
    done = sandbox.run(
        type(runner.command(""))(argv=("python3", "-c", code), cwd=TOP, env=environment.env),
        timeout=30,
    )
    assert done.stderr == b""
    assert b"['mine'] False" in done.stdout
    assert (sandbox.workspace / "mine").exists()


def test_an_image_that_is_not_there(engine: Engine) -> None:
    settings = Settings(environment="image", image="pytest-agentfix-test:none")
    with pytest.raises(EnvironmentUnavailableError) as caught:
        choose_environment(settings, engine, top=TOP)
    assert str(caught.value) == (
        "The engine has no image 'pytest-agentfix-test:none', and images are never pulled here. "
        "Run `docker pull pytest-agentfix-test:none` or "
        "`docker build -t pytest-agentfix-test:none .` first."
    )


def test_an_image_with_no_name(engine: Engine) -> None:
    settings = Settings(environment="image", image="Not a NAME")
    with pytest.raises(SandboxError, match="could not look for an image"):
        choose_environment(settings, engine, top=TOP)


def test_an_image_without_python(place: Place, bare_image: str) -> None:
    settings = Settings(environment="image", image=bare_image)
    environment = choose_environment(settings, place.engine, top=TOP)
    with pytest.raises(SandboxError) as caught:
        place.open(environment=environment)
    assert str(caught.value) == (
        f"The environment has no python3: it is not in the image {bare_image!r}. "
        "Give --agent-fix-image an image that holds Python and the packages of the tests."
    )


def test_a_python_that_is_broken_says_why(
    place: Place, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pytest_agentfix.sandbox.container.read_source", lambda _: "import nothing_of_the_kind"
    )
    environment = choose_environment(Settings(image=image), place.engine, top=TOP)
    with pytest.raises(SandboxError, match="last words: ModuleNotFoundError: No module named"):
        place.open(environment=environment)
