from datetime import date

import pytest
from fake_history import (
    CLAIM,
    POLICY,
    outcome,
    sgd_and_adamw,
)

from repro.audit.finding import Outcome
from repro.audit.verdict import Verdict
from repro.claims import Policy, Waiver
from repro.errors import UnknownRule
from repro.facts.code import EXAMPLE as CODE
from repro.judge import judge

TODAY = date(2026, 11, 1)
DIRTY = CODE.but(is_dirty=True, n_modified=2)


def waiving(scope: str, rule: str = "dirty-no-diff", day: str = "2027-01-31") -> Policy:
    waiver = Waiver(
        rule=rule, scope=scope, reason="docs only", owner="@vision", expires=date.fromisoformat(day)
    )
    return POLICY.model_copy(update={"waivers": (waiver,)})


def test_a_waived_error_does_not_block_and_stays_visible() -> None:
    policy = waiving("arm:candidate")
    judgement = judge(CLAIM, sgd_and_adamw(DIRTY), policy, today=TODAY)
    found = outcome(judgement, "dirty-no-diff")
    assert (found.outcome, found.waiver) == (Outcome.WAIVED, policy.waivers[0])
    assert judgement.verdict is Verdict.BETTER
    assert judgement.unused_waivers == ()


def test_a_waiver_of_one_run_leaves_the_others_failing() -> None:
    judgement = judge(CLAIM, sgd_and_adamw(DIRTY), waiving("run:00000065"), today=TODAY)
    outcomes = [
        (found.outcome, len(found.runs))
        for found in judgement.findings
        if found.rule == "dirty-no-diff"
    ]
    assert outcomes == [(Outcome.WAIVED, 1), (Outcome.FAIL, 4)]
    assert judgement.verdict is Verdict.INVALID


def test_an_expired_waiver_does_not_apply_and_is_reported() -> None:
    policy = waiving("arm:candidate", day="2026-10-31")
    judgement = judge(CLAIM, sgd_and_adamw(DIRTY), policy, today=TODAY)
    assert judgement.verdict is Verdict.INVALID
    assert judgement.expired_waivers == policy.waivers
    assert judgement.unused_waivers == ()


def test_a_waiver_that_waives_nothing_is_reported() -> None:
    policy = waiving("arm:candidate")
    judgement = judge(CLAIM, sgd_and_adamw(), policy, today=TODAY)
    assert judgement.unused_waivers == policy.waivers


@pytest.mark.parametrize("scope", ["claim:other", "run:abcdef"])
def test_a_waiver_of_another_claim_or_run_is_not_called_unused(scope: str) -> None:
    assert judge(CLAIM, sgd_and_adamw(), waiving(scope), today=TODAY).unused_waivers == ()


def test_a_waiver_of_an_unknown_rule_is_refused() -> None:
    with pytest.raises(UnknownRule):
        judge(CLAIM, sgd_and_adamw(), waiving("arm:candidate", rule="dirty"))
