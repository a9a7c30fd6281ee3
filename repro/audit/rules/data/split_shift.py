"""A column of the evaluation data is not the column that the model learned from.

Why: a feature that is missing only in the test rows, a category that train never held, another unit
or dtype: an export or a join went wrong, and the score measures that.

Fix: make both sets by one query and one conversion; look at the column that is named.

Wrong when: the evaluation data are meant to differ (another site, a later year): declare it with
nuisance = ["data.overlaps.train/test.strange*"]. The columns of the declared time and group differ
by design, and rows that only differ by chance stay below: all bounds are those of iid rows.

Source: rows beyond the range of n others: m of them give k or more with a probability of about
(m / (n + m))**k, whatever their distribution (Wilks 1942). Unseen values: Good 1953.
"""

from collections.abc import Iterator
from math import log, sqrt

from repro.audit.configuration import is_declared
from repro.audit.rule import NotApplicable, Severity, Unknown, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.data import EXAMPLE, Column, Data, Overlap, Role, Strange

STRANGE_SHARE = 0.05  # of the evaluation rows
CHANCE = 1e-9  # of one column; there may be a thousand
DEVIATIONS = 6


@rule("DAT011", Severity.WARNING, preview=True)
def check(claim: Claim, data: Data) -> Iterator[Violation | Unknown | NotApplicable]:
    """Every column of an evaluation set holds what it holds in train."""
    if not data.overlaps:
        yield NotApplicable("training and evaluation data were not both logged")
    for overlap in data.overlaps:
        train, evaluation = (data.role(name) for name in overlap.roles.split("/"))
        if not train or not evaluation or train.role != "train":
            continue
        if overlap.n_columns is None:
            yield Unknown(
                message=f"the columns of {overlap.roles} were not compared",
                fix="run.log_data(train=..., test=...) in one call",
                points=(f"data.overlaps.{overlap.roles}.n_columns",),
            )
        else:
            yield from _between(claim, data, train, evaluation)
            yield from _beyond(claim, data, overlap, train, evaluation)


def _between(claim: Claim, data: Data, train: Role, evaluation: Role) -> Iterator[Violation]:
    known = {column.name: column for column in train.columns}
    for column in evaluation.columns:
        path = f"data.{evaluation.role}.columns.{column.name}"
        first = known.get(column.name)
        if first is None or is_declared(claim, path) or column.name in (data.time, data.group):
            continue
        if _kind(first) != _kind(column):
            yield Violation(
                message=f"column {column.name} is {first.dtype} in train, "
                f"{column.dtype} in {evaluation.role}",
                fix=f"convert {column.name} in both sets alike",
                points=tuple(
                    f"data.{role.role}.columns.{column.name}.dtype" for role in (train, evaluation)
                ),
            )
        if _is_gap(first.n_missing, train.n_rows, column.n_missing, evaluation.n_rows):
            yield Violation(
                message=f"column {column.name} is missing in {first.n_missing} of "
                f"{train.n_rows} train rows, in {column.n_missing} of {evaluation.n_rows} "
                f"{evaluation.role} rows",
                fix=f"look at the join that brings {column.name}",
                points=tuple(
                    f"data.{role.role}.columns.{column.name}.n_missing"
                    for role in (train, evaluation)
                ),
            )


def _kind(column: Column) -> str:
    """The dtype without its width: float32 and float64 hold the same."""
    return column.dtype.rstrip("0123456789").replace("uint", "int")


def _is_gap(n_missing: int, n_rows: int, missing: int, rows: int) -> bool:
    """Whether the shares of missing values differ by more than chance, and by much."""
    share, other = n_missing / n_rows, missing / rows
    pooled = (n_missing + missing) / (n_rows + rows)
    error = sqrt(pooled * (1 - pooled) * (1 / n_rows + 1 / rows))
    is_new = n_missing == 0 and other > STRANGE_SHARE and _is_unlikely(missing, n_rows, rows)
    return is_new or abs(share - other) > max(4 * STRANGE_SHARE, DEVIATIONS * error)


def _is_unlikely(k: int, n_rows: int, rows: int) -> bool:
    """Whether k of these rows lie beyond all others with a probability below `CHANCE`."""
    return k * log((n_rows + rows) / rows) > -log(CHANCE)


def _beyond(
    claim: Claim, data: Data, overlap: Overlap, train: Role, evaluation: Role
) -> Iterator[Violation]:
    for strange in overlap.strange:
        path = f"data.overlaps.{overlap.roles}.strange.{strange.column}"
        if strange.column in (data.time, data.group) or is_declared(claim, path):
            continue
        n_outside, n_unseen = strange.n_outside or 0, strange.n_unseen or 0
        if n_outside > STRANGE_SHARE * evaluation.n_rows and _is_unlikely(
            n_outside, train.n_rows, evaluation.n_rows
        ):
            yield Violation(
                message=f"column {strange.column}: {n_outside} of {evaluation.n_rows} "
                f"{evaluation.role} rows lie outside the range of train",
                fix=f"look at the unit and the source of {strange.column}",
                points=(f"{path}.n_outside",),
            )
        elif _is_unseen(strange, train.n_rows, evaluation.n_rows):
            yield Violation(
                message=f"column {strange.column}: {n_unseen} of {evaluation.n_rows} "
                f"{evaluation.role} rows hold values that train never has",
                fix=f"look at the export of {strange.column}",
                points=(f"{path}.n_unseen", f"{path}.once_share"),
            )


def _is_unseen(strange: Strange, n_rows: int, rows: int) -> bool:
    """Whether more values are unseen than those that train holds once let expect."""
    if strange.n_unseen is None or strange.once_share is None:
        return False
    expected = strange.once_share
    error = sqrt((expected + 1 / n_rows) * (1 / n_rows + 1 / rows))
    return strange.n_unseen / rows > STRANGE_SHARE + expected + DEVIATIONS * error


def _data(n_unseen: int) -> Data:
    strange = Strange(column="x[0]", n_unseen=n_unseen, once_share=0.001)
    overlap = EXAMPLE.overlaps[0].model_copy(update={"strange": (strange,)})
    return EXAMPLE.but(overlaps=(overlap,))


BAD = {"claim": CLAIM, "data": _data(120)}
GOOD = {"claim": CLAIM, "data": _data(2)}
