"""A record with every fact, for the examples that rules are tested and explained by."""

import sys
from datetime import UTC, datetime

from repro.facts import fact_types
from repro.facts.fact import Absent, Fact
from repro.history import Launch
from repro.record import Arms, RunRecord
from repro.record_tags import SEED
from repro.stats.comparison import Comparison
from repro.stats.estimate import Estimate
from repro.stats.probability import ProbabilityBetter


def example_record(*facts: Fact, **absent: Absent) -> RunRecord:
    """A realistic run; the given facts in place of the examples, `optimizer=Absent(...)` too."""
    every: dict[str, Fact | Absent] = {
        key: vars(sys.modules[kind.__module__])["EXAMPLE"] for key, kind in fact_types().items()
    }
    every.update({fact.key(): fact for fact in facts})
    return RunRecord(run_id="4d6f" * 8, name="example", facts={**every, **absent})


def example_arms(*candidate: Fact) -> Arms[RunRecord]:
    """One run a side; the candidate has these facts in place of the examples."""
    return Arms.of(example_record(), example_record(*candidate))


def example_comparison(*, n_pairs: int, difference: float, standard_error: float) -> Comparison:
    """A paired comparison, written down instead of computed: computing loads scipy."""
    return Comparison(
        method="paired t",
        notes=(),
        kind="seed",
        n_baseline=n_pairs,
        n_candidate=n_pairs,
        n_pairs=n_pairs,
        missing_in_baseline=(),
        missing_in_candidate=(),
        baseline_mean=0.9,
        candidate_mean=0.9 + difference,
        estimate=Estimate(difference, standard_error, df=n_pairs - 1, n=n_pairs),
        p_exact=None,
        probability_better=ProbabilityBetter(1.0, interval=None),
        correlation=None,
        sd=standard_error * n_pairs**0.5,
        scores_vary=True,
    )


def example_launch(*, seed: int | None, status: str = "FINISHED") -> Launch:
    """A run as the store lists it, beside those of a claim."""
    return Launch(
        run_id="5e7c" * 8,
        name="another",
        status=status,
        started_at=datetime(2026, 11, 1, 11, tzinfo=UTC),
        is_deleted=False,
        tags={} if seed is None else {SEED: str(seed)},
    )
