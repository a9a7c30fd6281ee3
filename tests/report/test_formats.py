"""What every form of report must hold, so that a new form is tested without a new test."""

import pytest
from fake_history import CLAIM, POLICY, sgd_and_adamw

from repro.audit.finding import Outcome
from repro.audit.judgement import Judgement
from repro.facts.batching import EXAMPLE as BATCHING
from repro.facts.code import EXAMPLE as CODE
from repro.facts.environment import EXAMPLE as ENVIRONMENT
from repro.facts.environment import Package
from repro.facts.fact import Absent
from repro.judge import judge
from repro.report import formats


@pytest.fixture
def judgement() -> Judgement:
    """Errors, a warning and an unknown rule at once."""
    patched = ENVIRONMENT.but(
        imported=(ENVIRONMENT.imported[0], Package(name="torch", version="2.13.1"))
    )
    history = sgd_and_adamw(
        BATCHING.but(micro=256, effective=256),
        CODE.but(is_dirty=True, n_modified=2),
        patched,
        optimizer=Absent(reason="nobody looked", kind="not_recorded"),
    )
    return judge(CLAIM, history, POLICY)


def test_the_forms_are_found_by_their_files() -> None:
    assert {"json", "text"} <= formats().keys()


@pytest.mark.parametrize("name", formats())
def test_no_form_loses_a_finding(name: str, judgement: Judgement) -> None:
    report = str(formats()[name]([judgement]))
    outcomes = {found.outcome for found in judgement.findings}
    assert {Outcome.FAIL, Outcome.UNKNOWN, Outcome.NOT_APPLICABLE} <= outcomes
    for found in judgement.findings:
        if found.outcome is not Outcome.PASS:
            assert found.code in report
        if found.outcome is Outcome.FAIL or (found.message and not found.is_advice):
            assert str(found.message).replace('"', r"\"") in report or str(found.message) in report


@pytest.mark.parametrize("name", formats())
def test_every_form_names_the_claim_and_its_verdict(name: str, judgement: Judgement) -> None:
    report = str(formats()[name]([judgement]))
    assert judgement.claim.name in report
    assert judgement.verdict.value in report


@pytest.mark.parametrize("name", formats())
def test_every_form_reports_every_claim(name: str, judgement: Judgement) -> None:
    report = formats()[name]
    assert str(report([judgement, judgement])).count("INVALID") >= 2
    assert "INVALID" not in str(report([]))
