"""Claims of one family: Holm's correction through the level of each gate."""

import pytest
from fake_history import ADAMW, BASELINE, CANDIDATE, CLAIM, POLICY, FakeHistory, seeds

from repro.audit.judgement import Judgement
from repro.audit.verdict import Verdict
from repro.families import gate_p, judge_with_families
from repro.judge import judge


def judge_with_family(claim, history, policy) -> Judgement:
    (found,) = judge_with_families([claim], history, policy)
    assert isinstance(found, Judgement)
    return found


WEAK = (0.92, 0.925, 0.925, 0.92, 0.912)  # alone p = .03


def family(*members: str, **changes: object):
    """Claims against one baseline, and a policy that holds them."""
    claims = tuple(
        CLAIM.model_copy(
            update={"name": name, "candidate": name, "family": "f", "guards": (), **changes}
        )
        for name in members
    )
    return claims, POLICY.model_copy(update={"claims": claims})


def history(**candidates: tuple[float, ...]) -> FakeHistory:
    arms = {
        name: seeds(1_000 * at, scores, ADAMW[0].but(name=name), ADAMW[1])
        for at, (name, scores) in enumerate(candidates.items(), 1)
    }
    return FakeHistory({"sgd": seeds(1, BASELINE), **arms})


def test_a_claim_that_would_hold_alone_may_not_hold_beside_one_without_effect() -> None:
    (weak, none), policy = family("weak", "none")
    runs = history(weak=WEAK, none=(0.91, 0.90, 0.92, 0.91, 0.90))
    alone = judge(weak, runs, policy)
    assert (alone.verdict, 0.025 < gate_p(alone) < 0.05) == (Verdict.BETTER, True)
    together = judge_with_family(weak, runs, policy)
    assert together.comparison is not None
    assert (together.verdict, together.comparison.alpha) == (Verdict.INCONCLUSIVE, 0.025)
    assert judge_with_family(none, runs, policy).verdict is Verdict.INCONCLUSIVE


def test_beside_one_that_holds_it_is_tested_at_the_next_level() -> None:
    (weak, strong), policy = family("weak", "strong")
    runs = history(weak=WEAK, strong=CANDIDATE)
    verdicts = [judge_with_family(claim, runs, policy) for claim in (weak, strong)]
    assert [one.verdict for one in verdicts] == [Verdict.BETTER, Verdict.BETTER]
    assert [one.comparison.alpha for one in verdicts if one.comparison] == [0.05, 0.025]


def test_at_a_look_the_family_shares_what_that_look_may_spend() -> None:
    claims, policy = family("weak", "strong", looks=(5, 10))
    runs = history(weak=WEAK, strong=CANDIDATE)
    weak, strong = (judge_with_family(claim, runs, policy) for claim in claims)
    assert weak.comparison is not None
    assert strong.comparison is not None
    assert strong.comparison.alpha == pytest.approx(0.0125)
    assert weak.comparison.alpha == pytest.approx(0.025)
    assert weak.verdict is Verdict.INCONCLUSIVE


def test_a_claim_without_a_family_stands_alone() -> None:
    (weak, _), policy = family("weak", "none", family=None)
    judged = judge_with_family(weak, history(weak=WEAK, none=WEAK), policy)
    assert judged.verdict is Verdict.BETTER
