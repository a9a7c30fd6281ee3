import numpy as np
import pytest
from mlxtend.evaluate import mcnemar as mlxtend_mcnemar
from scipy import stats as scipy_stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from repro.errors import TooFewReplicates, UsageError
from repro.stats import examples
from repro.stats.examples import discordant_counts, example_bootstrap, mcnemar_exact


# statsmodels: mcnemar([[0, b], [c, 0]], exact=True).pvalue
# mlxtend: mcnemar(np.array([[0, b], [c, 0]]), exact=True, corrected=False)[1]
@pytest.mark.parametrize(("b", "c"), [(0, 1), (1, 8), (8, 1), (25, 15), (300, 351)])
def test_mcnemar_agrees_with_statsmodels_and_mlxtend(b, c):
    table = np.array([[0, b], [c, 0]])
    assert mcnemar_exact(b, c) == pytest.approx(statsmodels_mcnemar(table, exact=True).pvalue)
    assert mcnemar_exact(b, c) == pytest.approx(mlxtend_mcnemar(table, exact=True)[1])


@pytest.mark.parametrize("n", [0, 1, 7])
def test_as_many_on_both_sides_show_nothing(n):
    assert mcnemar_exact(n, n) == 1.0


def test_discordant_examples_are_counted_by_who_is_right():
    assert discordant_counts([True, True, False, True], [True, False, True, False]) == (2, 1)


# scipy.stats.bootstrap((d,), np.mean, method="percentile", n_resamples=2000)
@pytest.mark.parametrize("as_counts", [True, False])
def test_the_bootstrap_agrees_with_scipy(monkeypatch, as_counts):
    d = np.sort(np.random.default_rng(0).integers(-3, 5, 300)) / 10
    monkeypatch.setattr(examples, "_MAX_DISTINCT", 1000 if as_counts else 0)
    monkeypatch.setattr(examples, "_BLOCK_CELLS", 700)  # many blocks, the last one not full
    ours = example_bootstrap(d, seed=1, n_resamples=2001)
    by_scipy = scipy_stats.bootstrap(
        (d,), np.mean, method="percentile", n_resamples=2000, rng=np.random.default_rng(2)
    ).confidence_interval
    assert ours == pytest.approx(tuple(by_scipy), abs=0.3 * d.std() / 300**0.5)


def test_the_bootstrap_draws_from_its_own_generator_only():
    d = np.linspace(-1, 2, 200)
    before = np.random.get_state()[1].tolist()
    assert example_bootstrap(d, seed=3) == example_bootstrap(d, seed=3)
    assert example_bootstrap(d, seed=3) != example_bootstrap(d, seed=4)
    assert np.random.get_state()[1].tolist() == before


def test_a_million_examples_of_accuracy_take_no_time():
    d = np.random.default_rng(0).integers(-1, 2, 1_000_000)
    low, high = example_bootstrap(d, seed=0)
    assert high - low == pytest.approx(2 * 1.96 * (2 / 3) ** 0.5 / 1000, rel=0.1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: example_bootstrap([0.1] * 199, seed=0),
            TooFewReplicates,
            "differences: 199 examples given, at least 200 needed: fewer make the bootstrap "
            "interval too narrow. Score more examples, or run more seeds.",
        ),
        (
            lambda: example_bootstrap([0.1] * 200, seed=0, n_resamples=0),
            UsageError,
            "n_resamples must be at least 1, not 0.",
        ),
        (
            lambda: mcnemar_exact(-1, 2),
            UsageError,
            "counts of examples cannot be negative: b=-1, c=2.",
        ),
        (
            lambda: discordant_counts([0, 1], [1]),
            UsageError,
            "both models must score the same examples, not 2 baseline and 1 candidate ones.",
        ),
        (
            lambda: discordant_counts([0, 1], [1, 0.5]),
            UsageError,
            "candidate_correct must be 0 or 1 for each example, not 0.5.",
        ),
    ],
)
def test_what_cannot_be_resampled_or_counted_is_refused(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message
