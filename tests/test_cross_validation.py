"""Folds x seeds as tracked runs: what they record, what is refused, how they end."""

import json
from importlib import import_module

import joblib
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score
from sklearn.model_selection import KFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import repro
from repro.audit.finding import Outcome as Outcomes
from repro.claims import Claim, find_policy
from repro.cross_validation_learner import with_random_states
from repro.errors import LeakFound, UsageError
from repro.facts.fit_scope import FitScope
from repro.facts.outcome import Outcome
from repro.facts.scores import Scores
from repro.facts.split import Split
from repro.judge import SILENT, judge

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3))
Y = (X[:, 0] + 0.8 * RNG.normal(size=24) > 0).astype(int)
PLAN = repro.make_plan(KFold(3, shuffle=True, random_state=0), X, Y)
FRAME = pd.DataFrame({"x": X[:, 0], "who": [f"Ada-{i % 6}" for i in range(24)]})
LEAKING = repro.make_plan([(range(9), range(8, 16)), (range(8), range(16, 24))], X)


def validated(estimator, data=X, labels=Y, **options):
    return repro.cross_validate(estimator, data, labels, **{"cv": PLAN, "quiet": True, **options})


def every_run(project):
    """Status by name, oldest first."""
    records = [project.record(run_id) for run_id in project.history.every_run()]
    return {record.name: record.find(Outcome).status for record in records}


def artifact(project, run_id, path):
    return project.history.artifact(run_id, path)


@pytest.mark.slow
def test_every_fold_and_seed_is_a_run_inside_the_one_that_holds_proof_and_mean(project):
    model = make_pipeline(StandardScaler(), RandomForestClassifier(3))
    found = validated(model, seeds=[0, 7], name="forest", tags={"arm": "forest"})
    assert found.scores.shape == (2, 3)
    run = MlflowClient(project.uri).get_run(found.run_id)
    assert run.data.metrics["test/accuracy/mean"] == found.mean == found.scores.mean()
    assert run.data.metrics["test/accuracy/low_95"] == found.interval.low
    assert run.data.tags["repro.cross_validation"] == str(found)
    assert str(found).endswith("Nadeau-Bengio, 3 folds x 2 seeds, split PROVED as exchangeable")
    whole = project.record(found.run_id).find(Split)
    assert (whole.fold, whole.n_splits, whole.n_test) == (None, 3, 24)
    assert whole.fingerprint == PLAN.fingerprint
    assert json.loads(artifact(project, found.run_id, "split/proof.json"))["verdict"] == "proved"
    assert artifact(project, found.run_id, "split/plan.png")[:4] == b"\x89PNG"

    records = [project.record(run_id) for run_id in project.history.find_runs("tags.arm='forest'")]
    assert tuple(record.run_id for record in records) == sum(found.run_ids, ())
    assert [(r.replicate.seed, r.replicate.fold) for r in records] == [
        (seed, fold) for seed in (0, 7) for fold in range(3)
    ]
    fits = records[4].find(FitScope).fits
    assert [(fit.n_rows, fit.n_elsewhere) for fit in fits] == [(16, 0)]  # its training rows only
    assert records[4].find(Split).proof
    parents = {
        MlflowClient(project.uri).get_run(record.run_id).data.tags["mlflow.parentRunId"]
        for record in records
    }
    assert parents == {found.run_id}
    assert found.run_id not in project.history.find_runs("")  # a claim must not take it for a run


@pytest.mark.slow
def test_two_processes_give_the_scores_of_one_to_the_bit(project):
    forest = RandomForestClassifier(3)
    with joblib.parallel_config("loky"):
        parallel = validated(forest, n_jobs=2, tags={"arm": "two"})
    alone = validated(forest, n_jobs=1)
    assert parallel.scores.tobytes() == alone.scores.tobytes()
    children = project.history.find_runs("tags.arm='two'")
    assert sorted(children) == sorted(sum(parallel.run_ids, ()))
    inside = f"tags.mlflow.parentRunId = '{parallel.run_id}'"
    assert project.history.find_runs(inside) == children
    assert {project.record(run_id).find(Outcome).status for run_id in children} == {"FINISHED"}


@pytest.mark.slow
def test_two_cross_validations_on_one_plan_are_a_claim_over_folds(project):
    import_module("sklearn.feature_selection")
    for arm, model in (("base", DummyClassifier()), ("cand", GaussianNB())):
        validated(model, tags={"arm": arm}, seeds=[3, 4])
    claim = Claim(
        name="bayes",
        goal="improve",
        baseline="tags.arm = 'base'",
        candidate="tags.arm = 'cand'",
        metric="test/accuracy",
        direction="higher",
        treatment=("params.*", "architecture.*", "capacity.*"),
        replicates=2,
    )
    judgement = judge(claim, project.history, find_policy(project.root))
    found = [(run.replicate.seed, run.replicate.fold) for run in judgement.runs]
    assert found == [(seed, fold) for seed in (3, 4) for fold in range(3)] * 2  # of both arms
    assert all(run.is_paired for run in judgement.runs)
    assert not judgement.superseded
    found = [(item.rule, item.outcome) for item in judgement.findings if item.outcome not in SILENT]
    assert found == [  # nothing but the numbers speaks against it; the repository has no remote
        ("unreachable-commit", Outcomes.FAIL),
        ("label-using-fit-on-eval", Outcomes.UNKNOWN),  # selectors were loaded before
        ("within-noise", Outcomes.FAIL),
    ]
    comparison = judgement.comparison
    assert (comparison.method, comparison.n_pairs) == ("Nadeau-Bengio corrected t", 3)
    assert comparison.difference == pytest.approx(0.375)


@pytest.mark.slow
def test_scores_are_those_of_scikit_learn(project):
    scoring = {
        "loss": "neg_log_loss",
        "auc": "roc_auc",
        "one": lambda model, X, y: model.score(X, y),
    }
    found = validated(LogisticRegression(), scoring=scoring, cv=3)
    for name, scorer in scoring.items():
        theirs = cross_val_score(LogisticRegression(), X, Y, cv=3, scoring=scorer)
        assert found.summaries[f"test/{name}"].values[0] == pytest.approx(theirs, rel=1e-12)
    scores = project.record(found.run_ids[0][0]).find(Scores)
    assert {score.name: score.greater_is_better for score in scores.scored} == {
        "test/loss": True,
        "test/auc": True,
    }
    assert [series.name for series in scores.logged] == ["test/one"]  # nobody knows what it is


@pytest.mark.slow
def test_a_leak_is_refused_before_anything_is_trained_unless_it_is_to_be_recorded(project):
    with pytest.raises(LeakFound, match="B0  violated in 1 of 2 folds"):
        validated(GaussianNB(), cv=LEAKING, name="leak")
    assert every_run(project) == {"leak": "FAILED"}
    with pytest.raises(LeakFound, match="G1  violated") as caught:  # the record keeps this text
        validated(GaussianNB(), cv=KFold(3), groups=FRAME["who"].to_numpy(), name="leak")
    assert "Ada" not in str(caught.value)
    found = validated(GaussianNB(), cv=LEAKING, name="known", on_leak="record")
    assert str(found).endswith("split VIOLATED as exchangeable")
    assert project.record(found.run_ids[0][0]).find(Split).verdict == "violated"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError("no"), "FAILED"), (KeyboardInterrupt(), "KILLED")]
)
def test_a_fold_that_does_not_end_ends_the_whole_as_it_did(project, error, status):
    def train(run, X_train, y_train, X_test, y_test):
        if run.seen.plan.fold == 1:
            raise error
        return run.score("test/accuracy", accuracy_score, y_test, 1 - y_test, on="test")

    with pytest.raises(type(error)) as caught:
        validated(train, name="broken")
    assert every_run(project) == {
        "broken": status,
        "broken fold 0 seed 0": "FINISHED",
        "broken fold 1 seed 0": status,
    }
    if status == "FAILED":
        assert caught.value.__notes__[0].startswith("cross_validate: in fold 1 seed 0, run ")


@pytest.mark.slow
def test_a_function_scores_by_the_run_or_by_what_it_returns(project):
    def train(run, X_train, y_train, X_test, y_test):
        assert y_test is None
        run.score("test/exact", accuracy_score, X_test[:, 0] > 0, X_test[:, 0] > 0, on="test")
        return {"gap": len(X_train) / run.seed}

    found = validated(train, labels=None, seeds=[2])
    assert {name: one.values.tolist() for name, one in found.summaries.items()} == {
        "test/exact": [[1.0, 1.0, 1.0]],
        "gap": [[8.0, 8.0, 8.0]],
    }
    assert found.to_frame().columns.tolist() == ["seed", "fold", "run_id", "test/exact", "gap"]


@pytest.mark.slow
def test_names_of_groups_are_kept_only_where_that_is_asked_for(project):
    plan = repro.make_plan(KFold(2), FRAME, groups="who")
    texts = []
    with repro.tracked_run(seed=0, quiet=True) as run:
        run.use_split(plan, 0)
    with repro.tracked_run(seed=0, quiet=True) as whole:
        whole.use_split(plan, 0, save_plan=True)
    for file in ("proof.json", "proof.txt", "folds.npz"):
        texts.append(artifact(project, run.run_id, f"split/{file}"))
    assert project.record(run.run_id).find(Split).condition("G1").outcome == "VIOLATED"
    texts.append(project.record(run.run_id).find(Split).model_dump_json().encode())
    assert not [text for text in texts if b"Ada" in text]
    kept = project.root / "plan.npz"
    kept.write_bytes(artifact(project, whole.run_id, "split/plan.npz"))
    assert repro.SplitPlan.load(kept) == plan


@pytest.mark.slow
def test_threads_are_refused_because_they_share_the_generators(project):
    with joblib.parallel_config("threading"), pytest.raises(UsageError) as caught:
        validated(GaussianNB(), n_jobs=2)
    assert str(caught.value) == (
        "cross_validate was told to run folds in threads, which share the random generators: no "
        "fold could be repeated. Use processes (joblib's backend 'loky'), or n_jobs=1."
    )


def test_the_seed_is_every_random_state_of_the_estimator():
    model = make_pipeline(StandardScaler(), BaggingClassifier(RandomForestClassifier()))
    bagging = with_random_states(model, 2**32 + 7)[-1]
    assert (bagging.random_state, bagging.estimator.random_state) == (7, 7)
    assert with_random_states(GaussianNB(), 0).get_params() == GaussianNB().get_params()


class NoScore(BaseEstimator):
    def fit(self, X, y=None):
        return self


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: validated(Ridge), "cross_validate(Ridge): this is a class. Pass Ridge(...)."),
        (
            lambda: validated(3),
            "cross_validate(int): pass a scikit-learn estimator, or a function "
            "fn(run, X_train, y_train, X_test, y_test).",
        ),
        (
            lambda: validated(Ridge(), seeds=3),
            "seeds=3 may mean one seed, or so many. Pass seeds=[3] or seeds=range(3).",
        ),
        (lambda: validated(Ridge(), cv=1), "cv=1: pass at least 2 folds, a splitter, or a plan."),
        (
            lambda: validated(Ridge(), seeds=[]),
            "seeds=[]: pass at least one, and each modulo 2**32 once.",
        ),
        (
            lambda: validated(Ridge(), seeds=[1, 2**32 + 1]),
            "seeds=[1, 4294967297]: pass at least one, and each modulo 2**32 once.",
        ),
        (
            lambda: validated(Ridge(), scoring={"../x": "r2"}),
            "a metric cannot be named 'test/../x'. "
            "Use up to 250 letters, digits, spaces and the signs _ - . : /",
        ),
        (
            lambda: validated(Ridge(), seeds=[0.5]),
            "seeds=[0.5]: pass whole numbers, such as range(3).",
        ),
        (
            lambda: validated(Ridge(), labels=Y[:5]),
            "X has 24 rows, y has 5. Pass one label per row.",
        ),
        (
            lambda: validated(Ridge(), on_leak="ignore"),
            "on_leak='ignore': it must be one of raise, record.",
        ),
        (
            lambda: validated(lambda *_: 1, scoring="r2"),
            "scoring='r2' is for estimators; a function scores by itself. "
            "Call run.score(...) in it.",
        ),
        (
            lambda: validated(Ridge(), scoring=[]),
            "scoring=[] names no score. Pass one, such as 'accuracy'.",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_before_a_run_is_opened(call, message):
    with pytest.raises(UsageError) as caught:
        call()
    assert str(caught.value) == message


@pytest.mark.slow
def test_labels_in_another_order_than_the_rows_are_those_of_the_rows(project):
    found = validated(LogisticRegression(), FRAME[["x"]], pd.Series(Y)[::-1])
    assert found.scores == pytest.approx(validated(LogisticRegression(), FRAME[["x"]], Y).scores)


@pytest.mark.parametrize("scoring", ["accurasy", accuracy_score, None])
def test_scoring_that_scikit_learn_does_not_know_is_refused(scoring):
    with pytest.raises(UsageError, match=r"^scoring=.* cannot be used: "):
        validated(NoScore(), scoring=scoring)
