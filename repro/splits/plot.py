"""A picture of a plan: who trains, who is tested and who is left out, fold by fold over time."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from repro.errors import SplitError
from repro.splits.fold_kinds import KINDS, FoldKinds, KindArray
from repro.splits.plan import SplitPlan
from repro.splits.times import FloatArray, IntArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito 2008: told apart by people who see no red, no green or no blue.
COLOURS = {
    "train": "#0072B2",
    "test": "#E69F00",
    "purged": "#000000",
    "embargo": "#CC79A7",
    "unused": "#E4E4E4",
}
N_CELLS = 800  # along time; each about a pixel wide
AT_LEAST = 0.2  # of its cell, for a kind of which there is a single row
BAR = 0.8  # height of a fold, of 1
WIDTH, AROUND, PER_FOLD, TALLEST = 10.0, 1.3, 0.3, 9.0  # inches
DAY = 24 * 3600 * 10**9  # nanoseconds; matplotlib counts days since 1970


class Cells(NamedTuple):
    """Pieces of the time axis, and which of them each row stands in."""

    low: FloatArray
    high: FloatArray
    of_row: IntArray


def draw(plan: SplitPlan, ax: Axes | None = None) -> Figure:
    """Draw a plan; see `SplitPlan.plot`."""
    if find_spec("matplotlib") is None:
        raise SplitError("a plot needs matplotlib. Install it: pip install 'mlflow-repro[plot]'.")
    axes = _new_axes(plan.n_splits) if ax is None else ax
    cells, kinds = _cells(_places(plan)), FoldKinds(plan)
    seen = [_draw_fold(axes, number, kinds.of(number), cells) for number in range(plan.n_splits)]
    _dress(axes, plan, [kind for kind in KINDS if any(kind in fold for fold in seen)])
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure


def _new_axes(n_splits: int) -> Axes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height = AROUND + min(PER_FOLD * max(n_splits, 3), TALLEST)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasAgg(figure)  # no pyplot: a notebook's figures and backend stay as they are
    return figure.subplots()


def _places(plan: SplitPlan) -> FloatArray:
    """Where each row stands on the axis: days, numbers, or the number of the row."""
    if plan.row_spans is None:
        return np.arange(plan.n_rows, dtype=np.float64)
    start = plan.row_spans.start
    return start.values.astype(np.float64) / (1 if start.zone == "number" else DAY)


def _cells(place: FloatArray) -> Cells:
    """One cell per distinct place, or cells of one width where those would be too many."""
    ticks, of_row = np.unique(place, return_inverse=True)
    if len(ticks) > N_CELLS:
        edges = np.linspace(ticks[0], ticks[-1], N_CELLS + 1)
        cell = np.minimum(np.searchsorted(edges, ticks, side="right") - 1, N_CELLS - 1)
        return Cells(edges[:-1], edges[1:], cell[of_row])
    gaps = np.diff(ticks)
    usual = float(np.median(gaps)) if len(gaps) else 1.0
    half = np.minimum(gaps / 2, usual)  # a long time without rows stays empty
    ends = [usual / 2]
    return Cells(ticks - np.concatenate((ends, half)), ticks + np.concatenate((half, ends)), of_row)


def _draw_fold(axes: Axes, number: int, kinds: KindArray, cells: Cells) -> list[str]:
    """Draw one fold; a cell is divided among the kinds of its rows. Returns the kinds it has."""
    from matplotlib.collections import PolyCollection

    n_kinds = len(KINDS)
    counts = np.bincount(
        cells.of_row * n_kinds + kinds, minlength=len(cells.low) * n_kinds
    ).reshape(-1, n_kinds)
    height = _heights(counts)
    tops = np.cumsum(height, axis=1)
    runs = _runs(height, cells)
    for kind in np.flatnonzero(counts.any(axis=0)):
        first, last = (part[height[runs[0], kind] > 0] for part in runs)
        bottom, top = ((tops[first, kind] - height[first, kind]), tops[first, kind])
        left, right = cells.low[first], cells.high[last]
        y = [number + BAR * (part - 0.5) for part in (bottom, bottom, top, top)]
        corners = np.stack((np.stack((left, right, right, left)), np.stack(y))).transpose(2, 1, 0)
        bars = PolyCollection(
            list(corners), facecolor=COLOURS[KINDS[kind]], linewidth=0, antialiased=False
        )
        axes.add_collection(bars, autolim=False)
    axes.update_datalim([(cells.low[0], number - 0.5), (cells.high[-1], number + 0.5)])
    return [KINDS[kind] for kind in np.flatnonzero(counts.any(axis=0))]


def _heights(counts: IntArray) -> FloatArray:
    """The share of each kind in each cell, none that is there too small to be seen."""
    total = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    height = np.where(counts > 0, np.maximum(counts / total, AT_LEAST), 0.0)
    return np.asarray(height / np.maximum(height.sum(axis=1, keepdims=True), 1e-9))


def _runs(height: FloatArray, cells: Cells) -> tuple[IntArray, IntArray]:
    """First and last cell of every run of neighbours that look alike and touch."""
    is_new = (height[1:] != height[:-1]).any(axis=1) | (cells.low[1:] > cells.high[:-1])
    first = np.concatenate(([0], np.flatnonzero(is_new) + 1))
    return first, np.concatenate((first[1:] - 1, [len(height) - 1]))


def _dress(axes: Axes, plan: SplitPlan, seen: list[str]) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.patches import Patch
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    axes.margins(x=0.01)
    axes.set_ylim(plan.n_splits - 0.5, -0.5)
    axes.autoscale_view(scaley=False)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=24, integer=True, min_n_ticks=1))
    axes.set_ylabel("fold")
    is_dated = plan.row_spans is not None and plan.row_spans.start.zone != "number"
    if is_dated:
        locator = AutoDateLocator()  # type: ignore[no-untyped-call]  # half typed
        axes.xaxis.set_major_locator(locator)
        concise = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_formatter(concise)
    if plan.row_spans is None:
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_xlabel("time (UTC)" if is_dated else "row" if plan.row_spans is None else "time")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_title(f"{plan.splitter}: {plan.n_splits} folds of {plan.n_rows:,} rows", loc="left")
    axes.legend(
        handles=[Patch(color=COLOURS[kind], label=kind) for kind in seen],
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=len(seen),
        frameon=False,
        borderaxespad=0.2,
    )
