"""Claims of one family: Holm's correction through the level of each gate."""

from dataclasses import replace

import pytest
from fake_history import ADAMW, BASELINE, CANDIDATE, CLAIM, POLICY, FakeHistory, seeds
from null_claims import holds_at, judged, of_pairs
from null_worlds import WIDE, moved

from repro.audit.judgement import Judgement
from repro.audit.verdict import Verdict
from repro.errors import ConfigurationError, UnknownRun
from repro.families import gate_p, holm_level, judge_with_families
from repro.judge import judge
from repro.stats.task_comparison import SignedRankEstimate


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


def test_a_margin_that_nothing_could_refute_does_not_keep_other_claims_from_being_judged() -> None:
    (sound,), policy = family("sound")
    vacuous = sound.model_copy(update={"name": "v", "goal": "no-regression", "margin": 1.0})
    found = list(judge_with_families([vacuous, sound], history(sound=CANDIDATE), policy))
    assert isinstance(found[0], ConfigurationError)
    assert isinstance(found[1], Judgement)


def test_at_a_look_the_family_shares_what_that_look_may_spend() -> None:
    claims, policy = family("weak", "strong", looks=(5, 10))
    runs = history(weak=WEAK, strong=CANDIDATE)
    weak, strong = (judge_with_family(claim, runs, policy) for claim in claims)
    assert weak.comparison is not None
    assert strong.comparison is not None
    assert strong.comparison.alpha == pytest.approx(0.0125)
    assert weak.comparison.alpha == pytest.approx(0.025)
    assert weak.verdict is Verdict.INCONCLUSIVE


# A p is right if the gates, drawn at it, are about to open.
@pytest.mark.parametrize("goal", ["improve", "no-regression", "equivalent"])
@pytest.mark.parametrize("is_by_guard", [False, True])
def test_the_p_of_a_claim_is_the_smallest_alpha_at_which_it_holds(goal, is_by_guard) -> None:
    near = {"improve": 1.0, "no-regression": 1.0 - WIDE, "equivalent": WIDE - 1.0}[goal]
    far = 0.0 if goal == "equivalent" else WIDE
    noise = (0.1, -0.3, 0.7, -0.2, 0.4)
    primary = moved(of_pairs(noise), far if is_by_guard else near)
    judgement = judged(goal, primary, moved(of_pairs(noise), -18.7 if is_by_guard else WIDE))
    p = gate_p(judgement)
    assert 0.0001 < p < 0.05
    assert holds_at(judgement, p * 1.001)
    assert not holds_at(judgement, p * 0.999)


def test_a_claim_whose_numbers_may_not_speak_is_the_first_to_give_way() -> None:
    noisy = moved(of_pairs((0.1, -0.3, 0.7, -0.2, 0.4)), WIDE)
    loud = judged("improve", noisy, noisy)
    few = replace(loud, claim=loud.claim.model_copy(update={"replicates": 6}))
    silent = replace(loud, comparison=None)
    unguarded = replace(loud, guards=(replace(loud.guards[0], comparison=None),))
    alike = judged("no-regression", of_pairs([0.5] * 5), noisy)
    over_tasks = replace(noisy, estimate=SignedRankEstimate((0.1, 0.2, 0.3, 0.4, 0.5, 0.6)))
    tasks = judged("improve", over_tasks, noisy)
    assert gate_p(loud) < 1e-4
    assert {gate_p(one) for one in (few, silent, unguarded, alike, tasks)} == {1.0}
    for other in (silent, UnknownRun("no run matches")):
        assert holm_level(loud, [other]) == 0.025
    assert holm_level(loud, [judged("improve", noisy, noisy)]) == 0.025
    assert holm_level(silent, [loud]) == 0.05


def test_the_smallest_alpha_of_a_family_is_shared() -> None:
    noisy = moved(of_pairs((0.1, -0.3, 0.7, -0.2, 0.4)), WIDE)
    first, later = (judged("improve", replace(noisy, alpha=a), noisy) for a in (0.05, 0.02))
    assert [holm_level(first, [later]), holm_level(later, [first])] == [0.01, 0.01]


def test_guards_are_decided_at_the_level_of_their_claim() -> None:
    (weak, _), policy = family("weak", "none", guards=CLAIM.guards)
    judged_weak = judge_with_family(weak, history(weak=WEAK, none=WEAK), policy)
    (guard,) = judged_weak.guards
    assert guard.comparison is not None
    assert guard.comparison.alpha == 0.025


def test_a_claim_without_a_family_stands_alone() -> None:
    (weak, _), policy = family("weak", "none", family=None)
    judged = judge_with_family(weak, history(weak=WEAK, none=WEAK), policy)
    assert judged.verdict is Verdict.BETTER
