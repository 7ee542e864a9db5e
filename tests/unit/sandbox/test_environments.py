"""The environments of sandboxes, as far as they need no engine."""

from __future__ import annotations

import io
import os
import pickle
import sys
import tarfile
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.core.errors import EnvironmentUnavailableError
from pytest_agentfix.core.options import ENVIRONMENTS
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.sandbox.archive import make_archive
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.environments import (
    KINDS,
    Environment,
    EnvironmentKind,
    choose_environment,
    sandbox_user,
)
from pytest_agentfix.sandbox.environments.mirror import (
    _make_image,
    _outermost,
    _search_path,
)

PATHS = st.lists(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(lambda p: Path("/", *p)),
    max_size=12,
)


class FakeEngine:
    """Just enough of an engine to choose an environment with."""

    def __init__(self, *, is_local: bool = True, env: dict[str, str] | None = None) -> None:
        self.is_local = is_local
        self.images: dict[str, bytes] = {}
        self._env = env or {}

    def has_image(self, name: str) -> bool:
        return name in self.images

    def import_image(self, name: str, archive: bytes) -> None:
        assert name not in self.images
        self.images[name] = archive

    def image_environment(self, _name: str) -> dict[str, str]:
        return dict(self._env)


def choose(engine: FakeEngine, top: str = "/top", **settings: Any) -> Environment:
    return choose_environment(Settings(**settings), cast("Engine", engine), top=Path(top))


def members(archive: bytes) -> dict[str, tuple[int, bytes | None]]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        found = {}
        for member in tar:
            file = tar.extractfile(member)
            found[member.name] = (member.mode, file.read() if file else None)
            assert (member.uid, member.gid) == (0, 0)
        return found


@given(PATHS)
def test_only_the_outermost_are_kept(paths: list[Path]) -> None:
    kept = _outermost(paths)
    assert len(set(kept)) == len(kept)
    assert set(kept) <= set(paths)
    for path in paths:
        assert sum(path.is_relative_to(other) for other in kept) == 1


def test_a_similar_name_is_not_below() -> None:
    paths = [Path("/usr"), Path("/usr2"), Path("/usr/lib"), Path("/usr")]
    assert _outermost(paths) == [Path("/usr"), Path("/usr2")]


def test_the_path_leads_to_what_is_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/venv/bin/python")
    monkeypatch.setenv("PATH", "/home/me/bin:/usr/bin:relative::/venv/bin:/usr/games")
    path = _search_path([Path("/venv"), Path("/usr")])
    assert path == "/venv/bin:/usr/bin:/usr/games:/usr/local/bin:/bin"


def test_mounts_inside_the_repository() -> None:
    environment = Environment(
        kind="mirror",
        image="i",
        python="p",
        user=(1, 1),
        read_only={Path(p): Path(p) for p in ("/usr", "/top/.venv", "/top/a/b", "/top2")},
    )
    assert environment.mounts_inside(Path("/top")) == (".venv", "a/b")


def test_an_archive_holds_what_it_is_given() -> None:
    files: dict[str, tuple[int, bytes | None]] = {
        "tmp": (0o1777, None),
        "etc": (0o755, None),
        "etc/passwd": (0o644, b"root"),
        "empty": (0o600, b""),
    }
    assert members(make_archive(files)) == files
    assert make_archive(files) == make_archive(files)  # its hash is the image's name


def test_the_mirrors_image() -> None:
    found = members(_make_image((1000, 1001)))
    assert found["tmp"] == found["var/tmp"] == (0o1777, None)
    assert found["usr"] == found["proc"] == found["dev"] == (0o755, None)
    passwd = b"root:x:0:0:root:/:/bin/sh\nagent:x:1000:1001:agent:/tmp/home:/bin/sh\n"
    assert found["etc/passwd"] == (0o644, passwd)
    assert found["etc/group"] == (0o644, b"root:x:0:\nagent:x:1001:\n")
    assert b"hosts: files\n" in (found["etc/nsswitch.conf"][1] or b"")
    files = {name for name, (_, content) in found.items() if content is not None}
    assert files == {"etc/passwd", "etc/group", "etc/nsswitch.conf"}


def test_the_mirror(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packages = tmp_path / "site-packages"
    packages.mkdir()
    monkeypatch.setattr(sys, "path", ["", "/top", "/top/src", str(packages), "/no/such", *sys.path])
    engine = FakeEngine()
    environment = choose(engine)
    assert environment == choose(engine)
    assert list(engine.images) == [environment.image]
    assert environment.image.startswith("pytest-agentfix:mirror-")
    assert (environment.kind, environment.python) == ("mirror", sys.executable)
    assert environment.user == sandbox_user()
    mounts = environment.read_only
    assert all(source == target for source, target in mounts.items())
    assert {Path("/usr"), packages} <= set(mounts)
    for prefix in (sys.prefix, sys.base_prefix, os.path.realpath(sys.base_prefix)):
        assert any(Path(prefix).is_relative_to(mount) for mount in mounts)
    assert not any(path.is_relative_to("/top") for path in mounts)
    assert set(environment.env) - {"PYTHONUSERBASE", "LD_LIBRARY_PATH"} == {"PATH", "HOME", "LANG"}


def test_a_users_image() -> None:
    engine = FakeEngine(env={"PATH": "/opt/bin", "LANG": "de_DE.UTF-8", "HOME": "/root", "A": "b"})
    expected = Environment(
        kind="image",
        image="mine:1",
        python="python3",
        user=sandbox_user(),
        env={"PATH": "/opt/bin", "LANG": "de_DE.UTF-8", "HOME": "/tmp/home", "A": "b"},
    )
    assert choose(engine, environment="image", image="mine:1") == expected
    assert choose(engine, environment="auto", image="mine:1") == expected
    assert engine.images == {}


def test_a_mirror_beside_an_image_that_is_named() -> None:
    assert choose(FakeEngine(), environment="mirror", image="mine:1").kind == "mirror"


def test_the_user_is_never_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(os, "getgid", lambda: 0)
    assert sandbox_user() == (60_911, 60_911)
    monkeypatch.setattr(os, "getuid", lambda: 501)
    monkeypatch.setattr(os, "getgid", lambda: 20)
    assert sandbox_user() == (501, 20)


def test_a_mirror_of_a_machine_that_is_elsewhere() -> None:
    with pytest.raises(EnvironmentUnavailableError) as caught:
        choose(FakeEngine(is_local=False))
    assert str(caught.value) == (
        "The environment 'mirror' cannot work here: the engine is not on this machine. "
        "Give --agent-fix-image an image that holds Python and the packages of the tests."
    )


def test_a_mirror_of_another_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    with pytest.raises(EnvironmentUnavailableError, match="needs Linux, and this is Darwin"):
        choose(FakeEngine(), environment="mirror")


def test_a_repository_that_is_a_virtual_environment() -> None:
    with pytest.raises(EnvironmentUnavailableError, match="is the virtual environment itself"):
        choose(FakeEngine(), top=sys.prefix)


def test_the_table_has_the_names_of_the_option() -> None:
    assert tuple(KINDS) == ENVIRONMENTS


def test_an_environment_reaches_the_background_process() -> None:
    environment = choose(FakeEngine())
    assert pickle.loads(pickle.dumps(environment)) == environment


class RemoteMirror:
    """A kind of another plugin's."""

    def __init__(self, *, obstacle: str = "", is_implied: bool = False) -> None:
        self._obstacle = obstacle
        self._is_implied = is_implied

    def is_implied(self, settings: Settings) -> bool:
        assert settings.environment == "auto"
        return self._is_implied

    def find_obstacle(self, engine: Engine, *, top: Path) -> str:
        return self._obstacle

    def prepare(self, settings: Settings, engine: Engine, *, top: Path) -> Environment:
        return Environment(kind="remote", image="i", python=str(top / "python"), user=(1, 1))


def choose_with(kind: EnvironmentKind, environment: str) -> Environment:
    engine = cast("Engine", FakeEngine())
    settings = Settings(environment=environment)
    return choose_environment(settings, engine, top=Path("/top"), further={"remote": kind})


def test_a_further_kind() -> None:
    expected = Environment(kind="remote", image="i", python="/top/python", user=(1, 1))
    assert choose_with(RemoteMirror(), "remote") == expected
    assert choose_with(RemoteMirror(is_implied=True), "auto") == expected
    assert choose_with(RemoteMirror(), "auto").kind == "mirror"
    assert choose_with(RemoteMirror(), "mirror").kind == "mirror"


def test_a_further_kind_that_cannot_work() -> None:
    with pytest.raises(EnvironmentUnavailableError, match="'remote' cannot work here: no host"):
        choose_with(RemoteMirror(obstacle="no host"), "remote")


def test_a_kind_that_nobody_has() -> None:
    with pytest.raises(EnvironmentUnavailableError) as caught:
        choose_with(RemoteMirror(), "conda")
    assert str(caught.value) == (
        "There is no environment 'conda'. "
        f"Choose one of {', '.join(KINDS)}, remote with --agent-fix-environment."
    )
