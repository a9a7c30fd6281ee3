import pickle
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from threading import Lock
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from PIL import Image
from scipy import sparse

from repro.digest import block, ordered_digest, row_hashes, table
from repro.errors import UnsupportedData


class Shown:
    """An object whose text leaves out its content."""

    def __init__(self, **content):
        vars(self).update(content)

    def __str__(self):
        return "shown"

    __repr__ = __str__


X = np.arange(12.0).reshape(4, 3)
PIXELS = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
SECOND, MILLISECOND = np.timedelta64(1, "s"), np.timedelta64(1, "ms")
D = Decimal
Long = np.longdouble
EPSILON = np.finfo(Long).eps
LOOP = Shown()
LOOP.inner = LOOP
SIDES = ("left", "right")
WRAPPED = np.timedelta64(2**64 // 10**9, "s")  # where nanoseconds of 64 bits start again
FAR = np.array(["9999-12-31"], "M8[us]")
NOON = datetime(2026, 7, 1, 12, 0, 0, 250)
COLUMNS = {  # by the arrow type
    "int64": [1, None, -(2**63)],
    "uint64": [1, None, 2**64 - 1],
    "int8": [1, 2, 3],
    "bool_": [True, None, False],
    "float64": [1.5, None, -0.0],
    "float32": [1.5, None, 0.0],
    "string": ["a", None, ""],
    "large_string": ["é", "", "missing"],
    "binary": [b"a", None, b"\xff"],
    "date32": [date(2026, 1, 1), None, date(1, 1, 1)],
    "timestamp[us]": [NOON, None, datetime(9999, 12, 31)],
    "timestamp[ns]": [NOON, None, NOON],
    "timestamp[us, UTC]": [NOON.replace(tzinfo=UTC), None, datetime(9999, 12, 31, tzinfo=UTC)],
    "timestamp[ms, Europe/Berlin]": [NOON.replace(microsecond=0, tzinfo=UTC), None, None],
    "duration[us]": [timedelta(1, 2, 3), None, timedelta(-1)],
    "time64[us]": [time(1, 2, 3, 4), None, time(0)],
    "decimal128(10, 2)": [D("1.00"), None, D("-2.50")],
    "list_(int64)": [[1, 2], None, []],
    "list_(float64)": [[1.0, None], None, [2.5]],
    "list_(string)": [["a", None], None, ["b"]],
    "struct(a int64)": [{"a": 1}, None, {"a": 2}],
    "dictionary(int32, string)": ["a", None, "b"],
    "null": [None, None, None],
}


def arrow_type(text):
    name, _, rest = text.replace("(", "[", 1).rstrip(")]").partition("[")
    if not rest:
        return getattr(pa, name)()
    if name == "decimal128":
        return pa.decimal128(10, 2)
    if name == "struct":
        return pa.struct([("a", pa.int64())])
    if name in ("list_", "dictionary"):
        return getattr(pa, name)(*(getattr(pa, part)() for part in rest.split(", ")))
    return getattr(pa, name)(*rest.split(", "))


def rows(data):
    content = table(data)
    return row_hashes(content.blocks)


def ordered(data):
    return ordered_digest(rows(data))


def column(values, dtype=None):
    return pd.DataFrame({"a": pd.Series(values, dtype=dtype)})


def ranked(*categories):
    return pd.CategoricalDtype(categories, ordered=True)


def times(*texts, zone=None):
    return pd.DataFrame({"t": pd.to_datetime(list(texts)).tz_localize(zone)})


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (X, X.astype(np.float32)),
        (X, np.asfortranarray(X)),
        (X, X[::-1][::-1]),
        (X, X.tolist()),
        (X, torch.from_numpy(X).requires_grad_()),
        (X, torch.from_numpy(X).to(torch.bfloat16)),
        (X, pd.DataFrame(X, columns=list("abc"))),
        (X, sparse.csr_matrix(X)),
        (np.array([0.0, 1.0]), np.array([-0.0, 1.0])),
        (np.array([np.nan]), np.array([-np.nan])),
        (np.array([np.nan]), np.array([0x7FF8000000000123], dtype=np.uint64).view(np.float64)),
        (np.array([1, 0]), np.array([True, False])),
        (np.array([1, 2], dtype=np.int8), np.array([1, 2], dtype=np.uint64)),
        (np.array([1 + 2j]), np.array([1 + 2j], dtype=np.complex64)),
        (np.array(["a", "bc"]), np.array(["a", "bc"], dtype=object)),
        (np.array(["a"]), np.array([np.str_("a")], dtype=object)),
        (column(["a", None]), column(["a", np.nan], dtype=object)),
        (column(["a", None]), column(["a", pd.NA], dtype="string")),
        (column(["a", None]), column(["a", None], dtype="category")),
        (column([1.0, np.nan]), column([1.0, None], dtype="Float64")),
        (column([1, None], dtype="Int64"), column([1, None], dtype=object)),
        (column([True, None], dtype="boolean"), column([True, None], dtype=object)),
        (column([1, None], dtype="Int8"), np.ma.array([1, 7], mask=[False, True])),
        (column([1.0, None]), np.ma.array([1.0, 7.0], mask=[False, True])),
        (X, X.astype(">f8")),
        (np.array([1, 2]), np.array([1, 2], dtype=">i8")),
        (column([Long(["1"])]), column([Long(["1"])])),
        (column([Shown(a=1, b=[2])]), column([Shown(b=[2], a=1)])),
        (column(["a", None]), np.ma.array(["a", "b"], mask=[False, True])),
        (column([1, None], dtype="Int64"), np.ma.array([1, 2], mask=[False, True], dtype=object)),
        (column([1, None], dtype="Int64"), column(pd.array([1, None], "Int64"), "category")),
        (column([0, 0, 1]), pd.DataFrame({"a": pd.arrays.SparseArray([0, 0, 1])})),
        (column([None, None], dtype=object), column([None, None], dtype="string")),
        (column([D("1.0"), D("-0"), D("NaN")]), column([D("1.00"), D("0"), None])),
        (column([date(2026, 1, 1), None]), np.array(["2026-01-01", "NaT"], "M8[D]")),
        (column([date(2026, 1, 1)]), np.array(["2026-01-01T00"], "M8[h]")),
        (column([time(1, 2, 3)], object), np.array([3_723], "m8[s]")),
        (column([{"a": 1, "b": None}]), column([{"b": None, "a": 1}])),
        (column([{1, 2, 3}]), column([frozenset([3, 2, 1])])),
        (column([[1.0, None]]), column([np.array([1.0, np.nan])])),
        (column([[1, None]]), column([np.array([1, None], dtype=object)])),
        (column([torch.tensor([1, 2])]), column([np.array([1, 2])])),
        (column([[1.0, 2.0]]), column([list(np.array([1.0, 2.0]))])),
        (column([[1, 2]]), column([list(np.array([1, 2]))])),
        (column([SECOND], object), column([timedelta(seconds=1)], object)),
        (column([Image.fromarray(PIXELS)]), column([PIXELS])),
        (np.array([(1, "a")], "i4,U1"), pd.DataFrame({"a": [1], "b": ["a"]})),
        (pd.DataFrame({"a": [1], "b": ["x"]}), np.array([[1, "x"]], dtype=object)),
        (pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, 2]}, index=["x", "y"])),
        (column([1, 2]), column([1, 2], dtype="category")),
        (column([[1, 2], [3]]), column([np.array([1, 2]), np.array([3])])),
        (times("2026-01-01", None), times("2026-01-01", None).astype("datetime64[s]")),
        (
            times("2026-07-01 02:00", zone="Europe/Berlin"),
            times("2026-06-30 20:00", zone="America/New_York"),
        ),
        (times("2026-07-01 02:00", zone="Europe/Berlin"), times("2026-07-01 00:00")),
        (np.array(["2026-01-01"], "M8[D]"), np.array(["2026-01-01T00"], "M8[h]")),
    ],
)
def test_equal_content_has_equal_rows(left, right):
    assert ordered(left) == ordered(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (X, X + 1e-9),
        (X, X[:, ::-1]),
        (X, X[:3]),
        (np.array([1.0]), np.array([1])),
        (np.array(["1"]), np.array([1])),
        (column(["", "a"]), column([None, "a"])),
        (column(["nan"]), column([None])),
        (column([np.arange(2_000)]), column([np.r_[np.arange(1_999), 0]])),
        (np.array([["ab", "c"]]), np.array([["a", "bc"]])),
        (times("2026-07-01", zone="UTC"), times("2026-07-01", zone="Europe/Berlin")),
        (np.array([1], "m8[s]"), np.array([1], "m8[ms]")),
        (column([1.0, np.nan]), column([1, None], dtype="Int64")),
        (column([0, 1], dtype="Int64"), column([None, 1], dtype="Int64")),
        (column([False, True], dtype="boolean"), column([None, True], dtype="boolean")),
        (np.array([2**64 - 1], np.uint64), np.array([-1])),
        (np.array([2**63], np.uint64), np.array([-(2**63)])),
        (column([2**70, 1], object), column([2**71, 1], object)),
        (np.array(["9999-12-31"], "M8[s]"), np.array(["9999-12-31"], "M8[s]") - WRAPPED),
        (np.array([1], "M8[us]"), np.array([1], "M8[ns]")),
        (FAR, FAR.astype(np.int64).view("M8[ns]")),
        (np.longdouble([1]) + np.finfo(np.longdouble).eps, np.longdouble([1])),
        (np.array([b"1"]), np.array(["1"])),
        (column(["missing"], object), column([None], object)),
        (column([1, "1"]), column(["1", "1"])),
        (column([Long([1])]), column([np.array([1.0, 0.0])])),
        (column([Long(1) + EPSILON, "a"]), column([Long(1), "a"])),
        (column([Long(1) + EPSILON], object), column([Long(1)], object)),
        (column([Shown(a=1)]), column([Shown(a=2)])),
        (column([Shown(a=1)]), column([Shown(b=1)])),
        (column([Shown(a=1)]), column([{"a": 1}])),
        (column([SECOND], object), column([MILLISECOND], object)),
        (column([SECOND, "a"]), column([MILLISECOND, "a"])),
        (column([1, "a"]), column([True, "a"])),
        (column([1, "a"]), column([1.0, "a"])),
        ([1, "a"], ["1", "a"]),
        (column([D("1.1")]), column([D("1.10000000000000000000000000000000001")])),
        (column([D(1)]), column([D(10)])),
        (column([["a", "b"]]), column([["astr:b"]])),
        (column([[[1], [2]]]), column([[[1, 2]]])),
        (column([[1]]), column([[1.0]])),
        (column([[1, None]]), column([[None, 1]])),
        (column([np.ones((2, 3))]), column([np.ones((3, 2))])),
        (column([{"a": 1}]), column([{"b": 1}])),
        (np.array([(1, 2)], "i4,i4"), np.array([(2, 1)], "i4,i4")),
    ],
)
def test_other_content_has_other_rows(left, right):
    assert ordered(left) != ordered(right)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_the_same_in_arrow_polars_and_pandas(name):
    array = pa.array(COLUMNS[name], type=arrow_type(name))
    arrow = pa.table({"a": array})
    polars = pl.DataFrame(arrow)
    frames = [
        polars,
        arrow.to_batches()[0],
        pa.table({"a": pa.chunked_array([array[:1], array[1:]])}),
    ]
    frames.append(pd.DataFrame({"a": pd.Series(array, dtype=pd.ArrowDtype(array.type))}))
    if not ("int" in name and None in COLUMNS[name]):  # numpy would make floats of them
        frames.append(arrow.to_pandas())
    wanted = ordered(arrow)
    assert [ordered(frame) for frame in frames] == [wanted] * len(frames)


@pytest.mark.parametrize(
    "name", [n for n in COLUMNS if n not in ("null", "dictionary(int32, string)")]
)
def test_a_column_says_the_same_dtype_in_arrow_polars_and_python_objects(name):
    array = pa.array(COLUMNS[name], type=arrow_type(name))
    schemas = [table(made(array)).schema for made in (as_arrow, as_polars, as_arrow_frame)]
    assert schemas == schemas[:1] * 3


@pytest.mark.parametrize("name", sorted(COLUMNS.keys() - {"float32"}))
def test_python_objects_are_the_column_that_they_could_be(name):
    array = pa.array(COLUMNS[name], type=arrow_type(name))
    objects = pd.DataFrame({"a": pd.Series(COLUMNS[name], dtype=object)})
    assert ordered(objects) == ordered(as_arrow(array))


def as_arrow(array):
    return pa.table({"a": array})


def as_polars(array):
    return pl.DataFrame(as_arrow(array))


def as_arrow_frame(array):
    return pd.DataFrame({"a": pd.Series(array, dtype=pd.ArrowDtype(array.type))})


def test_the_zone_and_the_category_belong_to_the_schema():
    berlin = times("2026-07-01 02:00", zone="Europe/Berlin")
    utc = times("2026-07-01", zone="UTC")
    assert ordered(berlin) == ordered(utc)
    assert table(berlin).schema != table(utc).schema
    text, category = column(["a", "b"]), column(["a", "b"], dtype="category")
    assert table(text).schema != table(category).schema


def test_categories_of_polars_and_arrow_count_by_value():
    values = ["b", None, "a", "b"]
    enum = pl.DataFrame({"a": pl.Series(values, dtype=pl.Enum(["a", "b"]))})
    plain = pl.DataFrame({"a": pl.Series(values, dtype=pl.Categorical)})
    assert ordered(enum) == ordered(column(values)) == ordered(column(values, "category"))
    assert table(plain).schema == table(column(values, "category")).schema
    assert table(enum).schema == table(column(values, ranked("a", "b"))).schema


def test_the_order_of_ordered_categories_belongs_to_the_schema():
    up, down = column(["x"], ranked("x", "y")), column(["x"], ranked("y", "x"))
    assert ordered(up) == ordered(down)
    assert len({table(one).schema for one in (up, down, column(["x"], "category"))}) == 3
    assert table(column(["y"], ranked("x", "y"))).schema == table(up).schema


def test_parameters_of_an_extension_type_belong_to_the_schema():
    left, right = (pd.DataFrame({"a": pd.interval_range(0, 2, closed=c)}) for c in SIDES)
    assert table(left).schema != table(right).schema
    assert table(left).schema == table(pa.Table.from_pandas(left)).schema


@pytest.mark.parametrize("dtype", ["i8", "f4", "c16", "M8[s]", "U1"])
def test_the_byte_order_is_no_part_of_a_dtype(dtype):
    little, big = (np.zeros(2, dtype=order + dtype) for order in "<>")
    assert ordered(little) == ordered(big)
    assert table(little).schema == table(big).schema


def test_a_column_of_nothing_is_the_same_in_arrow_polars_and_pandas():
    nothing = {"a": [None, None]}
    schemas = [table(made(nothing)).schema for made in (pa.table, pl.DataFrame, pd.DataFrame)]
    assert schemas == schemas[:1] * 3


def test_what_a_mask_hides_does_not_count():
    left = np.ma.array([[1, 2], [3, 4]], mask=[[False, True], [False, False]])
    right = np.ma.array([[1, 9], [3, 4]], mask=[[False, True], [False, False]])
    assert ordered(left) == ordered(right) != ordered(left.data)
    named = np.ma.array([(1, 2.0)], mask=[(True, False)], dtype="i4,f8")
    assert ordered(named) == ordered(pd.DataFrame({"f0": pd.array([None], "Int64"), "f1": [2.0]}))


def test_objects_of_other_types_count_by_type_and_state():
    one, two = UUID(int=1), UUID(int=2)
    assert ordered(column([one, two])) == ordered(column([UUID(int=1), UUID(int=2)]))
    assert ordered(column([one])) != ordered(column([two])) != ordered(column([str(two)]))


@pytest.mark.parametrize(
    "value", [Fraction(1, 3), PurePosixPath("a/b"), pd.Period("2026"), pd.Interval(0, 1)]
)
def test_values_of_common_libraries_are_read(value):
    again = pickle.loads(pickle.dumps(value))
    assert ordered(column([value, 1], object)) == ordered(column([again, 1], object))


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (object(), "object"),
        (Shown(), "Shown"),
        (Shown(inner=object()), "object"),
        (Lock(), "lock"),
        (lambda: 1, "function"),
        (LOOP, "Shown"),
    ],
    ids=["object", "no state", "inner", "not to be pickled", "function", "loop"],
)
def test_an_object_that_says_nothing_of_its_content_is_refused(value, name):
    with pytest.raises(UnsupportedData) as caught:
        table(column([value]))
    assert str(caught.value) == (
        f"a cell holds a {name}, which says nothing about its content. "
        f"Hand over the values it stands for."
    )


@pytest.mark.parametrize("values", [np.array([1], "M8[ps]"), np.array([10**15], "M8[s]")])
def test_a_time_that_no_word_can_hold_is_refused(values):
    with pytest.raises(UnsupportedData, match=r"^the time .* is finer than nanoseconds, or more"):
        rows(values)


def test_a_table_that_is_not_there_yet_is_refused():
    with pytest.raises(UnsupportedData) as caught:
        table(pl.LazyFrame({"a": [1]}))
    assert str(caught.value) == "a LazyFrame has no rows yet. Pass frame.collect()."


def test_sparse_rows_are_hashed_without_making_all_of_them_dense(monkeypatch):
    monkeypatch.setattr(block, "CHUNK_BYTES", 16 * 1_000 * 10)  # ten rows
    wide = sparse.random(200, 1_000, density=0.01, random_state=0, format="csr")
    dense = ordered(wide.toarray())
    for held in (wide, wide.tocoo(), sparse.csr_array(wide)):
        assert ordered(held) == dense
