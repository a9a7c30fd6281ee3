import math
from collections.abc import Iterator
from types import ModuleType

from fake_history import CLAIM, score

from repro.audit.rule import Violation
from repro.audit.rules.completeness import metric_missing, non_finite, not_finished
from repro.facts.outcome import EXAMPLE as OUTCOME
from repro.facts.scores import Scores, Series


def ask(module: ModuleType, **given: object) -> list[Violation]:
    answers: Iterator[Violation] = module.check.check(**given)
    return list(answers)


def test_a_failed_run_is_reported_with_its_error() -> None:
    (found,) = ask(not_finished, outcome=OUTCOME.but(status="FAILED", error="OutOfMemoryError"))
    assert found.message == "the run is FAILED: OutOfMemoryError"


def test_a_run_that_is_still_running_is_no_result() -> None:
    (found,) = ask(not_finished, outcome=OUTCOME.but(status="RUNNING"))
    assert found.message == "the run is RUNNING"


def test_a_missing_metric_is_answered_with_those_there_are() -> None:
    scores = Scores(scored=(score("test/loss", 0.1), score("test/acc", 0.9)))
    (found,) = ask(metric_missing, claim=CLAIM, scores=scores)
    assert found.message == (
        "no metric 'test/accuracy'; there is: test/acc, test/loss. Did you mean 'test/acc'?"
    )


def test_a_missing_guard_is_missing_too() -> None:
    scores = Scores(scored=(score("test/accuracy", 0.9),))
    (found,) = ask(metric_missing, claim=CLAIM, scores=scores)
    assert found.message == "no metric 'test/loss'; there is: test/accuracy."


def test_a_metric_that_is_not_a_number_is_reported_whether_scored_or_logged() -> None:
    scores = Scores(
        scored=(score("test/accuracy", math.nan),),
        logged=(Series(name="test/loss", last=math.inf, last_step=3),),
    )
    found = ask(non_finite, claim=CLAIM, scores=scores)
    assert [(one.message, one.points) for one in found] == [
        ("test/accuracy is nan", ("scores.test/accuracy.value",)),
        ("test/loss is inf", ("scores.logged.test/loss.last",)),
    ]


def test_other_metrics_may_be_anything() -> None:
    scores = Scores(
        scored=(score("test/accuracy", 0.9), score("test/loss", 0.1)),
        logged=(Series(name="train/loss", last=math.nan, last_step=3),),
    )
    assert ask(non_finite, claim=CLAIM, scores=scores) == []
