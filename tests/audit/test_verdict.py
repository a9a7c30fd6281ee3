import pytest

from repro.audit.finding import Finding, Outcome
from repro.audit.rule import Severity
from repro.audit.verdict import Verdict, admissibility, exit_code, strict, worst
from repro.claims import Goal


def finding(outcome: Outcome, severity: Severity) -> Finding:
    return Finding(rule="r", code="XYZ001", outcome=outcome, severity=severity)


FAILED = finding(Outcome.FAIL, Severity.ERROR)
UNKNOWN = finding(Outcome.UNKNOWN, Severity.ERROR)


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ([], None),
        ([finding(Outcome.PASS, Severity.ERROR)], None),
        ([finding(Outcome.WAIVED, Severity.ERROR)], None),
        ([finding(Outcome.NOT_APPLICABLE, Severity.ERROR)], None),
        ([finding(Outcome.FAIL, Severity.WARNING)], None),
        ([finding(Outcome.UNKNOWN, Severity.WARNING)], None),
        ([UNKNOWN], Verdict.UNPROVEN),
        ([FAILED], Verdict.INVALID),
        ([UNKNOWN, FAILED], Verdict.INVALID),
    ],
)
def test_a_failed_error_is_invalid_an_unknown_one_unproven_and_the_rest_may_be_measured(
    findings: list[Finding], verdict: Verdict | None
) -> None:
    assert admissibility(findings) is verdict


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        ("improve", Verdict.BETTER),
        ("no-regression", Verdict.NO_REGRESSION),
        ("equivalent", Verdict.EQUIVALENT),
    ],
)
def test_only_the_verdict_that_was_claimed_exits_with_zero(goal: Goal, met: Verdict) -> None:
    codes = {verdict: exit_code(goal, verdict) for verdict in Verdict}
    assert [verdict for verdict, code in codes.items() if code == 0] == [met]


def test_exit_codes_are_the_documented_ones() -> None:
    assert exit_code("improve", Verdict.INVALID) == 1
    assert exit_code("improve", Verdict.WORSE) == 1
    assert exit_code("equivalent", Verdict.BETTER) == 1
    assert exit_code("improve", Verdict.UNPROVEN) == 3
    assert exit_code("improve", Verdict.INCONCLUSIVE) == 4


@pytest.mark.parametrize(
    ("codes", "code"),
    [([], 0), ([0, 4], 4), ([4, 3, 0], 3), ([3, 1, 4], 1), ([1, 2, 0], 2)],
)
def test_of_several_claims_the_worst_decides(codes: list[int], code: int) -> None:
    assert worst(codes) == code


def test_strict_turns_unproven_and_inconclusive_into_refuted_and_nothing_else() -> None:
    assert [strict(code) for code in (0, 1, 2, 3, 4)] == [0, 1, 2, 1, 1]
