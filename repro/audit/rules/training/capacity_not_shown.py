"""The model could not fit a single batch.

Why: a model that does not fit a handful of rows has a fault in its loss, labels or gradients, or
too little capacity; regularizing it, or comparing it, comes later.

Fix: find out why the loss of one batch does not fall before anything else is tuned.

Wrong when: the batch holds equal inputs with different labels, or the loss has a floor above zero.

Source: Karpathy 2019, "A recipe for training neural networks": overfit one batch first.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Unknown, Violation, rule
from repro.facts.capacity import EXAMPLE, Capacity


@rule("TRN001", Severity.NOTE, preview=True)
def check(capacity: Capacity) -> Iterator[Violation | Unknown]:
    """Every probe fitted its batch."""
    for probe in capacity.probes:
        path = f"capacity.probes.{probe.model}"
        if probe.reached is False:
            yield Violation(
                message=f"{probe.model} did not fit one batch",
                fix="check loss, labels and gradients on that batch",
                points=(f"{path}.share_left", f"{path}.n_steps"),
            )
        elif probe.reached is None:
            yield Unknown(
                message=f"the probe of {probe.model} says nothing: {probe.reason}",
                fix="repro.overfit_probe(model, batch, loss_fn)",
                points=(f"{path}.reason",),
            )


_STUCK = EXAMPLE.probes[0].model_copy(update={"reached": False, "share_left": 0.8})
BAD = {"capacity": EXAMPLE.but(probes=(_STUCK,))}
GOOD = {"capacity": EXAMPLE}
