"""Row 12: cross-validation without future information: the plan of a run, and its proof."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold, KFold, TimeSeriesSplit

import repro
from repro.errors import UsageError
from repro.facts.data import Data
from repro.facts.fact import Absent
from repro.facts.split import Split
from repro.record import is_compared, is_per_replicate
from repro.splits import GroupTimeSeriesSplit, PurgedKFold, make_plan

N = 24
FRAME = pd.DataFrame(
    {
        "day": pd.date_range("2020-01-01", periods=N, tz="UTC"),
        "who": list("abcdef") * 4,
        "x": np.arange(N) / 7,
    }
)
FRAME["known"] = FRAME["day"] + pd.Timedelta("1D")
TIMED = {"times": "day", "end_times": "known"}
FORWARD = GroupTimeSeriesSplit(3, time="day", end_time="known", test=4)


def record(project, plan, fold, *, is_data_logged=False):
    with repro.tracked_run(seed=0) as run:
        run.use_split(plan, fold=fold)
        if is_data_logged:
            train, test = plan.fold(fold)
            run.log_data(train=FRAME.iloc[train], test=FRAME.iloc[test])
    return project.record(run.run_id)


def outcomes(split):
    return {condition.id: condition.outcome for condition in split.proof}


def test_technique_12_cross_validation_that_walks_forward_is_recorded_with_its_proof(project):
    plan = make_plan(FORWARD, FRAME, groups="who")
    split = record(project, plan, 1).find(Split)
    train, test = plan.fold(1)
    assert (split.source, split.splitter, split.policy) == (
        "plan",
        "GroupTimeSeriesSplit",
        "walk_forward",
    )
    assert (split.n_splits, split.fold, split.fingerprint) == (3, 1, plan.fingerprint)
    assert (split.n_train, split.n_test) == (len(train), len(test))
    assert (split.train_digest, split.test_digest) == plan.fold_digests(1)
    assert (split.has_times, split.has_groups) == (True, True)
    parameters = {part.name: part.value for part in split.parameters}
    assert (parameters["test"], parameters["window"]) == (4, "expanding")


def test_technique_12_cross_validation_that_knows_no_future_is_proved(project):
    split = record(project, make_plan(FORWARD, FRAME), 1).find(Split)
    assert split.verdict == "proved"
    proved = {id for id, outcome in outcomes(split).items() if outcome == "PROVED"}
    assert {"V1", "B0", "Z1", "T1", "P1"} <= proved


def test_technique_12_cross_validation_on_both_sides_of_the_test_block_is_purged(project):
    plan = make_plan(PurgedKFold(3, time="day", end_time="known", embargo="1D"), FRAME)
    split = record(project, plan, 1).find(Split)
    assert (split.policy, split.verdict) == ("kfold", "proved")
    found = outcomes(split)
    assert (found["P1"], found["E1"], found["T1"]) == ("PROVED", "PROVED", "NOT_CHECKED")
    assert split.condition("T1").detail == ("policy kfold may train on rows after the test rows")


@pytest.mark.slow
def test_technique_12_cross_validation_whose_labels_reach_into_the_test_block_is_violated(project):
    split = record(project, make_plan(KFold(3), FRAME, **TIMED), 1).find(Split)
    assert (split.verdict, outcomes(split)["P1"]) == ("violated", "VIOLATED")
    assert split.condition("P1").detail.startswith("2 train rows, for example train row 7 ")


def test_technique_12_cross_validation_that_learns_from_the_future_is_violated(project):
    """TimeSeriesSplit goes by position: here the latest rows come first."""
    plan = make_plan(TimeSeriesSplit(2), FRAME[::-1], **TIMED)
    split = record(project, plan, 0).find(Split)
    assert (split.policy, split.verdict) == ("walk_forward", "violated")
    assert (outcomes(split)["T1"], outcomes(split)["B0"]) == ("VIOLATED", "PROVED")
    assert split.condition("T1").detail.startswith("8 train rows, for example train row ")


@pytest.mark.slow
def test_technique_12_cross_validation_is_recorded_with_the_proof_of_its_own_fold(project):
    """The verdict is that on the plan: who leaks in one fold has no clean mean over folds."""
    test = list(range(8, 16))
    plan = make_plan([(list(range(8)), test), (list(range(9)), test)], FRAME)
    clean, leaking = (record(project, plan, fold).find(Split) for fold in (0, 1))
    assert (outcomes(clean)["B0"], outcomes(leaking)["B0"]) == ("PROVED", "VIOLATED")
    assert leaking.condition("B0").detail.startswith("1 rows, for example train row 8")
    assert (clean.verdict, leaking.verdict) == ("violated", "violated")
    assert (clean.fingerprint, clean.test_digest) == (leaking.fingerprint, leaking.test_digest)
    assert clean.train_digest != leaking.train_digest


@pytest.mark.slow
def test_technique_12_cross_validation_shares_no_group_or_says_which(project):
    apart = record(project, make_plan(GroupKFold(3), FRAME, groups="who"), 0).find(Split)
    mixed = record(project, make_plan(KFold(3), FRAME, groups="who"), 0).find(Split)
    assert (outcomes(apart)["G1"], outcomes(mixed)["G1"]) == ("PROVED", "VIOLATED")
    assert (apart.has_groups, apart.has_times) == (True, False)


def test_technique_12_cross_validation_without_times_leaves_them_unproved(project):
    split = record(project, make_plan(TimeSeriesSplit(2), FRAME), 0).find(Split)
    assert (split.policy, split.verdict, outcomes(split)["T1"]) == (
        "walk_forward",
        "unknown",
        "NOT_CHECKED",
    )
    assert split.condition("T1").detail == "no times= were given"


def test_technique_12_cross_validation_is_known_by_the_rows_that_were_logged(project):
    plan = make_plan(FORWARD, FRAME)
    found = record(project, plan, 2, is_data_logged=True)
    split, data = found.find(Split), found.find(Data)
    assert split.test_digest == data.role("test").rows_digest != plan.fold_digests(2)[1]
    assert split.train_digest == data.role("train").rows_digest
    assert found.replicate.fold == 2


@pytest.mark.slow
def test_technique_12_cross_validation_differs_by_fold_in_nothing_that_is_compared(project):
    plan = make_plan(FORWARD, FRAME)
    flats = [record(project, plan, fold).find(Split).flat() for fold in (0, 1)]
    paths = {path for path in flats[0] if flats[0][path] != flats[1][path]}
    assert "split.test_digest" in paths
    assert all(is_per_replicate(path) for path in paths if is_compared(path))


def test_technique_12_cross_validation_on_a_plan_of_other_rows_is_no_evidence(project):
    with repro.tracked_run(seed=0) as run:
        run.use_split(make_plan(KFold(3), FRAME), fold=0)
        run.log_data(train=FRAME, test=FRAME[:1])
    absent = project.record(run.run_id).facts["split"]
    assert isinstance(absent, Absent)
    assert absent.reason == (
        "the plan has 16 training and 8 evaluation rows, 24 and 1 were logged: "
        "it is a plan of other rows"
    )


def test_technique_12_cross_validation_without_a_plan_is_told_by_its_roles(project):
    with repro.tracked_run(seed=0) as run:
        run.log_data(train=FRAME[:16], test=FRAME[16:])
    split = project.record(run.run_id).find(Split)
    assert (split.source, split.splitter, split.fold, split.verdict) == ("data", None, None, None)
    assert (split.n_train, split.n_test) == (16, 8)


@pytest.mark.parametrize("fold", [None, 3, -1])
def test_technique_12_cross_validation_must_say_which_fold_it_is(project, fold):
    with repro.tracked_run(seed=0) as run, pytest.raises(UsageError) as caught:
        run.use_split(make_plan(KFold(3), FRAME), fold=fold)
    assert str(caught.value) == (
        f"use_split(fold={fold}): the plan has folds 0 to 2. Name the fold that this run trains on."
    )
