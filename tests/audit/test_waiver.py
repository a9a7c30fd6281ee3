from datetime import date

import pytest

from repro.audit.finding import Finding, Outcome
from repro.audit.rule import Severity
from repro.audit.waiver import covers, in_force, unused, waive
from repro.claims import Waiver

RUN = "1f2e3d4c" * 4


def waiver(scope: str, rule: str = "dirty-no-diff") -> Waiver:
    return Waiver(
        rule=rule, scope=scope, reason="docs only", owner="@vision", expires=date(2027, 1, 31)
    )


def finding(outcome: Outcome = Outcome.FAIL, *, of_a_run: bool = True) -> Finding:
    return Finding(
        rule="dirty-no-diff",
        code="SRC001",
        outcome=outcome,
        severity=Severity.ERROR,
        message="dirty",
        fix="commit",
        arms=("candidate",) if of_a_run else (),
        runs=(RUN,) if of_a_run else (),
    )


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.UNKNOWN])
@pytest.mark.parametrize("scope", ["run:1f2e", "arm:candidate", "claim:adamw"])
def test_a_waiver_that_covers_a_finding_makes_it_waived(scope: str, outcome: Outcome) -> None:
    chosen = waiver(scope)
    (found,) = waive([finding(outcome)], [chosen], claim="adamw")
    assert (found.outcome, found.waiver) == (Outcome.WAIVED, chosen)


@pytest.mark.parametrize(
    "chosen",
    [
        waiver("run:3d4c"),
        waiver("arm:baseline"),
        waiver("claim:sgd"),
        waiver("run:1f2e", rule="split-differs"),
    ],
)
def test_a_waiver_of_another_rule_run_arm_or_claim_covers_nothing(chosen: Waiver) -> None:
    (found,) = waive([finding()], [chosen], claim="adamw")
    assert (found.outcome, found.waiver) == (Outcome.FAIL, None)


def test_a_rule_can_be_waived_by_its_code() -> None:
    assert covers(waiver("run:1f2e", rule="SRC001"), finding(), "adamw")


@pytest.mark.parametrize(("scope", "covered"), [("arm:candidate", False), ("claim:adamw", True)])
def test_a_finding_about_the_claim_is_waived_for_the_claim_only(scope: str, covered: bool) -> None:
    assert covers(waiver(scope), finding(of_a_run=False), "adamw") is covered


def test_what_passed_is_not_waived() -> None:
    (found,) = waive([finding(Outcome.PASS)], [waiver("claim:adamw")], claim="adamw")
    assert found.outcome is Outcome.PASS


def test_a_waiver_holds_on_its_last_day_and_not_on_the_next() -> None:
    chosen = waiver("arm:candidate")
    assert in_force([chosen], date(2027, 1, 31)) == (chosen,)
    assert in_force([chosen], date(2027, 2, 1)) == ()


def test_a_waiver_that_waived_nothing_is_unused() -> None:
    used, idle = waiver("run:1f2e"), waiver("arm:baseline")
    findings = waive([finding()], [used, idle], claim="adamw")
    assert unused([used, idle], findings) == (idle,)
