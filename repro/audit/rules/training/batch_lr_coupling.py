"""The arms train on other batch sizes with one learning rate.

Why: the best learning rate moves with the batch size. With one rate for both, the arm for which it
was tuned wins, whatever the batch size does.

Fix: tune the learning rate for each arm, and declare "optimizer.lr" as nuisance.

Wrong when: the question is what the batch size does at a fixed rate.

Source: Goyal et al. 2017 (linear, for SGD); Malladi et al. 2022 (square root, for Adam).
"""

from collections.abc import Iterator

from repro.audit.configuration import is_declared
from repro.audit.equality import same
from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.batching import EXAMPLE, Batching
from repro.facts.fact import Scalar
from repro.facts.optimizer import EXAMPLE as OPTIMIZER
from repro.facts.optimizer import Optimizer
from repro.record import Arms

ALIKE = 1.5  # times the batch: the best learning rate is hardly another one


@rule("TRN004", Severity.WARNING, preview=True)
def check(
    claim: Claim, batching: Arms[Batching], optimizer: Arms[Optimizer]
) -> Iterator[Violation]:
    """Where the batches differ, so do the learning rates, or each was tuned."""
    if is_declared(claim.model_copy(update={"treatment": ()}), "optimizer.lr", "params.lr"):
        return
    rates = optimizer.contrasts()
    for (left, right), (one, two) in zip(batching.contrasts(), rates, strict=True):
        small, large = sorted((left.effective, right.effective))
        if large > ALIKE * small and same(_lr(one), _lr(two)):
            yield Violation(
                message=f"batches of {left.effective} and {right.effective} with one learning rate",
                fix='tune it for each arm, and declare "optimizer.lr" as nuisance',
                points=("batching.effective", "optimizer.lr"),
            )
            return


def _lr(optimizer: Optimizer) -> Scalar:
    """The learning rate; of an optimizer without one a value that equals no other."""
    found = (setting.value for setting in optimizer.settings if setting.name == "lr")
    return next(found, float("nan"))


_SAME = Arms.of(OPTIMIZER, OPTIMIZER)
BAD = {
    "claim": CLAIM,
    "batching": Arms.of(EXAMPLE, EXAMPLE.but(micro=1024, effective=1024)),
    "optimizer": _SAME,
}
GOOD = {"claim": CLAIM, "batching": Arms.of(EXAMPLE, EXAMPLE), "optimizer": _SAME}
