"""Rules about the numbers: replicates, power, noise, guards, and what may be averaged."""

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from fake_history import (
    BASELINE,
    CANDIDATE,
    CLAIM,
    POLICY,
    FakeHistory,
    outcome,
    seeds,
    sgd_and_adamw,
    tracked,
)

from repro.audit.finding import Outcome
from repro.audit.rule import NotApplicable, Violation
from repro.audit.rules.statistics import bad_aggregate
from repro.audit.verdict import Verdict
from repro.claims import Claim
from repro.facts.data import EXAMPLE as DATA
from repro.facts.optimizer import EXAMPLE as SGD
from repro.facts.params import EXAMPLE as PARAMS
from repro.facts.params import Param
from repro.facts.scores import Scores
from repro.facts.split import EXAMPLE as SPLIT
from repro.judge import judge
from repro.record import Arms, RunRecord

EVERY = POLICY.model_copy(update={"preview": True})
ADAMW = SGD.but(name="AdamW")


def told(rule: str, claim: Claim = CLAIM, history: FakeHistory | None = None):
    return outcome(judge(claim, history or sgd_and_adamw(), EVERY), rule)


def test_seeds_of_one_arm_only_are_listed() -> None:
    history = sgd_and_adamw()
    history.runs["adamw"] = history.runs["adamw"][1:]
    found = told("unpaired-seeds", history=history)
    assert found.message == "the arms do not share their seeds: candidate lacks 0"
    assert told("unpaired-seeds").outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("min_effect", "expected"),
    [(0.03, Outcome.PASS), (0.005, Outcome.FAIL), (None, Outcome.NOT_APPLICABLE)],
)
def test_an_effect_that_would_be_missed_is_told_with_the_pairs_that_it_takes(
    min_effect: float | None, expected: Outcome
) -> None:
    found = told("underpowered", CLAIM.model_copy(update={"min_effect": min_effect}))
    assert found.outcome is expected
    if expected is Outcome.FAIL:
        assert found.message is not None
        assert "34 would" in found.message


def test_a_claim_that_takes_folds_for_seeds_is_invalid() -> None:
    def folds(first: int, scores: Sequence[float], *facts) -> list[RunRecord]:
        return [
            tracked(
                first + fold, 0, value, SPLIT.but(fold=fold, test_digest=f"blake3:f{fold}"), *facts
            )
            for fold, value in enumerate(scores)
        ]

    history = FakeHistory({"sgd": folds(1, BASELINE), "adamw": folds(101, CANDIDATE, ADAMW)})
    wrong = CLAIM.model_copy(update={"replicate": "seed"})
    assert told("wrong-variance", wrong, history).outcome is Outcome.FAIL
    right = CLAIM.model_copy(update={"replicate": "fold"})
    assert told("wrong-variance", right, history).outcome is Outcome.PASS
    assert told("wrong-variance", history=history).outcome is Outcome.NOT_APPLICABLE


def test_a_gain_inside_the_rope_is_trivial() -> None:
    wide, narrow = (CLAIM.model_copy(update={"rope": rope}) for rope in (0.1, 0.02))
    assert told("trivial-effect", wide).outcome is Outcome.FAIL
    assert told("trivial-effect", narrow).outcome is Outcome.PASS
    assert told("trivial-effect").outcome is Outcome.NOT_APPLICABLE


def test_a_guard_that_is_not_shown_to_hold_is_named() -> None:
    lost = (0.05, 0.06, 0.055, 0.05, 0.06)
    worse = sgd_and_adamw(candidate=[b - d for b, d in zip(BASELINE, lost, strict=True)])
    found = told("guard-regression", history=worse)
    assert found.message == "test/loss got worse by more than its margin of 0.02"
    tight = CLAIM.model_copy(
        update={"guards": (CLAIM.guards[0].model_copy(update={"margin": 0.0001}),)}
    )
    level = sgd_and_adamw(candidate=(0.91, 0.90, 0.92, 0.91, 0.90))
    found = told("guard-regression", tight, level)
    assert found.message == "test/loss is not shown to lose less than its margin of 0.0001"
    assert told("guard-regression").outcome is Outcome.PASS


class WithRows(FakeHistory):
    """Every run kept what each of its 450 rows scored: the candidate gains on `n_gained`."""

    n_gained = 18

    def artifact(self, run_id: str, path: str) -> bytes:
        rows = np.zeros(450)
        rows[: 405 + (self.n_gained if int(run_id[:8], 16) > 100 else 0)] = 1
        file = BytesIO()
        np.save(file, rows)
        return file.getvalue()


def kept(record: RunRecord) -> RunRecord:
    scores = record.find(Scores)
    assert scores is not None
    scored = tuple(
        one.model_copy(update={"per_example": "repro/rows.npy"}) for one in scores.scored
    )
    return replace(record, facts={**record.facts, "scores": scores.but(scored=scored)})


def test_a_difference_within_the_noise_of_the_rows_is_a_warning() -> None:
    runs = {name: [*map(kept, found)] for name, found in sgd_and_adamw().runs.items()}
    paired = told("eval-sampling-noise", history=WithRows(runs))
    assert paired.outcome is Outcome.PASS  # 18 rows gained, none lost
    by_shares = told("eval-sampling-noise")
    assert by_shares.message == (
        "the difference of 0.03 is within 0.0348, 1.96 standard errors over 450 evaluation rows, "
        "by the shares alone"
    )


def test_data_sets_of_other_columns_are_no_replicates_of_one() -> None:
    other = DATA.but(
        roles=tuple(one.model_copy(update={"schema_digest": "blake3:0f"}) for one in DATA.roles)
    )
    mixed = FakeHistory(
        {
            "sgd": [*seeds(1, BASELINE[:4]), tracked(9, 9, 0.9, other)],
            "adamw": [*seeds(101, CANDIDATE[:4], ADAMW), tracked(109, 9, 0.9, ADAMW, other)],
        }
    )
    assert told("bad-aggregate", history=mixed).outcome is Outcome.FAIL
    assert told("bad-aggregate").outcome is Outcome.PASS


def scaled(*values: float, **definition: object) -> list[Violation | NotApplicable]:
    """What a claim over tasks is told, with one run for each in either arm."""
    claim = CLAIM.model_copy(update={"task": "params.dataset"})
    runs = tasks(1, values)
    for run in runs[1:]:
        scores = run.find(Scores)
        scored = tuple(one.model_copy(update=definition) for one in scores.scored)
        run.facts["scores"] = scores.but(scored=scored)
    pairs = tuple((at, at) for at in range(len(runs)))
    return list(bad_aggregate.check.check(claim, Arms(tuple(runs), tuple(runs), pairs)))


def test_tasks_whose_scores_are_more_than_ten_times_apart_are_on_unlike_scales() -> None:
    assert scaled(1.0, 3.0, 10.0) == []
    (found,) = scaled(1.0, 3.0, 10.1)
    assert found.message.startswith("mean scores of the tasks reach from 1 to 10.1:")
    assert len(scaled(-1.0, -10.1)) == 1  # by size, whatever the sign
    assert scaled(0.0, 10.1) == []  # zero has no scale


def test_tasks_that_are_scored_by_other_metrics_or_the_other_way_round_have_no_mean() -> None:
    (found,) = scaled(1.0, 2.0, metric="sklearn.metrics.log_loss")
    assert "sklearn.metrics.log_loss" in found.message
    assert len(scaled(1.0, 2.0, greater_is_better=False)) == 1


def test_one_run_in_each_arm_is_no_mean_over_data_sets() -> None:
    other = DATA.but(
        roles=tuple(one.model_copy(update={"schema_digest": "blake3:0f"}) for one in DATA.roles)
    )
    for n, n_found in ((1, 0), (2, 1)):
        side = (tracked(1, 0, 0.9), tracked(2, 1, 0.9, other))[-n:]
        mixed = (tracked(3, 0, 0.9), tracked(4, 1, 0.9))[:n]
        found = list(bad_aggregate.check.check(CLAIM, Arms(side, mixed, ((0, 0),))))
        assert len(found) == n_found


def tasks(first: int, scores: Sequence[float], *facts) -> list[RunRecord]:
    """One run for each data set, all with one seed."""
    named = [PARAMS.but(declared=(Param(name="dataset", value=f"d{at}"),)) for at in range(9)]
    return [tracked(first + at, 0, value, named[at], *facts) for at, value in enumerate(scores)]


def test_a_claim_over_tasks_is_compared_task_by_task() -> None:
    claim = CLAIM.model_copy(
        update={"task": "params.dataset", "nuisance": ("optimizer.lr", "params.dataset")}
    )
    scores = [0.5 + at / 20 for at in range(8)]
    gained = [score + 0.01 + at / 1000 for at, score in enumerate(scores)]
    history = FakeHistory({"sgd": tasks(1, scores), "adamw": tasks(101, gained, ADAMW)})
    judgement = judge(claim, history, POLICY)
    assert judgement.comparison is not None
    assert (judgement.comparison.method, judgement.comparison.n_pairs) == ("signed ranks", 8)
    assert judgement.verdict is Verdict.BETTER
    scaled = [10 ** (at / 2) for at in range(8)]
    unlike = FakeHistory({"sgd": tasks(1, scaled), "adamw": tasks(101, gained, ADAMW)})
    assert told("bad-aggregate", claim, unlike).outcome is Outcome.FAIL
