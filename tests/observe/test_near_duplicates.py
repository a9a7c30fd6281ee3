import random

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits, load_iris

from repro.observe import near_rows
from repro.observe.data_book import DataBook


def overlap(train, test):
    book = DataBook([])
    book.log({"test": test, "train": train}, group=None, time=None)
    (found,) = book.at_end().overlaps
    return found


def near(train, test):
    return overlap(train, test).near


def rng():
    return np.random.default_rng(0)


def is_chance(found):
    return found.n_near <= 3 + 3 * found.n_expected


def test_rows_measured_twice_are_found_and_told_by_their_positions():
    train, test = rng().normal(size=(800, 10)), np.random.default_rng(1).normal(size=(200, 10))
    test[:20] = train[100:120] + 0.01 * test[:20]
    found = near(train, test)
    assert (found.method, found.n_compared, found.n_near, found.coverage) == ("columns", 200, 20, 1)
    assert found.n_expected < 0.1
    for pair in found.nearest:
        in_train, in_test = map(int, pair.rows.split("/"))
        assert in_train == in_test + 100


def test_equal_rows_are_no_near_ones():
    train = rng().normal(size=(400, 6))
    assert near(train, train[:100].copy()).n_near == 0


def test_rows_rounded_by_an_export_are_near():
    train = pd.DataFrame(rng().normal(size=(600, 6)), columns=list("abcdef"))
    train["site"] = np.array(["north", "south"])[np.arange(600) % 2]
    assert near(train, train.iloc[:60].round(2)).n_near == 60


@pytest.mark.parametrize(
    "rows",
    [
        rng().random((900, 1)),
        rng().random((900, 2)),
        np.exp(2 * rng().normal(size=(900, 4))),
        rng().standard_cauchy((900, 4)),
        rng().integers(0, 4, (900, 5)),
        np.c_[rng().integers(0, 2, (900, 8)), rng().normal(size=900)],
        np.c_[rng().integers(0, 80, (900, 2)), rng().integers(0, 3, (900, 3))],
        (lambda z: np.c_[z, z**2, np.sin(z), np.exp(z)])(rng().normal(size=900)),
        load_iris().data[rng().permutation(150)],
        load_digits().data[rng().permutation(1797)],
    ],
    ids=["line", "plane", "logs", "cauchy", "few", "flags", "ages", "latent", "iris", "digits"],
)
def test_what_lies_close_by_chance_is_expected(rows):
    n_train = 3 * len(rows) // 4
    assert is_chance(near(rows[:n_train], rows[n_train:]))


@pytest.mark.parametrize("is_last", [False, True])
def test_a_picture_that_was_encoded_anew_is_near(is_last):
    def pictures(seed, n):
        fields = np.random.default_rng(seed).normal(size=(n, 3, 8, 8))
        return fields.repeat(2, axis=2).repeat(2, axis=3)

    train, test = pictures(0, 100), pictures(1, 30)
    test[:10] = 0.8 * train[:10] + 0.1 + 0.05 * rng().normal(size=(10, 3, 16, 16))
    if is_last:
        train, test = np.moveaxis(train, 1, -1), np.moveaxis(test, 1, -1)
    found = near((train, np.arange(100)), (test, np.arange(30)))
    assert (found.method, found.n_near, is_chance(found)) == ("picture", 10, False)


def test_a_text_with_one_word_changed_is_near():
    words = ["".join(rng().permuted(list("aeilmnorst"))[: 3 + i % 6]) + str(i) for i in range(400)]

    def texts(seed, n):
        draw = np.random.default_rng(seed)
        return [" ".join(draw.choice(words, 40)) for _ in range(n)]

    train, test = texts(0, 200), texts(1, 60)
    test[:6] = [text.replace(text.split()[20], "other", 1) for text in train[:6]]
    frames = [pd.DataFrame({"text": rows, "n": 1}) for rows in (train, test)]
    for pair in ((train, test), frames):
        found = near(*pair)
        assert (found.method, found.n_near, is_chance(found)) == ("text", 6, False)


def test_large_tables_are_compared_inside_a_band_that_holds_both_rows_of_a_pair(monkeypatch):
    monkeypatch.setattr(near_rows, "BAND", 1_000)
    train, test = rng().normal(size=(10_000, 6)), np.random.default_rng(1).normal(size=(4_000, 6))
    test[:400] = train[:400] + 1e-4 * test[:400]
    found = near(train, test)
    assert found.coverage == pytest.approx(0.05, abs=0.02)
    assert found.train_share == 1
    assert found.n_near / found.n_compared == pytest.approx(0.1, abs=0.04)


def test_where_nothing_was_compared_there_is_a_reason():
    rows = rng().normal(size=(400, 4))
    assert overlap(rows[:20], rows[20:]).not_near == "train has 20 rows, fewer than 50"
    assert overlap(rows[:200], rows[200:, :3]).not_near == "train has other columns"
    book = DataBook([])
    book.log({"test": rows[200:]}, group=None, time=None)
    book.log({"train": rows[:200]}, group=None, time=None)
    (found,) = book.at_end().overlaps
    assert found.near is None
    assert "logged later" in found.not_near


def test_another_train_set_that_is_logged_later_takes_the_comparison_with_it():
    rows = rng().normal(size=(400, 4))
    book = DataBook([])
    book.log({"train": rows[:200], "test": rows[200:]}, group=None, time=None)
    book.log({"train": rows[50:250]}, group=None, time=None)
    (found,) = book.at_end().overlaps
    assert (found.near, found.n_columns) == (None, None)


def test_no_global_generator_is_drawn_from():
    before = random.getstate(), np.random.get_state()[1].tolist()
    rows = rng().normal(size=(300, 4))
    near((rows[:200], rows[:200, 0] > 0), (rows[200:], rows[200:, 0] > 0))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_a_failure_of_a_look_does_not_reach_the_script(monkeypatch):
    def fail(*_):
        raise MemoryError("too large")

    for where, name in (("near_rows", "compared"), ("label_fit", "look"), ("strange", "look")):
        monkeypatch.setattr(f"repro.observe.{where}.{name}", fail)
    rows = rng().normal(size=(300, 4))
    found = overlap((rows[:200], rows[:200, 0]), (rows[200:], rows[200:, 0]))
    assert found.not_near == "MemoryError: too large"
