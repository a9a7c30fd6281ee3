"""When the training ended: what was planned, what was done, and how its curves stood."""

from typing import ClassVar, Literal

from repro.facts.fact import Fact, Part, Scalar


class CurveEnd(Part):
    """A logged series, as it stood when the run ended."""

    name: str
    n_points: int
    n_non_finite: int = 0
    first: float | None
    last: float | None
    last_step: int
    lowest: float | None
    lowest_step: int | None
    highest: float | None
    highest_step: int | None
    greater_is_better: bool | None  # as its score says; else by its name; None: neither does
    best_step: int | None = None
    best_at: float | None = None  # 0: at the first step of the series, 1: at its last
    tail_slope: float | None = None  # of the last tenth: change over it / range of the series
    tail_error: float | None = None  # standard error of that


class Fitted(Part):
    """A scikit-learn estimator that iterates, as it was at the end."""

    path: str  # inside a pipeline or a search; "" is the watched one
    kind: str
    n_iterations: int | None
    limit: int | None  # max_iter, or n_estimators
    is_at_limit: bool | None  # it stopped because of the limit, not because it converged
    stops_early: bool | None  # early_stopping, or n_iter_no_change
    patience: int | None


class Stopping(Fact):
    """Gates no comparison by itself: settings are among the parameters, lengths in `budget.*`."""

    IGNORED: ClassVar = ("stopping.*",)

    unit: Literal["epochs", "steps"] | None = None
    planned: float | None = None  # None: no parameter of the run names it
    planned_by: str | None = None  # the parameter
    done: float | None = None  # in the same unit; None: not counted
    is_short: bool | None = None  # done is less than planned
    patience: Scalar = None
    patience_by: str | None = None
    curves: tuple[CurveEnd, ...] = ()
    estimators: tuple[Fitted, ...] = ()


EXAMPLE = Stopping(
    unit="epochs",
    planned=20.0,
    planned_by="epochs",
    done=12.0,
    is_short=True,
    patience=3,
    patience_by="patience",
    curves=(
        CurveEnd(
            name="valid/loss",
            n_points=12,
            first=2.3,
            last=0.41,
            last_step=11,
            lowest=0.38,
            lowest_step=8,
            highest=2.3,
            highest_step=0,
            greater_is_better=False,
            best_step=8,
            best_at=0.727,
            tail_slope=0.01,
            tail_error=0.005,
        ),
    ),
)
