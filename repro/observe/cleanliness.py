"""Looks at the numbers in a data set: missing, infinite and outlying ones, and their scale."""

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from repro.digest import Block, Table
from repro.facts.cleaning import Column

Scaling = Literal["standardized", "min_max", "raw"]

COLUMNS = 200
ROWS = 200_000  # looked at, spread evenly
CELLS = 10_000_000  # looked at in all
PIXELS = 1_000_000  # looked at of pictures
MAD_TO_DEVIATION = 1.4826  # of a normal distribution
FAR = 5.0  # deviations
DIGITS = 6


def look(content: Table) -> tuple[Column, ...]:
    """The first columns of features that hold numbers; costs up to a second."""
    return tuple(_column(*one) for one in islice(_numbers(content.features), COLUMNS))


def scaling(columns: Sequence[Column], n_rows: int) -> Scaling | None:
    """How most columns are scaled, those aside that are constant or flags; None: none is left.

    A column that was standardized with further rows is nearly so: within 2 / sqrt(n).
    """
    slack = 0.1 + 2 / math.sqrt(n_rows)
    found = (_scaling(column, slack) for column in columns)
    told = [word for word in found if word is not None]
    scaled: tuple[Scaling, ...] = ("standardized", "min_max")
    most = next((word for word in scaled if told.count(word) > len(told) / 2), None)
    # Some columns are small by nature, and the rim of a picture is dark: a tenth has to reach 1.
    highest = [column.highest for column in columns if column.highest is not None]
    at_bound = sum(1 - slack <= high <= 1 for high in highest)
    if not told:
        return None
    return "raw" if most is None or (most == "min_max" and 10 * at_bound < len(told)) else most


def _scaling(column: Column, slack: float) -> Scaling | None:
    mean, deviation, low, high = column.mean, column.deviation, column.lowest, column.highest
    if mean is None or deviation is None or low is None or high is None or low == high:
        return None
    if low == 0 and high == 1 and math.isclose(deviation**2, mean * (1 - mean), rel_tol=1e-4):
        return None  # between 0 and 1, nothing but zeros and ones varies so much
    if abs(mean) <= slack and abs(deviation - 1) <= slack:
        return "standardized"
    return "min_max" if low >= -1 and high <= 1 else "raw"


def _column(name: str, values: npt.NDArray[np.float64]) -> Column:
    finite = values[np.isfinite(values)]
    told: dict[str, float | None] = dict.fromkeys(
        ("outlier_share", "mean", "deviation", "lowest", "highest")
    )
    if len(finite):
        with np.errstate(over="ignore", invalid="ignore"):  # near the largest float
            moments = finite.mean(), finite.std(), finite.min(), finite.max()
        told |= zip(("mean", "deviation", "lowest", "highest"), map(_rounded, moments), strict=True)
        told["outlier_share"] = _outlier_share(finite)
    return Column(
        name=name,
        missing_share=_rounded(np.isnan(values).mean()),
        infinite_share=_rounded(np.isinf(values).mean()),
        **told,
    )


def _outlier_share(finite: npt.NDArray[np.float64]) -> float | None:
    """None: more than half of the values are one, all others would be far from it."""
    distances = np.abs(finite - np.median(finite))
    spread = np.median(distances)
    return _rounded((distances > FAR * MAD_TO_DEVIATION * spread).mean()) if spread > 0 else None


def _rounded(value: Any) -> float:
    return float(f"{value:.{DIGITS}g}")


def _numbers(blocks: Sequence[Block]) -> Iterator[tuple[str, npt.NDArray[np.float64]]]:
    """Columns of numbers as floats; a missing one is not a number."""
    n_columns = min(COLUMNS, sum(block.n_columns for block in blocks))
    n_rows = min(ROWS, CELLS // n_columns)
    for block in blocks:
        if block.values.dtype.kind not in "biuf":
            continue
        name = block.names[0].removesuffix("[]")
        base = name.partition("[")[0]
        if _is_picture(block):
            yield base, _some(block, PIXELS // block.n_columns).reshape(-1)
            continue
        values = _some(block, n_rows)
        for j in range(values.shape[1]):
            yield name if block.n_columns == 1 else f"{base}[{j}]", values[:, j]


def _is_picture(block: Block) -> bool:
    return block.n_columns > 1 and "," in block.names[0]


def _some(block: Block, n_rows: int) -> npt.NDArray[np.float64]:
    """Rows of a block, spread evenly, as floats; of columns the first, but all of a picture."""
    some = block.take(slice(None, None, -(-block.values.shape[0] // max(1, n_rows))))
    first = slice(None) if _is_picture(block) else slice(COLUMNS)
    values: Any = some.values[:, first]
    floats = (values.toarray() if hasattr(values, "toarray") else values).astype(np.float64)
    if some.missing is not None:
        floats[some.missing[:, first]] = np.nan
    return np.asarray(floats, dtype=np.float64)
