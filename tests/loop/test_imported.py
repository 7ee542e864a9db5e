"""Ignored files that the user's run imported come along, but for secrets."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from pytest_agentfix.testing.scripted_model.replies import Reply, Turns, edits, reads
from tests.kits.loop_kit import DONE, StartModel, edit, refill
from tests.kits.project_kit import Project

SPEEDUPS = """\
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_speedups", NULL, -1, NULL};
PyMODINIT_FUNC PyInit__speedups(void)
{
    PyObject *made = PyModule_Create(&module);
    if (made && PyModule_AddIntConstant(made, "FACTOR", 2)) { Py_DECREF(made); return NULL; }
    return made;
}
"""
FILES = {
    ".gitignore": "*.pyc\n_version.py\n*.so\nlocal_settings.py\nshop.egg-info/\n",
    "shop/__init__.py": (
        "from shop._version import version\n"
        "try:\n    from shop import local_settings\n"
        "except ImportError:\n    local_settings = None\n"
    ),
    "shop/prices.py": (
        "from shop._speedups import FACTOR\n\n\ndef double(value):\n    return value + FACTOR\n"
    ),
    "test_shop.py": (
        "from importlib.metadata import version as installed\n\n"
        "from shop import version\nfrom shop.prices import double\n\n\n"
        "def test_double():\n    assert double(4) == 8\n\n\n"
        "def test_version():\n    assert version == installed('shop') == '1.2.3'\n"
    ),
}
GENERATED = {
    "shop/_version.py": "version = '1.2.3'\n",
    "shop/local_settings.py": "SECRET_KEY = 'planted-secret'\n",
    "shop.egg-info/PKG-INFO": "Metadata-Version: 2.1\nName: shop\nVersion: 1.2.3\n",
}


@pytest.fixture
def shop(project: Project, tmp_path: Path) -> Project:
    """A package with a version module, a compiled module and metadata that git ignores."""
    refill(project, FILES)
    project.write(GENERATED)
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler here")
    source = tmp_path / "speedups.c"
    source.write_text(SPEEDUPS)
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    target = project.path / f"shop/_speedups{suffix}"
    include = sysconfig.get_path("include")
    command = [compiler, "-shared", "-fPIC", f"-I{include}", str(source), "-o", str(target)]
    subprocess.run(command, check=True)
    return project


@pytest.mark.parametrize("options", [(), ("-pxdist", "-n2")], ids=["plain", "xdist"])
def test_generated_and_compiled_files_come_along(
    shop: Project, start_model: StartModel, options: tuple[str, ...]
) -> None:
    model = start_model(Turns([edit(shop, "shop/prices.py", "value + FACTOR", "value * FACTOR")]))
    ran = shop.run(*options, url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed"], 0), ran.output
    lines = [line for line in ran.output.splitlines() if line.startswith("note: ")]
    assert any("shop.egg-info/PKG-INFO" in line and "shop/_version.py" in line for line in lines)
    assert any("_speedups" in line for line in lines)
    assert any(line.endswith("agent_fix_include = shop/local_settings.py") for line in lines)
    assert shop.git("show", "--format=", "--name-only").split() == ["shop/prices.py"]
    assert shop.status() == ""
    assert "planted-secret" not in ran.output + str([one.body for one in model.requests])


def test_the_agent_may_not_change_them(shop: Project, start_model: StartModel) -> None:
    product, version = (str(shop.path / "shop" / name) for name in ("prices.py", "_version.py"))
    turn: list[Reply] = [
        reads(product),
        edits(product, "value + FACTOR", "value * FACTOR"),
        reads(version),
    ]
    turn += [edits(version, "1.2.3", "6.6.6"), DONE]
    model = start_model(Turns([turn]))
    ran = shop.run(url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed"], 0), ran.output
    dropped = ran.report["clusters"][0]["dropped"]
    assert [drop["path"] for drop in dropped] == ["shop/_version.py"]
    assert "git ignores this file" in dropped[0]["reason"]
    assert shop.git("show", "--format=", "--name-only").split() == ["shop/prices.py"]
    assert (shop.path / "shop/_version.py").read_text() == GENERATED["shop/_version.py"]
