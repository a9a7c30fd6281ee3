"""Looks at how well one column alone tells the label: a proxy of it tells it fully."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from repro.digest import Block, Table, row_hashes
from repro.observe.columns import each, is_whole

ROWS = 20_000  # looked at, spread evenly
COLUMNS = 200  # the first ones
FEWEST = 40  # rows, below which a column tells a label by chance
CLASSES = 20  # the most frequent ones; numbers of more values are no classes
RARE = 5  # rows of a class in either half, below which it is left out
BINS = 32  # of a column of numbers

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def look(content: Table) -> dict[str, float]:
    """How well each of the first columns alone tells the label, by name.

    Area under the ROC curve, held out, the mean over classes; |Spearman's rho| where labels are
    numbers. What names its row, as an identifier does, is left out. Nothing is there if no label
    stands apart from the features, or the rows are too few.
    """
    labels = Labels.of(content.labels)
    if labels is None:
        return {}
    columns = (one for block in content.features if not is_whole(block) for one in each(block))
    found = {one.name: labels.told_by(one.block) for one in islice(columns, COLUMNS)}
    return {name: told for name, told in found.items() if told is not None}


@dataclass(frozen=True)
class Labels:
    """The label of some rows, as a class or as a rank."""

    step: int  # every so many rows
    classes: Codes | None  # 0, 1, ...; -1: a rare class
    ranks: Floats | None

    @classmethod
    def of(cls, labels: Sequence[Block]) -> "Labels | None":
        """None: there is no label, more than one, or too few rows."""
        if len(labels) != 1 or labels[0].n_columns != 1:
            return None
        step = _step(labels[0])
        block = labels[0].take(slice(None, None, step))
        if block.values.shape[0] < FEWEST or hasattr(block.values, "toarray"):
            return None
        codes, n_rows = _codes(block)
        if len(n_rows) <= CLASSES or block.values.dtype.kind not in "iuf":
            return cls(step, _frequent(codes, n_rows), None)
        values = _floats(block)
        return cls(step, None, _ranks(values)) if np.isfinite(values).all() else None

    def told_by(self, column: Block) -> float | None:
        """The measure of `look`; None: it cannot be told."""
        block = column.take(slice(None, None, self.step))
        if hasattr(block.values, "toarray"):
            block = replace(block, values=block.values.toarray())
        if self.ranks is not None:
            is_number = block.values.dtype.kind in "biuf"
            return _correlation(_floats(block), self.ranks) if is_number else None
        bins = _bins(block)
        return None if bins is None or self.classes is None else _area(bins, self.classes)


def _step(block: Block) -> int:
    return max(1, -(-int(block.values.shape[0]) // ROWS))


def _codes(block: Block) -> tuple[Codes, Codes]:
    """Each value by its place among the distinct ones, and how often each stands there."""
    _, codes, n_rows = np.unique(row_hashes([block])[:, 0], return_inverse=True, return_counts=True)
    return codes.reshape(-1), n_rows


def _frequent(codes: Codes, n_rows: Codes) -> Codes:
    """The most frequent classes renumbered, the others -1."""
    place = np.full(len(n_rows), -1)
    chosen = np.argsort(-n_rows, kind="stable")[:CLASSES]
    place[chosen] = np.arange(len(chosen))
    return np.asarray(place[codes], dtype=np.int64)


def _floats(block: Block) -> Floats:
    values = block.values[:, 0].astype(np.float64)
    if block.missing is not None:
        values[block.missing[:, 0]] = np.nan
    return np.asarray(values)


def _bins(block: Block) -> Codes | None:
    """Numbers by their quantile, other values by themselves; missing ones are a bin."""
    n_rows = int(block.values.shape[0])
    if block.values.dtype.kind in "iuf":
        values = _floats(block)
        present = values[~np.isnan(values)]
        if not len(present):
            return np.zeros(n_rows, dtype=np.int64)
        n_bins = min(BINS, int(np.sqrt(n_rows)))
        edges = np.unique(np.quantile(present, np.linspace(0, 1, n_bins), method="lower"))
        return np.asarray(np.searchsorted(edges, values), dtype=np.int64)  # NaN sorts last
    codes, counts = _codes(block)
    return codes if len(counts) <= n_rows / 4 else None


def _area(bins: Codes, classes: Codes) -> float | None:
    """Mean over classes, one against the rest: bins are scored by one half, judged by the other."""
    # Halves by the bits of a fixed stream: rows may be sorted, and no global generator is drawn.
    is_half = np.random.default_rng(0).random(len(bins)) < 0.5
    shape = int(bins.max()) + 1, int(classes.max()) + 1
    own, other = (_counted(bins[half], classes[half], shape) for half in (is_half, ~is_half))
    fewest = np.minimum(own.sum(axis=0), other.sum(axis=0))
    is_told = (fewest >= RARE) & (fewest.sum() - fewest >= RARE)
    if not is_told.any():
        return None
    areas = (_areas(own, other) + _areas(other, own)) / 2
    return float(f"{areas[is_told].mean():.6g}")


def _counted(bins: Codes, classes: Codes, shape: tuple[int, int]) -> Floats:
    """Rows of each bin and class; shape (n_bins, n_classes)."""
    known = classes >= 0
    flat = bins[known] * shape[1] + classes[known]
    return np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)


def _areas(own: Floats, other: Floats) -> Floats:
    """For each class, how often a row of it is scored above one of the rest."""
    n_rows = own.sum(axis=1, keepdims=True)
    scores = (own + own.sum(axis=0) / own.sum()) / (n_rows + 1)  # an empty bin: as they all are
    order = np.argsort(scores, axis=0, kind="stable")
    inside = np.take_along_axis(other, order, axis=0)
    outside = np.take_along_axis(other.sum(axis=1, keepdims=True) - other, order, axis=0)
    below = np.cumsum(outside, axis=0) - outside
    n_pairs = np.maximum(1, inside.sum(axis=0) * outside.sum(axis=0))
    return np.asarray((inside * (below + outside / 2)).sum(axis=0) / n_pairs)


def _ranks(values: Floats) -> Floats:
    """Centred ranks; those that are equal share the mean of theirs."""
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[codes.reshape(-1)]
    return np.asarray(ranks - ranks.mean())


def _correlation(values: Floats, ranks: Floats) -> float | None:
    """Where the column is missing, its rows are left out."""
    known = np.isfinite(values)
    if known.sum() < FEWEST:
        return None
    ours, theirs = _ranks(values[known]), _ranks(ranks[known])
    scale = np.sqrt((ours**2).sum() * (theirs**2).sum())
    return float(f"{abs((ours * theirs).sum()) / scale:.6g}") if scale else None
