"""How often does each statistical gate err, when there is nothing to find?

`python tests/calibration.py` simulates, prints the tables, and writes them to
`tests/stats/calibration.md`. Each experiment draws one sample from a world without an effect (or
with exactly the margin), calls the product's functions on it, and says which of them erred.
"""

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import null_claims
import null_worlds
import numpy as np
from null_worlds import CONTRAST, NORMAL, SKEWED, Erred, Noise

from repro.stats.probability import clopper_pearson

WRITTEN = Path(__file__).parent / "stats" / "calibration.md"


@dataclass(frozen=True)
class Experiment:
    """What to draw, for which n, and how often in the command."""

    sample: Callable[[Noise, int], Iterator[Erred]]
    sizes: tuple[int, ...] = (3, 5, 10, 20)
    repeats: int = 10_000

    @property
    def name(self) -> str:
        return self.sample.__name__


EXPERIMENTS = (
    Experiment(null_worlds.pairs),
    Experiment(null_worlds.flips),
    Experiment(null_worlds.arms),
    Experiment(null_worlds.splits),
    Experiment(null_worlds.folds),
    Experiment(null_worlds.stumps),
    Experiment(null_claims.guards),
    Experiment(null_claims.families, repeats=4000),
    Experiment(null_claims.looks),
    Experiment(null_claims.rows, repeats=4000),
    Experiment(null_worlds.ranks, repeats=1000),
    Experiment(null_worlds.tables, repeats=1000),
    Experiment(null_worlds.datasets),
    Experiment(null_worlds.examples, sizes=(200, 500), repeats=4000),
    Experiment(null_worlds.grades, sizes=(200, 500), repeats=2000),
)

# Nominal .05 unless the name of a gate ends so; the last that fits counts.
NOMINAL = {
    ": BETTER": 0.025,
    ": WORSE at a loss of the margin": 0.025,
    "at a loss of its margin: BETTER": 0.05,
    "at a loss of their margin: BETTER": 0.05,
    "at a loss of their margin: WORSE": 0.075,  # .025 for each: a loss of any is a loss
}

# Gates whose name starts so err less often than nominal, for the reason given.
CONSERVATIVE = {
    "paired t: EQUIVALENT at a gain of the margin, 1 sd": "the interval must fit between margins",
    "P(better), Clopper-Pearson 95 %": "discrete",
    "sign-flip, p <= .05": "discrete; 5 pairs cannot reach .05",
    "Welch t: ": "the degrees of freedom are estimated",
    "permutation, p <= .05": "discrete; 3 runs against 3 cannot reach .05",
    "Nadeau-Bengio, n-fold": "made for random splits, whose tests overlap",
    "a gain, all three at a loss of their margin: BETTER": "all three would have to err at once",
    "Holm, ": "Bonferroni's bound, and an improvement is claimed on one side of its interval",
    "looks, ": "the errors of all looks are added, but they overlap",
    "signed ranks: ": "discrete",
    "Wilcoxon signed-rank, p <= .05": "discrete",
    "McNemar exact, p <= .05": "discrete",
}

# Gates whose name starts so err more often than nominal even with normal noise.
APPROXIMATE = {
    "Nadeau-Bengio, unstable": "the correction takes folds to correlate by n_test / n; where the "
    "training rows decide what is learned, and hardly any rule is learned from them, they do more",
}


def reason(gate: str, reasons: Mapping[str, str]) -> str | None:
    return next((why for start, why in reasons.items() if gate.startswith(start)), None)


def nominal(gate: str) -> float:
    found = [rate for end, rate in NOMINAL.items() if gate.endswith(end)]
    return found[-1] if found else 0.05


def error_rates(experiment: Experiment, shape: str, n: int, repeats: int) -> dict[str, float]:
    """Share of samples in which each gate erred; empty if all refuse so small an n."""
    noise = Noise(shape, np.random.default_rng((n, EXPERIMENTS.index(experiment))))
    samples = list(islice(experiment.sample(noise, n), repeats))
    gates = samples[0] if samples else {}
    return {gate: float(np.mean([erred[gate] for erred in samples])) for gate in gates}


def standard_error(rate: float, repeats: int) -> float:
    return float((rate * (1 - rate) / repeats) ** 0.5)


def excess(gate: str, rate: float, repeats: int) -> float:
    """How far above nominal (below: negative); 0 within four Monte-Carlo standard errors."""
    off = rate - nominal(gate)
    return 0.0 if abs(off) <= 4 * standard_error(nominal(gate), repeats) else off


def faults(experiment: Experiment, n: int, repeats: int) -> list[str]:
    """The gates that do not err as they should with normal noise, and how often they do."""
    found = []
    for gate, rate in error_rates(experiment, NORMAL, n, repeats).items():
        off = excess(gate, rate, repeats)
        is_known = gate.startswith(CONTRAST) or reason(gate, APPROXIMATE)
        if (off > 0 and not is_known) or (off < 0 and not reason(gate, CONSERVATIVE)):
            found.append(f"{gate}: {rate:.4f}, nominal {nominal(gate)}")
    return found


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
        bound = "at most " if reason(gate, CONSERVATIVE) else ""
        for shape in (NORMAL, SKEWED):
            cells = [
                cell(rates[shape, n].get(gate), gate, experiment.repeats) for n in experiment.sizes
            ]
            yield f"| {gate} | {bound}{nominal(gate)} | {shape} | {' | '.join(cells)} |"
    yield ""


def cell(rate: float | None, gate: str, repeats: int) -> str:
    """The rate and its standard error; bold if above nominal, with an arrow if below."""
    if rate is None:
        return "refused"
    text = f"{rate:.4f} ± {standard_error(rate, repeats):.4f}"
    if rate == 0:
        text = f"none, so below {ceil_4(clopper_pearson(0, repeats).high):.4f}"
    off = excess(gate, rate, repeats)
    if off < 0:
        return f"{text} ↓ {-off:.4f}"
    return f"**{text}**" if off > 0 else text


def ceil_4(rate: float) -> float:
    return math.ceil(rate * 1e4) / 1e4


HEADER = """\
# How often each gate errs

Written by `make calibration`. Each cell: share of simulated samples without an effect (or with
exactly the margin) in which the gate erred - a false verdict, p <= .05, or an interval that misses
the truth; coverage is 1 minus it - and its Monte-Carlo standard error. Where no sample erred, the
95 % bound of Clopper and Pearson. **Bold**: above nominal by more than four standard errors.
↓ and a number: below nominal by more than four, and by how much. Such a gate is conservative: it
claims too seldom, and misses more than its power says. "refused": the function refuses, or gives
no exact p, at this size.
"""

FOOTER = """\
What is bold, and why:

* t intervals, and every gate made of them, assume normal differences. Those of skewness 2 are about
  the worst that scores show. The tail is on the side of gains here, so it is losses that are
  claimed too often, and gains too seldom; with a long tail of losses it is the other way round.
  Folds, tasks and exchangeable arms average the skew out.
* "no gate, for contrast" is no gate of ours: it shows what the gate beside it is for.
"""


def report() -> Iterator[str]:
    yield from HEADER.splitlines()
    yield ""
    for experiment in EXPERIMENTS:
        yield f"## {experiment.name.capitalize()}"
        yield ""
        yield from table(experiment)
    yield from FOOTER.splitlines()
    yield from (f"* {gate.rstrip(': ,')}: {why}." for gate, why in APPROXIMATE.items())
    yield ""
    yield "Why a rate lies below nominal with normal noise:"
    yield ""
    yield from (f"* {gate.rstrip(': ,')}: {why}" for gate, why in CONSERVATIVE.items())


def main() -> None:
    lines = []
    for line in report():
        print(line, flush=True)
        lines.append(line)
    WRITTEN.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"\n{time.process_time():.0f} s of CPU; written to {WRITTEN}", file=sys.stderr)


if __name__ == "__main__":
    main()
