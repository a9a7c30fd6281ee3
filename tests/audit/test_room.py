"""A margin that no scores could exceed is refused, with the value and what would do."""

import pytest
from fake_history import BASELINE, CLAIM, POLICY, sgd_and_adamw
from null_claims import scored

from repro.audit.case import Case
from repro.audit.example import example_comparison
from repro.audit.room import refuse_vacuous_margins
from repro.claims import Guard
from repro.errors import ConfigurationError
from repro.judge import judge
from repro.record import Arms


def judged(**changes):
    return judge(CLAIM.model_copy(update={"guards": (), **changes}), sgd_and_adamw(), POLICY)


def test_no_share_of_908_thousandths_can_lose_95_hundredths():
    assert sum(BASELINE) / 5 == pytest.approx(0.908)
    with pytest.raises(ConfigurationError) as caught:
        judged(goal="no-regression", margin=0.95, min_effect=None)
    assert str(caught.value) == (
        "claim 'adamw-beats-sgd': margin = 0.95 of test/accuracy can never be exceeded: from the "
        "baseline's 0.908 it can get worse by 0.908 at most, for it lies between 0 and 1. Declare "
        "the largest change that does not matter."
    )


def test_a_share_can_lose_all_that_it_has_but_gain_only_the_rest():
    judged(goal="no-regression", margin=0.907)
    judged(goal="equivalent", margin=0.5)
    with pytest.raises(ConfigurationError, match=r"margin = 0\.908 .* change by 0\.908 at most, "):
        judged(goal="equivalent", margin=0.908)


def test_a_loss_has_the_rest_to_lose():
    lost = scored(metric="sklearn.metrics.zero_one_loss")
    changes = {"goal": "no-regression", "direction": "lower", "margin": 0.11}
    case = Case(
        claim=CLAIM.model_copy(update=changes),
        policy=POLICY,
        arms=Arms((lost,), (lost,), ((0, 0),)),
        comparison=example_comparison(n_pairs=5, difference=0.0, standard_error=0.01),
    )
    with pytest.raises(ConfigurationError, match=r"the baseline's 0\.9 it can get worse by 0\.1 "):
        refuse_vacuous_margins(case)


def test_a_guard_must_be_able_to_trip():
    for margin, metric in ((0.9, "test/accuracy"), (50.0, "test/loss")):  # no bound is known of it
        judged(guards=(Guard(metric=metric, direction="higher", margin=margin),))
    with pytest.raises(ConfigurationError, match=r"guards: margin = 1 of test/accuracy can never "):
        judged(guards=(Guard(metric="test/accuracy", direction="higher", margin=1.0),))
