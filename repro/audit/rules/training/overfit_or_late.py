"""The held-out loss was lower earlier in the training than it is at its end.

Why: the reported model is not the best one of its run. If only one arm is trained too long, the
comparison measures that.

Fix: report the step that validation data choose, in both arms, or regularize.

Wrong when: the best state was kept and brought back without `run.load`; accuracy may still grow
while the loss does.

Source: Prechelt 1998 on criteria of early stopping: a generalization loss of 20 %.
"""

import re
from collections.abc import Iterator

from repro.audit.rule import NotApplicable, Severity, Violation, rule
from repro.facts.fact import Absent
from repro.facts.lineage import EXAMPLE as LINEAGE
from repro.facts.lineage import Lineage
from repro.facts.stopping import EXAMPLE, CurveEnd, Stopping

HELD_OUT = {"valid", "val", "validation", "dev", "eval", "test"}
WORSE = 1.2  # times its lowest
EARLY = 0.1  # of the curve
FEWEST_POINTS = 5


@rule("TRN008", Severity.WARNING, preview=True)
def check(stopping: Stopping, lineage: Lineage | Absent) -> Iterator[Violation | NotApplicable]:
    """No held-out loss ends 20 % above its lowest, or has that in its first tenth."""
    if isinstance(lineage, Lineage) and lineage.loaded_later:
        yield NotApplicable("a checkpoint was read after the training: the last step is not scored")
        return
    for curve in filter(_is_held_out_loss, stopping.curves):
        path = f"stopping.curves.{curve.name}"
        if _is_worse(curve):
            yield Violation(
                message=f"{curve.name} ended more than 20 % above its lowest",
                fix="stop by validation data, and report that step",
                points=(f"{path}.lowest", f"{path}.lowest_step", f"{path}.last"),
            )
        elif curve.best_at is not None and curve.best_at <= EARLY and _is_long(curve):
            yield Violation(
                message=f"{curve.name} had its best value in the first tenth of the training",
                fix="lower the learning rate, or stop by validation data",
                points=(f"{path}.best_step", f"{path}.last_step"),
            )


def _is_held_out_loss(curve: CurveEnd) -> bool:
    is_held_out = HELD_OUT & set(re.findall(r"[a-z]+", curve.name.lower()))
    return bool(is_held_out) and curve.greater_is_better is False and curve.n_points > FEWEST_POINTS


def _is_worse(curve: CurveEnd) -> bool:
    if curve.lowest is None or curve.last is None:
        return False
    return 0 < curve.lowest < curve.last / WORSE


def _is_long(curve: CurveEnd) -> bool:
    return curve.n_points >= 1 / EARLY and curve.last != curve.lowest


_CURVE = EXAMPLE.curves[0]
BAD = {
    "stopping": EXAMPLE.but(curves=(_CURVE.model_copy(update={"last": 0.9}),)),
    "lineage": LINEAGE,
}
GOOD = {"stopping": EXAMPLE, "lineage": LINEAGE}
