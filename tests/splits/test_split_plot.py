"""The picture of a plan: who is what in a fold, drawn in few shapes however many the rows."""

import sys

import numpy as np
import pandas as pd
import pytest

from repro.errors import SplitError
from repro.splits import GroupTimeSeriesSplit, PurgedKFold, make_plan
from repro.splits.fold_kinds import KINDS, FoldKinds
from repro.splits.plot import COLOURS, N_CELLS

matplotlib = pytest.importorskip("matplotlib")


def panel(n_rows=12, horizon=1):
    day = np.arange(n_rows)
    return pd.DataFrame({"t": day, "end": day + horizon})


def kinds(cv, frame, number):
    return [KINDS[kind] for kind in FoldKinds(make_plan(cv, frame)).of(number)]


def test_purged_rows_and_the_embargo_are_told_apart():
    cv = PurgedKFold(3, time="t", end_time="end", embargo=2)
    assert kinds(cv, panel(), 1) == (
        ["train"] * 3 + ["purged"] + ["test"] * 4 + ["purged"] + ["embargo"] * 2 + ["train"]
    )


def test_a_half_open_label_is_not_purged_where_it_ends():
    cv = PurgedKFold(3, time="t", end_time="end", closed="left", embargo=1)
    assert kinds(cv, panel(), 1) == (["train"] * 4 + ["test"] * 4 + ["embargo"] + ["train"] * 3)


def test_a_row_whose_feature_window_sees_a_test_label_is_purged():
    frame = panel().assign(opened=lambda frame: frame["t"] - 3)
    cv = PurgedKFold(3, time="t", end_time="end", feature_start="opened")
    assert kinds(cv, frame, 0)[4:] == ["purged"] * 4 + ["train"] * 4


def test_the_future_of_a_walk_forward_fold_is_unused_and_its_gap_too():
    cv = GroupTimeSeriesSplit(2, time="t", end_time="end", test=3, gap=2)
    assert kinds(cv, panel(), 0) == (
        ["train"] * 3 + ["unused"] * 2 + ["purged"] + ["test"] * 3 + ["unused"] * 3
    )


def test_every_kind_has_its_colour_and_those_that_occur_stand_in_the_legend():
    figure = make_plan(PurgedKFold(3, time="t", end_time="end", embargo=2), panel()).plot()
    legend = figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [
        "train",
        "test",
        "purged",
        "embargo",
    ]
    assert len(set(COLOURS.values())) == len(KINDS)
    drawn = {
        matplotlib.colors.to_hex(bars.get_facecolor()[0]).upper()
        for bars in figure.axes[0].collections
    }
    assert drawn == {COLOURS[kind] for kind in ("train", "test", "purged", "embargo")}


def test_many_rows_are_few_shapes_and_one_row_is_still_seen():
    n_rows = 100_000
    rows = np.arange(n_rows)
    figure = make_plan([(rows[rows != 50_000], [50_000])], X=rows).plot()
    shapes = [len(bars.get_paths()) for bars in figure.axes[0].collections]
    assert shapes == [3, 1]
    test = figure.axes[0].collections[1].get_paths()[0].get_extents()
    assert test.width == pytest.approx(n_rows / N_CELLS, rel=0.01)
    assert test.height > 0.1  # of 0.8, though it is one row of 125


@pytest.mark.parametrize("n_rows", [60, 2 * N_CELLS])
def test_rows_in_any_order_give_the_same_picture(n_rows):
    frame = panel(n_rows)
    cv = PurgedKFold(3, time="t", end_time="end", embargo=2)

    def paths(data):
        collections = make_plan(cv, data).plot().axes[0].collections
        return [path.vertices.tolist() for bars in collections for path in bars.get_paths()]

    assert paths(frame) == paths(frame.sample(frac=1, random_state=0))


def test_it_draws_where_it_is_told_and_touches_no_pyplot(monkeypatch):
    from matplotlib.figure import Figure

    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    axes = Figure().subplots(2)
    plan = make_plan(PurgedKFold(3, time="t", end_time="end"), panel())
    assert plan.plot(axes[1]) is axes[1].figure
    assert not axes[0].collections
    assert len(axes[1].collections) == 3 * 3
    assert "matplotlib.pyplot" not in sys.modules


def test_times_are_shown_as_dates():
    frame = panel().apply(pd.to_datetime, unit="D", utc=True)
    axes = make_plan(PurgedKFold(3, time="t", end_time="end"), frame).plot().axes[0]
    assert axes.get_xlabel() == "time (UTC)"
    assert axes.dataLim.x0 == pytest.approx(-0.5)  # days since 1970
    assert axes.dataLim.x1 == pytest.approx(11.5)


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("repro.splits.plot.find_spec", lambda name: None)
    with pytest.raises(SplitError) as found:
        make_plan([([0], [1])], X=[0, 1]).plot()
    assert str(found.value) == (
        "a plot needs matplotlib. Install it: pip install 'mlflow-repro[plot]'."
    )
