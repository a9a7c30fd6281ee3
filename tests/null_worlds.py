"""Worlds without an effect, or with exactly the margin: which gates err in them?

Each function draws samples for ever, calls the product's functions on each, and says of every gate
whether it erred. A gate that refuses a size yields nothing.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np

from repro.stats.comparison import Comparison, compare
from repro.stats.datasets import critical_difference, friedman, signed_rank
from repro.stats.decision import decide
from repro.stats.estimate import Estimate, Interval, Uncertain
from repro.stats.examples import example_bootstrap, mcnemar_exact
from repro.stats.paired import paired_t, sign_flip_p
from repro.stats.task_comparison import MIN_DATASETS, MIN_RUNS, compare_tasks
from repro.stats.unpaired import permutation_p

NORMAL, SKEWED = "normal", "exponential"
WIDE = 20.0  # sd: so wide a margin that only one side of it can be missed
CONTRAST = "no gate, for contrast"
N_ROWS = 60

Erred = dict[str, bool]


class Noise:
    """Draws of mean 0 and standard deviation 1."""

    def __init__(self, shape, rng):
        self.shape, self.rng = shape, rng
        self.share_above_0 = 0.5 if shape == NORMAL else np.exp(-1)

    def draw(self, *size):
        if self.shape == NORMAL:
            return self.rng.normal(size=size)
        return self.rng.exponential(size=size) - 1

    def difference(self, *size):
        """Of two exchangeable arms: symmetric, whatever the shape of each."""
        return self.draw(*size) - self.draw(*size)

    def seed(self) -> int:
        return int(self.rng.integers(2**32))


def pairs(noise: Noise, n: int) -> Iterator[Erred]:
    """n seeds, both arms run on each; the noise is that of the differences."""
    while True:
        shared, d = noise.rng.normal(size=n), noise.draw(n)
        equal = compared(shared, shared + d, kind="seed")
        narrow = decide("equivalent", moved(equal, 1.0), margin=1.0, min_replicates=2)
        yield {
            "paired t: 95 % interval": misses(equal.interval, 0),
            **goals("paired t", equal),
            "paired t: EQUIVALENT at a gain of the margin, 1 sd": narrow == "EQUIVALENT",
            "P(better), Clopper-Pearson 95 %": misses(
                equal.probability_better.interval, noise.share_above_0
            ),
        }


def flips(noise: Noise, n: int) -> Iterator[Erred]:
    """n seeds, arms exchangeable."""
    while n <= 16:
        yield {"sign-flip, p <= .05": sign_flip_p(noise.difference(n)) <= 0.05}


def arms(noise: Noise, n: int) -> Iterator[Erred]:
    """n runs of each arm on seeds of its own."""
    while True:
        b, c = noise.draw(n), noise.draw(n)
        wider = unpaired(b, 3 * c)
        erred = {
            **goals("Welch t", unpaired(b, c)),
            "Welch's 95 % interval, sd 1 and 3": misses(wider.interval, 0),
        }
        if n <= 5:  # above, too many regroupings to list
            erred["permutation, p <= .05"] = permutation_p(b, c) <= 0.05
        yield erred


def splits(noise: Noise, n: int) -> Iterator[Erred]:
    """n random splits of 60 rows, 48 to train on and 12 to test on; least squares."""
    while True:
        for d in gaps_of_regressions(noise, randomly_split(noise, n)):
            yield {
                **goals("Nadeau-Bengio, random splits", over_folds(d, ratio=1 / 4)),
                f"{CONTRAST}: paired t, random splits": misses(paired_t(d).interval(), 0),
            }


def folds(noise: Noise, n: int) -> Iterator[Erred]:
    """n folds of one data set of 60 rows, each row tested once; least squares."""
    while True:
        places = noise.rng.random((500, 1, N_ROWS)).argsort(axis=2)
        fold = np.arange(n)[:, np.newaxis]
        for d in gaps_of_regressions(noise, places // (N_ROWS // n) == fold):
            yield goals("Nadeau-Bengio, n-fold", over_folds(d, ratio=1 / (n - 1)))


def stumps(noise: Noise, n: int) -> Iterator[Erred]:
    """n random splits of 60 rows whose labels are nearly noise; classifiers that flip with them."""
    while True:
        for d in gaps_of_stumps(noise, randomly_split(noise, n)):
            yield goals("Nadeau-Bengio, unstable", over_folds(d, ratio=1 / 4))


def randomly_split(noise: Noise, n: int):
    """Which rows are tested; shape (500, n, n_rows)."""
    places = noise.rng.random((500, n, N_ROWS)).argsort(axis=2)
    return places < N_ROWS // 5


def gaps_of_regressions(noise: Noise, is_test):
    """Mean squared error of one linear model minus another's, shape (repeats, n_splits).

    y = x_1 + x_2 + noise; the models are least squares on x_1 alone and on x_2 alone, so neither
    is better. Both are fitted anew on the training rows of each split. `is_test` has the shape
    (repeats, n_splits, n_rows).
    """
    x, y = two_features(noise, is_test, noise_sd=1)
    slope = (x * y * ~is_test).sum(axis=3) / (x * x * ~is_test).sum(axis=3)
    error = ((y - slope[..., np.newaxis] * x) ** 2).mean(axis=3, where=is_test)
    return error[1] - error[0]


def gaps_of_stumps(noise: Noise, is_test):
    """The same for the sign of x_1 or of x_2, turned round where the training rows say so."""
    x, y = two_features(noise, is_test, noise_sd=5)
    agreement = np.where(is_test, 0, np.sign(x * y)).sum(axis=3, keepdims=True)
    predicted = np.where(agreement < 0, -1, 1) * np.sign(x)
    error = (predicted != np.sign(y)).mean(axis=3, where=is_test)
    return error[1] - error[0]


def two_features(noise: Noise, is_test, *, noise_sd: float):
    """x of shape (2, repeats, 1, n_rows), and y, their sum with noise."""
    repeats, _, n_rows = is_test.shape
    x = noise.rng.normal(size=(2, repeats, 1, n_rows))
    return x, x.sum(axis=0) + noise_sd * noise.draw(repeats, 1, n_rows)


def ranks(noise: Noise, n: int) -> Iterator[Erred]:
    """A claim over n tasks, one run of each arm on each: signed ranks."""
    while n >= MIN_DATASETS:
        b, c = noise.draw(n, 1), noise.draw(n, 1)
        yield goals("signed ranks", over_tasks(b, c))


def tables(noise: Noise, n: int) -> Iterator[Erred]:
    """A claim over five tasks, whose levels lie 2 sd apart, n runs of each arm on each: IQM."""
    levels = 2 * np.arange(5)[:, np.newaxis]
    while n >= MIN_RUNS:
        b, c = levels + noise.draw(5, n), levels + noise.draw(5, n)
        yield goals("interquartile mean", over_tasks(b, c))


def datasets(noise: Noise, n: int) -> Iterator[Erred]:
    """One score of each method on each of n data sets."""
    while n >= MIN_DATASETS:
        overall = friedman(noise.draw(n, 4))
        spread = max(overall.average_ranks) - min(overall.average_ranks)
        yield {
            "Wilcoxon signed-rank, p <= .05": signed_rank(noise.difference(n)).p_value <= 0.05,
            "Friedman, four methods, p <= .05": overall.p_value <= 0.05,
            "Nemenyi, four methods, any pair": spread >= nemenyi(4, n),
        }


nemenyi = cache(critical_difference)


def examples(noise: Noise, n: int) -> Iterator[Erred]:
    """One run of each arm on n examples, right or wrong; one of five is right in one arm only."""
    while True:
        only_baseline, only_candidate, both = noise.rng.multinomial(n, [0.1, 0.1, 0.8])
        d = np.repeat([-1.0, 1.0, 0.0], [only_baseline, only_candidate, both])
        interval = example_bootstrap(d, seed=noise.seed(), n_resamples=1000)
        yield {
            "example bootstrap, right or wrong": misses(interval, 0),
            "McNemar exact, p <= .05": mcnemar_exact(only_baseline, only_candidate) <= 0.05,
        }


def grades(noise: Noise, n: int) -> Iterator[Erred]:
    """One run of each arm on n examples, each with a score of its own."""
    while True:
        interval = example_bootstrap(noise.draw(n), seed=noise.seed(), n_resamples=500)
        yield {"example bootstrap, graded": misses(interval, 0)}


def goals(method: str, equal: Comparison) -> Erred:
    """The gate of each goal; `equal` compares arms that do not differ in truth."""
    improve = decide("improve", equal, min_replicates=2)
    lost = decide("no-regression", moved(equal, -WIDE), margin=WIDE, min_replicates=2)
    gained = decide("equivalent", moved(equal, WIDE), margin=WIDE, min_replicates=2)
    return {
        f"{method}: BETTER or WORSE": improve != "INCONCLUSIVE",
        f"{method}: BETTER": improve == "BETTER",
        f"{method}: NO_REGRESSION at a loss of the margin": lost == "NO_REGRESSION",
        f"{method}: WORSE at a loss of the margin": lost == "WORSE",
        f"{method}: EQUIVALENT at a gain of the margin": gained == "EQUIVALENT",
    }


def compared(baseline, candidate, *, kind, ratio=None) -> Comparison:
    b, c = dict(enumerate(baseline)), dict(enumerate(candidate))
    return compare(b, c, higher_is_better=True, kind=kind, test_train_ratio=ratio)


def over_folds(differences, *, ratio) -> Comparison:
    return compared(np.zeros_like(differences), differences, kind="fold", ratio=ratio)


def unpaired(baseline, candidate) -> Comparison:
    later = dict(enumerate(candidate, len(baseline)))
    return compare(dict(enumerate(baseline)), later, higher_is_better=True, kind="seed")


def over_tasks(baseline, candidate) -> Comparison:
    b, c = ({f"task {i}": row for i, row in enumerate(arm)} for arm in (baseline, candidate))
    found = compare_tasks(b, c, higher_is_better=True)
    return replace(found, estimate=OverTasks(found.estimate, 0.0, {}))


class OverTasks:
    """An estimate over tasks, around another true difference; each interval is drawn once."""

    def __init__(self, estimate: Uncertain, by: float, drawn: dict) -> None:
        self.estimate, self.by, self.drawn = estimate, by, drawn

    def moved(self, by: float) -> "OverTasks":
        return OverTasks(self.estimate, self.by + by, self.drawn)

    @property
    def mean(self) -> float:
        return self.estimate.mean + self.by

    @property
    def has_spread(self) -> bool:
        return self._once("has_spread", lambda: self.estimate.has_spread)

    def interval(self, confidence: float) -> Interval:
        low, high = self._once(("two", confidence), lambda: self.estimate.interval(confidence))
        return Interval(low + self.by, high + self.by)

    def lower_bound(self, confidence: float) -> float:
        drawn = self._once(("one", confidence), lambda: self.estimate.lower_bound(confidence))
        return drawn + self.by

    def _once(self, key, draw):
        if key not in self.drawn:
            self.drawn[key] = draw()
        return self.drawn[key]


def moved(comparison: Comparison, by: float) -> Comparison:
    """The same noise around another true difference."""
    estimate = comparison.estimate
    is_t = isinstance(estimate, Estimate)
    there = replace(estimate, mean=estimate.mean + by) if is_t else estimate.moved(by)
    return replace(comparison, estimate=there)


def misses(interval, truth) -> bool:
    return not interval.low <= truth <= interval.high
