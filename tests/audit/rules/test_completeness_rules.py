import math
from collections.abc import Iterator
from types import ModuleType

from fake_history import CLAIM, score

from repro.audit.rule import Unknown, Violation
from repro.audit.rules.completeness import (
    altered_after_end,
    metric_missing,
    non_finite,
    not_finished,
)
from repro.facts.integrity import Alteration, Integrity
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


def test_the_first_alterations_are_named_and_quoted_and_the_others_counted() -> None:
    altered = [Alteration(what=f"param p{i}", was="1", now="2") for i in range(5)]
    (found,) = ask(altered_after_end, integrity=Integrity(altered=tuple(altered)))
    assert isinstance(found, Violation)
    assert found.message == "altered after the end: param p0, param p1, param p2 and 2 more"
    assert found.points[:2] == (
        "integrity.altered.param p0.was",
        "integrity.altered.param p0.now",
    )
    assert len(found.points) == 6


def test_one_alteration_is_quoted_alone() -> None:
    altered = Integrity(altered=(Alteration(what="metric loss", was="1.0", now="0.1"),))
    (found,) = ask(altered_after_end, integrity=altered)
    assert found.message == "altered after the end: metric loss"
    assert set(found.points) <= altered.flat().keys()


def test_what_cannot_be_told_is_unknown_and_what_was_not_sealed_is_not() -> None:
    (found,) = ask(altered_after_end, integrity=Integrity(undecided=("metric loss: late",)))
    assert isinstance(found, Unknown)
    assert found.message == (
        "it cannot be told whether it was altered after the end: metric loss: late"
    )
    assert ask(altered_after_end, integrity=Integrity(unsealed=("metric x: theirs",))) == []
