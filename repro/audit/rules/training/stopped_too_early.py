"""The training ended while it was still getting better.

Why: the arm that learns faster wins a race that is stopped early, and may lose a longer one.

Fix: train both arms until their curves are flat, or until a patience says so.

Wrong when: the question is what can be reached at this cost, or the learning rate was lowered to
its end: then the run is over by plan (that is not reported).

Source: the slope of the last tenth of the curve is compared with its standard error.
"""

import math
import re
from collections.abc import Iterator

from repro.audit.rule import Severity, Violation, rule
from repro.facts.fact import Absent
from repro.facts.schedule import EXAMPLE as SCHEDULE
from repro.facts.schedule import Schedule
from repro.facts.stopping import EXAMPLE, CurveEnd, Fitted, Stopping

HELD_OUT = {"valid", "val", "validation", "dev", "eval", "test"}
FEWEST_POINTS = 10
LATE, LATEST = 0.75, 0.9  # where the best value stands, as a share of the curve
GAIN = 0.02  # over the last tenth, of the range of the curve
STUDENT = (12.7, 4.3, 3.2, 2.8, 2.6)  # 97.5 % by degrees of freedom, from 1 on
SPENT = 0.05  # of the highest learning rate
LIMITED_BY_DESIGN = re.compile(r"Boosting|Forest|Trees|Bagging|Imputer")


@rule("TRN007", Severity.WARNING, preview=True)
def check(stopping: Stopping, schedule: Schedule | Absent) -> Iterator[Violation]:
    """Held-out curves are flat at the end, and estimators converged."""
    rising = [] if _is_spent(schedule) else [*filter(_is_rising, stopping.curves)]
    if rising:
        is_late = any((curve.best_at or 0.0) >= LATEST for curve in rising)
        yield Violation(
            message=f"{', '.join(curve.name for curve in rising)}: still getting better at the end",
            fix="train longer, or until a patience on validation data ends the run",
            points=tuple(
                f"stopping.curves.{curve.name}.{part}"
                for curve in rising
                for part in ("best_at", "tail_slope")
            ),
            severity=Severity.WARNING if is_late else Severity.NOTE,
        )
    for fitted in filter(_is_cut, stopping.estimators):
        path = f"stopping.estimators.{fitted.path}"
        yield Violation(
            message=f"{fitted.kind} was stopped by its limit of {fitted.limit} iterations",
            fix="raise max_iter until it converges",
            points=(f"{path}.n_iterations", f"{path}.limit"),
        )


def _is_spent(schedule: Schedule | Absent) -> bool:
    """Whether the learning rate is so low that nothing more was to come."""
    return isinstance(schedule, Schedule) and schedule.final < SPENT


def _is_rising(curve: CurveEnd) -> bool:
    """Whether the last tenth of a held-out curve gains more than chance, up to its best."""
    if not HELD_OUT & set(re.findall(r"[a-z]+", curve.name.lower())):
        return False
    if curve.n_points < FEWEST_POINTS or (curve.best_at or 0.0) < LATE:
        return False
    if curve.greater_is_better is None or curve.tail_slope is None or curve.tail_error is None:
        return False
    gain = curve.tail_slope if curve.greater_is_better else -curve.tail_slope
    return gain > max(GAIN, _factor(curve.n_points) * curve.tail_error)


def _factor(n_points: int) -> float:
    n_free = max(math.ceil(n_points / 10), 3) - 2
    return STUDENT[min(n_free, len(STUDENT)) - 1]


def _is_cut(fitted: Fitted) -> bool:
    by_design = LIMITED_BY_DESIGN.search(fitted.kind) is not None
    return fitted.is_at_limit is True and not by_design


_RISING = EXAMPLE.curves[0].model_copy(
    update={"n_points": 40, "best_at": 1.0, "tail_slope": -0.1, "tail_error": 0.01}
)
BAD = {"stopping": EXAMPLE.but(curves=(_RISING,)), "schedule": SCHEDULE}
GOOD = {"stopping": EXAMPLE, "schedule": SCHEDULE}
