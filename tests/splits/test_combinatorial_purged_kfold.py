"""CombinatorialPurgedKFold against KFold, its paths, and its refusals; see test_split_oracle."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold

from repro.errors import SplitError
from repro.splits import CombinatorialPurgedKFold, PurgedKFold, check_split, make_plan


def series(n_rows, horizon=3):
    t = np.arange(n_rows)
    return pd.DataFrame({"t": t, "end": t + horizon})


def as_lists(folds):
    return [(train.tolist(), test.tolist()) for train, test in folds]


def test_one_test_block_gives_the_folds_of_purged_kfold():
    X = series(50)
    one = CombinatorialPurgedKFold(5, 1, time="t", end_time="end", embargo=2)
    assert as_lists(one.split(X)) == as_lists(
        PurgedKFold(5, time="t", end_time="end", embargo=2).split(X)
    )


def test_points_are_tested_as_kfold_would_and_all_others_train():
    X = np.zeros((23, 1))
    blocks = [test for _, test in KFold(5).split(X)]
    found = list(CombinatorialPurgedKFold(5, 2, end_time="point").split(X, times=np.arange(23)))
    assert len(found) == 10
    for (train, test), (first, second) in zip(found, combinations(blocks, 2), strict=True):
        np.testing.assert_array_equal(test, np.concatenate([first, second]))
        np.testing.assert_array_equal(train, np.setdiff1d(np.arange(23), test))


@pytest.mark.parametrize("n_blocks", [4, 70])  # few, and more than are compared one by one
def test_folds_follow_the_rows_whether_they_are_in_order_or_not(n_blocks):
    X = series(40_000)
    places = np.random.default_rng(0).permutation(len(X))
    cv = PurgedKFold(n_blocks, time="t", end_time="end", embargo=5)
    for (train, test), (moved_train, moved_test) in zip(
        cv.split(X), cv.split(X.iloc[places]), strict=True
    ):
        lower, upper = test[0], test[-1]
        expected = np.concatenate([np.arange(max(lower - 3, 0)), np.arange(upper + 9, len(X))])
        np.testing.assert_array_equal(train, expected)
        np.testing.assert_array_equal(np.sort(places[moved_train]), train)
        np.testing.assert_array_equal(np.sort(places[moved_test]), test)


def test_every_path_tests_every_block_once():
    cv = CombinatorialPurgedKFold(6, 2, end_time="point")
    ids, blocks = cv.path_ids(), np.array(list(combinations(range(6), 2)))
    assert (cv.n_paths, cv.get_n_splits(), ids.shape) == (5, 15, (15, 2))
    for path in range(5):
        assert sorted(blocks[ids == path].tolist()) == list(range(6))
    # López de Prado 2018, chapter 12: the splits from which paths 1 and 2 take blocks 1 to 6.
    for path, taken in enumerate([[1, 1, 2, 3, 4, 5], [2, 6, 6, 7, 8, 9]]):
        tested = [((blocks == block) & (ids == path)).any(axis=1) for block in range(6)]
        assert [int(np.argmax(splits)) + 1 for splits in tested] == taken


def test_paths_are_put_together_from_the_splits_in_the_order_of_the_rows():
    X = series(30, horizon=1).sample(frac=1, random_state=0)
    cv = CombinatorialPurgedKFold(5, 3, time="t", end_time="end")
    block = np.minimum(X["t"].to_numpy() // 6, 4)
    tests = [test for _, test in cv.split(X)]
    said = [100.0 * number + X["t"].to_numpy()[test] for number, test in enumerate(tests)]
    paths = cv.reconstruct(said, X)
    assert paths.shape == (30, cv.n_paths) == (30, 6)
    ids, sets = cv.path_ids(), list(combinations(range(5), 3))
    for number, chosen in enumerate(sets):
        for place, one in enumerate(chosen):
            own = block == one
            expected = 100.0 * number + X["t"].to_numpy()[own]
            np.testing.assert_array_equal(paths[own, ids[number, place]], expected)


def test_what_was_not_predicted_is_nan_and_classes_keep_their_columns():
    X = series(12, horizon=0)
    cv = CombinatorialPurgedKFold(3, 2, time="t", end_time="end")
    said = [
        None if n == 1 else np.full((len(test), 4), n) for n, (_, test) in enumerate(cv.split(X))
    ]
    paths = cv.reconstruct(said, X)
    assert paths.shape == (12, 2, 4)
    assert paths[0, :, 0].tolist()[0] == 0
    assert np.isnan(paths[:4, 1]).all()
    assert np.isnan(paths[8:, 0]).all()
    assert np.isnan(paths).sum() == 4 * 8
    assert np.isnan(cv.reconstruct([None] * 3, X)).all()


def test_a_sample_is_drawn_from_all_splits_and_drawn_again_alike():
    X = series(60)
    every = as_lists(CombinatorialPurgedKFold(6, 3, time="t", end_time="end").split(X))
    state = np.random.get_state()[1].tolist()
    some, other = (
        CombinatorialPurgedKFold(
            6, 3, time="t", end_time="end", max_splits=7, random_state=random_state
        )
        for random_state in (1, 2)
    )
    drawn = as_lists(some.split(X))
    assert drawn == as_lists(some.split(X)) == [split for split in every if split in drawn]
    assert len(drawn) == some.get_n_splits() == 7
    assert make_plan(some, X).parameters["random_state"] == 1
    assert as_lists(other.split(X)) != drawn
    assert np.random.get_state()[1].tolist() == state


@pytest.mark.parametrize("left_out", [1, 5])
def test_a_sample_draws_no_split_twice(left_out):
    every = list(combinations(range(6), 3))
    cv = CombinatorialPurgedKFold(
        6, 3, end_time="point", max_splits=len(every) - left_out, random_state=0
    )
    drawn = [tuple(test.tolist()) for _, test in cv.split(np.zeros(6), times=np.arange(6))]
    assert drawn == [blocks for blocks in every if blocks in drawn]
    assert len(drawn) == len(every) - left_out


def test_a_label_that_outlasts_the_blocks_after_it_seals_them_all():
    t, end = np.arange(16), np.arange(16)
    end[2] = 9  # in the first block; the second one, tested too, ends at 7
    cv = CombinatorialPurgedKFold(4, 2, end_time=None, embargo=1)
    train, test = next(iter(cv.split(t, times=t, end_times=end)))
    assert (train.tolist(), test.tolist()) == ([*range(11, 16)], [*range(8)])


def test_a_sample_of_a_number_of_splits_that_nobody_could_list():
    cv = CombinatorialPurgedKFold(80, 40, end_time="point", max_splits=3, random_state=0)
    assert len(list(cv.split(np.zeros(80), times=np.arange(80)))) == 3


def test_a_sample_as_large_as_all_is_all():
    cv = CombinatorialPurgedKFold(4, 2, end_time="point", max_splits=6)
    assert (cv.get_n_splits(), cv.n_paths) == (6, 3)


def test_splits_are_proved_and_their_overlap_is_declared():
    X = series(60)
    cv = CombinatorialPurgedKFold(5, 2, time="t", end_time="end", embargo=2)
    assert CombinatorialPurgedKFold.tests_overlap
    for given_as in (cv, make_plan(cv, X)):
        proof = check_split(given_as, X, np.arange(60.0))
        proof.raise_if_violated()


REFUSALS = {
    "all blocks tested": (
        lambda X: CombinatorialPurgedKFold(3, 3, end_time="point").split(X, times=range(9)),
        "n_test_blocks=3 of n_blocks=3 leaves no block to train on. Pass n_test_blocks=2 or less, "
        "or more blocks.",
    ),
    "too few times": (
        lambda X: CombinatorialPurgedKFold(10, 2, end_time="point").split(X, times=range(9)),
        "n_blocks=10 needs 10 distinct times, X has 9 in 9 rows. Ask for fewer blocks.",
    ),
    "no seed": (
        lambda X: CombinatorialPurgedKFold(5, 2, end_time="point", max_splits=4).split(
            X, times=range(9)
        ),
        "max_splits=4 draws splits at random, and random_state=None would draw others each time. "
        "Pass an int, such as random_state=0.",
    ),
    "too many splits": (
        lambda X: CombinatorialPurgedKFold(40, 20, end_time="point").split(X, times=range(9)),
        "n_blocks=40 and n_test_blocks=20 make 137846528820 splits. Pass max_splits= and "
        "random_state= to draw some of them.",
    ),
    "paths of a sample": (
        lambda X: CombinatorialPurgedKFold(5, 2, end_time="point", max_splits=4).n_paths,
        "n_paths needs all 10 splits, max_splits=4 leaves 6 out, and paths have gaps. "
        "Pass max_splits=None.",
    ),
    "ids of a sample": (
        lambda X: CombinatorialPurgedKFold(5, 2, end_time="point", max_splits=4).path_ids(),
        "path_ids() needs all 10 splits, max_splits=4 leaves 6 out, and paths have gaps. "
        "Pass max_splits=None.",
    ),
    "predictions of too few splits": (
        lambda X: CombinatorialPurgedKFold(3, 2, end_time="point").reconstruct(
            [[1.0]], X, times=range(9)
        ),
        "predictions has 1 items, there are 3 splits. Pass one array per split, None where there "
        "is none.",
    ),
    "a prediction too few": (
        lambda X: CombinatorialPurgedKFold(3, 2, end_time="point").reconstruct(
            [[1.0] * 5, None, None], X, times=range(9)
        ),
        "the predictions of split 0 have shape (5,), it tests 6 rows. "
        "Pass one prediction per test row.",
    ),
    "predicted names": (
        lambda X: CombinatorialPurgedKFold(3, 2, end_time="point").reconstruct(
            [["a"] * 6, None, None], X, times=range(9)
        ),
        "the predictions of split 0 are no numbers (could not convert string to float: 'a'). "
        "Pass numbers: scores, probabilities, or codes of classes.",
    ),
    "two shapes": (
        lambda X: CombinatorialPurgedKFold(3, 2, end_time="point").reconstruct(
            [np.zeros((6, 2)), np.zeros(6), None], X, times=range(9)
        ),
        "the predictions of split 1 have shape () per row, those of earlier splits (2,). "
        "Pass one shape for all.",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_name_the_value_and_the_fix(case):
    call, message = REFUSALS[case]
    with pytest.raises(SplitError) as caught:
        call(np.zeros((9, 1)))
    assert str(caught.value) == message
