import math
from collections.abc import Iterator
from types import ModuleType

import pytest
from fake_history import CLAIM, POLICY, score

from repro.audit.example import example_record
from repro.audit.rule import NotApplicable, Severity, Unknown, Violation
from repro.audit.rules.completeness import (
    altered_after_end,
    evidence_missing,
    metric_missing,
    non_finite,
    not_finished,
    truncated,
)
from repro.facts import fact_types
from repro.facts.fact import Absent, Fact, Opaque
from repro.facts.integrity import Alteration, Integrity
from repro.facts.outcome import EXAMPLE as OUTCOME
from repro.facts.params import EXAMPLE as PARAMS
from repro.facts.params import Param
from repro.facts.scores import Scores, Series
from repro.facts.stopping import EXAMPLE as STOPPING
from repro.facts.stopping import Fitted
from repro.record import RunRecord


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


def test_a_metric_that_decides_nothing_is_a_warning_where_it_is_not_a_number() -> None:
    decides = (score("test/accuracy", 0.9), score("test/loss", 0.1))
    broken = Series(name="train/loss", last=math.nan, last_step=3)
    (found,) = ask(non_finite, claim=CLAIM, scores=Scores(scored=decides, logged=(broken,)))
    assert (found.message, found.severity) == ("train/loss is nan", Severity.WARNING)
    assert found.points == ("scores.logged.train/loss.last",)
    warmed = broken.model_copy(update={"last": 0.3})
    assert ask(non_finite, claim=CLAIM, scores=Scores(scored=decides, logged=(warmed,))) == []


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


SHORT = STOPPING.but(patience=None, patience_by=None)


def shortened(
    stopping: Fact = SHORT, outcome: Fact = OUTCOME, params: Fact = PARAMS
) -> list[Violation | NotApplicable]:
    return ask(truncated, stopping=stopping, outcome=outcome, params=params)


def test_a_training_that_is_short_without_a_reason_is_told_in_its_unit() -> None:
    (found,) = shortened()
    assert found.message == "12 of 20 planned epochs were done, and no reason is recorded"


@pytest.mark.parametrize(
    ("name", "value", "n"),
    [("max_time", "02:00:00", 0), ("trainer.time_limit", 60, 0), ("max_time", None, 1)],
)
def test_a_limit_of_time_is_a_reason_if_it_is_set(name: str, value: object, n: int) -> None:
    assert len(shortened(params=PARAMS.but(declared=(Param(name=name, value=value),)))) == n


def test_early_stopping_is_a_reason_whoever_does_it() -> None:
    assert shortened(STOPPING) == []
    forest = {"path": "", "kind": "MLP", "n_iterations": 9, "limit": 200, "is_at_limit": False}
    assert shortened(SHORT.but(estimators=(Fitted(**forest, stops_early=True, patience=5),))) == []


def test_a_run_that_failed_or_had_no_plan_is_not_judged_by_its_length() -> None:
    failed = OUTCOME.but(status="FAILED")
    unplanned = SHORT.but(planned=None, is_short=None)
    for found in (shortened(outcome=failed), shortened(unplanned)):
        assert [type(one) for one in found] == [NotApplicable]
    assert shortened(SHORT.but(is_short=False)) == []


def foreign() -> RunRecord:
    """What MLflow knows of a run that was never tracked."""
    reason = "the run was not tracked by repro, or has not ended"
    absent = dict.fromkeys(fact_types(), Absent(reason=reason, kind="not_recorded"))
    return example_record(**{**absent, "outcome": OUTCOME, "params": PARAMS, "scores": Scores()})


def test_a_run_without_a_record_is_one_finding_that_quotes_all_that_is_missing() -> None:
    (found,) = ask(evidence_missing, policy=POLICY, run=foreign())
    assert isinstance(found, Unknown)
    assert found.message == (
        "the run has no record: the run was not tracked by repro, or has not ended"
    )
    assert set(found.points) == fact_types().keys() - {"outcome", "params", "scores"}
    assert found.fix.endswith('or [[waive]] rule = "evidence-missing", scope = "run:4d6f4d6f"')


def test_a_release_does_not_rest_on_it() -> None:
    release = POLICY.model_copy(update={"profile": "release"})
    assert [type(one) for one in ask(evidence_missing, policy=release, run=foreign())] == [
        Violation
    ]


def test_observers_that_failed_and_facts_of_a_newer_version_are_named() -> None:
    failed = Absent(reason="OSError: gone", kind="failed")
    run = example_record(hardware=failed, budget=Opaque(version=99, data={}))
    (found,) = ask(evidence_missing, policy=POLICY, run=run)
    assert found.message == (
        "budget, hardware could not be observed: a newer version of repro wrote it (version 99); "
        "upgrade to read it; OSError: gone"
    )


def test_what_does_not_apply_or_was_never_asked_for_is_no_gap_of_the_record() -> None:
    idle = Absent(reason="nothing is trained", kind="not_applicable")
    unasked = Absent(reason="no model was watched", kind="not_recorded")
    run = example_record(optimizer=idle, loss=unasked)
    assert ask(evidence_missing, policy=POLICY, run=run) == []
