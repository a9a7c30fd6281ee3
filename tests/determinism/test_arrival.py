import importlib
import importlib.util
import inspect
import sys

import pytest

from repro.determinism.arrival import Arrivals, is_imported


@pytest.fixture
def newcomer(tmp_path, monkeypatch):
    """Name of a module that nobody has imported."""
    (tmp_path / "newcomer_of_test_arrival.py").write_text("ready = False\nready = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "newcomer_of_test_arrival"
    sys.modules.pop("newcomer_of_test_arrival", None)


def test_the_call_comes_once_and_after_the_module_has_run(newcomer):
    seen = []
    with Arrivals({newcomer: lambda: seen.append(sys.modules[newcomer].ready)}):
        assert not is_imported(newcomer)
        module = importlib.import_module(newcomer)
        importlib.reload(module)
    assert seen == [True]


def test_nothing_is_imported_by_waiting_or_by_asking_where_the_module_is(newcomer):
    seen = []
    with Arrivals({newcomer: lambda: seen.append("called")}):
        assert importlib.util.find_spec(newcomer) is not None
    assert not is_imported(newcomer)
    assert seen == []


def test_after_the_block_an_import_calls_nobody_and_the_finder_is_gone(newcomer):
    seen = []
    finders = list(sys.meta_path)
    with pytest.raises(ValueError, match="training"), Arrivals({newcomer: lambda: seen.append(1)}):
        raise ValueError("training")
    importlib.import_module(newcomer)
    assert seen == []
    assert sys.meta_path == finders


def test_the_outer_block_is_called_before_the_inner_one(newcomer):
    seen = []
    outer = Arrivals({newcomer: lambda: seen.append("outer")})
    inner = Arrivals({newcomer: lambda: seen.append("inner")})
    with outer, inner:
        importlib.import_module(newcomer)
    assert seen == ["outer", "inner"]


def test_an_import_that_fails_has_not_arrived(newcomer, tmp_path):
    seen = []
    source = tmp_path / f"{newcomer}.py"
    with Arrivals({newcomer: lambda: seen.append("called")}):
        source.write_text("raise RuntimeError('half way')")
        with pytest.raises(RuntimeError, match="half way"):
            importlib.import_module(newcomer)
        assert seen == []
        source.write_text("ready = True  # now it is longer")
        importlib.import_module(newcomer)
    assert seen == ["called"]


def test_a_module_that_arrived_still_shows_its_source(newcomer):
    with Arrivals({newcomer: lambda: None}):
        module = importlib.import_module(newcomer)
    assert inspect.getsource(module) == "ready = False\nready = True\n"
