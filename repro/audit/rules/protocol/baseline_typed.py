"""The value of the baseline was typed in: no run computed it.

Why: a number from a paper or a table has another code, another split, another number of seeds and
another tuning; nobody can tell which part of the difference is due to the treatment.

Fix: run the baseline in `repro.tracked_run`, with the code and the data of the candidate.

Wrong when: a run that was made without `repro` logged one value and neither a series nor how it was
trained: run it again. A typed value that is passed through `run.score` is not seen.

Source: Lucic et al. 2018 and Musgrave et al. 2020: baselines that were run again, and tuned alike,
caught up with most of what had been reported to beat them.
"""

from collections.abc import Iterator

from repro.audit.example import example_record
from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.architecture import Architecture
from repro.facts.budget import Budget
from repro.facts.data import Data
from repro.facts.fact import Absent, Fact
from repro.facts.fit_scope import FitScope
from repro.facts.optimizer import Optimizer
from repro.facts.scores import EXAMPLE as SCORES
from repro.facts.scores import Scores, Series
from repro.record import Arms, RunRecord

OF_A_TRAINING: tuple[type[Fact], ...] = (Architecture, Optimizer, FitScope, Data)


@rule("PRT017", Severity.WARNING, preview=True)
def check(claim: Claim, runs: Arms[RunRecord]) -> Iterator[Violation]:
    """Every baseline run shows some sign of having been computed."""
    typed = [run for run in runs.baseline if _is_typed(run, claim.metric)]
    if typed:
        names = ", ".join(run.run_id[:8] for run in typed)
        yield Violation(
            message=f"{claim.metric} of the baseline was logged as one value, and nothing was "
            f"trained or scored: {names}",
            fix="run the baseline in repro.tracked_run(...)",
            points=(f"scores.logged.{claim.metric}.last",),
        )


def _is_typed(run: RunRecord, metric: str) -> bool:
    """Whether the metric is one logged value of a run that neither trained nor read data."""
    scores, budget = run.find(Scores), run.find(Budget)
    if scores is None or scores.score(metric) is not None or scores.value(metric) is None:
        return False
    is_series = any(series.last_step for series in scores.logged)
    is_trained = budget is not None and bool(budget.n_steps)
    return not is_series and not is_trained and not any(map(run.find, OF_A_TRAINING))


def _pasted() -> RunRecord:
    absent = Absent(reason="the run was not tracked by repro", kind="not_recorded")
    typed = SCORES.but(
        scored=(), reads=(), logged=(Series(name=CLAIM.metric, last=0.9, last_step=0),)
    )
    keys = (Budget.key(), *(kind.key() for kind in OF_A_TRAINING))
    return example_record(typed, **dict.fromkeys(keys, absent))


BAD = {"claim": CLAIM, "runs": Arms.of(_pasted(), example_record())}
GOOD = {"claim": CLAIM, "runs": Arms.of(example_record(), example_record())}
