"""Evaluation rows are nearly, and not exactly, rows of the training data.

Why: a picture that was encoded anew, a text with one word changed, a row measured twice: the model
has seen the answer, and no hash of the row shows it.

Fix: remove near duplicates before splitting, or split so that they stay together, and score again;
data.overlaps.*.near.nearest names the nearest pairs by their positions in both sets.

Wrong when: things are alike and not the same, as two products of one series are: look at the pairs.
Rows of few dimensions lie close by chance; as many as that gives are not counted. Pictures that
were cut or mirrored, and rows of which one column alone was changed by much, are not found.

Source: Barz and Denzler 2020: 3 % of CIFAR-10's and 10 % of CIFAR-100's test images have nearly
equal ones in train. Levina and Bickel 2004 for the dimension around a row.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Unknown, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.data import EXAMPLE, Data, Near, Overlap

TOLERATED_SHARE = 0.001  # of the rows that were compared
ERROR_SHARE = 0.01
CHANCE_FACTOR = 3  # the number that chance gives is known within about a factor of two
CHANCE_ROWS = 3


@rule("DAT004", Severity.ERROR, preview=True)
def check(claim: Claim, data: Data) -> Iterator[Violation | Unknown]:
    """No evaluation set holds more near duplicates of train than chance gives."""
    for overlap in data.overlaps:
        path = f"data.overlaps.{overlap.roles}"
        if not overlap.roles.startswith("train/"):
            continue
        if overlap.near is None:
            yield Unknown(
                message=f"near duplicates were not looked for in {overlap.roles}: "
                f"{overlap.not_near or 'an older version wrote the record'}",
                fix="run.log_data(train=..., test=...) in one call",
                points=(f"{path}.not_near",),
                severity=Severity.WARNING,
            )
        elif _is_more_than_chance(overlap.near):
            yield _violation(claim, overlap, overlap.near)


def _is_more_than_chance(near: Near) -> bool:
    by_chance = CHANCE_ROWS + CHANCE_FACTOR * near.n_expected
    return near.n_near > max(by_chance, TOLERATED_SHARE * near.n_compared)


def _violation(claim: Claim, overlap: Overlap, near: Near) -> Violation:
    path = f"data.overlaps.{overlap.roles}.near"
    share = (near.n_near - near.n_expected) / near.n_compared / near.train_share
    is_gain = claim.min_effect is not None and claim.min_effect < 1 and share >= claim.min_effect
    train, _, evaluation = overlap.roles.partition("/")
    return Violation(
        message=f"{near.n_near} of {near.n_compared} {evaluation} rows that were compared are "
        f"nearly rows of {train} ({near.n_expected:.3g} expected by chance)",
        fix="split near duplicates together, and score again without them",
        points=(
            f"{path}.n_near",
            f"{path}.n_expected",
            f"{path}.coverage",
            f"{path}.threshold",
            *(f"{path}.nearest.{pair.rows}" for pair in near.nearest),
        ),
        severity=None if share > ERROR_SHARE or is_gain else Severity.WARNING,
    )


def _data(n_near: int) -> Data:
    (overlap,) = EXAMPLE.overlaps
    if overlap.near is None:
        raise AssertionError("the example of data has no near rows")
    near = overlap.near.model_copy(update={"n_near": n_near})
    return EXAMPLE.but(overlaps=(overlap.model_copy(update={"near": near}),))


BAD = {"claim": CLAIM, "data": _data(20)}
GOOD = {"claim": CLAIM, "data": _data(1)}
