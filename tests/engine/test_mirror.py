"""Whatever an interpreter imports from is in a sandbox: real installs, real sandboxes."""

from __future__ import annotations

import os
import pickle
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_agentfix.core.ports import Command
from pytest_agentfix.sandbox.environments import Environment
from tests.engine.sandbox_kit import TOP, Place
from tests.kits.venv_kit import make_venv
from tests.kits.wheel_kit import lay_out, run_pip, unpack

# What a session of pytest does: choose an environment, import in the tests, add what that needs.
ON_HOST = """\
import pickle, sys
from pathlib import Path
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.pytest_hooks.imported import find_imported_files
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.environments import add_imported, choose_environment
top = Path(sys.argv[1])
environment = choose_environment(Settings(), Engine.connect(), top=top)
exec(sys.argv[2])
environment = add_imported(environment, find_imported_files(), top)
sys.stdout.buffer.write(pickle.dumps(environment))
"""
LATE = "import sys; sys.path.append({!r}); "
FILES = {"src/near/__init__.py": "from near.value import VALUE\n", "src/near/value.py": "VALUE = 3"}
SECRETS = (".env", ".git/config", "src/near/.env", "src/near/id_rsa", "credentials.json")


@dataclass
class Machine:
    """A user's machine: a home, an environment in it, and a neighbour of the user's project.

    ``code`` is what the tests do before they import the neighbour, ``path`` is PYTHONPATH.
    """

    home: Path
    python: str
    code: str = ""
    path: list[Path] = field(default_factory=list)

    @property
    def neighbour(self) -> Path:
        """The neighbour's checkout."""
        return self.home / "work/near"

    @property
    def packages(self) -> Path:
        """The environment's folder of packages."""
        (found,) = Path(self.python).parents[1].glob("lib/python*/site-packages")
        return found

    @property
    def variables(self) -> dict[str, str]:
        """The variables that go along into a sandbox."""
        return {"PYTHONPATH": os.pathsep.join(map(str, self.path))} if self.path else {}

    def choose(self) -> Environment:
        """Return the environment that a session of pytest would choose and complete."""
        done = subprocess.run(
            [self.python, "-c", ON_HOST, str(TOP), f"{self.code}import near"],
            env={**os.environ, **self.variables, "HOME": str(self.home), "TMPDIR": "/var/tmp"},
            capture_output=True,
            check=True,
            timeout=120,
        )
        environment = pickle.loads(done.stdout)
        assert isinstance(environment, Environment)
        return environment


def install_for_the_user(machine: Machine) -> None:
    config = Path(machine.python).parents[1] / "pyvenv.cfg"
    text = config.read_text().replace("packages = false", "packages = true")
    config.write_text(text)  # as pip wants it, and as a system's own interpreter is
    run_pip("install", "--user", str(machine.neighbour), python=machine.python, home=machine.home)


def install_with_a_hook(machine: Machine) -> None:
    """As setuptools does for projects whose folders are no plain ones."""
    editable_wheel = pytest.importorskip("setuptools.command.editable_wheel")
    mapping = {"near": f"{machine.neighbour}/src/near"}
    text = editable_wheel._finder_template("__editable___near_finder", mapping, {})
    (machine.neighbour / "finder.py").write_text(text)
    run_pip("install", "--editable", str(machine.neighbour), python=machine.python)


def install_by_a_path_file(machine: Machine) -> None:
    run_pip("install", "--editable", str(machine.neighbour), python=machine.python)


def add_a_site_folder(machine: Machine) -> None:
    unpack(machine.neighbour, machine.home / "site")
    code = f"import site\nsite.addsitedir({str(machine.home / 'site')!r})\n"
    (machine.packages / "sitecustomize.py").write_text(code)


def put_an_egg_on_the_path(machine: Machine) -> None:
    egg = machine.home / "near-1.0-py3.egg"
    with zipfile.ZipFile(egg, "w") as archive:
        for path in (machine.neighbour / "src/near").glob("*.py"):
            archive.write(path, f"near/{path.name}")
    machine.path = [egg]


def put_the_checkout_on_the_path(machine: Machine) -> None:
    machine.path = [machine.neighbour / "src"]


def extend_the_path_in_a_test(machine: Machine) -> None:
    machine.code = LATE.format(f"{machine.neighbour}/src")


def extend_the_path_by_the_home(machine: Machine) -> None:
    (machine.home / "near.py").write_text("VALUE = 3")
    machine.code = LATE.format(str(machine.home))


def link_files_from_a_cache(machine: Machine) -> None:
    """As uv does with ``link-mode = symlink``."""
    cache = machine.home / ".cache/uv/archive-v0/abc"
    unpack(machine.neighbour, cache)
    for path in cache.rglob("*"):
        link = machine.packages / path.relative_to(cache)
        if path.is_dir():
            link.mkdir()
        else:
            link.symlink_to(path)


@pytest.mark.parametrize(
    "install",
    [
        install_for_the_user,
        install_with_a_hook,
        install_by_a_path_file,
        add_a_site_folder,
        put_an_egg_on_the_path,
        put_the_checkout_on_the_path,
        extend_the_path_in_a_test,
        extend_the_path_by_the_home,
        link_files_from_a_cache,
    ],
)
def test_what_is_imported_is_there(
    place: Place, tmp_path: Path, install: Callable[[Machine], None]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    machine = Machine(home, make_venv(home / "venvs/project").python)
    lay_out(machine.neighbour, "near", FILES)
    install(machine)
    assert_is_there(place, machine)


def assert_is_there(place: Place, machine: Machine) -> None:
    """Assert that the neighbour can be imported in a sandbox, and that no secret is in there."""
    home = machine.home
    for name in SECRETS:
        (machine.neighbour / name).parent.mkdir(exist_ok=True)
        (machine.neighbour / name).write_text("planted-secret")
    (home / ".netrc").write_text("planted-secret")
    environment = machine.choose()
    assert all(not home.is_relative_to(mount) for mount in environment.read_only)
    secrets = [str(machine.neighbour / name) for name in SECRETS] + [str(home / ".netrc")]
    code = (
        f"{machine.code}import os, near; "
        f"print(near.VALUE, [path for path in {secrets} if os.path.exists(path)])"
    )
    command = Command(
        argv=(environment.python, "-c", code),
        cwd=TOP,
        env={**machine.variables, **environment.env},
    )
    sandbox = place.open(environment=environment)
    done = sandbox.run(command, timeout=60)
    assert (done.stdout, done.stderr) == (b"3 []\n", b"")


@dataclass(frozen=True)
class Backend:
    """A build backend as it is used: what has to be installed for it, and its configuration."""

    packages: tuple[str, ...]
    project: str


BACKENDS = {
    "setuptools": Backend(
        ("setuptools", "wheel"),
        "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n"
        "[project]\nname = 'near'\nversion = '1.0'\n"
        "[tool.setuptools]\npackages = ['near']\npackage-dir = {near = 'src/near'}\n",
    ),
    "hatchling": Backend(
        ("hatchling", "editables"),
        "[build-system]\nrequires = ['hatchling']\nbuild-backend = 'hatchling.build'\n"
        "[project]\nname = 'near'\nversion = '1.0'\n"
        "[tool.hatch.build.targets.wheel]\npackages = ['src/near']\n"
        "[tool.hatch.build]\ndev-mode-exact = true\n",
    ),
    "pdm": Backend(
        ("pdm-backend", "editables"),
        "[build-system]\nrequires = ['pdm-backend']\nbuild-backend = 'pdm.backend'\n"
        "[project]\nname = 'near'\nversion = '1.0'\n"
        "[tool.pdm.build]\neditable-backend = 'editables'\n",
    ),
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", BACKENDS)
def test_editable_installs_of_released_backends(place: Place, tmp_path: Path, name: str) -> None:
    """The backends are downloaded."""
    backend = BACKENDS[name]
    home = tmp_path / "home"
    venv = make_venv(home / "venvs/project")
    machine = Machine(home, venv.python)
    venv.install(*backend.packages)
    lay_out(machine.neighbour, "near", FILES)
    (machine.neighbour / "pyproject.toml").write_text(backend.project)
    links = ("--no-build-isolation", "--no-deps", "--editable")
    venv.install(*links, str(machine.neighbour))
    assert_is_there(place, machine)
