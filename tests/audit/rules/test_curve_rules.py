"""Training practice that shows in curves: stopped too early, trained too long, diverged."""

import pytest

from repro.audit.rule import NotApplicable, Severity, Unknown, Violation
from repro.audit.rules.training import (
    divergence,
    overfit_or_late,
    stopped_too_early,
)
from repro.facts.fact import Absent
from repro.facts.gradients import EXAMPLE as GRADIENTS
from repro.facts.gradients import Gradients
from repro.facts.lineage import EXAMPLE as LINEAGE
from repro.facts.lineage import Lineage
from repro.facts.precision import EXAMPLE as PRECISION
from repro.facts.schedule import EXAMPLE as CONSTANT
from repro.facts.schedule import Schedule
from repro.facts.stopping import EXAMPLE as STOPPING
from repro.facts.stopping import Fitted, Stopping

NOT_RECORDED = Absent(reason="nobody looked", kind="not_recorded")
NEW = Lineage()

Answers = list[Violation | Unknown | NotApplicable]


def points(answers: Answers) -> list[tuple[str, ...]]:
    assert all(isinstance(one, Violation) for one in answers)
    return [one.points for one in answers if isinstance(one, Violation)]


def curve(**changes: object) -> Stopping:
    rising = {"n_points": 40, "best_at": 1.0, "tail_slope": -0.1, "tail_error": 0.01}
    return STOPPING.but(curves=(STOPPING.curves[0].model_copy(update={**rising, **changes}),))


def early(stopping: Stopping, schedule: Schedule | Absent = CONSTANT) -> Answers:
    return list(stopped_too_early.check.check(stopping, schedule))


def test_a_held_out_curve_that_still_gains_is_a_warning_near_its_end_and_a_note_before() -> None:
    (found,) = early(curve())
    assert (found.message, found.severity) == (
        "valid/loss: still getting better at the end",
        Severity.WARNING,
    )
    (found,) = early(curve(best_at=0.8))
    assert found.severity is Severity.NOTE
    (found,) = early(curve(name="val_acc", greater_is_better=True, tail_slope=0.1))
    assert found.message.startswith("val_acc")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "train/loss"},
        {"n_points": 9},
        {"best_at": 0.5},
        {"best_at": None},
        {"tail_slope": 0.1},  # it gets worse
        {"tail_slope": -0.01},  # it hardly moves
        {"tail_error": 0.05},  # noise
        {"tail_slope": None},
        {"greater_is_better": None},
    ],
)
def test_a_curve_that_is_flat_or_noisy_or_not_held_out_is_silent(
    changes: dict[str, object],
) -> None:
    assert early(curve(**changes)) == []


def test_few_points_need_more_than_many() -> None:
    assert early(curve(tail_error=0.02)) != []
    assert early(curve(tail_error=0.02, n_points=20)) == []


def test_a_run_whose_rate_came_down_is_over_by_plan() -> None:
    assert early(curve(), CONSTANT.but(shape="cosine", final=0.01)) == []
    assert early(curve(), NOT_RECORDED) != []


@pytest.mark.parametrize(
    ("kind", "is_at_limit", "n"),
    [("LogisticRegression", True, 1), ("LogisticRegression", False, 0),
     ("HistGradientBoostingClassifier", True, 0)],
)  # fmt: skip
def test_an_estimator_that_its_limit_stopped_did_not_converge(
    kind: str, is_at_limit: bool, n: int
) -> None:
    fitted = Fitted(
        path="clf", kind=kind, n_iterations=100, limit=100, is_at_limit=is_at_limit,
        stops_early=None, patience=None,
    )  # fmt: skip
    found = early(STOPPING.but(curves=(), estimators=(fitted,)))
    path = "stopping.estimators.clf"
    assert points(found) == [(f"{path}.n_iterations", f"{path}.limit")] * n


def late(stopping: Stopping, lineage: Lineage | Absent = NEW) -> Answers:
    return list(overfit_or_late.check.check(stopping, lineage))


def test_a_held_out_loss_that_rose_again_is_a_warning() -> None:
    (found,) = late(curve(lowest=0.38, last=0.6))
    assert found.message == "valid/loss ended more than 20 % above its lowest"
    (found,) = late(curve(best_at=0.05))
    assert found.message == "valid/loss had its best value in the first tenth of the training"


@pytest.mark.parametrize(
    "changes",
    [
        {"last": 0.45},
        {"name": "train/loss", "last": 0.9},
        {"greater_is_better": True, "last": 0.9},
        {"n_points": 5, "last": 0.9},
        {"lowest": -1.0, "last": 0.9},  # a ratio says nothing
        {"n_points": 9, "best_at": 0.05},
    ],
)
def test_a_loss_that_stays_low_is_silent(changes: dict[str, object]) -> None:
    assert late(curve(**changes)) == []


def test_a_checkpoint_that_was_brought_back_is_what_is_scored() -> None:
    (found,) = late(curve(last=0.9), LINEAGE.but(loaded=(), loaded_later=LINEAGE.loaded))
    assert isinstance(found, NotApplicable)


def diverged(
    gradients: Gradients = GRADIENTS,
    stopping: Stopping | Absent = NOT_RECORDED,
    *,
    is_scaled: bool = False,
) -> Answers:
    precision = PRECISION.but(is_scaled=is_scaled)
    return list(divergence.check.check(gradients, precision, stopping))


def test_gradients_that_are_not_finite_are_a_warning_unless_a_scaler_looks_for_them() -> None:
    broken = GRADIENTS.but(n_non_finite=2)
    assert points(diverged(broken)) == [("gradients.n_non_finite",)]
    assert diverged(broken, is_scaled=True) == []


def test_a_norm_that_ends_on_a_spike_is_a_warning_and_one_that_recovers_is_not() -> None:
    calm = [(step, 0.8) for step in range(40)]
    spiked = GRADIENTS.but(series=(*calm[:36], *((step, 50.0) for step in range(36, 40))))
    (found,) = diverged(spiked)
    assert found.message == "the norm of the gradients ended 10 times above its median"
    assert diverged(GRADIENTS.but(series=((0, 50.0), *calm[1:]))) == []
    assert diverged(GRADIENTS.but(series=((0, 0.8), (1, 50.0)))) == []


def test_a_training_loss_that_lost_what_it_had_gained_is_a_warning() -> None:
    falling = {"name": "train/loss", "first": 2.3, "lowest": 0.3, "n_points": 12}
    (found,) = diverged(stopping=curve(**falling, last=2.0))
    assert found.message == "train/loss went back up by more than half of what it had come down"
    assert diverged(stopping=curve(**falling, last=0.5)) == []
    assert diverged(stopping=curve(**{**falling, "name": "valid/loss"}, last=2.0)) == []
