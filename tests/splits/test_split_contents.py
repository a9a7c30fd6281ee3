"""What the proof says about classes, copies, repeated tests, second splits and fitted steps."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import ShuffleSplit, cross_validate
from sklearn.preprocessing import StandardScaler

from repro.splits import NotChecked, Proved, Violated, check_split, make_plan

FRAME = pd.DataFrame(
    {"day": range(6), "x": [1, 2, 3, 1, 2, 9], "z": list("ababab")},
    index=[f"r{i}" for i in range(6)],
)
PAIR = [([0, 1, 2], [3, 4])]


def result(name, *args, **given):
    return check_split(*args, **given).table[0][name]


COPIES = {
    # Rows 0 and 3 have equal x, rows 1 and 4, too; y differs for 0 and 3.
    "reported": (
        {"X": FRAME[["x"]], "y": list("abcdbf")},
        NotChecked(
            "1 train rows equal a test row in features and label, 2 in features alone; "
            "duplicates='report' allows it",
            demanded=False,
        ),
    ),
    "told apart by another column": ({"X": FRAME[["x", "z"]]}, Proved()),
    "told apart by the time alone": (
        {"X": FRAME[["day", "x"]], "times": "day"},
        NotChecked(
            "2 train rows equal a test row in features and label, 2 in features alone; "
            "duplicates='report' allows it",
            demanded=False,
        ),
    ),
    "times alone": (
        {"X": FRAME[["day"]], "times": "day", "duplicates": "forbid"},
        NotChecked("X has no column beside times and row_id", demanded=True),
    ),
}


@pytest.mark.parametrize("case", COPIES)
def test_copies_are_told_by_content_without_times(case):
    given_, expected = COPIES[case]
    assert result("D1", PAIR, **given_) == expected


def test_a_copy_is_shown_with_the_row_it_equals():
    found = result("D1", PAIR, FRAME[["x"]], list("abcdbf"), duplicates="features")
    assert (found.count, found.unit) == (2, "train rows (1 with another label)")
    assert str(found.witnesses[1]) == "train row 1 'r1' | test row 4 'r4'"
    strict = result("D1", PAIR, FRAME[["x"]], list("abcdbf"), duplicates="forbid")
    assert [witness.train.label for witness in strict.witnesses] == ["r1"]


CLASSES = {
    "strings": (list("aabbab"), Proved()),
    "no y": (None, NotChecked("no y= was given", demanded=False)),
    "numbers": (np.linspace(0, 1, 6), NotChecked("y holds no classes", demanded=False)),
    "two answers": (np.zeros((6, 2)), NotChecked("y has several columns", demanded=False)),
    "missing in the test": (["a", "b", "a", None, "b", "c"], Proved()),
    "a column": (np.array([[0], [1], [0], [1], [0], [1]]), Proved()),
}


@pytest.mark.parametrize("case", CLASSES)
def test_classes_are_looked_for_where_y_holds_classes(case):
    y, expected = CLASSES[case]
    assert result("V2", PAIR, FRAME, y) == expected


def test_a_new_class_is_shown_with_a_test_row():
    found = result("V2", PAIR, FRAME, pd.Categorical(list("aabbcc")))
    assert [str(witness) for witness in found.witnesses] == [
        "test row 4 'r4': class 'c' has no train row"
    ]


def test_many_integers_are_counts_unless_they_are_required():
    y = np.arange(60) // 2
    pair = [(np.arange(0, 60, 2), np.arange(1, 60, 2))]
    assert result("V2", pair, range(60), y) == NotChecked(
        "y holds more than 20 distinct integers; say required= for classes", demanded=False
    )
    assert isinstance(result("V2", pair, range(60), y.astype(str), required=["7"]), Proved)


def test_a_row_tested_again_is_shown_with_the_earlier_fold():
    folds = [([0], [3, 4]), ([0], [4, 5]), ([0], [4, 5])]
    for source in (folds, make_plan(folds, FRAME)):
        table = check_split(source, FRAME).table
        assert [type(fold["O1"]) for fold in table] == [Proved, Violated, Violated]
        notes = [str(witness) for witness in table[2]["O1"].witnesses]
        assert notes == [
            "test row 4 'r4': tested in fold 0, too",
            "test row 5 'r5': tested in fold 1, too",
        ]


def test_a_second_split_that_differs_says_by_how_much():
    class Turning:
        start = 0

        def split(self, X):
            self.start += 1
            return iter([([0, 1], [self.start + 1])])

    found = result("R1", Turning(), FRAME)
    assert str(found) == (
        "2 rows, for example 0 train rows and 2 test rows differ when it splits again"
    )


def fitted(estimator, cv, y):
    return cross_validate(estimator, FRAME[["x"]], y, cv=cv, return_estimator=True)["estimator"]


def test_estimators_are_fitted_again_on_their_own_rows_in_their_own_order():
    cv, y = ShuffleSplit(2, test_size=2, random_state=0), [0, 1, 0, 1, 0, 1]
    sure = fitted(RandomForestClassifier(3, random_state=0), cv, y)
    proof = check_split(cv, FRAME, y, estimators=sure)
    assert [fold["S1"] for fold in proof.table] == [Proved(), Proved()]
    swapped = check_split(cv, FRAME, y, estimators=sure[::-1])
    assert isinstance(swapped.table[0]["S1"], Violated)


def test_a_fit_that_cannot_be_repeated_is_unknown():
    cv, y = [([0, 1, 2, 3], [4, 5])], [0, 1, 0, 1, 0, 1]
    proof = check_split(cv, FRAME, y, estimators=fitted(RandomForestClassifier(3), cv, y))
    assert proof.verdict == "unknown"
    assert proof.table[0]["S1"].demanded


def test_a_step_that_saw_other_rows_is_named():
    scaler = StandardScaler().fit(FRAME[["x"]])
    found = result("S1", PAIR, FRAME, estimators=[scaler])
    assert str(found.witnesses[0]) == (
        "estimator (StandardScaler): n_samples_seen_ is 6, on these 3"
    )


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 4), st.sampled_from("ab"), st.sampled_from(["train", "test", "both"])
        ),
        min_size=2,
        max_size=20,
    )
)
def test_copies_and_classes_are_those_of_brute_force(rows):
    x, y, side = (list(column) for column in zip(*rows, strict=True))
    train = [i for i, one in enumerate(side) if one != "test"]
    test = [i for i, one in enumerate(side) if one != "train"]
    if not train or not test:
        return
    repeated = {i for i in range(len(x)) if x.count(x[i]) > 1}
    alike = [i for i in train if i in repeated and any(x[i] == x[j] for j in test)]
    pairs = list(zip(x, y, strict=True))
    copies = [
        i for i in train if pairs.count(pairs[i]) > 1 and any(pairs[i] == pairs[j] for j in test)
    ]
    data = {"X": np.array(x).reshape(-1, 1), "y": y}
    counts = [
        getattr(result("D1", [(train, test)], **data, duplicates=mode), "count", 0)
        for mode in ("forbid", "features")
    ]
    assert counts == [len(copies), len(alike)]
    new = {y[j] for j in test} - {y[i] for i in train}
    assert getattr(result("V2", [(train, test)], **data), "count", 0) == len(new)
