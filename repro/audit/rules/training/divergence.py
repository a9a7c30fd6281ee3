"""The training diverged, or lost a good part of what it had learned.

Why: the score is that of a broken run; how often an arm breaks is a result of its own, not a part
of its mean.

Fix: lower the learning rate, warm up, or clip the norm of the gradients.

Wrong when: the loss changes its meaning on the way, as in a curriculum or an adversarial training.

Source: Zhang et al. 2022 (OPT) on spikes; clipping after Pascanu et al. 2013.
"""

import re
from collections.abc import Iterator
from statistics import median

from repro.audit.rule import Severity, Violation, rule
from repro.facts.fact import Absent
from repro.facts.gradients import EXAMPLE, Gradients
from repro.facts.precision import EXAMPLE as PRECISION
from repro.facts.precision import Precision
from repro.facts.stopping import EXAMPLE as STOPPING
from repro.facts.stopping import CurveEnd, Stopping

TRAINING = {"train", "training"}
LOST = 0.5  # of what the loss had come down
FEWEST_POINTS = 5
SPIKE = 10.0  # times the median norm
FEWEST_NORMS = 16


@rule("TRN010", Severity.WARNING, preview=True)
def check(
    gradients: Gradients, precision: Precision | Absent, stopping: Stopping | Absent
) -> Iterator[Violation]:
    """Gradients stay finite, their norm does not end on a spike, the training loss stays low."""
    is_scaled = isinstance(precision, Precision) and precision.is_scaled
    if gradients.n_non_finite and not is_scaled:  # a scaler skips such steps: it looks for them
        yield Violation(
            message="gradients were not finite", fix=FIX, points=("gradients.n_non_finite",)
        )
    if _ends_on_a_spike(gradients):
        yield Violation(
            message=f"the norm of the gradients ended {SPIKE:g} times above its median",
            fix=FIX,
            points=("gradients.median", "gradients.largest", "gradients.n_spikes"),
        )
    curves = stopping.curves if isinstance(stopping, Stopping) else ()
    for curve in filter(_is_lost, curves):
        path = f"stopping.curves.{curve.name}"
        yield Violation(
            message=f"{curve.name} went back up by more than half of what it had come down",
            fix=FIX,
            points=(f"{path}.first", f"{path}.lowest", f"{path}.last"),
        )


FIX = "lower the learning rate, warm up, or clip the gradients"


def _ends_on_a_spike(gradients: Gradients) -> bool:
    """Whether the last tenth of the norms lies far above the median of all."""
    norms = [norm for _, norm in gradients.series]
    if len(norms) < FEWEST_NORMS or not gradients.median:
        return False
    return median(norms[-(len(norms) // 10) :]) > SPIKE * gradients.median


def _is_lost(curve: CurveEnd) -> bool:
    """Whether a training loss ends in the upper half of the way that it had come down."""
    words = set(re.findall(r"[a-z]+", curve.name.lower()))
    if not (TRAINING & words and curve.greater_is_better is False):
        return False
    if curve.n_points < FEWEST_POINTS or curve.first is None or curve.last is None:
        return False
    gained = curve.first - (curve.lowest if curve.lowest is not None else curve.first)
    return gained > 0 and curve.last - (curve.first - gained) > LOST * gained


_OTHERS = {"precision": PRECISION, "stopping": STOPPING}
BAD = {"gradients": EXAMPLE.but(n_non_finite=3), **_OTHERS}
GOOD = {"gradients": EXAMPLE, **_OTHERS}
