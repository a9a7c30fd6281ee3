"""What pip is asked for is what the run had."""

import pytest

from repro.errors import CannotReplay
from repro.facts.environment import EXAMPLE, Package
from repro.fresh_environment import install, packages


def environment(imported, installed=(), origins=()):
    told = {"imported": imported, "installed": installed, "origins": origins}
    listed = {
        key: tuple(Package(name=name, version=version) for name, version in pairs)
        for key, pairs in told.items()
    }
    return EXAMPLE.but(**listed)


def test_what_was_imported_is_wanted_and_everything_installed_fixed():
    found = packages(
        environment(
            imported=[("mlflow-repro", "0.1.0"), ("numpy", "2.4.6"), ("torch", "2.13.0+cpu")],
            installed=[("sympy", "1.14")],
        )
    )
    assert found.python == "3.11"
    assert found.wanted == ("numpy==2.4.6", "torch==2.13.0+cpu")
    assert found.allowed == ("numpy==2.4.6", "sympy==1.14", "torch==2.13.0+cpu")
    assert found.indexes == ("https://download.pytorch.org/whl/cpu",)


def test_a_package_of_a_repository_is_asked_for_by_its_revision():
    url = f"https://git.example/ada/vision.git@{'0a' * 20}"
    found = packages(environment(imported=[("vision", "1.0")], origins=[("vision", url)]))
    assert (found.wanted, found.allowed) == ((f"vision @ git+{url}",), ())


def test_a_package_of_a_folder_of_that_machine_cannot_be_had():
    origins = [("vision", "file:///home/ada/vision")]
    with pytest.raises(CannotReplay) as caught:
        packages(environment(imported=[("vision", "1.0")], origins=origins))
    assert str(caught.value) == (
        "vision was installed from file:///home/ada/vision, no index has it"
    )


def test_a_python_that_is_not_here_is_named(tmp_path):
    wanted = packages(environment(imported=[]).but(python="3.99.0"))
    with pytest.raises(CannotReplay, match=r"^there is no python3\.99 on PATH$"):
        install(wanted, tmp_path / "env")
