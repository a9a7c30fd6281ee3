"""How long the arms were trained, and what ended them."""

import pytest
from fake_history import CLAIM

from repro.audit.rule import NotApplicable, Severity, Unknown, Violation
from repro.audit.rules.protocol import early_stop_on_test, train_budget
from repro.claims import Claim
from repro.facts.architecture import EXAMPLE as ARCHITECTURE
from repro.facts.budget import EXAMPLE as BUDGET
from repro.facts.budget import Budget
from repro.facts.data import EXAMPLE as DATA
from repro.facts.data import Data
from repro.facts.fact import Absent
from repro.facts.fit_scope import EXAMPLE as FIT_SCOPE
from repro.facts.fit_scope import FitScope
from repro.facts.scores import EXAMPLE as SCORES
from repro.facts.scores import Scores
from repro.facts.stopping import EXAMPLE as STOPPED
from repro.facts.stopping import CurveEnd, Fitted, Stopping
from repro.record import Arms

NOT_RECORDED = Absent(reason="nobody looked", kind="not_recorded")
WHOLE = STOPPED.but(done=20.0, is_short=False, patience=None, patience_by=None)
LONGER = BUDGET.but(n_steps=110, n_batches=110, n_samples=13_470, n_epochs=10.0)
PIPELINE = ARCHITECTURE.but(name="Pipeline")
Answers = list[Violation | Unknown | NotApplicable]


def declaring(*globs: str) -> Claim:
    return CLAIM.model_copy(update={"treatment": globs})


def lengths(
    left: Budget,
    right: Budget,
    *stopping: Stopping | Absent,
    claim: Claim = CLAIM,
    data: Arms[Data | Absent] | None = None,
    fitted: tuple[FitScope | Absent, FitScope | Absent] = (NOT_RECORDED, NOT_RECORDED),
) -> Answers:
    one, two = stopping or (WHOLE, WHOLE)
    arms = Arms.of(left, right), Arms.of(one, two), data or Arms.of(DATA, DATA)
    models = Arms.of(*fitted), Arms.of(PIPELINE, PIPELINE)
    return list(train_budget.check.check(claim, *arms, *models))


def of_rows(n_rows: int, n_calls: int = 1) -> FitScope:
    (fit,) = FIT_SCOPE.fits
    return FIT_SCOPE.but(fits=(fit.model_copy(update={"n_rows": n_rows, "n_calls": n_calls}),))


def test_models_that_were_fitted_on_other_rows_than_were_logged_had_another_training() -> None:
    (found,) = lengths(BUDGET, BUDGET, fitted=(of_rows(398), of_rows(302)))
    assert isinstance(found, Violation)
    assert found.message == (
        "candidate's Pipeline was fitted on 302 rows, baseline's Pipeline on 398, of training sets "
        "of one size"
    )
    assert lengths(BUDGET, BUDGET, fitted=(of_rows(398), of_rows(396))) == []
    assert lengths(BUDGET, BUDGET, fitted=(of_rows(398), of_rows(302, n_calls=2))) == []
    smaller = DATA.roles[0].model_copy(update={"n_rows": 1000})
    other = Arms.of(DATA, DATA.but(roles=(smaller, *DATA.roles[1:])))
    assert lengths(BUDGET, BUDGET, data=other, fitted=(of_rows(398), of_rows(302))) == []


def test_a_longer_training_is_an_error_and_owns_what_follows() -> None:
    (found,) = lengths(BUDGET, LONGER)
    assert (found.message, found.points) == (
        "candidate was trained on 13,470 samples, baseline on 6,735",
        ("budget.n_samples",),
    )
    assert "budget.*" in found.consequences
    assert found.fix == (
        'train both arms as long, or declare "budget.*", "params.epochs" as treatment'
    )


@pytest.mark.parametrize(("n_samples", "n_found"), [(9_900, 0), (9_899, 1)])
def test_a_length_counts_from_one_per_cent_on(n_samples: int, n_found: int) -> None:
    found = lengths(BUDGET.but(n_samples=10_000), BUDGET.but(n_samples=n_samples))
    assert len(found) == n_found


def test_steps_count_where_samples_are_not_known() -> None:
    (found,) = lengths(BUDGET.but(n_samples=None), LONGER, NOT_RECORDED, NOT_RECORDED)
    assert found.message == "candidate was trained on 110 steps, baseline on 55"


@pytest.mark.parametrize(
    "other",
    [
        BUDGET,
        BUDGET.but(n_samples=6_700),  # a dropped last batch
        BUDGET.but(n_steps=110),  # half the batch, as many epochs
        BUDGET.but(n_steps=None, n_batches=None, n_samples=None, n_epochs=None),  # an estimator
    ],
)
def test_as_many_samples_are_one_budget(other: Budget) -> None:
    assert lengths(BUDGET, other) == []


@pytest.mark.parametrize("glob", ["budget.*", "data.train.*", "budget.n_steps"])
def test_a_declared_length_does_not_apply(glob: str) -> None:
    assert [type(one) for one in lengths(BUDGET, LONGER, claim=declaring(glob))] == [NotApplicable]


def test_a_declared_parameter_that_sets_the_length_answers_for_it() -> None:
    (found,) = lengths(BUDGET, LONGER, claim=declaring("params.epochs"))
    assert found.message.endswith("baseline on 6,735: params.epochs is declared")
    assert (found.severity, found.consequences) == (Severity.NOTE, ("budget.*",))


def test_as_many_epochs_of_other_training_rows_are_the_business_of_other_rules() -> None:
    rows = DATA.roles[0].model_copy(update={"n_rows": 2_694})
    data = Arms.of(DATA, DATA.but(roles=(rows, DATA.roles[1])))
    assert lengths(BUDGET, LONGER.but(n_epochs=5.0), data=data) == []
    assert lengths(BUDGET, LONGER, data=data) != []
    assert lengths(BUDGET, LONGER.but(n_epochs=5.0)) != []  # one training set


def test_lengths_that_one_cap_and_one_patience_give_are_a_note_that_owns_them() -> None:
    (found,) = lengths(BUDGET, LONGER, STOPPED, WHOLE.but(patience=3, patience_by="patience"))
    assert found.severity is Severity.NOTE
    assert found.message.endswith("both stop early, by one cap and one patience")
    assert found.consequences == ("budget.*",)


def test_other_patience_is_an_error() -> None:
    (found,) = lengths(BUDGET, LONGER, STOPPED, STOPPED.but(patience=10))
    assert found.severity is None
    assert found.points == ("budget.n_samples", "stopping.patience")


def test_a_stop_by_something_unrecorded_is_unknown() -> None:
    silent = STOPPED.but(patience=None, patience_by=None)
    (found,) = lengths(BUDGET, LONGER, silent, silent)
    assert isinstance(found, Unknown)
    uncapped = STOPPED.but(planned=None, planned_by=None, unit=None, done=None, is_short=None)
    (found,) = lengths(BUDGET, LONGER, uncapped, uncapped)
    assert isinstance(found, Unknown)
    (found,) = lengths(BUDGET, LONGER, STOPPED, silent)
    assert isinstance(found, Unknown)
    assert found.consequences == ("budget.*",)


def test_other_caps_are_an_error_whatever_the_patience() -> None:
    (found,) = lengths(BUDGET, LONGER, STOPPED, STOPPED.but(planned=40.0))
    assert isinstance(found, Violation)
    assert found.severity is None


def test_the_worst_pair_speaks() -> None:
    budgets = Arms((BUDGET, BUDGET), (LONGER, LONGER), ((0, 0), (1, 1)))
    patient = STOPPED.but(patience=10)
    stopping = budgets.with_values((STOPPED, STOPPED), (STOPPED, patient))
    data = budgets.with_values((DATA, DATA), (DATA, DATA))
    unknown = [budgets.with_values((NOT_RECORDED,) * 2, (NOT_RECORDED,) * 2)] * 2
    (found,) = train_budget.check.check(CLAIM, budgets, stopping, data, *unknown)
    assert found.points == ("budget.n_samples", "stopping.patience")
    silent = STOPPED.but(patience=None, patience_by=None)
    stopping = budgets.with_values((STOPPED, STOPPED), (STOPPED, silent))
    (found,) = train_budget.check.check(CLAIM, budgets, stopping, data, *unknown)
    assert isinstance(found, Unknown)


def boosted(n: int, limit: int, kind: str = "GradientBoostingClassifier") -> Stopping:
    fitted = Fitted(
        path="clf",
        kind=kind,
        n_iterations=n,
        limit=limit,
        is_at_limit=n == limit,
        stops_early=False,
        patience=None,
    )
    return Stopping(estimators=(fitted,))


FITTED = BUDGET.but(n_steps=None, n_batches=None, n_samples=None, n_epochs=None)


def test_estimators_with_other_limits_are_an_error_unless_declared() -> None:
    sides = boosted(100, 100), boosted(500, 500)
    (found,) = lengths(FITTED, FITTED, *sides)
    assert found.message == (
        "GradientBoostingClassifier was trained for 500 iterations in candidate, "
        "for 100 in baseline"
    )
    assert found.points == ("stopping.estimators.clf.n_iterations", "stopping.estimators.clf.limit")
    assert "architecture.clf__n_estimators" in found.consequences
    declared = declaring("architecture.clf__n_estimators")
    assert lengths(FITTED, FITTED, *sides, claim=declared) == []


def test_a_solver_that_converges_sooner_or_another_estimator_is_no_other_budget() -> None:
    assert lengths(FITTED, FITTED, boosted(40, 500), boosted(70, 500)) == []
    assert lengths(FITTED, FITTED, boosted(100, 100), boosted(9, 50, "MLPClassifier")) == []
    assert lengths(FITTED, FITTED, boosted(100, 100), NOT_RECORDED) == []


def curve(name: str, n: int) -> CurveEnd:
    return STOPPED.curves[0].model_copy(update={"name": name, "n_points": n})


def watched(**looks: int) -> Scores:
    reads = tuple(
        SCORES.reads[0].model_copy(
            update={"number": at, "role": role, "metric": f"{role}/loss", "n_looks": n}
        )
        for at, (role, n) in enumerate(looks.items(), start=1)
    )
    return SCORES.but(reads=reads)


def stopped_by(scores: Scores, stopping: Stopping = STOPPED, *curves: CurveEnd) -> Answers:
    return list(early_stop_on_test.check.check(stopping.but(curves=curves), scores))


def test_a_training_that_ends_by_patience_on_watched_test_rows_is_an_error() -> None:
    (found,) = stopped_by(watched(test=12))
    assert found.message == (
        "test rows were looked at 12 times while the training went on, "
        "validation rows 0 times, and it ended after 12 of 20 epochs"
    )
    assert (found.severity, found.points[0]) == (Severity.ERROR, "scores.reads.1.n_looks")
    (found,) = stopped_by(watched(), STOPPED, curve("test_loss", 12))
    assert found.points[0] == "stopping.curves.test_loss.n_points"


def test_without_a_patience_or_a_plan_it_is_a_warning() -> None:
    for unsure in (
        STOPPED.but(patience=None, patience_by=None),
        STOPPED.but(planned=None, done=None, is_short=None),
    ):
        (found,) = stopped_by(watched(test=12), unsure)
        assert found.severity is Severity.WARNING
    unplanned = STOPPED.but(planned=None, is_short=None)
    (found,) = stopped_by(watched(test=12), unplanned)
    assert found.message.endswith("and it ended by patience")


def test_three_looks_can_end_a_training() -> None:
    assert len(stopped_by(watched(test=3))) == 1


@pytest.mark.parametrize(("n_valid", "n_found"), [(5, 1), (6, 0)])
def test_validation_rows_looked_at_half_as_often_are_the_watched_ones(
    n_valid: int, n_found: int
) -> None:
    assert len(stopped_by(watched(test=12, valid=n_valid))) == n_found


def test_looks_at_reordered_test_rows_are_looks_of_one_metric() -> None:
    (first,) = watched(test=2).reads
    again = first.model_copy(update={"number": 2, "rows_digest": "blake3:0a", "n_looks": 1})
    assert len(stopped_by(SCORES.but(reads=(first, again)))) == 1


@pytest.mark.parametrize(
    ("scores", "curves"),
    [
        (watched(test=1), ()),
        (watched(test=2), ()),
        (watched(test=12, valid=12), ()),
        (watched(test=12), (curve("val_loss", 12),)),
    ],
)
def test_watched_validation_rows_or_one_look_at_the_end_are_silent(
    scores: Scores, curves: tuple[CurveEnd, ...]
) -> None:
    assert stopped_by(scores, STOPPED, *curves) == []


def test_a_training_that_went_on_to_its_plan_was_not_stopped() -> None:
    for whole in (WHOLE, WHOLE.but(patience=3), WHOLE.but(planned=None, is_short=None)):
        (found,) = stopped_by(watched(test=20), whole)
        assert isinstance(found, NotApplicable)
