"""What came out of a cross-validation: scores by seed and fold, their mean, how sure it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from repro.stats.estimate import Estimate, Interval
from repro.stats.folds import corrected_t

if TYPE_CHECKING:
    import pandas as pd

    from repro.splits import SplitPlan, SplitProof

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScoreSummary:
    """One score over all folds and seeds.

    Attributes
    ----------
    name : as the runs have it, such as "test/accuracy"
    values : shape (n_seeds, n_folds), score units; NaN where a run did not take this score
    test_train_ratio : n_test / n_train, mean over the folds

    >>> one = ScoreSummary("test/accuracy", np.array([[0.9, 1.0], [0.8, 0.9]]), 0.25)
    >>> round(one.mean, 3), round(one.std, 3), one.seed_means.round(3).tolist()
    (0.9, 0.071, [0.95, 0.85])
    """

    name: str
    values: FloatArray
    test_train_ratio: float

    @property
    def mean(self) -> float:
        """Over all folds and seeds."""
        return float(self.values.mean())

    @property
    def std(self) -> float:
        """Of the folds (n - 1), each averaged over the seeds; NaN for a single one."""
        folds = self.values.mean(axis=0)
        return float(folds.std(ddof=1)) if folds.size > 1 else float("nan")

    @property
    def seed_means(self) -> FloatArray:
        """Over the folds, shape (n_seeds,)."""
        means: FloatArray = self.values.mean(axis=1)
        return means

    @property
    def estimate(self) -> Estimate | None:
        """The mean and its Nadeau-Bengio error; None for a single fold, or a value not finite.

        The seeds of a fold are averaged first: they share its test rows.
        """
        folds = self.values.mean(axis=0)
        if folds.size < 2 or not np.isfinite(folds).all():
            return None
        return corrected_t(folds, test_train_ratio=self.test_train_ratio)

    @property
    def interval(self) -> Interval | None:
        """Two-sided 95 % interval of the mean; None without estimate, or if all folds are equal."""
        found = self.estimate
        return found.interval(0.95) if found is not None and found.has_spread else None

    def __str__(self) -> str:
        text = f"{self.name.removeprefix('test/')} {self.mean:.4g}"
        if n_missing := int(np.isnan(self.values).sum()):
            return f"{text} (no value of {n_missing} of {_counted(self.values.size, 'run')})"
        if self.interval is None:
            return f"{text} (no interval)"
        low, high = self.interval
        return f"{text} [{low:.4g}, {high:.4g}] 95 % Nadeau-Bengio"


@dataclass(frozen=True, eq=False, repr=False)
class CrossValidation:
    """Scores of an estimator over folds and seeds, and the evidence that they stand on.

    Attributes
    ----------
    run_id : of the run around those of the folds
    run_ids : of the runs, by seed, then fold
    seeds : in the order of the rows of every array
    summaries : every score by its name
    plan, proof : the folds, and what was proved about them
    """

    run_id: str
    run_ids: tuple[tuple[str, ...], ...]
    seeds: tuple[int, ...]
    summaries: Mapping[str, ScoreSummary]
    plan: "SplitPlan"
    proof: "SplitProof"

    @property
    def main(self) -> ScoreSummary:
        """The first score."""
        return next(iter(self.summaries.values()))

    @property
    def scores(self) -> FloatArray:
        """Of the first score, shape (n_seeds, n_folds)."""
        return self.main.values

    @property
    def mean(self) -> float:
        """Of the first score."""
        return self.main.mean

    @property
    def interval(self) -> Interval | None:
        """Of the first score's mean, 95 %."""
        return self.main.interval

    def to_frame(self) -> "pd.DataFrame":
        """One row per run: seed, fold, run_id, and every score."""
        import pandas as pd

        rows = [
            {
                "seed": seed,
                "fold": fold,
                "run_id": self.run_ids[at][fold],
                **{name: one.values[at, fold] for name, one in self.summaries.items()},
            }
            for at, seed in enumerate(self.seeds)
            for fold in range(self.plan.n_splits)
        ]
        return pd.DataFrame(rows)

    def __str__(self) -> str:
        shown = "; ".join(map(str, self.summaries.values()))
        return f"{shown}, {self._size}, split {self.proof.verdict.upper()} as {self.proof.policy}"

    def __repr__(self) -> str:
        return f"<CrossValidation {self}>"

    @property
    def _size(self) -> str:
        return f"{_counted(self.plan.n_splits, 'fold')} x {_counted(len(self.seeds), 'seed')}"


def summarized(
    taken: Sequence[Sequence[Mapping[str, float]]], test_train_ratio: float
) -> dict[str, ScoreSummary]:
    """Every score that some run took, in the order in which they were first taken."""
    names = dict.fromkeys(name for row in taken for scores in row for name in scores)
    return {
        name: ScoreSummary(
            name,
            np.array([[scores.get(name, np.nan) for scores in row] for row in taken]),
            test_train_ratio,
        )
        for name in names
    }


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
