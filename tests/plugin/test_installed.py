"""A failing test that runs an installed copy of the tree says so, however it was installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_agentfix.core.model import Failure, InstalledCopy
from tests.kits.wheel_kit import lay_out, run_pip, unpack
from tests.plugin.conftest import ROOT, Runner

PRICES = """\
STEP = 1

def double(value):
    if value < 0:
        raise ValueError(value)
    return value
"""
TESTS = """\
from shop.prices import double

def test_wrong(): assert double(2) == 4
def test_raises(): double(-1)
"""
SHOP = {
    "src/shop/__init__.py": "",
    "src/shop/prices.py": PRICES,
    "tests/test_shop.py": TESTS,
}


@dataclass(frozen=True)
class Setup:
    """A tree, and a folder outside of it that packages are imported from."""

    runner: Runner
    outer: Path
    monkeypatch: pytest.MonkeyPatch

    @property
    def top(self) -> Path:
        return self.runner.path

    def install(self, files: Mapping[str, str], *, name: str = "shop") -> None:
        """Lay out the tree, and install it as it is now."""
        unpack(lay_out(self.top, name, files), self.outer)

    def run(self, *args: str) -> dict[str, Failure]:
        """Run the tests; return the failures by the tests' names."""
        plugins = self.top / ".plugins"
        plugins.mkdir(exist_ok=True)
        shutil.move(self.top / "fake_repairer.py", plugins / "fake_repairer.py")
        path = (self.outer, ROOT, plugins)
        self.monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, path)))
        result = self.runner.run(*args, is_subprocess=True)
        assert result.ret in (0, 1), result.outlines
        return {one.nodeid.rpartition("::")[2]: one for one in self.runner.request.failures}


@pytest.fixture
def setup(
    runner: Runner, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Setup:
    return Setup(runner, tmp_path_factory.mktemp("outer"), monkeypatch)


def places(failures: Mapping[str, Failure], setup: Setup) -> dict[str, tuple[str, str] | None]:
    """Return the file and its source for each failure, relative to where they are."""
    found: dict[str, tuple[str, str] | None] = {}
    for name, failure in failures.items():
        copy, found[name] = failure.installed, None
        if copy is not None:
            file = os.path.relpath(copy.file, setup.outer)
            found[name] = (file, _below(copy.source, setup.top))
    return found


def _below(path: Path, top: Path) -> str:
    return path.relative_to(top).as_posix()


BOTH = ("shop/prices.py", "src/shop/prices.py")


@pytest.mark.parametrize("jobs", [(), ("-n2",)], ids=["plain", "xdist"])
def test_a_copy_beside_a_src_folder(setup: Setup, jobs: tuple[str, ...]) -> None:
    """pip notes where it came from; the project's name is in none of its files."""
    lay_out(setup.top, "shop", SHOP)
    run_pip("install", "--target", str(setup.outer), ".", cwd=setup.top)
    (setup.top / "pyproject.toml").write_text("[project]\ndynamic = ['name']\n")
    failures = setup.run(*jobs)
    expected = InstalledCopy(
        distribution="shop",
        folder=setup.outer,
        file=setup.outer / "shop/prices.py",
        source=setup.top / "src/shop/prices.py",
        project=setup.top,
    )
    assert [failures[name].installed for name in ("test_wrong", "test_raises")] == [expected] * 2


def test_the_tree_itself_is_no_copy(setup: Setup) -> None:
    setup.install({**SHOP, "pytest.ini": "[pytest]\npythonpath = src\n"})
    assert places(setup.run(), setup) == {"test_wrong": None, "test_raises": None}


def test_another_distribution_is_no_copy(setup: Setup) -> None:
    """Even if the tree has files of the same names: those are its own business."""
    files = {"shop/__init__.py": "", "shop/prices.py": PRICES}
    unpack(lay_out(setup.outer / "source", "another", files), setup.outer)
    lay_out(setup.top, "shop", SHOP)
    assert places(setup.run(), setup) == {"test_wrong": None, "test_raises": None}


def test_an_older_release_in_front_of_the_tree(setup: Setup) -> None:
    """Nobody knows its origin, and it lacks what the tests import from it."""
    files = {"shop/__init__.py": "", "shop/prices.py": "OLD = 1\n"}
    unpack(lay_out(setup.outer / "old", "Shop", files), setup.outer)
    lay_out(setup.top, "shop", SHOP)
    failures = setup.run()
    assert places(failures, setup) == {"tests/test_shop.py": BOTH}


def test_a_module_that_the_older_release_does_not_have(setup: Setup) -> None:
    setup.install(SHOP)
    (setup.outer / "shop/prices.py").unlink()
    found = places(setup.run(), setup)
    assert found == {"tests/test_shop.py": ("shop/__init__.py", "src/shop/__init__.py")}


def test_a_zipped_egg(setup: Setup) -> None:
    lay_out(setup.top, "shop", SHOP)
    egg = setup.outer / "shop-1.0-py3.egg"
    with zipfile.ZipFile(egg, "w") as archive:
        archive.writestr("EGG-INFO/PKG-INFO", "Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n")
        for path in (setup.top / "src/shop").iterdir():
            archive.write(path, f"shop/{path.name}")
    found = places(Setup(setup.runner, egg, setup.monkeypatch).run(), setup)
    assert found["test_wrong"] == found["test_raises"] == (f"{egg.name}/{BOTH[0]}", BOTH[1])


def test_an_editable_install_of_another_checkout(setup: Setup) -> None:
    other = setup.outer / "other checkout"
    lay_out(other, "shop", SHOP)
    lay_out(setup.top, "shop", SHOP)
    run_pip("install", "--target", str(setup.outer), "--editable", ".", cwd=other)
    (line,) = setup.outer.glob("*.pth")  # only site folders have theirs read
    sitecustomize = f"import site\nsite.addsitedir({str(setup.outer)!r})\n"
    (setup.outer / "sitecustomize.py").write_text(sitecustomize)
    assert line.read_text().strip() == f"{other}/src"
    failures = setup.run()
    copy = failures["test_wrong"].installed
    assert copy is not None
    assert (copy.folder, copy.is_editable) == (other, True)
    assert (copy.file, copy.source) == (other / BOTH[1], setup.top / BOTH[1])


def test_a_portion_of_a_namespace(setup: Setup) -> None:
    files = {"src/acme/shop/prices.py": PRICES, "tests/test_shop.py": f"from acme.{TESTS[5:]}"}
    setup.install(files, name="acme-shop")
    other = {"src/acme/other.py": "def fail(): raise OSError"}
    unpack(lay_out(setup.outer / "source", "acme-else", other), setup.outer / "more")
    more = "from acme.other import fail\n\ndef test_other(): fail()\n"
    (setup.top / "tests/test_other.py").write_text(more)
    extend = f"import sys\nsys.path.append({str(setup.outer / 'more')!r})\n"
    (setup.outer / "sitecustomize.py").write_text(extend)
    found = places(setup.run(), setup)
    both = ("acme/shop/prices.py", "src/acme/shop/prices.py")
    assert found == {"test_wrong": both, "test_raises": both, "test_other": None}


def test_a_single_module(setup: Setup) -> None:
    tests = TESTS.replace("shop.prices", "shop")
    setup.install({"src/shop.py": PRICES, "tests/test_shop.py": tests})
    assert places(setup.run(), setup)["test_wrong"] == ("shop.py", "src/shop.py")


def test_a_compiled_module(setup: Setup, tmp_path: Path) -> None:
    """Nothing in a traceback tells of it: what the test imports does."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler here")
    source = (
        "#include <Python.h>\n"
        'static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "fast", NULL, -1, NULL};\n'
        "PyMODINIT_FUNC PyInit_fast(void) {\n"
        "    PyObject *made = PyModule_Create(&module);\n"
        '    PyModule_AddIntConstant(made, "STEP", 1);\n'
        "    return made;\n}\n"
    )
    tests = "from fast import STEP\n\ndef test_wrong(): assert STEP == 2\n"
    lay_out(setup.top, "fast", {"src/fast.c": source, "tests/test_fast.py": tests})
    target = setup.top / "src" / f"fast{sysconfig.get_config_var('EXT_SUFFIX')}"
    include = sysconfig.get_path("include")
    command = [compiler, "-shared", "-fPIC", f"-I{include}", "src/fast.c", "-o", str(target)]
    subprocess.run(command, cwd=setup.top, check=True)
    setup.install({}, name="fast")
    target.unlink()
    assert places(setup.run(), setup) == {"test_wrong": (target.name, "src/fast.c")}


def test_through_a_fixture_and_a_helper(setup: Setup) -> None:
    """A test may import nothing itself; what its helpers import of the tree's own is told, too."""
    files = {
        "tests/conftest.py": (
            "import pytest\nfrom helpers import make\n\n"
            "@pytest.fixture\ndef shop():\n    return make()\n"
        ),
        "tests/helpers.py": (
            "import tool\n\ndef make():\n    from shop import prices\n    return prices\n"
        ),
        "tests/test_shop.py": "def test_wrong(shop): assert shop.double(2) == 4\n",
        "pytest.ini": "[pytest]\npythonpath = tools\n",
        "tools/tool.py": "",
    }
    setup.install({**SHOP, **files})
    failures = setup.run()
    copy = failures["test_wrong"].installed
    assert copy is not None
    assert _below(copy.source, setup.top) == "src/shop/prices.py"
    own = ["tests/conftest.py", "tests/helpers.py", "tools/tool.py"]
    assert [_below(path, setup.top) for path in copy.own] == own


def test_tests_that_are_installed_as_well(setup: Setup) -> None:
    files = {"src/shop/__init__.py": "", "src/shop/checks.py": "def test_wrong(): assert False\n"}
    setup.install(files)
    found = places(setup.run(str(setup.outer / "shop/checks.py"), f"--rootdir={setup.top}"), setup)
    assert found == {"test_wrong": ("shop/checks.py", "src/shop/checks.py")}


def test_a_plugin_that_the_tests_run(setup: Setup) -> None:
    """Its tests import nothing of it: pytest does, wherever it is run."""
    files = {
        "src/shop_plugin.py": "def pytest_report_header():\n    return 'shop is open'\n",
        "tests/conftest.py": "pytest_plugins = ['pytester']\n",
        "tests/test_shop.py": (
            "def test_wrong(pytester):\n"
            "    assert 'shop is closed' in pytester.runpytest().stdout.str()\n"
            "def test_without_it(): assert False\n"
        ),
    }
    setup.install(files, name="shop-plugin")
    found = places(setup.run("-p", "shop_plugin"), setup)
    expected = ("shop_plugin.py", "src/shop_plugin.py")
    assert found == {"test_wrong": expected, "test_without_it": None}


RUNS = """\
import subprocess
import sys

def test_wrong():
    done = subprocess.run([sys.executable, "-m", "shop"], capture_output=True)
    assert done.stdout == b"open"
"""


@pytest.mark.parametrize("folder", ["src/", ""])
def test_a_program_that_the_tests_start(setup: Setup, folder: str) -> None:
    """A flat tree is imported by what is started in it, and one below ``src`` is not."""
    files = {
        f"{folder}shop/__init__.py": "",
        f"{folder}shop/__main__.py": "",
        "tests/test_a.py": RUNS,
    }
    setup.install(files)
    expected = ("shop/__init__.py", "src/shop/__init__.py") if folder else None
    assert places(setup.run(), setup) == {"test_wrong": expected}
