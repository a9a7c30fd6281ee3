import json
import platform
import sys
from importlib import metadata

import pytest

from repro.observe import environment

pytestmark = pytest.mark.slow  # the first look at the distributions takes 0.3 s

DISTRIBUTIONS = {
    "Plain_Name": ("1.0", None),
    "from-git": (
        "2.0",
        {"url": "https://me:hunter2@git.example/x.git", "vcs_info": {"commit_id": "c0ffee"}},
    ),
    "editable": ("3.0", {"url": "file:///work/editable", "dir_info": {"editable": True}}),
}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Three distributions before all others on the path, each with one module."""
    for name, (version, origin) in DISTRIBUTIONS.items():
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
        (folder / "top_level.txt").write_text(f"module_of_{name.lower().replace('-', '_')}\n")
        if origin:
            (folder / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.syspath_prepend(tmp_path)
    for look in ("_distributions_by_module", "_installed", "_origins"):
        getattr(environment, look).cache_clear()
    yield
    for look in ("_distributions_by_module", "_installed", "_origins"):
        getattr(environment, look).cache_clear()


def versions(packages):
    return {package.name: package.version for package in packages}


def test_what_was_imported_is_told_from_what_is_only_installed(installed, monkeypatch):
    monkeypatch.setitem(sys.modules, "module_of_plain_name.inner", sys)
    seen = environment.at_end()
    imported, others = versions(seen.imported), versions(seen.installed)
    assert imported["plain-name"] == "1.0"
    assert imported["numpy"] == metadata.version("numpy")
    assert (others["from-git"], others["editable"]) == ("2.0", "3.0")
    assert not imported.keys() & others.keys()


def test_a_distribution_from_a_url_is_kept_with_it_and_without_credentials(installed):
    origins = versions(environment.at_end().origins)
    assert origins["from-git"] == "https://git.example/x.git@c0ffee"
    assert origins["editable"] == "file:///work/editable"
    assert "plain-name" not in origins


def test_python_and_the_variables_that_change_numbers_are_kept(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("SOMETHING_ELSE", "2")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    seen = environment.at_end()
    variables = {variable.name: variable.value for variable in seen.variables}
    assert variables["OMP_NUM_THREADS"] == "2"
    assert not {"SOMETHING_ELSE", "MKL_NUM_THREADS"} & variables.keys()
    assert seen.python == platform.python_version()


def test_packages_come_in_one_order():
    names = [package.name for package in environment.at_end().installed]
    assert names == sorted(names)


def test_a_module_is_traced_to_its_distribution():
    expected = f"scikit-learn {metadata.version('scikit-learn')}"
    assert environment.distribution_of("sklearn.metrics") == expected
    assert environment.distribution_of("math") is None
    assert environment.distribution_of("") is None


def test_the_distributions_are_listed_once_in_a_process(monkeypatch):
    environment.at_end()
    monkeypatch.setattr(metadata, "distributions", lambda: pytest.fail("looked again"))
    environment.at_end()
