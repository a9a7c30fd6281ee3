"""What looking at a data set costs, beside pandas' own row hashes in the same run: `make bench`."""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

from repro.digest import row_hashes, table
from repro.digest.row_set import RowSet
from repro.observe.data import look
from repro.observe.loader import CountedLoader
from repro.observe.stream import Stream

ROWS = 1_000_000


def mixed(n_rows: int) -> pd.DataFrame:
    """Ten columns: floats, integers, text, categories, times, booleans, some values missing."""
    random = np.random.default_rng(0)
    words = np.array([f"word {i}" for i in range(5_000)])
    return pd.DataFrame(
        {
            **{f"float {i}": random.normal(size=n_rows) for i in range(4)},
            "some missing": np.where(random.random(n_rows) < 0.1, np.nan, random.random(n_rows)),
            "integer": random.integers(0, 100, n_rows),
            "nullable": pd.array(random.integers(0, 9, n_rows), "Int64"),
            "text": pd.Series(random.choice(words, n_rows)),
            "category": pd.Categorical(random.choice(words[:20], n_rows)),
            "time": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(n_rows), "s"),
        }
    )


def seconds(do: Callable[[], object]) -> float:
    """Of one call."""
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


@pytest.mark.bench
def test_looking_at_a_million_rows_costs_seconds_and_not_minutes(capsys):
    frame = mixed(ROWS)
    polars = pl.DataFrame(frame)
    theirs = seconds(lambda: pd.util.hash_pandas_object(frame))
    ours = seconds(lambda: look("train", frame, group=None, time=None))
    from_polars = seconds(lambda: look("train", polars, group=None, time=None))
    digests = seconds(lambda: row_hashes(table(frame).blocks))
    rows = row_hashes(table(frame).blocks)
    row_set = seconds(lambda: RowSet.of(rows))
    with capsys.disabled():
        print(
            f"\nlog_data, {ROWS:,} x 10 mixed: {ours:.2f} s from pandas, {from_polars:.2f} s from "
            f"polars; hash_pandas_object {theirs:.2f} s ({ours / theirs:.1f} x); row hashes alone "
            f"{digests:.2f} s ({digests / theirs:.1f} x), set of rows {row_set:.2f} s"
        )
    assert ours < 30 * theirs


class Pictures(IterableDataset):
    def __iter__(self):
        picture = torch.rand(3, 32, 32)
        return iter([(picture + i, i) for i in range(6_400)])


@pytest.mark.bench
def test_a_stream_is_looked_at_for_a_bounded_time(capsys):
    plain = DataLoader(Pictures(), batch_size=128)
    ours = CountedLoader(Pictures(), batch_size=128)
    ours.stream = Stream("train", Pictures(), [])
    without = min(seconds(lambda: list(plain)) for _ in range(3))
    first, second = seconds(lambda: list(ours)), seconds(lambda: list(ours))
    with capsys.disabled():
        print(
            f"\n6,400 pictures of 3 x 32 x 32 through a loader: {without:.2f} s, hashed in the "
            f"first pass {first:.2f} s, in the second {second:.2f} s"
        )
    assert second < 2 * without
