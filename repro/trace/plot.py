"""A picture of how a difference spreads: the share of what differs, and the gap of the losses."""

import math
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from repro.errors import UsageError
from repro.trace.pair import TracePair

SIZE = (8.0, 5.5)  # inches


def has_matplotlib() -> bool:
    """Whether anything can be drawn."""
    return find_spec("matplotlib") is not None


def require_drawable(path: Path) -> None:
    """Before anything is compared.

    Raises
    ------
    UsageError
        matplotlib is not installed, knows no such format, or the file cannot be written.
    """
    if not has_matplotlib():
        raise UsageError("a plot needs matplotlib. Install it: pip install 'mlflow-repro[plot]'.")
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    formats = sorted(FigureCanvasAgg.get_supported_filetypes())
    if path.suffix and path.suffix[1:].lower() not in formats:
        raise UsageError(
            f"--plot {path} has no format that can be drawn; it must be one of: "
            f"{', '.join(formats)}."
        )
    if not path.parent.is_dir():
        raise UsageError(f"--plot {path}: there is no folder {path.parent}. Make it first.")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"--plot {path} cannot be written. Name a file in a folder of yours.")


def draw(pair: TracePair, path: Path) -> None:
    """Write the picture to this path.

    Raises
    ------
    UsageError
        matplotlib is not installed, or the file cannot be written.
    """
    if not has_matplotlib():
        raise UsageError("a plot needs matplotlib. Install it: pip install 'mlflow-repro[plot]'.")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, sharex=True, height_ratios=(3, 2))
    _draw_shares(above, pair)
    _draw_losses(below, pair)
    figure.suptitle(f"{pair.a}  against  {pair.b}", fontsize=11)
    try:
        figure.savefig(path, dpi=120)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error


def _draw_shares(axes: Any, pair: TracePair) -> None:
    for name, points in _shares(pair).items():
        if any(points.values()) and name != "loss":  # that is one number, and drawn below
            axes.plot(*_columns(points), marker=".", markersize=4, linewidth=1.2, label=name)
    if pair.first is not None:
        axes.axvline(pair.first.step, color="black", linewidth=0.8, linestyle=":")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    axes.set_ylabel("share that differs")
    axes.set_ylim(-0.03, 1.03)
    axes.grid(alpha=0.25)


def _draw_losses(axes: Any, pair: TracePair) -> None:
    gaps = {step: gap for step, gap in pair.loss_gaps() if gap > 0 and math.isfinite(gap)}
    if gaps:
        axes.semilogy(*_columns(gaps), marker=".", markersize=4, linewidth=1.2, color="black")
    else:
        said = "the losses are equal to the bit"
        axes.text(0.5, 0.5, said, transform=axes.transAxes, ha="center", va="center")
        axes.set_yticks([])
    axes.set_ylabel("|difference of the losses|")
    axes.set_xlabel("optimizer step")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.25)


def _shares(pair: TracePair) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for one in pair.spread:
        share = one.n_different / max(1, one.n_items)
        found.setdefault(one.component, {})[one.step] = share
    return found


def _columns(points: Mapping[int, float]) -> tuple[list[int], list[float]]:
    return list(points), list(points.values())
