import json
from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from repro.errors import UsageError
from repro.stats.multiplicity import benjamini_hochberg, holm, holm_levels

GOLDEN = json.loads((Path(__file__).parent / "reference" / "golden_paired5.json").read_text())
FAMILIES = [
    [],
    [0.03],
    [0.04, 0.011, 0.02],
    [0.02, 0.02, 0.9, 0.02, 0.0],
    [1.0, 0.6, 0.6],
    [0.012, 0.03, 0.02, 0.001],
    [0.01, 0.03, 0.04, 0.045],  # Holm rejects one, Benjamini and Hochberg all
    np.random.default_rng(0).random(30) ** 4,
]


def test_the_golden_family():
    for adjust, case in (
        (holm, GOLDEN["holm_of_three"]),
        (benjamini_hochberg, GOLDEN["bh_of_three"]),
    ):
        assert adjust(case["raw"]) == pytest.approx(case["adjusted"])


# statsmodels: multipletests(p, method="holm" or "fdr_bh")[1]
@pytest.mark.parametrize("p", FAMILIES[1:])
def test_adjusted_p_values_agree_with_statsmodels_in_any_order(p):
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert benjamini_hochberg(p) == pytest.approx(multipletests(p, method="fdr_bh")[1])


@pytest.mark.parametrize("p", FAMILIES)
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_p_is_below_its_level_exactly_where_holm_rejects(p, alpha):
    by_level = [own < level for own, level in zip(p, holm_levels(p, alpha), strict=True)]
    assert by_level == [adjusted < alpha for adjusted in holm(p)]


def test_levels_step_down_and_stay_where_the_first_is_not_rejected():
    assert holm_levels([0.011, 0.03, 0.02, 0.001]) == pytest.approx(
        [0.05 / 3, 0.05 / 1, 0.05 / 2, 0.05 / 4]
    )
    assert holm_levels([0.9, 0.03, 0.04, 0.001]) == pytest.approx([0.05 / 3] * 3 + [0.05 / 4])
    assert holm_levels([0.01, 0.01]) == (0.025, 0.025)


@pytest.mark.parametrize("bad", [float("nan"), -0.01, 1.01])
@pytest.mark.parametrize("adjust", [holm, holm_levels, benjamini_hochberg])
def test_what_is_no_p_value_is_refused(adjust, bad):
    with pytest.raises(UsageError) as caught:
        adjust([0.01, bad])
    assert str(caught.value) == (
        f"p-values must lie between 0 and 1, but 1 of 2 do not: {bad}. "
        f"A test that could not be made counts as p = 1."
    )
