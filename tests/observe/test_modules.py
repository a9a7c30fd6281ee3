"""Files that were imported, and what counts as a change of one."""

import sys
import types

import pytest
from repository import state_of

from repro.observe.code import at_end
from repro.observe.modules import imported_files, source_digest


def test_imported_files_of_the_repository_are_listed_by_the_digest_of_their_syntax(
    repository, imports
):
    imports(repository / "pkg" / "model.py")
    imports(repository / "weights.bin")
    (module,) = at_end(state_of(repository)).modules
    assert module.path == "pkg/model.py"
    assert module.digest == source_digest((repository / "pkg" / "model.py").read_bytes())


def test_a_module_of_a_virtual_environment_inside_the_repository_is_not_listed(
    repository, imports, monkeypatch
):
    installed = repository / "env" / "lib" / "site-packages" / "other.py"
    standard = repository / "env" / "lib" / "argparse.py"
    installed.parent.mkdir(parents=True)
    for path in (installed, standard):
        path.write_text("x = 1\n")
        imports(path)
    imports(repository / "train.py")
    monkeypatch.setattr(sys, "prefix", str(repository / "env"))
    assert imported_files(repository) == (repository / "train.py",)


def test_a_lazy_module_is_not_woken(repository, monkeypatch):
    class Lazy(types.ModuleType):
        def __getattr__(self, name):
            raise AssertionError(f"{name} was asked for")

    monkeypatch.setitem(sys.modules, "lazy_of_the_test", Lazy("lazy_of_the_test"))
    imported_files(repository)


@pytest.mark.parametrize(
    ("source", "is_same"),
    [
        ("x = 1  # one\n\n\ndef f( a ):\n  return a", True),
        ("x = 2\ndef f(a):\n    return a\n", False),
        ("x = 1\ndef f(a):\n    'Now with a docstring.'\n    return a\n", True),
        ("'Now with a docstring.'\nx = 1\ndef f(a):\n    return a\n", False),
    ],
)
def test_comments_and_layout_do_not_count_and_everything_else_does(source, is_same):
    reference = source_digest("x = 1\ndef f(a):\n    return a\n")
    assert (source_digest(source) == reference) == is_same


@pytest.mark.parametrize(
    "source",
    ["def f(:\n", "x = '\0'\n", "x = " + "+".join(["1"] * 20_000), "x = " + "(" * 500 + ")" * 500],
    ids=["syntax", "null", "long sum", "brackets"],
)
def test_source_that_python_cannot_take_apart_is_digested_by_its_bytes(source):
    assert source_digest(source) == source_digest(source.encode())
    assert source_digest(source) != source_digest(source + " ")
