"""Folds that are tables of rows, as timebasedcv gives them: the data set they were cut from."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

import pandas as pd

from repro.errors import SplitError
from repro.splits.folds import Splitter
from repro.splits.plan import SplitPlan
from repro.splits.sides import holds_rows


def rows_of_frames(source: Any, X: object) -> tuple[Any, object]:
    """The folds and the data; folds that are tables are data themselves where there is no X."""
    if X is not None or isinstance(source, (str, Splitter, SplitPlan)):
        return source, X
    if not isinstance(source, Iterable):
        return source, X
    folds = iter(source)
    first = next(folds, None)
    is_ready = not isinstance(first, (tuple, list)) or not any(map(_is_frame, first))
    if first is None or is_ready:
        once = folds if first is None else chain([first], folds)
        return (source if folds is not source else once), X
    tables = [first, *folds]
    return (iter(tables) if folds is source else tables), _union(tables)


def _is_frame(side: object) -> bool:
    """Whether a side of a fold is a table whose rows have labels."""
    return isinstance(side, (pd.DataFrame, pd.Series)) and not holds_rows(side)


def _union(folds: Iterable[object]) -> pd.DataFrame | pd.Series | None:
    """All rows of all folds, each label once; None if the folds are no pairs of tables."""
    sides = [side for fold in folds if isinstance(fold, (tuple, list)) for side in fold]
    if not sides or not all(_is_frame(side) for side in sides):
        return None
    if len({type(side) for side in sides}) > 1:
        raise SplitError(
            "the folds mix tables and single columns. Pass pairs (train table, test table); "
            "labels go into y=, or into the tables."
        )
    joined: pd.DataFrame | pd.Series = pd.concat(sides)
    return joined.loc[~joined.index.duplicated()]
