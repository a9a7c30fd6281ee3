"""Which step of a training is scored, and whether that is what is kept."""

import pytest
from fake_history import CLAIM

from repro.audit.rule import NotApplicable, Severity, Unknown, Violation
from repro.audit.rules.protocol import checkpoint_policy, measured_not_shipped
from repro.claims import Claim
from repro.facts.budget import EXAMPLE as BUDGET
from repro.facts.budget import Budget
from repro.facts.checkpoints import EXAMPLE as CHECKPOINTS
from repro.facts.checkpoints import Checkpoints, Written
from repro.facts.fact import Absent
from repro.facts.lineage import EXAMPLE as LINEAGE
from repro.facts.lineage import Lineage, Loaded
from repro.facts.scores import EXAMPLE as SCORES
from repro.facts.scores import Read, Scores, Weights
from repro.record import Arms

NOT_RECORDED = Absent(reason="nobody looked", kind="not_recorded")
WEIGHTS = SCORES.weights_at_end
LONG = BUDGET.but(n_steps=1000, n_samples=128_000)
RELOADED = LINEAGE.but(
    loaded_later=(Loaded(index=2, digest="blake3:f3", file="best.pt", weights_only=True),)
)


def declaring(*globs: str) -> Claim:
    return CLAIM.model_copy(update={"treatment": globs})


def scored(
    n_steps: int = 1000,
    *,
    restored: bool = False,
    known: bool = True,
    on: str = "test",
    **looks: int,
) -> Scores:
    """Of a training of 1,000 steps, scored after `n_steps`, with so many looks at each role."""
    weights = WEIGHTS.model_copy(update={"n_steps": n_steps, "is_restored": restored})
    changes = {"weights": weights if known else None, "on": on}
    reads = tuple(
        SCORES.reads[0].model_copy(
            update={"number": at, "role": role, "metric": _metric(role, on), "n_looks": n}
        )
        for at, (role, n) in enumerate(looks.items(), start=1)
    )
    return SCORES.but(
        scored=(SCORES.scored[0].model_copy(update=changes),),
        reads=reads,
        weights_at_end=weights.model_copy(update={"n_steps": 1000}) if known else None,
    )


def _metric(role: str, on: str) -> str:
    return "test/accuracy" if role == on else f"{role}/loss"


def policy(
    left: Scores,
    right: Scores,
    *,
    claim: Claim = CLAIM,
    budgets: tuple[Budget, Budget] = (LONG, LONG),
    lineage: tuple[Lineage | Absent, Lineage | Absent] = (LINEAGE, LINEAGE),
) -> list[Violation | Unknown]:
    arms = Arms.of(left, right), Arms.of(*budgets), Arms.of(*lineage)
    return list(checkpoint_policy.check.check(claim, *arms))


LAST = scored(valid=20, test=1)
BEST = scored(valid=20, test=1, restored=True)


def test_the_best_step_against_the_last_one_is_an_error_that_quotes_both() -> None:
    (found,) = policy(LAST, BEST)
    assert found.message == (
        "candidate was scored with weights that were brought back, chosen on valid; "
        "baseline after its last step"
    )
    assert found.severity is None
    assert found.points[:2] == (
        "scores.test/accuracy.weights.is_restored",
        "scores.test/accuracy.weights.n_steps",
    )


def test_a_file_that_is_read_after_the_training_is_a_choice_too() -> None:
    (found,) = policy(LAST, LAST, lineage=(LINEAGE, RELOADED))
    assert "brought back" in found.message


def test_a_score_of_a_step_long_before_the_end_is_a_choice() -> None:
    (found,) = policy(LAST, scored(500, valid=20, test=3))
    assert found.message.startswith("candidate was scored before its last step, chosen on valid;")


def test_another_cadence_of_looks_is_an_error() -> None:
    (found,) = policy(BEST, scored(valid=100, test=1, restored=True))
    assert found.message == "candidate was chosen among 100 looks at valid, baseline among 20"


def test_the_best_look_at_the_rows_that_are_reported_is_a_warning_in_both_arms() -> None:
    best = scored(test=100, restored=True)
    (found,) = policy(best, best)
    assert found.severity is Severity.WARNING
    assert found.message == (
        "test/accuracy is of the best of 100 looks at test, the rows that it is reported on"
    )
    on_valid = scored(valid=100, restored=True, on="valid")
    assert [one.severity for one in policy(on_valid, on_valid)] == [Severity.WARNING]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (scored(test=1), scored(test=1)),
        (LAST, scored(valid=5, test=1)),  # nothing was chosen
        (scored(test=20), scored(test=20)),  # watched, and the last step is reported
        (BEST, BEST),
        (scored(980, valid=20), scored(valid=20)),  # the last look is before the end
        (scored(500, valid=20, test=3), scored(valid=20, test=4)),  # the last step was the best
        (scored(known=False, test=1), scored(known=False, test=1)),  # there was no choice
    ],
)
def test_equal_policies_and_no_choice_at_all_are_silent(left: Scores, right: Scores) -> None:
    assert policy(left, right) == []


@pytest.mark.parametrize(("n_steps", "n_found"), [(950, 0), (949, 1)])
def test_a_step_at_least_one_look_before_the_end_was_chosen(n_steps: int, n_found: int) -> None:
    assert len(policy(LAST, scored(n_steps, valid=20, test=1))) == n_found


def test_two_looks_are_a_choice() -> None:
    (found,) = policy(scored(valid=2, test=1), scored(valid=2, test=1, restored=True))
    assert "brought back, chosen on valid; " in found.message
    (found,) = policy(scored(valid=1, test=1), scored(valid=1, test=1, restored=True))
    assert "brought back; " in found.message


@pytest.mark.parametrize(("n_looks", "n_found"), [(22, 0), (23, 1)])
def test_a_cadence_is_another_one_from_a_tenth_on(n_looks: int, n_found: int) -> None:
    often = scored(valid=n_looks, test=1, restored=True)
    for budget in (LONG, LONG.but(n_samples=None)):  # counted in samples, else in steps
        assert len(policy(BEST, often, budgets=(budget, budget))) == n_found


@pytest.mark.parametrize(("n_own", "n_found"), [(1, 1), (2, 0), (19, 0), (20, 1)])
def test_who_scores_now_and_then_may_have_the_last_step_for_the_best(
    n_own: int, n_found: int
) -> None:
    assert len(policy(scored(500, valid=20, test=3), scored(valid=20, test=n_own))) == n_found


def test_an_early_stop_has_fewer_looks_at_one_cadence() -> None:
    half = LONG.but(n_steps=500, n_samples=64_000)
    sooner = scored(valid=10, test=1, restored=True)
    assert policy(BEST, sooner, budgets=(LONG, half)) == []
    assert policy(BEST, sooner) != []


def test_estimators_are_not_trained_step_by_step() -> None:
    fitted = LONG.but(n_steps=None, n_samples=None)
    assert policy(LAST, BEST, budgets=(fitted, LONG)) == []


def test_weights_that_nobody_recorded_are_unknown_where_there_was_a_choice() -> None:
    (found,) = policy(scored(known=False, valid=20, test=1), LAST)
    assert isinstance(found, Unknown)
    assert found.points == ("scores.reads.1.n_looks",)
    two = scored(known=False, valid=2, test=1).but(weights_at_end=WEIGHTS)
    (found,) = policy(two, scored(valid=2, test=1))
    assert isinstance(found, Unknown)


def test_of_two_metrics_the_one_that_was_looked_at_more_often_chose() -> None:
    rare = BEST.reads[0].model_copy(update={"number": 7, "metric": "valid/f1", "n_looks": 3})
    best = BEST.but(reads=(rare, *BEST.reads))
    (found,) = policy(best, scored(valid=100, test=1, restored=True))
    assert found.message.endswith("baseline among 20")


def test_a_declared_choice_is_silent() -> None:
    assert policy(LAST, BEST, claim=declaring("scores.test/accuracy.weights.*")) == []


def test_looks_at_reordered_rows_are_looks_of_one_metric() -> None:
    def reordered(n: int) -> Scores:
        reads: tuple[Read, ...] = tuple(
            SCORES.reads[0].model_copy(update={"number": at, "rows_digest": f"blake3:{at:02x}"})
            for at in range(1, n + 1)
        )
        return scored(restored=True).but(reads=reads)

    (found,) = policy(reordered(30), reordered(30))
    assert "30 looks at test" in found.message


def shipped(
    at_score: Weights | None,
    at_end: Weights | None,
    claim: Claim = CLAIM,
    checkpoints: Checkpoints | Absent = NOT_RECORDED,
    **score: object,
) -> list[Violation | Unknown | NotApplicable]:
    one = SCORES.scored[0].model_copy(update={"weights": at_score, **score})
    scores = SCORES.but(scored=(one,), weights_at_end=at_end)
    return list(measured_not_shipped.check.check(claim, scores, checkpoints))


def weights(**changes: object) -> Weights:
    return WEIGHTS.model_copy(update=changes)


@pytest.mark.parametrize(
    "end",
    [
        {"form": "float16"},
        {"form": "float32, 50 % zeros"},
        {"form": "quantized", "number": 2, "digest": None},
    ],
)
def test_a_model_of_another_form_than_the_scored_one_is_an_error(end: dict[str, object]) -> None:
    (found,) = shipped(WEIGHTS, weights(**end))
    assert found.message == (
        f"test/accuracy was taken of a model of float32; the run ended with one of {end['form']}"
    )
    assert found.severity is None
    assert found.points == ("scores.test/accuracy.weights.form", "scores.weights_at_end.form")


def test_values_that_changed_after_the_score_are_a_warning() -> None:
    (found,) = shipped(WEIGHTS, weights(digest="blake3:ce"))
    assert (found.message, found.severity) == (
        "the model was changed after test/accuracy was taken",
        Severity.WARNING,
    )
    (found,) = shipped(WEIGHTS, weights(digest="blake3:ce", n_steps=65))
    assert found.message == ("the model was trained on for 10 steps after test/accuracy was taken")


def test_the_scored_form_that_was_kept_is_silent() -> None:
    half = weights(form="float16")
    assert shipped(half, half) == []
    other = weights(number=2, digest="blake3:ce")  # a second model, watched after the score
    assert shipped(WEIGHTS, other) == []


def test_a_checkpoint_of_the_scored_step_may_be_what_counts() -> None:
    file = Written(id="1-1", file="best.pt", digest="blake3:c1", step=55)
    kept = CHECKPOINTS.but(written=(file,))
    later = weights(digest="blake3:ce", n_steps=65)
    assert shipped(WEIGHTS, later, checkpoints=kept) == []
    assert shipped(WEIGHTS, weights(form="float16", n_steps=65), checkpoints=kept) != []


def test_a_declared_swap_is_silent() -> None:
    claim = declaring("scores.test/accuracy.weights.*")
    assert shipped(WEIGHTS, weights(digest="blake3:ce"), claim) == []


def test_without_a_torch_model_it_does_not_apply_and_unrecorded_weights_are_unknown() -> None:
    (found,) = shipped(None, None, training_mode=None)
    assert isinstance(found, NotApplicable)
    (found,) = shipped(None, None)  # recorded by version 2
    assert isinstance(found, Unknown)
    (found,) = shipped(None, WEIGHTS)
    assert found.fix == "run.watch(model, optimizer), before the score"
