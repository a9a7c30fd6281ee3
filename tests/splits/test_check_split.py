"""The proof: planted leaks of each kind, clean splits that stay silent, and what people read."""

import json

import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit, TimeSeriesSplit

from repro.errors import LeakFound, SplitError
from repro.splits import (
    GroupTimeSeriesSplit,
    NotChecked,
    PurgedKFold,
    Violated,
    check_split,
    make_plan,
)

FRAME = pd.DataFrame(
    {
        "day": pd.date_range("2020-01-01", periods=12, tz="UTC"),
        "who": list("aabbccddeeff"),
        "ward": list("abcabcabcabc"),
    },
    index=[f"visit-{i}" for i in range(12)],
)
FRAME["known"] = FRAME["day"] + pd.Timedelta("1D")
TIMED = {"X": FRAME, "times": "day", "end_times": "known"}
PAST, FUTURE = list(range(6)), list(range(8, 12))


def outcomes(proof, fold=0):
    return {name: result.outcome for name, result in proof.table[fold].items()}


def violated(proof):
    folds = proof.table
    return {name for fold in folds for name, result in fold.items() if isinstance(result, Violated)}


def test_a_clean_walk_forward_split_is_proved():
    proof = check_split([(PAST, FUTURE)], **TIMED, groups="who", policy="walk_forward")
    assert (proof.verdict, violated(proof)) == ("proved", set())
    demanded = ("V1", "B0", "N1", "Z1", "T1", "P1", "G1")
    assert {outcomes(proof)[name] for name in demanded} == {"PROVED"}
    proof.raise_if_violated()


def test_a_purged_two_sided_kfold_is_proved():
    cv = PurgedKFold(3, time="day", end_time="known", embargo="1D")
    proof = check_split(cv, FRAME)
    assert (proof.policy, proof.verdict) == ("kfold", "proved")
    assert outcomes(proof, 1)["E1"] == "PROVED"


def test_kfold_without_times_is_proved_as_exchangeable_rows():
    proof = check_split(KFold(3, shuffle=True, random_state=0), FRAME)
    assert (proof.policy, proof.verdict) == ("exchangeable", "proved")
    assert outcomes(proof)["P1"] == "NOT_CHECKED"


def test_a_shuffled_split_over_time_is_refuted():
    cv = ShuffleSplit(2, random_state=0)
    assert {"T1", "P1"} <= violated(check_split(cv, **TIMED, policy="walk_forward"))
    assert violated(check_split(cv, **TIMED)) == {"P1"}
    assert violated(check_split(cv, **TIMED, policy="exchangeable")) == set()


def test_touching_closed_spans_are_a_leak_unless_closed_left():
    pair = [([0, 1, 2], [3, 4])]  # the label of day 2 is known on day 3
    assert violated(check_split(pair, **TIMED)) == {"P1"}
    assert check_split(pair, **TIMED, closed="left").verdict == "proved"
    assert (
        check_split(TimeSeriesSplit(3), FRAME, times="day", end_times="point").verdict == "proved"
    )


def test_a_point_closed_left_is_still_a_point():
    proof = check_split([([0], [1])], times=[5, 5], end_times="point", closed="left")
    assert violated(proof) == {"P1"}


def test_what_the_splitter_was_told_is_what_is_checked():
    half_open = PurgedKFold(3, time="day", end_time="known", closed="left")
    assert check_split(half_open, FRAME).verdict == "proved"
    assert check_split(make_plan(half_open, FRAME)).verdict == "proved"
    assert violated(check_split(half_open, FRAME, closed="both")) == {"P1"}
    told = make_plan(PurgedKFold(3, time="day", end_time="known", embargo="2D"), FRAME)
    assert outcomes(check_split(told))["E1"] == "PROVED"
    assert violated(check_split(told, embargo="3D")) == {"E1"}


def test_a_plan_made_without_times_is_kfold_as_soon_as_times_are_given():
    plan = make_plan(KFold(3, shuffle=True, random_state=0), FRAME)
    assert (check_split(plan).policy, check_split(plan).verdict) == ("exchangeable", "proved")
    assert violated(check_split(plan, **TIMED)) == {"P1"}


def test_windows_that_look_into_test_labels_are_a_leak():
    cv = PurgedKFold(3, time="day", end_time="known")
    look_back = pd.Timedelta("4D")
    assert violated(check_split(cv, FRAME, feature_start=look_back)) == {"F1"}
    purged = PurgedKFold(3, time="day", end_time="known", feature_start=look_back)
    assert outcomes(check_split(make_plan(purged, FRAME)))["F1"] == "PROVED"


@pytest.mark.filterwarnings("error")
def test_a_straddling_group_is_a_leak():
    assert violated(check_split(KFold(3), FRAME, groups="ward")) == {"G1"}
    assert check_split(GroupKFold(3), FRAME, groups="ward").verdict == "proved"


def test_groups_are_not_demanded_of_a_splitter_that_was_told_to_ignore_them():
    ignoring = GroupTimeSeriesSplit(2, time="day", end_time="point", test=2)
    proof = check_split(ignoring, FRAME, groups="ward")
    assert proof.table[0]["G1"] == NotChecked(
        "the splitter was told groups_policy='ignore'", demanded=False
    )
    assert (
        proof.verdict == check_split(make_plan(ignoring, FRAME, groups="ward")).verdict == "proved"
    )
    disjoint = GroupTimeSeriesSplit(
        2, time="day", end_time="point", test=2, groups_policy="disjoint"
    )
    plan = make_plan(disjoint, FRAME, groups="ward")
    assert outcomes(check_split(plan))["G1"] == "PROVED"


BROKEN = {
    "empty": ([], [1], 1, "train is empty"),
    "mask": ([0], [True] * 11, 11, "test holds bool values of shape (11,), not row numbers"),
    "floats": ([0.5], [1], 1, "train holds float64 values of shape (1,), not row numbers"),
    "out of range": ([0, 12, 13], [1], 2, "train has row 12, the data have rows 0 to 11"),
    "negative": ([0, -1], [1], 1, "train has row -1, the data have rows 0 to 11"),
    "twice": ([0, 4, 4, 4], [1], 2, "train has row 4 3 times"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_set_of_rows_is_violated_not_raised(case):
    train, test, count, note = BROKEN[case]
    proof = check_split([(train, test)], FRAME)
    result = proof.table[0]["V1"]
    assert (proof.verdict, result.count, result.witnesses[0].note) == ("violated", count, note)


def test_repeated_rows_do_not_hide_other_leaks():
    assert violated(check_split([([0, 0, 1], [1, 2])], FRAME)) == {"V1", "B0"}


UNKNOWN = {
    "no times": ({}, "T1", "no times= were given"),
    "no end": (
        {"times": "day"},
        "P1",
        "no end_times= were given; say end_times='point' if labels are known at once",
    ),
    "duplicates": (
        {"duplicates": "forbid", "X": range(12)},
        "D1",
        "no content of the rows was given (X=)",
    ),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_is_demanded_but_cannot_be_checked_is_unknown(case):
    given, name, why = UNKNOWN[case]
    policy = "exchangeable" if case == "duplicates" else "walk_forward"
    proof = check_split([(PAST, FUTURE)], **{"X": FRAME, "policy": policy, **given})
    assert proof.verdict == "unknown"
    assert proof.table[0][name] == NotChecked(why, demanded=True)
    assert f"  {name}  needed but not checked: {why}" in str(proof).splitlines()
    proof.raise_if_violated()


def test_what_lacks_its_evidence_is_never_claimed():
    found = outcomes(check_split(iter([(PAST, FUTURE)]), range(12)))
    unclaimed = ("V2", "N1", "Z1", "T1", "P1", "F1", "E1", "G1", "D1", "S1", "R1")
    assert {found[name] for name in unclaimed} == {"NOT_CHECKED"}
    assert found == found | dict.fromkeys(("V1", "V3", "B0", "O1"), "PROVED")


def test_a_plan_is_checked_with_what_it_holds():
    plan = make_plan(KFold(3), FRAME.iloc[::-1], times="day", end_times="known", groups="who",
                     row_id=FRAME.index[::-1])  # fmt: skip
    proof = check_split(plan)
    assert proof.fingerprint == plan.fingerprint
    assert proof.verdict == "violated"
    witness = proof.table[0]["P1"].witnesses[0]
    assert (witness.train.label, witness.train.position) == ("visit-7", 4)
    assert (witness.test.label, witness.test.position) == ("visit-8", 3)
    assert violated(check_split(plan.as_cv(), FRAME.iloc[::-1])) == violated(proof)


def leaky_proof():
    return check_split([([0, 9, 8], [4, 5])], **TIMED, groups="who", policy="walk_forward")


def test_a_witness_names_rows_labels_times_and_groups():
    witness = leaky_proof().table[0]["T1"].witnesses[0]
    assert str(witness) == (
        "train row 8 'visit-8' [2020-01-09T00:00:00Z, 2020-01-10T00:00:00Z] of group 'e' | "
        "test row 4 'visit-4' [2020-01-05T00:00:00Z, 2020-01-06T00:00:00Z] of group 'c'"
    )


def test_the_number_of_witnesses_is_chosen_by_the_caller():
    for n_witnesses in (0, 1):
        proof = check_split(
            [([0, 9, 8], [4, 5])], **TIMED, policy="walk_forward", n_witnesses=n_witnesses
        )
        assert proof.table[0]["T1"].count == 2
        assert len(proof.table[0]["T1"].witnesses) == n_witnesses


def test_a_refuted_proof_raises_the_violations_with_witnesses_and_fix():
    with pytest.raises(LeakFound) as caught:
        leaky_proof().raise_if_violated()
    assert str(caught.value) == (
        "split VIOLATED: 1 fold of 12 rows, policy walk_forward\n"
        "  T1  violated in 1 of 1 folds (must hold: every train row starts before the first test "
        "row)\n"
        "      fold 0: 2 train rows\n"
        "        train row 8 'visit-8' [2020-01-09T00:00:00Z, 2020-01-10T00:00:00Z] of group 'e' "
        "| test row 4 'visit-4' [2020-01-05T00:00:00Z, 2020-01-06T00:00:00Z] of group 'c'\n"
        "        train row 9 'visit-9' [2020-01-10T00:00:00Z, 2020-01-11T00:00:00Z] of group 'e' "
        "| test row 4 'visit-4' [2020-01-05T00:00:00Z, 2020-01-06T00:00:00Z] of group 'c'\n"
        "      fix: split by time, for example with GroupTimeSeriesSplit, without shuffling"
    )


def test_the_text_has_the_verdict_first_then_leaks_then_what_was_proved_or_not_checked():
    lines = str(leaky_proof()).splitlines()
    assert lines[0] == "split VIOLATED: 1 fold of 12 rows, policy walk_forward"
    assert lines[1].startswith("  T1  violated")
    names = [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "]
    assert names[:2] == ["T1", "V1"]
    assert names[2:] == [
        "V3",
        "B0",
        "N1",
        "Z1",
        "P1",
        "G1",
        "D1",
        "O1",
        "R1",
        "V2",
        "F1",
        "E1",
        "S1",
    ]
    assert "  B0  proved: train and test share no row" in lines
    assert "  E1  not checked: no embargo= was given" in lines


def test_more_than_two_violated_folds_are_counted_not_printed():
    text = str(check_split([([0, 1], [1, 2])] * 4, FRAME))
    assert "B0  violated in 4 of 4 folds" in text
    assert "      and 2 more\n" in text


def test_a_proof_is_plain_json_data():
    proof = leaky_proof()
    data = json.loads(json.dumps(proof.to_dict()))
    assert data == proof.to_dict()
    assert (data["verdict"], data["policy"], data["n_rows"]) == ("violated", "walk_forward", 12)
    assert data["folds"][0]["B0"] == {"outcome": "PROVED"}
    assert data["folds"][0]["E1"]["why"] == "no embargo= was given"
    assert data["folds"][0]["T1"]["witnesses"][0]["train"] == {
        "position": 8,
        "label": "visit-8",
        "start": "2020-01-09T00:00:00Z",
        "end": "2020-01-10T00:00:00Z",
        "group": "e",
    }


def test_a_fold_answers_in_one_line_per_condition():
    answers = {answer.condition: answer for answer in leaky_proof().fold(0)}
    assert answers["B0"] == ("B0", "PROVED", "")
    assert answers["E1"] == ("E1", "NOT_CHECKED", "no embargo= was given")
    assert answers["T1"].detail.startswith("2 train rows, for example train row 8 'visit-8' [2020")


REFUSALS = {
    "rows unknown": (
        lambda: check_split([([0], [1])]),
        "the number of rows is not known. Pass X=, times= or groups=.",
    ),
    "no folds": (
        lambda: check_split([], FRAME),
        "there is no fold to check. Pass at least one pair (train, test).",
    ),
    "policy": (
        lambda: check_split([([0], [1])], FRAME, policy="time"),
        "policy='time' is unknown; choose 'walk_forward' or 'kfold' or 'exchangeable'.",
    ),
    "closed": (
        lambda: check_split([([0], [1])], FRAME, closed="right"),
        "closed='right' is unknown; choose 'both' or 'left'.",
    ),
    "duplicates": (
        lambda: check_split([([0], [1])], FRAME, duplicates="drop"),
        "duplicates='drop' is unknown; choose 'forbid' or 'features' or 'report'.",
    ),
    "witnesses": (
        lambda: check_split([([0], [1])], FRAME, n_witnesses=-1),
        "n_witnesses=-1 must be a whole number, 0 or more.",
    ),
    "embargo": (
        lambda: check_split([([0], [1])], FRAME, embargo="1D"),
        "embargo='1D' is given without times=. Pass both.",
    ),
    "window": (
        lambda: check_split([([0], [1])], FRAME, feature_start="day"),
        "feature_start= is given without times=. Pass both.",
    ),
    "other rows": (
        lambda: check_split(make_plan(KFold(2), FRAME), FRAME.iloc[:3]),
        "the plan was made for 12 rows, X has 3. Pass the same rows in the same order, or make a "
        "new plan.",
    ),
    "no time": (
        lambda: check_split([([0], [1])], times=[pd.Timestamp("2020"), pd.NaT]),
        "times is missing in 1 of 2 rows, first in row 1. Drop these rows, or fill in when they "
        "happened.",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_evidence_that_cannot_be_read_is_refused(case):
    call, message = REFUSALS[case]
    with pytest.raises(SplitError) as caught:
        call()
    assert str(caught.value) == message
