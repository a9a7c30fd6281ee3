from itertools import combinations, product

import numpy as np
import pytest
from scipy import special

from repro.errors import UsageError
from repro.stats.best_of import expected_maximum, unbiased_expected_maximum

SCORES = [0.7, 0.9, 0.4, 0.9, 0.85]


# The definition: max over all tuples with replacement, over all subsets without
@pytest.mark.parametrize("k", [1, 2, 4, 5])
def test_both_are_the_mean_over_everything_that_could_be_drawn(k):
    with_replacement = np.mean([max(t) for t in product(SCORES, repeat=k)])
    assert expected_maximum(SCORES, k) == pytest.approx(with_replacement)
    subsets = np.mean([max(t) for t in combinations(SCORES, k)])
    assert unbiased_expected_maximum(SCORES, k) == pytest.approx(subsets)


# .846 exactly (3 / (2 sqrt(pi))) for k = 3: the +.84 in circulation is a simulated figure, cut off.
@pytest.mark.parametrize(("k", "gain"), [(3, 0.846), (5, 1.163), (10, 1.539), (20, 1.867)])
def test_the_best_of_k_seeds_gains_what_normal_noise_gives_away(k, gain):
    normal = special.ndtri((np.arange(20_000) + 0.5) / 20_000)
    assert expected_maximum(normal, k) == pytest.approx(gain, abs=1e-3)
    assert unbiased_expected_maximum(normal, k) == pytest.approx(gain, abs=1e-3)


def test_the_paper_s_estimate_never_exceeds_the_best_score_seen():
    assert expected_maximum(SCORES, 1000) == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: expected_maximum(SCORES, 0), "k is a number of runs, 1 or more, not 0."),
        (
            lambda: unbiased_expected_maximum(SCORES, 6),
            "the best of 6 runs needs at least 6 scores, not 5.",
        ),
    ],
)
def test_an_impossible_k_is_refused(call, message):
    with pytest.raises(UsageError) as caught:
        call()
    assert str(caught.value) == message
