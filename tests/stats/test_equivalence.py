import json
from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.weightstats import ttost_paired

from repro.errors import UsageError
from repro.stats.equivalence import non_inferiority_p, superiority_p, tost_p
from repro.stats.estimate import Estimate
from repro.stats.paired import paired_t

GOLDEN = json.loads((Path(__file__).parent / "reference" / "golden_paired5.json").read_text())
PAIRED = paired_t(np.subtract(GOLDEN["candidate"], GOLDEN["baseline"]))
GAIN = Estimate(mean=0.4, standard_error=1.0, df=6.5, n=9)
LOSS = Estimate(mean=-0.4, standard_error=1.0, df=6.5, n=9)


def test_the_golden_pairs():
    assert superiority_p(PAIRED) == pytest.approx(GOLDEN["p_two_sided"])
    assert non_inferiority_p(PAIRED, 0.005) == pytest.approx(
        GOLDEN["noninferiority_margin_0_005_p"]
    )
    assert tost_p(PAIRED, 0.01) == pytest.approx(GOLDEN["tost_margin_0_01_p"])


# statsmodels: ttost_paired(candidate, baseline, -margin, margin)[0]
@pytest.mark.parametrize("margin", [0.0, 0.007, 0.02])
def test_tost_agrees_with_statsmodels(margin):
    c, b = np.array(GOLDEN["candidate"]), np.array(GOLDEN["baseline"])
    assert tost_p(PAIRED, margin) == pytest.approx(ttost_paired(c, b, -margin, margin)[0])


@pytest.mark.parametrize("estimate", [GAIN, LOSS])
@pytest.mark.parametrize("margin", [0.0, 0.7, 3.0])
def test_each_p_is_the_alpha_at_which_its_interval_touches_the_limit(estimate, margin):
    p = non_inferiority_p(estimate, margin)
    assert estimate.lower_bound(1 - p) == pytest.approx(-margin, abs=1e-12)
    if margin > abs(estimate.mean):
        low, high = estimate.interval(1 - 2 * tost_p(estimate, margin))
        assert max(-low, high) == pytest.approx(margin, abs=1e-12)


def test_a_gain_is_tested_on_both_sides_and_a_loss_is_no_gain():
    assert GAIN.interval(1 - superiority_p(GAIN)).low == pytest.approx(0, abs=1e-12)
    assert superiority_p(GAIN) == GAIN.p_value
    assert superiority_p(LOSS) == 1.0


def test_without_spread_the_bound_is_the_mean_but_no_gain_is_shown():
    exact = Estimate(mean=0.25, standard_error=0.0, df=4, n=5)
    assert superiority_p(exact) == 1.0
    assert non_inferiority_p(exact, 0.0) == 0.0
    assert (tost_p(exact, 0.25), tost_p(exact, 0.26)) == (1.0, 0.0)


@pytest.mark.parametrize("margin", [-0.1, float("nan"), float("inf")])
def test_a_margin_that_cannot_be_is_refused(margin):
    with pytest.raises(UsageError) as caught:
        tost_p(GAIN, margin)
    assert str(caught.value) == (
        f"margin must be 0 or more, in score units, not {margin}. "
        f"Declare the largest change that does not matter."
    )
