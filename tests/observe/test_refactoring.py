"""Digests of source that a refactoring keeps, and that nothing else does."""

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from repro.observe.refactoring import definition_digest, sources_of

METRIC = """
def accuracy(y_true, y_pred):
    pairs = zip(y_true, y_pred)
    hits = [int(left == right) for left, right in pairs]
    try:
        share = sum(hits) / len(hits)
    except ZeroDivisionError as error:
        raise ValueError(len(hits)) from error
    def rounded():
        return round(share, 3)
    match y_true:
        case [first, *rest]:
            return rounded(), first, rest
    return rounded()
"""


@pytest.mark.parametrize(
    ("name", "renamed"),
    [
        ("hits", "found"),
        ("hits", "right"),  # the comprehension has one of this name, which is another
        ("left", "a"),
        ("pairs", "both"),
        ("share", "mean"),
        ("error", "reason"),
        ("first", "one"),
        ("rest", "others"),
    ],
)
def test_a_local_variable_may_be_renamed(name: str, renamed: str) -> None:
    assert definition_digest(METRIC) == definition_digest(METRIC.replace(name, renamed))


@pytest.mark.parametrize(
    ("name", "renamed"),
    [
        ("accuracy", "hit_rate"),
        ("y_true", "labels"),  # arguments are called by name
        ("rounded", "shown"),
        ("zip", "map"),
        ("ZeroDivisionError", "Exception"),
        ("3", "4"),
    ],
)
def test_what_others_may_ask_for_may_not(name: str, renamed: str) -> None:
    assert definition_digest(METRIC) != definition_digest(METRIC.replace(name, renamed))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(x):\n x = x + 1\n return x", "def f(x):\n y = y + 1\n return y"),
        ("def f(v):\n x = v\n return x", "def f(v):\n y = v\n return x"),
        ("def f():\n return [x for x in x]", "def f():\n return [y for y in y]"),
        (
            "def f():\n def a():\n  x = 1\n def b():\n  return x",
            "def f():\n def a():\n  y = 1\n def b():\n  return y",
        ),
        (
            "def f():\n x = 1\n class A:\n  x = x\n return A",
            "def f():\n y = 1\n class A:\n  y = y\n return A",
        ),
        (
            "def f():\n x = 1\n def x(): ...\n return x",
            "def f():\n y = 1\n def x(): ...\n return y",
        ),
        ("def f():\n global x\n x = 1", "def f():\n global x\n y = 1"),
        ("def f():\n import a as x\n x = x.b", "def f():\n import a as x\n y = y.b"),
        (
            "def f(t):\n low = 1\n high = 2\n return t.query('x > @low')",
            "def f(t):\n high = 1\n low = 2\n return t.query('x > @low')",
        ),
        (
            "def f(t):\n low = 1\n high = 2\n return eval(t)",
            "def f(t):\n high = 1\n low = 2\n return eval(t)",
        ),
        (
            "def f(t):\n low = 1\n high = 2\n return t.query(QUERY)",
            "def f(t):\n high = 1\n low = 2\n return t.query(QUERY)",
        ),
        (
            "def f(t):\n low = 1\n high = 2\n return pd.eval(expr=t)",
            "def f(t):\n high = 1\n low = 2\n return pd.eval(expr=t)",
        ),
        (
            "def f(t):\n low = 1\n high = 2\n return sys._getframe().f_locals[t]",
            "def f(t):\n high = 1\n low = 2\n return sys._getframe().f_locals[t]",
        ),
        (
            "class C:\n def f(self):\n  _C__x = 2\n  return __x",
            "class C:\n def f(self):\n  _C__z = 2\n  return __x",
        ),
        ("def f():\n return [(x := i) for i in z]", "def f():\n return [(y := i) for i in z]"),
        ("x = 1", "y = 1"),
    ],
)
def test_a_name_counts_where_it_means_something_outside(one: str, other: str) -> None:
    assert definition_digest(one) != definition_digest(other)


def test_a_model_is_set_to_evaluate_without_a_text() -> None:
    text = "def f(model):\n {0} = model.eval()\n return {0}"
    assert definition_digest(text.format("one")) == definition_digest(text.format("other"))


def test_a_query_that_is_written_out_keeps_the_names_that_it_has() -> None:
    text = "def f(t):\n {0} = 1\n low = {0}\n return t.query('x > @low')"
    assert definition_digest(text.format("one")) == definition_digest(text.format("other"))


def test_a_name_that_takes_the_place_of_another_counts() -> None:
    same = "def f(x):\n low = x\n high = 2 * x\n return {}"
    assert definition_digest(same.format("low")) != definition_digest(same.format("high"))


def test_source_that_python_does_not_read_counts_by_its_bytes() -> None:
    assert definition_digest("def f(:") != definition_digest("def f(: ")
    assert sources_of({Path("/p/bad.py"): b"def f(:"}, Path("/p"))[0].imports == ()


def written(**files: str) -> dict[str, object]:
    root = Path(os.sep) / "project"
    sources = {root / f"{name.replace('_', '/')}.py": text.encode() for name, text in files.items()}
    return {source.path: source for source in sources_of(sources, root)}


def test_a_file_imports_own_files_at_their_places() -> None:
    found = written(
        train="from pkg.metrics import f1\nfrom numpy import mean",
        src_pkg_metrics="from .parts import one\nfrom ..pkg.parts import two\nfrom . import three",
        src_pkg_parts="",
    )
    assert found["train.py"].imports == ("src/pkg/metrics.py",)
    assert found["src/pkg/metrics.py"].imports == ("src/pkg/parts.py", "src/pkg/parts.py")


def test_a_module_that_is_imported_by_its_name_is_a_file_too() -> None:
    found = written(a_run="from . import score\nfrom b import other", a_score="", b_other="")
    assert found["a/run.py"].imports == ("a/score.py", "b/other.py")


def test_where_two_files_could_be_meant_the_name_counts() -> None:
    train = "from metrics import f1"
    found = written(train=train, metrics="", src_metrics="")
    assert found["train.py"].imports == ()
    other = written(train=train.replace("metrics", "losses"), metrics="", src_metrics="")
    assert found["train.py"].digest != other["train.py"].digest


@pytest.mark.parametrize(
    ("module", "folder"), [("statistics", "utils"), ("numpy", "src"), ("no_such_thing", "utils")]
)
def test_a_file_of_the_name_of_a_library_is_another_thing(module: str, folder: str) -> None:
    own = Path(os.sep, "project", folder, f"{module}.py")
    train = own.parents[1] / "train.py"
    one, other = (
        sources_of({own: b"", train: f"from {name} import mean".encode()}, own.parents[1])
        for name in (module, f"{folder}.{module}")
    )
    assert {source.digest for source in one} != {source.digest for source in other}


def test_a_module_that_is_loaded_is_the_file_that_python_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = ModuleType("measures")
    loaded.__file__ = str(tmp_path / "deep" / "measures.py")
    monkeypatch.setitem(sys.modules, "measures", loaded)
    files = {tmp_path / "train.py": b"from measures import f1", Path(loaded.__file__): b""}
    found = {source.path: source.imports for source in sources_of(files, tmp_path)}
    assert found["train.py"] == ("deep/measures.py",)


def test_a_library_that_is_imported_from_counts() -> None:
    digests = {
        written(train=f"from {name} import mean")["train.py"].digest for name in ("numpy", "math")
    }
    assert len(digests) == 2
