"""Looks for rows of an evaluation set that are nearly rows of train.

Of each row the twenty nearest rows of train are found among all that could be near. One that is
much nearer than the tenth is no neighbour as others are: it is the same thing, measured, encoded or
cut anew. How often that happens by chance depends on the dimension of the rows around, which is
told by how much further the twentieth is than the tenth (Levina and Bickel 2004).

Large tables are compared inside a band: rows whose projection on one direction lies near the
middle. What is nearly equal has nearly the same projection, so both rows are in it, or neither.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from repro.digest import Table
from repro.facts.data import Near, Pair
from repro.facts.fact import Absent
from repro.observe.near_vectors import (
    ColumnsFrame,
    Points,
    Positions,
    long_texts,
    numbers,
    picture_points,
    picture_shape,
    spread,
    text_points,
)

Method = Literal["columns", "picture", "text"]

# Shares of the distance to the tenth nearest row. Re-encoded pictures and texts of which some words
# were changed are further from each other than rows that were rounded.
THRESHOLDS: dict[Method, float] = {"columns": 0.1, "picture": 0.15, "text": 0.4}
BAND = 20_000  # rows of train that are compared
PAIRS = 10_000_000  # of rows, compared in all
FEWEST = 500  # rows of an evaluation set that are compared, if there are as many
TENTH, TWENTIETH = 9, 19
FOUND = 30  # nearest rows, those that are equal included
CHUNK = 256
SHOWN = 5
PROJECTED = 8  # columns
FAR = 5.0  # scales
MIN_TRAIN = 50


@dataclass(frozen=True)
class Band:
    """The rows in the middle of one direction."""

    middle: float
    width: float  # to either side


@dataclass(frozen=True)
class Reference:
    """Rows of train that others may be near to."""

    method: Method
    points: Points
    rows: Positions
    share: float  # of those that could be near
    frame: ColumnsFrame | None = None
    band: Band | None = None


def reference(content: Table, data: Any) -> Reference | Absent:
    """What is kept of train: points of at most 20,000 rows."""
    if content.n_rows < MIN_TRAIN:
        return _absent(f"train has {content.n_rows} rows, fewer than {MIN_TRAIN}")
    seen = _seen_whole(content, data)
    if seen is not None:
        method, points, rows = seen
        return Reference(method, points, rows, share=len(rows) / content.n_rows)
    if not numbers(content):
        return _absent("the rows hold no numbers, no pictures and no long texts")
    frame = ColumnsFrame.of(content)
    band = _band(content, frame) if content.n_rows > BAND else None
    inside = _inside(content, frame, band, 1.0)
    rows = inside[spread(len(inside), BAND)]
    return Reference(
        "columns", frame.points(content, rows), rows, len(rows) / len(inside), frame, band
    )


def compared(content: Table, data: Any, train: Reference) -> Near | Absent:
    """How many rows of an evaluation set are near one of train."""
    n_most = max(FEWEST, PAIRS // len(train.rows))
    if train.frame is None:
        seen = _seen_whole(content, data)
        if seen is None or seen[0] != train.method or seen[1].shape[1] != train.points.shape[1]:
            return _absent(f"the rows of train are compared as {train.method}, these are not")
        chosen = spread(len(seen[2]), n_most)
        points, rows = seen[1][chosen], seen[2][chosen]
    else:
        if len(numbers(content)) != len(train.frame.centres):
            return _absent("train has other columns")
        rows = _inside(content, train.frame, train.band, 0.5)
        rows = rows[spread(len(rows), n_most)]
        points = train.frame.points(content, rows) if len(rows) else train.points[:0]
    if not len(rows) or points.shape[1] != train.points.shape[1]:
        return _absent("no row of it lies where the rows of train were compared")
    return _near(points, rows, train, coverage=len(rows) / content.n_rows)


def _absent(reason: str) -> Absent:
    return Absent(reason=reason, kind="not_applicable")


def _seen_whole(content: Table, data: Any) -> tuple[Method, Points, Positions] | None:
    """Pictures and texts as points; None: the rows are columns."""
    shape = picture_shape(content)
    if shape is not None:
        return ("picture", *picture_points(content, shape))
    texts = long_texts(data, content)
    return None if texts is None else ("text", text_points(texts[0]), texts[1])


def _band(content: Table, frame: ColumnsFrame) -> Band:
    along = _projected(content, frame)
    middle = float(np.median(along))
    return Band(middle, float(np.partition(np.abs(along - middle), BAND - 1)[BAND - 1]))


def _inside(content: Table, frame: ColumnsFrame, band: Band | None, part: float) -> Positions:
    """Rows in this part of the band; all, if there is none."""
    if band is None:
        return np.arange(content.n_rows, dtype=np.int64)
    near = np.abs(_projected(content, frame) - band.middle) <= part * band.width
    return np.flatnonzero(near).astype(np.int64)


def _projected(content: Table, frame: ColumnsFrame) -> npt.NDArray[np.float64]:
    weights = np.random.default_rng(0).normal(size=len(frame.centres))
    total = np.zeros(content.n_rows)
    for column, weight in zip(
        frame.scaled(content, slice(None)), weights[:PROJECTED], strict=False
    ):
        total += weight * np.clip(column, -FAR, FAR)
    return total


def _near(points: Points, rows: Positions, train: Reference, coverage: float) -> Near:
    threshold = THRESHOLDS[train.method]
    nearest, distances = _nearest(points, train.points)
    tenth, twentieth = distances[:, TENTH], distances[:, TWENTIETH]
    is_told = np.isfinite(twentieth) & (tenth > 0)
    ratios = np.full(len(points), np.inf)
    ratios[is_told] = distances[is_told, 0] / tenth[is_told]
    is_near = ratios < threshold
    chosen = np.argsort(ratios, kind="stable")[: min(SHOWN, int(is_near.sum()))]
    expected = _by_dimension(tenth[is_told], twentieth[is_told], threshold)
    if train.method == "columns":
        expected = max(expected, _by_columns(train.points, distances[is_near, 0]) * len(points))
    return Near(
        method=train.method,
        threshold=threshold,
        n_compared=len(points),
        n_near=int(is_near.sum()),
        n_expected=_rounded(min(len(points), expected)),
        coverage=_rounded(coverage),
        train_share=_rounded(train.share),
        nearest=tuple(
            Pair(rows=f"{train.rows[nearest[i, 0]]}/{rows[i]}", distance=_rounded(ratios[i]))
            for i in chosen
        ),
    )


def _nearest(points: Points, train: Points) -> tuple[Positions, npt.NDArray[np.float64]]:
    """The nearest rows of train that are not equal; shapes (n_rows, 30), the distances rising."""
    n_found = min(FOUND, len(train))
    squares = (train**2).sum(axis=1)
    places: list[Positions] = []
    distances: list[npt.NDArray[np.float64]] = []
    for start in range(0, len(points), CHUNK):
        some = points[start : start + CHUNK]
        about = squares - 2 * some @ train.T  # less what is one for all of a row
        found = np.argpartition(about, n_found - 1, axis=1)[:, :n_found]
        exact = np.sqrt(((train[found] - some[:, None]).astype(np.float64) ** 2).sum(axis=2))
        exact[exact == 0] = np.inf
        order = np.argsort(exact, axis=1, kind="stable")
        places.append(np.take_along_axis(found, order, axis=1))
        distances.append(np.take_along_axis(exact, order, axis=1))
    return np.concatenate(places), np.concatenate(distances)


def _by_dimension(tenth: Any, twentieth: Any, threshold: float) -> float:
    """How many are near by chance, if rows lie evenly around each: nine chances of t**d."""
    if not len(tenth):
        return 0.0
    rise = np.maximum(np.log(twentieth / tenth), 1e-9)
    rise = np.maximum(rise, np.median(rise))  # of the dimension around, and of all, the lower
    return float(np.minimum(1.0, TENTH * threshold ** (np.log(2) / rise)).sum())


def _by_columns(train: Points, distances: npt.NDArray[np.float64]) -> float:
    """How many rows of train are as near to one row by chance, were columns independent."""
    if not len(distances):
        return 0.0
    others = np.roll(train, len(train) // 2 + 1, axis=0)
    within = (np.abs(train - others) <= np.median(distances)).mean(axis=0)
    return float(len(train) * np.prod(np.maximum(within, 1 / len(train))))


def _rounded(value: Any) -> float:
    return float(f"{value:.4g}")
