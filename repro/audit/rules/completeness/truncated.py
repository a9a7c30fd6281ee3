"""The training is shorter than planned, and nothing says why.

Why: a run that stopped early by accident is scored half trained, and which runs stop early is
rarely a random choice.

Fix: run it again to its end. If it was meant to stop, log the reason as a parameter, such as
`patience` or `max_time`.

Wrong when: an own loop stops early without a parameter that says so; or the parameter that names
the plan is not the one that ends the loop. Steps that a gradient scaler skips and last batches that
a loader drops are not missing, and a run that failed is told as not finished.

Source: planned epochs or steps from the parameters, done ones counted at the optimizer.
"""

from collections.abc import Iterator

from repro.audit.rule import NotApplicable, Severity, Violation, rule
from repro.facts.fact import Absent
from repro.facts.outcome import EXAMPLE as OUTCOME
from repro.facts.outcome import Outcome
from repro.facts.params import EXAMPLE as PARAMS
from repro.facts.params import Params
from repro.facts.stopping import EXAMPLE, Stopping

LIMITS = (
    *("early_stopping", "max_hours", "max_minutes", "max_seconds", "max_time", "time_budget"),
    *("time_limit", "timeout", "training_time"),
)


@rule("CMP005", Severity.ERROR, preview=True)
def check(
    stopping: Stopping, outcome: Outcome | Absent, params: Params | Absent
) -> Iterator[Violation | NotApplicable]:
    """What was planned was done, or a recorded reason ended it."""
    if isinstance(outcome, Outcome) and outcome.status != "FINISHED":
        yield NotApplicable("the run did not finish")
    elif stopping.is_short is None:
        yield NotApplicable("no parameter names the planned length, or nothing was counted")
    elif stopping.is_short and not _has_reason(stopping, params):
        yield Violation(
            message=f"{stopping.done:g} of {stopping.planned:g} planned {stopping.unit} were done, "
            f"and no reason is recorded",
            fix="run it again to its end, or log what ends it: params={'patience': ...}",
            points=("stopping.planned", "stopping.done", "stopping.patience"),
        )


def _has_reason(stopping: Stopping, params: Params | Absent) -> bool:
    """Whether early stopping, or a limit of time, was asked for."""
    stops_early = any(fitted.stops_early for fitted in stopping.estimators)
    told = (*params.declared, *params.logged) if isinstance(params, Params) else ()
    limits = (param.value for param in told if param.name.rpartition(".")[2].casefold() in LIMITS)
    return stopping.patience is not None or stops_early or any(map(_is_set, limits))


def _is_set(value: object) -> bool:
    return value not in (None, False, 0, "None", "False", "")


_SHORT = EXAMPLE.but(patience=None, patience_by=None)
_REST = {"outcome": OUTCOME, "params": PARAMS}
BAD = {**_REST, "stopping": _SHORT}
GOOD = {**_REST, "stopping": EXAMPLE}
