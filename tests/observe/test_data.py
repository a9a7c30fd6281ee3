import importlib

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import Dataset, Subset, TensorDataset

from repro.errors import UnsupportedData, UsageError
from repro.observe import columns, datasets
from repro.observe.data import at_end, look

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "patient": ["a", "a", "b", "c", "c", "d"],
        "day": pd.to_datetime([f"2026-01-0{day}" for day in range(1, 7)], utc=True),
        "x": np.arange(6.0),
    }
)


def looked(group=None, time=None, **roles):
    looks = {role: look(role, content, group=group, time=time) for role, content in roles.items()}
    return at_end(looks, group=group, time=time)


def overlap(group=None, time=None, **roles):
    (found,) = looked(group=group, time=time, **roles).overlaps
    return found


class Items(Dataset):
    """A torch Dataset that computes its items one by one."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


def test_a_role_is_described_by_its_content():
    (role,) = looked(train=(np.arange(6.0).reshape(3, 2), np.array([0, 1, 0]))).roles
    assert (role.role, role.kind, role.n_rows, role.n_columns) == ("train", "pair", 3, 3)
    assert (role.coverage, role.max_distinct_share) == (1.0, 1.0)


def test_the_most_distinctive_column_counts():
    content = pd.DataFrame({"id": range(10), "half": [0, 1] * 5})
    assert looked(train=content).roles[0].max_distinct_share == 1.0
    assert looked(train=content[["half"]]).roles[0].max_distinct_share == 0.2


def test_shared_rows_are_counted_with_and_without_their_label():
    x = np.arange(10.0).reshape(5, 2)
    found = overlap(train=(x, np.zeros(5)), test=(x[3:], np.array([0.0, 1.0])))
    assert (found.roles, found.n_shared, found.n_shared_features) == ("train/test", 1, 2)


def test_each_evaluation_set_is_held_against_train():
    x = np.arange(10.0)
    overlaps = looked(train=x[:6], valid=x[5:8], test=x[8:]).overlaps
    assert [(found.roles, found.n_shared) for found in overlaps] == [
        ("train/valid", 1),
        ("train/test", 0),
        ("valid/test", 0),
    ]
    assert [found.n_shared for found in looked(valid=x, test=x).overlaps] == [10]
    assert looked(train=x).overlaps == ()


def test_valid_and_test_may_share_groups_and_times():
    (found,) = looked(valid=FRAME, test=FRAME, group="patient", time="day").overlaps
    assert (found.n_shared_groups, found.latest_train, found.earliest_eval) == (None, None, None)


def test_hardly_any_row_of_continuous_values_is_expected_twice():
    found = overlap(train=RNG.normal(size=(2_000, 5)), test=RNG.normal(size=(500, 5)))
    assert found.n_shared == 0
    assert found.n_expected < 1e-6


def test_the_number_of_rows_that_coincide_by_chance_is_told_for_few_distinct_values():
    train, test = RNG.integers(0, 4, size=(200, 3)), RNG.integers(0, 4, size=(300, 3))
    found = overlap(train=train, test=test)
    expected = 300 * (1 - (1 - 1 / 64) ** 200)
    assert found.n_expected == pytest.approx(expected, rel=0.02)
    assert found.n_shared == pytest.approx(found.n_expected, rel=0.1)


def test_a_constant_table_is_expected_in_train_entirely():
    found = overlap(train=np.ones((5, 2)), test=np.ones((3, 2)))
    assert (found.n_shared, found.n_expected) == (3, pytest.approx(3))


def test_with_too_many_values_some_columns_are_left_out_of_the_statistics(monkeypatch):
    content = np.ones((10, 8))
    content[:, 0] = np.arange(10)
    everything = looked(train=content).roles[0]
    monkeypatch.setattr(columns, "CELLS", 20)
    sample = looked(train=content).roles[0]
    assert sample.digest == everything.digest
    assert sample.max_distinct_share == 1.0
    assert [column.n_distinct for column in sample.columns] == [10, *[None] * 3, 1, *[None] * 3]
    assert [column.digest for column in sample.columns] == [
        column.digest for column in everything.columns
    ]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_groups_and_times_of_a_frame_are_compared(library):
    frame = importlib.import_module(library).DataFrame(FRAME.to_dict("list"))
    found = overlap(train=frame[:4], test=frame[4:], group="patient", time="day")
    assert found.n_shared_groups == 1
    assert found.latest_train == "2026-01-04T00:00:00.000000Z"
    assert found.earliest_eval == "2026-01-05T00:00:00.000000Z"


def test_times_are_told_in_utc_and_far_beyond_the_nanoseconds_of_64_bits():
    def frame(*times):
        return pd.DataFrame({"t": pd.to_datetime(times).tz_localize("Europe/Berlin")})

    found = overlap(train=frame("2026-07-01", "9999-12-31"), test=frame("2026-07-02"), time="t")
    assert found.latest_train == "9999-12-30T23:00:00.000000Z"
    assert found.earliest_eval == "2026-07-01T22:00:00.000000Z"


def test_groups_are_compared_by_what_they_say_whatever_their_type():
    left = pd.DataFrame({"g": [1, 2, 2]})
    right = pd.DataFrame({"g": pd.Categorical(["2", "3", "2"])})
    assert overlap(train=left, test=right, group="g").n_shared_groups == 1


@pytest.mark.parametrize(
    ("content", "group", "time", "message"),
    [
        (
            FRAME,
            "ward",
            None,
            "log_data(train=...) has no column 'ward'; it has: patient, day, x. "
            "Name a column, or hand the groups and times to make_plan.",
        ),
        (
            np.zeros((3, 2)),
            "ward",
            None,
            "log_data(train=...) has no column 'ward'; it has: none, it is no data frame. "
            "Name a column, or hand the groups and times to make_plan.",
        ),
        (
            (FRAME[["x"]], FRAME["x"]),
            None,
            "day",
            "log_data(train=...) has no column 'day'; it has: x. "
            "Name a column, or hand the groups and times to make_plan.",
        ),
        (
            FRAME,
            None,
            "x",
            "column 'x' is float64, not a time. Convert it with pandas.to_datetime.",
        ),
        (
            FRAME.assign(day=[*FRAME["day"][:4], None, None]),
            None,
            "day",
            "column 'day' has 2 missing times.",
        ),
    ],
    ids=["no column", "no frame", "pair", "no time", "missing"],
)
def test_a_column_that_cannot_serve_is_refused_with_the_whole_story(content, group, time, message):
    with pytest.raises(UsageError) as caught:
        look("train", content, group=group, time=time)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.zeros((0, 3)), "log_data(test=...) got no rows. Leave the role out, or fill it."),
        (Items([]), "Items has no items."),
    ],
    ids=["no rows", "no items"],
)
def test_data_without_rows_is_refused_with_the_whole_story(content, message):
    with pytest.raises(UnsupportedData) as caught:
        look("test", content, group=None, time=None)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "dataset",
    [
        Items([(torch.tensor([float(i), 1.0]), i % 2) for i in range(6)]),
        Items([{"x": torch.tensor([float(i), 1.0]), "y": i % 2} for i in range(6)]),
        Subset(Items([(torch.tensor([float(i), 1.0]), i % 2) for i in range(9)]), range(6)),
        TensorDataset(torch.stack([torch.arange(6.0), torch.ones(6)], dim=1), torch.arange(6) % 2),
    ],
    ids=["pairs", "mappings", "subset", "tensors"],
)
def test_a_dataset_holds_the_same_rows_as_its_arrays(dataset):
    arrays = (np.stack([np.arange(6.0), np.ones(6)], axis=1), np.arange(6) % 2)
    from_items, from_arrays = looked(train=dataset).roles[0], looked(train=arrays).roles[0]
    assert from_items.digest == from_arrays.digest
    assert from_items.n_rows == 6


def test_items_of_three_parts_are_features_and_two_labels():
    items = [(torch.tensor([float(i)]), i, i * 2) for i in range(4)]
    assert looked(train=Items(items)).roles[0].n_columns == 3


def test_of_a_dataset_too_long_to_read_the_share_that_was_read_is_told(monkeypatch):
    monkeypatch.setattr(datasets, "ITEMS", 5)
    (role,) = looked(train=Items([torch.tensor([float(i)]) for i in range(20)])).roles
    assert (role.n_rows, role.coverage, role.reading) == (5, 0.25, "sample")
    spread = torch.arange(0.0, 20.0, 4.0).reshape(5, 1)
    assert role.rows_digest == looked(train=spread).roles[0].rows_digest


def test_the_pool_does_not_depend_on_how_it_was_split():
    x = RNG.normal(size=(20, 3))
    first, second = looked(train=x[:15], test=x[15:]), looked(train=x[5:], test=x[:5])
    assert first.pool_digest == second.pool_digest
    assert first.pool_digest != looked(train=x[:15], test=x[14:]).pool_digest


def dated(*days: str | None, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"day": pd.to_datetime(list(days)), "x": range(len(days)), **columns})


def test_the_one_column_of_times_is_looked_at_where_no_time_was_declared():
    found = looked(train=dated("2026-07-01", "2026-07-09"), test=dated("2026-07-02", "2026-07-03"))
    assert (found.time, found.only_time) == (None, "day")
    (compared,) = found.overlaps
    assert compared.latest_train == "2026-07-09T00:00:00.000000Z"
    assert compared.earliest_eval == "2026-07-02T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("train", "test"),
    [
        (dated("2026-07-01", None), dated("2026-07-02")),
        (dated("2026-07-01", until=pd.to_datetime(["2026-08-01"])), dated("2026-07-02")),
        (dated("2026-07-01").rename(columns={"day": "date"}), dated("2026-07-02")),
        (pd.DataFrame({"x": [1.0]}), pd.DataFrame({"x": [2.0]})),
    ],
    ids=["gaps", "several", "other names", "none"],
)
def test_times_that_are_not_one_column_are_left_alone(train, test):
    found = looked(train=train, test=test)
    assert (found.only_time, found.overlaps[0].earliest_eval) == (None, None)
