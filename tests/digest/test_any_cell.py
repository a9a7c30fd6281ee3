"""Properties of the digests over tables of every kind of cell, in every container."""

import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from repro.digest import multiset_digest, ordered_digest, row_hashes, table

QUICK = settings(derandomize=True, deadline=None, max_examples=25, database=None)
TIMES = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))
CELLS = {  # values of a column, and its type
    "int": (st.integers(-(2**63), 2**63 - 1), pa.int64()),
    "unsigned": (st.integers(0, 2**64 - 1), pa.uint64()),
    "float": (st.floats(allow_nan=False), pa.float64()),
    "text": (st.text(max_size=4), pa.large_string()),
    "bytes": (st.binary(max_size=4), pa.large_binary()),
    "bool": (st.booleans(), pa.bool_()),
    "time": (TIMES, pa.timestamp("us")),
    "instant": (TIMES.map(lambda time: time.replace(tzinfo=UTC)), pa.timestamp("us", "UTC")),
    "date": (st.dates(), pa.date32()),
    "duration": (st.timedeltas(timedelta(-99_999), timedelta(99_999)), pa.duration("us")),
    "list": (st.lists(st.integers(-2, 2), max_size=3), pa.large_list(pa.int64())),
    "struct": (st.fixed_dictionaries({"a": st.integers(-2, 2)}), pa.struct({"a": pa.int64()})),
}
CONTAINERS = {
    "arrow": lambda columns: columns,
    "polars": pl.DataFrame,
    "pandas": lambda columns: columns.to_pandas(types_mapper=pd.ArrowDtype),
    "objects": lambda columns: pd.DataFrame(
        {name: pd.Series(columns[name].to_pylist(), dtype=object) for name in columns.column_names}
    ),
}


@st.composite
def tables(draw, min_rows=1):
    """Columns of different kinds; every cell may be missing."""
    n_rows = draw(st.integers(min_rows, 6))
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=3))
    return pa.table(
        [
            pa.array(
                draw(st.lists(st.none() | CELLS[kind][0], min_size=n_rows, max_size=n_rows)),
                type=CELLS[kind][1],
            )
            for kind in kinds
        ],
        names=[f"{kind}-{i}" for i, kind in enumerate(kinds)],
    )


def rows(data):
    return row_hashes(table(data).blocks)


def same(left, right):
    """Whether two cells are one and the same by the canonical form."""
    return left == right or (left is right is None)


@QUICK
@pytest.mark.parametrize("container", CONTAINERS)
@given(columns=tables(), data=st.data())
def test_any_change_of_one_cell_changes_the_digests(container, columns, data):
    name = data.draw(st.sampled_from(columns.column_names))
    row = data.draw(st.integers(0, columns.num_rows - 1))
    cells = columns[name].to_pylist()
    kind = name.partition("-")[0]
    changed = data.draw(st.none() | CELLS[kind][0])
    other = pa.array([*cells[:row], changed, *cells[row + 1 :]], type=CELLS[kind][1])
    position = columns.column_names.index(name)
    make = CONTAINERS[container]
    before, after = rows(make(columns)), rows(make(columns.set_column(position, name, other)))
    is_same = same(cells[row], changed)
    assert (ordered_digest(before) == ordered_digest(after)) is is_same
    assert (multiset_digest(before) == multiset_digest(after)) is is_same


@QUICK
@pytest.mark.parametrize("container", CONTAINERS)
@given(columns=tables(min_rows=2), random=st.randoms(use_true_random=False))
def test_another_order_of_the_rows_changes_the_ordered_digest_alone(container, columns, random):
    make = CONTAINERS[container]
    order = list(range(columns.num_rows))
    random.shuffle(order)
    before, after = rows(make(columns)), rows(make(columns.take(order)))
    assert multiset_digest(before) == multiset_digest(after)
    is_same = [tuple(row) for row in before] == [tuple(row) for row in after]
    assert (ordered_digest(before) == ordered_digest(after)) is is_same
    assert np.array_equal(before[order], after)


@QUICK
@given(columns=tables())
def test_equal_content_has_equal_rows_in_every_container(columns):
    # Python objects without a single value are a column of text, whatever they could have been.
    assume(all(columns[name].null_count < columns.num_rows for name in columns.column_names))
    digests = {name: ordered_digest(rows(make(columns))) for name, make in CONTAINERS.items()}
    assert len(set(digests.values())) == 1, digests


@QUICK
@given(columns=tables(), cut=st.integers(0, 6))
def test_a_row_does_not_depend_on_the_rows_beside_it(columns, cut):
    whole = rows(columns)
    parts = [rows(part) for part in (columns[:cut], columns[cut:]) if part.num_rows]
    assert np.array_equal(np.concatenate(parts), whole)
    assert multiset_digest(*parts) == multiset_digest(whole)


@QUICK
@given(values=st.lists(st.floats() | st.sampled_from([-0.0, math.nan]), min_size=1, max_size=6))
def test_floats_are_alike_in_numpy_and_arrow(values):
    array = np.array(values)
    assert np.array_equal(rows(array), rows(pa.table({"a": array})))
    assert np.array_equal(rows(array), rows(pd.Series(array)))


def test_the_kinds_are_all_there():
    assert same(date(2026, 1, 1), date(2026, 1, 1))
    assert not same(None, 0)
