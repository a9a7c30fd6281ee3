"""The arms were trained or scored on different rows of the same data.

Why: test sets differ in difficulty by more than most treatments gain. Paired statistics need pairs.

Fix: store one split and give it to both arms, or derive it from one seed.

Wrong when: the training rows are the treatment: declare "data.train.*". The evaluation rows must
still be equal. Arms whose runs are no pairs, as under other seeds, may hold one set of folds in any
order.

Source: Bouthillier et al. 2021: the split is the largest source of variance they measured.
"""

from collections.abc import Iterator, Mapping

from repro.audit.configuration import is_declared
from repro.audit.rule import Severity, Unknown, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.digest import short
from repro.facts.data import EXAMPLE as DATA
from repro.facts.data import Data
from repro.facts.fact import Absent
from repro.facts.split import EXAMPLE, Split
from repro.record import Arms

Side = tuple[Split, Data | Absent]

FOLLOWS = ("split.*", "data.*", "scores.*.rows_digest", "scores.*.n_rows", "budget.n_samples")
LOG = "run.log_data(train=..., test=...) in both arms"


@rule("PRT001", Severity.ERROR)
def check(
    claim: Claim, splits: Arms[Split], data: Arms[Data | Absent]
) -> Iterator[Violation | Unknown]:
    """Both runs of every pair have the same evaluation and training rows."""
    sides = splits.with_values(
        tuple(zip(splits.baseline, data.baseline, strict=True)),
        tuple(zip(splits.candidate, data.candidate, strict=True)),
    )
    contrasts = [(left, right) for left, right in sides.contrasts() if _share_a_pool(left, right)]
    odd = {
        role: [pair for pair in contrasts if _rows(role, *pair) != _rows(role, *reversed(pair))]
        for role in ("test", "train")
        if role == "test" or not is_declared(claim, "split.train_digest", "data.train.rows_digest")
        if sides.pairs or not _is_one_set(role, sides)
    }
    odd = {role: pairs for role, pairs in odd.items() if pairs}
    pairs = [pair for found in odd.values() for pair in found]
    points = tuple(f"split.{role}_digest" for role in odd)
    if any(isinstance(a, Data) != isinstance(b, Data) for (_, a), (_, b) in pairs):
        yield Unknown("one arm did not log its data: its rows cannot be compared", LOG, points)
    elif pairs:
        yield _violation(odd, points, len(contrasts))


def _violation(
    odd: Mapping[str, list[tuple[Side, Side]]], points: tuple[str, ...], n_contrasts: int
) -> Violation:
    role, pairs = next(iter(odd.items()))
    verb = {"test": "score", "train": "train"}[role]
    a, b = (short(_rows(role, *pair)) for pair in (pairs[0], pairs[0][::-1]))
    also = f" ({len(pairs)} of {n_contrasts} pairs)" if n_contrasts > 1 else ""
    return Violation(
        message=f"baseline was {verb.removesuffix('e')}ed on rows {a}, candidate on rows {b}{also}",
        fix=f"{verb} both sides on one stored split",
        points=points,
        consequences=FOLLOWS,
    )


def _share_a_pool(left: Side, right: Side) -> bool:
    """Whether one data set was cut; if there are two, they are another rule's business."""
    (_, a), (_, b) = left, right
    return not (isinstance(a, Data) and isinstance(b, Data) and a.pool_digest != b.pool_digest)


def _is_one_set(role: str, sides: Arms[Side]) -> bool:
    """Whether the runs of one arm, taken together, have the rows of those of the other."""
    a, b = sides.baseline[0], sides.candidate[0]
    ours = {_rows(role, side, b) for side in sides.baseline}
    return ours == {_rows(role, side, a) for side in sides.candidate}


def _rows(role: str, side: Side, other: Side) -> str:
    """Digest of the rows in a role: whatever their order, if both sides logged their data."""
    (split, data), (_, other_data) = side, other
    if isinstance(data, Data) and isinstance(other_data, Data):
        logged, other_logged = data.role(role), other_data.role(role)
        if logged and other_logged:
            return logged.rows_digest
    return split.test_digest if role == "test" else split.train_digest


_SWAPPED = tuple(
    role.model_copy(update={"rows_digest": digest, "digest": digest})
    for role, digest in zip(DATA.roles, ("blake3:a1", "blake3:b1"), strict=True)
)
BAD = {
    "claim": CLAIM,
    "splits": Arms.of(EXAMPLE, EXAMPLE.but(train_digest="blake3:a1", test_digest="blake3:b1")),
    "data": Arms.of(DATA, DATA.but(roles=_SWAPPED)),
}
GOOD = {"claim": CLAIM, "splits": Arms.of(EXAMPLE, EXAMPLE), "data": Arms.of(DATA, DATA)}
