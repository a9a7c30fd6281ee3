import json
import platform
import subprocess
import sys
import warnings
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest
from project import git

from repro.facts.environment import Editable, Environment
from repro.observe import environment

pytestmark = pytest.mark.slow  # the first look at the distributions takes 0.3 s

CACHED = ("_distributions_by_module", "_distributions", "installed", "_urls", "_origins")
DISTRIBUTIONS = {
    "Plain_Name": ("1.0", None),
    "from-git": (
        "2.0",
        '{"url": "https://me:hunter2@git.example/x.git", "vcs_info": {"commit_id": "c0ffee"}}',
    ),
    "from-index": ("2.1", '{"url": "https://index.example/x.whl?token=s3cr3t-Value"}'),
    "broken": ("4.0", '{"url": '),
    "strange": ("5.0", '["no", "object"]'),
    "odd": ("6.0", '{"url": "https://git.example/y.git", "vcs_info": "main"}'),
}


@pytest.fixture
def work_tree(tmp_path):
    """The repository of an editable distribution, with one commit."""
    root = tmp_path / "my tree"
    root.mkdir()
    (root / "module_of_editable.py").write_text("x = 1\n")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    return root


@pytest.fixture
def installed(tmp_path, monkeypatch, work_tree):
    """Distributions before all others on the path, each with one module; and two that are odd."""
    site = tmp_path / "site"
    editable = json.dumps({"url": work_tree.as_uri(), "dir_info": {"editable": True}})
    for name, (version, origin) in {**DISTRIBUTIONS, "editable": ("3.0", editable)}.items():
        folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
        (folder / "top_level.txt").write_text(f"module_of_{name.lower().replace('-', '_')}\n")
        if origin:
            (folder / "direct_url.json").write_text(origin)
    for name, content in (("nameless-1.dist-info", "Version: 1\n"), ("bare-1.dist-info", None)):
        (site / name).mkdir()
        (site / name / "top_level.txt").write_text("module_of_nobody\n")
        (site / name / "direct_url.json").write_text('{"url": "file:///nowhere"}')
        if content:
            (site / name / "METADATA").write_text(content)
    monkeypatch.syspath_prepend(site)
    for look in CACHED:
        getattr(environment, look).cache_clear()
    yield
    for look in CACHED:
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


def test_a_distribution_without_a_name_is_no_distribution(installed, monkeypatch):
    monkeypatch.setitem(sys.modules, "module_of_nobody", sys)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        seen = environment.at_end()
    assert None not in versions((*seen.imported, *seen.installed, *seen.origins))
    assert "file:///nowhere" not in versions(seen.origins).values()


def test_a_distribution_from_a_url_is_kept_with_it_and_without_credentials(installed, work_tree):
    origins = versions(environment.at_end().origins)
    assert origins["from-git"] == "https://git.example/x.git@c0ffee"
    assert origins["from-index"] == "https://index.example/x.whl?token=<redacted>"
    assert origins["editable"] == work_tree.as_uri()
    assert "plain-name" not in origins


def test_an_origin_that_cannot_be_read_is_said_to_be_one(installed):
    origins = versions(environment.at_end().origins)
    assert origins["broken"] == "direct_url.json cannot be read"
    assert origins["strange"] == "direct_url.json cannot be read"
    assert origins["odd"] == "https://git.example/y.git"


@pytest.fixture
def from_work_tree(work_tree, monkeypatch):
    """A module of the editable distribution, imported."""
    module = ModuleType("module_of_editable_inner")
    module.__file__ = str(work_tree / "module_of_editable.py")
    monkeypatch.setitem(sys.modules, module.__name__, module)


def editables(seen):
    return {one.name: one for one in seen.editable}


def test_an_editable_distribution_is_kept_with_the_state_of_its_work_tree(
    installed, work_tree, from_work_tree
):
    commit = git(work_tree, "rev-parse", "HEAD")
    (work_tree / "untracked.py").write_text("y = 2\n")
    seen = environment.at_end()
    assert editables(seen)["editable"] == Editable(name="editable", commit=commit, is_dirty=False)
    assert versions(seen.imported)["editable"] == "3.0"
    (work_tree / "module_of_editable.py").write_text("x = 2\n")
    assert editables(environment.at_end())["editable"].is_dirty is True


def test_an_editable_distribution_that_nothing_was_imported_from_is_left_alone(installed):
    assert "editable" not in editables(environment.at_end())


def test_an_environment_inside_the_work_tree_is_not_the_editable_distribution(
    installed, work_tree, monkeypatch
):
    module = ModuleType("elsewhere")
    module.__file__ = f"{work_tree}/.venv/lib/python3.11/site-packages/elsewhere.py"
    monkeypatch.setitem(sys.modules, "elsewhere", module)
    assert "editable" not in editables(environment.at_end())


def test_an_editable_distribution_outside_git_has_no_commit(installed, work_tree, from_work_tree):
    (work_tree / ".git").rename(work_tree / "not-git")
    found = editables(environment.at_end())["editable"]
    assert (found.commit, found.is_dirty) == (None, None)


def test_python_and_the_variables_that_change_numbers_are_kept(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    monkeypatch.setenv("SOMETHING_ELSE", "2")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    seen = environment.at_end()
    variables = {variable.name: variable.value for variable in seen.variables}
    assert (variables["OMP_NUM_THREADS"], variables["MKL_CBWR"]) == ("2", "COMPATIBLE")
    assert not {"SOMETHING_ELSE", "MKL_NUM_THREADS"} & variables.keys()
    assert seen.python == platform.python_version()


def test_a_variable_that_repeats_a_secret_is_masked(monkeypatch):
    monkeypatch.setenv("TEAM_TOKEN", "correct horse battery")
    monkeypatch.setenv("XLA_FLAGS", "--note=correct horse battery")
    variables = {one.name: one.value for one in environment.at_end().variables}
    assert variables["XLA_FLAGS"] == "--note=<redacted>"


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


def test_no_distribution_at_all_is_an_empty_list(monkeypatch):
    for look in CACHED:
        getattr(environment, look).cache_clear()
    monkeypatch.setattr(metadata, "distributions", lambda: iter(()))
    try:
        seen = environment.at_end()
    finally:
        for look in CACHED:
            getattr(environment, look).cache_clear()
    assert (seen.imported, seen.installed, seen.origins, seen.editable) == ((), (), (), ())


def test_the_operating_system_and_its_library_are_told():
    seen = environment.at_end()
    assert seen.operating_system
    assert seen.libc == " ".join(platform.libc_ver())


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ("home = /usr/bin\nversion = 3.11.7\n", "venv"),
        ("home = /usr/bin\nuv = 0.9.2\nversion_info = 3.11.7\n", "uv"),
        ("home = /usr/bin\nvirtualenv = 20.30\n", "virtualenv"),
    ],
)
def test_a_virtual_environment_says_who_made_it(tmp_path, settings, kind):
    (tmp_path / "pyvenv.cfg").write_text(settings)
    assert environment._virtual_environment(tmp_path) == kind


def test_conda_and_no_environment_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    assert environment._virtual_environment(tmp_path) == "none"
    (tmp_path / "conda-meta").mkdir()
    assert environment._virtual_environment(tmp_path) == "conda"


def test_an_environment_of_version_1_is_understood_and_the_rest_is_unknown():
    old = {"python": "3.11.7", "implementation": "CPython", "imported": []}
    seen = Environment.model_validate(Environment.upgrade(1, old))
    assert (seen.virtual_environment, seen.container, seen.locks) == ("unknown", None, ())


def test_looking_leaves_the_index_of_the_work_tree_alone(work_tree):
    index = (work_tree / ".git" / "index").read_bytes()
    Path(work_tree / "module_of_editable.py").touch()
    environment._editable("editable", work_tree)
    assert (work_tree / ".git" / "index").read_bytes() == index
    assert not subprocess.run(("git", "diff", "--quiet"), cwd=work_tree, check=False).returncode
