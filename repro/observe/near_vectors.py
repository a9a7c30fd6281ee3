"""Rows as points: the nearer two points, the more alike two rows of numbers, pictures or texts."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from repro.digest import Block, Table
from repro.observe.columns import is_picture

Points = npt.NDArray[np.float32]  # shape (n_rows, n_dimensions)
Positions = npt.NDArray[np.int64]

COLUMNS = 100  # the first ones
SAMPLE = 20_000  # rows that the scale is told from
SIGNS = 6  # dimensions of a value that is no number: it is as far from every other one
PIXELS = 8_000_000  # read of one set of pictures
PICTURES = 5_000  # of one set
SIDE = 8  # a picture is made of so many by so many fields
TEXTS = 4_000  # read of one set
CHARACTERS = 500  # of a text
LONG = 30  # characters on average, from which on a text is more than a word
GRAM = 5  # characters
BUCKETS = 256


@dataclass(frozen=True)
class ColumnsFrame:
    """Columns by their median and the distance between their quartiles, as train has them."""

    centres: tuple[float, ...]
    scales: tuple[float, ...]  # 0.0: constant

    @classmethod
    def of(cls, content: Table) -> "ColumnsFrame":
        """As the rows of a table have them."""
        step = max(1, -(-content.n_rows // SAMPLE))
        told = [_centre(_column(one, slice(None, None, step))) for one in numbers(content)]
        return cls(tuple(centre for centre, _ in told), tuple(scale for _, scale in told))

    def scaled(self, content: Table, rows: Any) -> Iterator[npt.NDArray[np.float64]]:
        """Each column of numbers; what is missing is in the middle."""
        for one, centre, scale in zip(numbers(content), self.centres, self.scales, strict=True):
            if scale:
                yield np.nan_to_num((_column(one, rows) - centre) / scale, posinf=0.0, neginf=0.0)

    def points(self, content: Table, rows: Positions) -> Points:
        """The rows; outlying numbers are drawn in, or a float32 could not tell the others."""
        found = [np.arcsinh(column) for column in self.scaled(content, rows)]
        for block in _others(content):
            words = block.take(rows).words().values[:, 0]
            bits = (words[:, None] >> np.arange(SIGNS, dtype=np.uint64)) & np.uint64(1)
            found.extend((bits.astype(np.float64) - 0.5).T)
        return np.array(found, dtype=np.float32).reshape(len(found), -1).T.copy()


def numbers(content: Table) -> list[Block]:
    """The columns of features that are numbers or times, each as a block."""
    return [
        block.columns(j, j + 1)
        for block in content.features
        if block.values.dtype.kind in "biufmM" and not is_picture(block)
        for j in range(min(COLUMNS, block.n_columns))
    ][:COLUMNS]


def _others(content: Table) -> list[Block]:
    found = [one for one in content.features if one.values.dtype.kind not in "biufcmM"]
    return [block for block in found if block.n_columns == 1][: COLUMNS // SIGNS]


def _column(block: Block, rows: Any) -> npt.NDArray[np.float64]:
    some = block.take(rows)
    values: Any = some.values
    dense = values.toarray() if hasattr(values, "toarray") else values
    whole = dense.view(np.int64) if dense.dtype.kind in "mM" else dense
    floats = np.asarray(whole[:, 0], dtype=np.float64)
    if some.missing is None:
        return floats
    return np.where(some.missing[:, 0], np.nan, floats)


def _centre(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 0.0
    low, middle, high = np.quantile(finite, (0.25, 0.5, 0.75))
    spread = float(high - low) or float(finite.std())
    return float(middle), spread


def picture_shape(content: Table) -> tuple[int, int, int] | None:
    """Channels, height and width, if the features are pictures; shape (n, c, h, w) or (n, h, w)."""
    found = re.search(r"\[(\d+(?:, \d+)+)\]$", content.features[0].names[0])
    if found is None or len(content.features) > 1:
        return None
    sizes = [int(size) for size in found[1].split(", ")]
    if content.features[0].values.dtype.kind not in "biuf":
        return None
    if len(sizes) == 2:
        return (1, sizes[0], sizes[1])
    if len(sizes) != 3:
        return None
    return (sizes[0], sizes[1], sizes[2]) if sizes[0] <= 4 else (sizes[2], sizes[0], sizes[1])


def picture_points(content: Table, shape: tuple[int, int, int]) -> tuple[Points, Positions]:
    """Pictures as 8 by 8 means over fields, less their brightness and contrast."""
    channels, height, width = shape
    fine = SIDE * 4
    values = content.features[0].values
    limit = min(PICTURES, PIXELS // (channels * fine * fine))
    rows = spread(len(values), limit)
    down, across = (np.linspace(0, size - 1, fine).round().astype(int) for size in (height, width))
    is_first = content.features[0].names[0].endswith(f"[{channels}, {height}, {width}]")
    strides = (
        (height * width, width, 1) if is_first or channels == 1 else (1, width * channels, channels)
    )
    of = [np.arange(channels), down, across]
    at = [places * stride for places, stride in zip(of, strides, strict=True)]
    flat = (at[0][:, None, None] + at[1][:, None] + at[2]).reshape(-1)
    pixels = values[rows[:, None], flat].astype(np.float32)
    fields = pixels.reshape(len(rows), channels, SIDE, 4, SIDE, 4).mean(axis=(1, 3, 5))
    points = fields.reshape(len(rows), -1)
    points -= points.mean(axis=1, keepdims=True)
    contrast = points.std(axis=1, keepdims=True)
    return points / np.where(contrast > 0, contrast, 1), rows


def text_points(texts: Sequence[Any]) -> Points:
    """Texts by how often runs of five characters stand there, in 256 random directions."""
    raw = [
        " ".join(str(text).lower().split())[:CHARACTERS].encode() + b" " * GRAM for text in texts
    ]
    owner = np.repeat(np.arange(len(raw)), [len(one) for one in raw])
    letters = np.frombuffer(b"".join(raw), dtype=np.uint8).astype(np.uint64)
    n_grams = len(letters) - GRAM + 1
    mixed = np.zeros(n_grams, dtype=np.uint64)
    for at in range(GRAM):
        mixed = (mixed + letters[at : at + n_grams]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    signs = np.where(mixed >> np.uint64(63), 1.0, -1.0)
    places = owner[:n_grams] * BUCKETS + ((mixed >> np.uint64(40)) % BUCKETS).astype(np.int64)
    counts = np.bincount(places, weights=signs, minlength=len(raw) * BUCKETS)
    points = counts.reshape(len(raw), BUCKETS)
    length = np.sqrt((points**2).sum(axis=1, keepdims=True))
    return np.asarray(points / np.where(length > 0, length, 1), dtype=np.float32)


def long_texts(data: Any, content: Table) -> tuple[list[Any], Positions] | None:
    """The longest column of texts, at some rows; None: there is none, or it cannot be read."""
    features = data[0] if isinstance(data, tuple) and data else data
    features = features["data"] if isinstance(features, dict) else features
    rows = spread(content.n_rows, TEXTS)
    names = [one.names[0] for one in content.features if one.dtype == "text" and one.n_columns == 1]
    columns = [_taken(_named(features, name), rows) for name in names]
    longest = max(columns, key=_mean_length, default=[])
    return (longest, rows) if longest and _mean_length(longest) >= LONG else None


def _mean_length(texts: Sequence[Any]) -> float:
    return math.fsum(len(text) for text in texts if isinstance(text, str)) / max(1, len(texts))


def _named(features: Any, name: str) -> Any:
    has_columns = hasattr(features, "columns") or hasattr(features, "column_names")
    return features[name] if has_columns else features


def _taken(values: Any, rows: Positions) -> list[Any]:
    if hasattr(values, "iloc"):
        return list(values.iloc[rows])
    if hasattr(values, "to_pylist"):
        return list(values.take(rows).to_pylist())
    # Nothing else: to ask a data set for an item may draw from a generator.
    is_plain = isinstance(values, list | tuple) or hasattr(values, "__array__")
    return [values[int(i)] for i in rows] if is_plain else []


def spread(n_rows: int, limit: int) -> Positions:
    """Positions of at most so many rows, spread evenly."""
    return np.arange(0, n_rows, max(1, -(-n_rows // max(1, limit))), dtype=np.int64)
