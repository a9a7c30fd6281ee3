"""Looks for values in an evaluation set that train does not hold: column by column."""

from itertools import islice

import numpy as np

from repro.digest import Table
from repro.facts.data import Column, Strange
from repro.observe.columns import ColumnsLook, Counts, each, is_whole

COLUMNS = 1_000
DIGITS = 6


def look(content: Table, ours: ColumnsLook, train: ColumnsLook) -> tuple[Strange, ...]:
    """Columns with values beyond those of the column of this name in train; costs two passes."""
    known = {column.name: column for column in train.columns}
    columns = (one for block in content.blocks if not is_whole(block) for one in each(block))
    found: list[Strange] = []
    for one in islice(columns, COLUMNS):
        span = _span(known.get(one.name))
        values = None if span is None else one.numbers
        n_outside = None
        if values is not None and span is not None:
            n_outside = int(((values < span[0]) | (values > span[1])).sum())
        n_unseen = _n_unseen(ours.values.get(one.name), train.values.get(one.name))
        if n_outside or n_unseen:
            once = None if n_unseen is None else _once_share(train.values[one.name])
            told = Strange(column=one.name, n_outside=n_outside, n_unseen=n_unseen, once_share=once)
            found.append(told)
    return tuple({told.column: told for told in found}.values())


def _span(column: Column | None) -> tuple[float, float] | None:
    if column is None or column.lowest is None or column.highest is None:
        return None
    return column.lowest, column.highest


def _n_unseen(ours: Counts | None, train: Counts | None) -> int | None:
    """How many rows hold a value that stands nowhere in train."""
    if ours is None or train is None:
        return None
    return int(ours.n_rows[~np.isin(ours.keys, train.keys)].sum())


def _once_share(train: Counts) -> float:
    n_rows = int(train.n_rows.sum())
    return round(float((train.n_rows == 1).sum()) / max(1, n_rows), DIGITS)
