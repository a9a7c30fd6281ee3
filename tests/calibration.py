"""How often does each statistical gate err, when there is nothing to find?

`python tests/calibration.py` simulates, prints the tables, and writes them to
`tests/stats/calibration.md`. Each experiment draws one sample from a world without an effect (or
with exactly the margin), calls the product's functions on it, and says which of them erred.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np

from repro.stats.comparison import compare
from repro.stats.datasets import critical_difference, friedman, signed_rank
from repro.stats.decision import decide, guard_outcome
from repro.stats.equivalence import non_inferiority_p, superiority_p, tost_p
from repro.stats.examples import example_bootstrap, mcnemar_exact
from repro.stats.folds import corrected_t
from repro.stats.multiplicity import holm
from repro.stats.paired import paired_t, sign_flip_p
from repro.stats.sequential import confidence_at
from repro.stats.tasks import iqm_difference
from repro.stats.unpaired import permutation_p, welch_t

WRITTEN = Path(__file__).parent / "stats" / "calibration.md"

NORMAL, SKEWED = "normal", "exponential"
WIDE = 20.0  # sd: so wide a margin that only one side of it can be missed
N_ROWS = 60
NAIVE = "no gate, for contrast: paired t, random splits"

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


def pairs(noise: Noise, n: int) -> Iterator[Erred]:
    """n seeds, both arms run on each; the noise is that of the differences."""
    while True:
        shared, d = noise.rng.normal(size=n), noise.draw(n)
        equal = seeds_compared(shared, shared + d)
        p, level = equal.probability_better.interval, noise.share_above_0
        improved = decide("improve", equal, min_replicates=3)
        lost = moved(equal, -WIDE)
        no_loss = decide("no-regression", lost, margin=WIDE, min_replicates=3)
        guards = (guard_outcome(lost, WIDE, min_replicates=3), "safe", "safe")
        guarded = decide("improve", moved(equal, WIDE), min_replicates=3, guards=guards)
        yield {
            "paired t, 95 % interval": misses(equal.interval, 0),
            "improve: BETTER or WORSE": improved != "INCONCLUSIVE",
            "improve: BETTER": improved == "BETTER",
            "no-regression: NO_REGRESSION at a loss of the margin": no_loss == "NO_REGRESSION",
            "no-regression: WORSE at a loss of the margin": no_loss == "WORSE",
            "equivalent: EQUIVALENT at a gain of the margin, 20 sd": (
                decide("equivalent", moved(equal, WIDE), margin=WIDE, min_replicates=3)
                == "EQUIVALENT"
            ),
            "equivalent: EQUIVALENT at a gain of the margin, 1 sd": (
                decide("equivalent", moved(equal, 1.0), margin=1.0, min_replicates=3)
                == "EQUIVALENT"
            ),
            "guards: safe, one of three at a loss of its margin": guarded == "BETTER",
            "P(better), Clopper-Pearson 95 %": misses(p, level),
        }


def flips(noise: Noise, n: int) -> Iterator[Erred]:
    """n seeds, arms exchangeable."""
    while n <= 16:
        yield {"sign-flip, p <= .05": sign_flip_p(noise.difference(n)) <= 0.05}


def arms(noise: Noise, n: int) -> Iterator[Erred]:
    """n runs of each arm on seeds of its own."""
    while True:
        b, c = noise.draw(n), noise.draw(n)
        erred = {
            "Welch t, 95 % interval": misses(welch_t(b, c).interval(), 0),
            "Welch t, 95 % interval, sd 1 and 3": misses(welch_t(b, 3 * c).interval(), 0),
        }
        if n <= 5:  # above, too many regroupings to list
            erred["permutation, p <= .05"] = permutation_p(b, c) <= 0.05
        yield erred


def splits(noise: Noise, n: int) -> Iterator[Erred]:
    """n random splits of one data set, 48 rows to train and 12 to test."""
    while True:
        places = noise.rng.random((500, n, N_ROWS)).argsort(axis=2)
        for d in score_differences(noise, places < N_ROWS // 5):
            yield {
                "Nadeau-Bengio t, random splits": misses(
                    corrected_t(d, test_train_ratio=1 / 4).interval(), 0
                ),
                NAIVE: misses(paired_t(d).interval(), 0),
            }


def folds(noise: Noise, n: int) -> Iterator[Erred]:
    """n folds of one data set of 60 rows, each row tested once."""
    while True:
        places = noise.rng.random((500, 1, N_ROWS)).argsort(axis=2)
        fold = np.arange(n)[:, np.newaxis]
        for d in score_differences(noise, places // (N_ROWS // n) == fold):
            yield {
                "Nadeau-Bengio t, n-fold cross-validation": misses(
                    corrected_t(d, test_train_ratio=1 / (n - 1)).interval(), 0
                )
            }


def score_differences(noise: Noise, is_test):
    """Mean squared error of one linear model minus another's, shape (repeats, n_splits).

    y = x_1 + x_2 + noise; the models are least squares on x_1 alone and on x_2 alone, so neither
    is better. Both are fitted anew on the training rows of each split. `is_test` has the shape
    (repeats, n_splits, n_rows).
    """
    repeats, _, n_rows = is_test.shape
    x = noise.rng.normal(size=(2, repeats, 1, n_rows))
    y = x.sum(axis=0) + noise.draw(repeats, 1, n_rows)
    slope = (x * y * ~is_test).sum(axis=3) / (x * x * ~is_test).sum(axis=3)
    error = ((y - slope[..., np.newaxis] * x) ** 2).mean(axis=3, where=is_test)
    return error[1] - error[0]


def claims(noise: Noise, n: int) -> Iterator[Erred]:
    """Three claims without an effect, one of each goal, n pairs each."""
    while True:
        improve, keep, equal = (paired_t(noise.draw(n)) for _ in range(3))
        p_values = (
            superiority_p(improve),
            non_inferiority_p(replace(keep, mean=keep.mean - WIDE), WIDE),
            tost_p(replace(equal, mean=equal.mean + WIDE), WIDE),
        )
        yield {"Holm over three claims, any passes": min(holm(p_values)) < 0.05}


def looks(noise: Noise, n: int) -> Iterator[Erred]:
    """Two declared looks, at half of the n pairs and at all of them."""
    declared = ((n + 1) // 2, n)
    confidence = {k: confidence_at(k, declared) for k in declared}
    while True:
        d = noise.draw(n)
        yield {
            "two looks, improve at either": any(
                misses(paired_t(d[:k]).interval(confidence[k]), 0) for k in declared
            )
        }


def tasks(noise: Noise, n: int) -> Iterator[Erred]:
    """n runs of each arm on each of five tasks, whose levels lie 2 sd apart."""
    names = [f"task {i}" for i in range(5)]
    while n >= 5:
        levels = 2 * np.arange(5)[:, np.newaxis]
        b, c = levels + noise.draw(5, n), levels + noise.draw(5, n)
        found = iqm_difference(
            dict(zip(names, b, strict=True)),
            dict(zip(names, c, strict=True)),
            n_resamples=1000,
            seed=drawn_seed(noise),
        )
        yield {"IQM over five tasks, 95 % bootstrap": misses(found.interval, 0)}


def datasets(noise: Noise, n: int) -> Iterator[Erred]:
    """One score of each method on each of n data sets."""
    while n >= 6:
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
        interval = example_bootstrap(d, seed=drawn_seed(noise), n_resamples=1000)
        yield {
            "example bootstrap, right or wrong": misses(interval, 0),
            "McNemar exact, p <= .05": mcnemar_exact(only_baseline, only_candidate) <= 0.05,
        }


def grades(noise: Noise, n: int) -> Iterator[Erred]:
    """One run of each arm on n examples, each with a score of its own."""
    while True:
        interval = example_bootstrap(noise.draw(n), seed=drawn_seed(noise), n_resamples=500)
        yield {"example bootstrap, graded": misses(interval, 0)}


def drawn_seed(noise: Noise) -> int:
    return int(noise.rng.integers(2**32))


def seeds_compared(baseline, candidate):
    b, c = dict(enumerate(baseline)), dict(enumerate(candidate))
    return compare(b, c, higher_is_better=True, kind="seed")


def moved(comparison, by):
    """The same noise around another true difference."""
    estimate = replace(comparison.estimate, mean=comparison.estimate.mean + by)
    return replace(comparison, estimate=estimate)


def misses(interval, truth) -> bool:
    return not interval.low <= truth <= interval.high


@dataclass(frozen=True)
class Experiment:
    """What to draw, for which n, and how often in the command."""

    sample: Callable[[Noise, int], Iterator[Erred]]
    sizes: tuple[int, ...] = (3, 5, 10, 20)
    repeats: int = 10_000


EXPERIMENTS = (
    Experiment(pairs),
    Experiment(flips),
    Experiment(arms),
    Experiment(splits),
    Experiment(folds),
    Experiment(claims),
    Experiment(looks),
    Experiment(tasks, repeats=2000),
    Experiment(datasets),
    Experiment(examples, sizes=(200, 500), repeats=4000),
    Experiment(grades, sizes=(200, 500), repeats=2000),
)

# Nominal .05 unless named here.
NOMINAL = {
    "improve: BETTER": 0.025,
    "no-regression: WORSE at a loss of the margin": 0.025,
}

# These err less often than nominal, for the reason given.
CONSERVATIVE = {
    "equivalent: EQUIVALENT at a gain of the margin, 1 sd": "the interval must fit between margins",
    "P(better), Clopper-Pearson 95 %": "discrete",
    "sign-flip, p <= .05": "discrete; 5 pairs cannot reach .05",
    "Nadeau-Bengio t, n-fold cross-validation": "made for random splits, whose tests overlap",
    "Welch t, 95 % interval": "the degrees of freedom are estimated",
    "permutation, p <= .05": "discrete",
    "two looks, improve at either": "the errors of both looks are added, but they overlap",
    "Wilcoxon signed-rank, p <= .05": "discrete",
    "McNemar exact, p <= .05": "discrete",
    "Holm over three claims, any passes": "Bonferroni's bound; .0411 for independent claims",
}


def error_rates(experiment: Experiment, shape: str, n: int, repeats: int) -> dict[str, float]:
    """Share of samples in which each gate erred; empty if all refuse so small an n."""
    noise = Noise(shape, np.random.default_rng((n, EXPERIMENTS.index(experiment))))
    samples = list(islice(experiment.sample(noise, n), repeats))
    gates = samples[0] if samples else {}
    return {gate: float(np.mean([erred[gate] for erred in samples])) for gate in gates}


def nominal(gate: str) -> float:
    return NOMINAL.get(gate, 0.05)


def standard_error(rate: float, repeats: int) -> float:
    return float((rate * (1 - rate) / repeats) ** 0.5)


def table(experiment: Experiment) -> Iterator[str]:
    """Lines of one Markdown table: a row for each gate and distribution."""
    yield f"{experiment.sample.__doc__} {experiment.repeats:,} samples a cell."
    yield ""
    yield "| gate | nominal | noise | " + " | ".join(f"n = {n}" for n in experiment.sizes) + " |"
    yield "|---|---|---|" + "---|" * len(experiment.sizes)
    rates = {
        (shape, n): error_rates(experiment, shape, n, experiment.repeats)
        for shape in (NORMAL, SKEWED)
        for n in experiment.sizes
    }
    for gate in dict.fromkeys(gate for found in rates.values() for gate in found):
        bound = "at most " if gate in CONSERVATIVE else ""
        for shape in (NORMAL, SKEWED):
            cells = [
                cell(rates[shape, n].get(gate), gate, experiment.repeats) for n in experiment.sizes
            ]
            yield f"| {gate} | {bound}{nominal(gate)} | {shape} | {' | '.join(cells)} |"
    yield ""


def cell(rate: float | None, gate: str, repeats: int) -> str:
    """The rate and its standard error; bold where it is above nominal by more than 4 of them."""
    if rate is None:
        return "refused"
    text = f"{rate:.4f} ± {standard_error(rate, repeats):.4f}"
    too_often = rate > nominal(gate) + 4 * standard_error(nominal(gate), repeats)
    return f"**{text}**" if too_often else text


HEADER = """\
# How often each gate errs

Written by `make calibration`. Each cell: share of simulated samples without an effect (or with
exactly the margin) in which the gate erred - a false verdict, p <= .05, or an interval that misses
the truth; coverage is 1 minus it - and its Monte-Carlo standard error. **Bold**: above nominal by
more than four of them. "refused": the function refuses, or gives no exact p, at this size.
"""

FOOTER = """\
What is bold, and why:

* t intervals, and every gate made of them, assume normal differences. Those of skewness 2 are about
  the worst that scores show. The tail is on the side of gains here, so it is losses that are
  claimed too often; with a long tail of losses, `improve: BETTER` errs as often as `no-regression:
  WORSE` does here. Folds, tasks and exchangeable arms average the skew out.
* The naive t on splits is no gate of ours: it shows what the correction is for.

Why a rate lies below nominal:
"""


def report() -> Iterator[str]:
    yield from HEADER.splitlines()
    yield ""
    for experiment in EXPERIMENTS:
        yield f"## {experiment.sample.__name__.capitalize()}"
        yield ""
        yield from table(experiment)
    yield from FOOTER.splitlines()
    yield ""
    yield from (f"* {gate}: {why}" for gate, why in CONSERVATIVE.items())


def main() -> None:
    lines = []
    for line in report():
        print(line, flush=True)
        lines.append(line)
    WRITTEN.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"\n{time.process_time():.0f} s of CPU; written to {WRITTEN}", file=sys.stderr)


if __name__ == "__main__":
    main()
