"""The arms train on other batch sizes with one learning rate; or contrast a sample with few others.

Why: the best learning rate moves with the batch size. With one rate for both, the arm for which it
was tuned wins, whatever the batch size does. A contrastive loss learns from the other samples of
its batch: with few of them it learns little.

Fix: tune the learning rate for each arm, and declare "optimizer.lr" as nuisance.

Wrong when: the question is what the batch size does at a fixed rate. A contrastive loss is known by
its name, and a queue of negatives beside the batch is not seen.

Source: Goyal et al. 2017 (linear, for SGD); Malladi et al. 2022 (square root, for Adam); Chen et
al. 2020 on the batches of SimCLR.
"""

from collections.abc import Iterator

from repro.audit.configuration import is_declared
from repro.audit.equality import same
from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.batching import EXAMPLE, Batching
from repro.facts.fact import Absent, Scalar
from repro.facts.loss import EXAMPLE as LOSS
from repro.facts.loss import Loss
from repro.facts.optimizer import EXAMPLE as OPTIMIZER
from repro.facts.optimizer import Optimizer
from repro.record import Arms

CONTRASTIVE = ("contrast", "infonce", "ntxent", "supcon")  # in the name of a loss, in lower case
SMALL = 256  # rows: from here on SimCLR gained little by larger batches
ALIKE = 1.5  # times the batch: the best learning rate is hardly another one


@rule("TRN004", Severity.WARNING, preview=True)
def check(
    claim: Claim,
    batching: Arms[Batching],
    optimizer: Arms[Optimizer],
    loss: Arms[Loss | Absent],
) -> Iterator[Violation]:
    """Where the batches differ, so do the learning rates; a contrastive loss has large ones."""
    yield from _coupled(claim, batching, optimizer)
    for (arm, losses), (_, batchings) in zip(loss.sides(), batching.sides(), strict=True):
        yield from _contrasted(arm, losses[0], batchings[0])


def _coupled(
    claim: Claim, batching: Arms[Batching], optimizer: Arms[Optimizer]
) -> Iterator[Violation]:
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


def _contrasted(arm: str, loss: Loss | Absent, batching: Batching) -> Iterator[Violation]:
    """A small batch under a loss that tells a sample from the others of its batch."""
    n_rows = batching.micro * batching.world
    is_contrastive = isinstance(loss, Loss) and any(
        word in name.casefold()
        for name in (loss.name, *(term.name for term in loss.terms))
        for word in CONTRASTIVE
    )
    if is_contrastive and n_rows < SMALL:
        yield Violation(
            message=f"{arm}: a contrastive loss on batches of {n_rows}, where a sample is told "
            f"from {n_rows - 1} others; accumulation adds none",
            fix=f"train on batches of {SMALL} or more, or keep a queue of negatives",
            points=("batching.micro", "loss.name"),
            severity=Severity.NOTE,
        )


def _lr(optimizer: Optimizer) -> Scalar:
    """The learning rate; of an optimizer without one a value that equals no other."""
    found = (setting.value for setting in optimizer.settings if setting.name == "lr")
    return next(found, float("nan"))


_SAME = Arms.of(OPTIMIZER, OPTIMIZER)
BAD = {
    "claim": CLAIM,
    "batching": Arms.of(EXAMPLE, EXAMPLE.but(micro=1024, effective=1024)),
    "optimizer": _SAME,
    "loss": Arms.of(LOSS, LOSS),
}
GOOD = {**BAD, "batching": Arms.of(EXAMPLE, EXAMPLE)}
