"""What the data of two runs share, from the row hashes that each left in the store."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from repro.digest import digest_bytes
from repro.digest.row_set import Estimate, RowSets
from repro.errors import RecordCorrupt
from repro.facts.data import Data, Role
from repro.facts.fact import Absent
from repro.history import History
from repro.record import RunRecord


@dataclass(frozen=True)
class SharedRows:
    """Distinct rows that stand in one data set of the left run and in one of the right.

    `rows` counts them with their labels, `features` without; both are None where `unknown` says
    why. If `is_partial`, only some rows of one side were read: there may be more.
    """

    left: str  # role: train, valid, test
    right: str
    rows: Estimate | None = None
    features: Estimate | None = None
    is_partial: bool = False
    unknown: str | None = None


def overlap_between(
    history: History, left: RunRecord, right: RunRecord
) -> tuple[SharedRows, ...] | Absent:
    """For every role of one run and every role of the other, the rows that they share.

    Fetches the row hashes of both runs: 8 or 16 bytes a row.

    Returns
    -------
    tuple of SharedRows, or why a run has no data
    """
    sides: list[Data] = []
    for run in (left, right):
        data = run.get(Data)
        if not isinstance(data, Data):
            why = data.reason if isinstance(data, Absent) else "a newer version recorded them"
            return Absent(reason=f"data of run {run.run_id[:8]}: {why}", kind="not_recorded")
        sides.append(data)
    ours = [(role, row_sets(history, left.run_id, role)) for role in sides[0].roles]
    theirs = [(role, row_sets(history, right.run_id, role)) for role in sides[1].roles]
    return tuple(_shared(ours, theirs))


_Side = list[tuple[Role, RowSets | str]]


def _shared(left: _Side, right: _Side) -> Iterator[SharedRows]:
    for ours, mine in left:
        for theirs, other in right:
            if ours.schema_digest != theirs.schema_digest:
                why = "they have other columns or dtypes"
                yield SharedRows(ours.role, theirs.role, unknown=why)
            elif isinstance(mine, str) or isinstance(other, str):
                why = mine if isinstance(mine, str) else str(other)
                yield SharedRows(ours.role, theirs.role, unknown=why)
            else:
                yield SharedRows(
                    left=ours.role,
                    right=theirs.role,
                    rows=mine.rows.shared(other.rows),
                    features=mine.features.shared(other.features),
                    is_partial=ours.coverage < 1 or theirs.coverage < 1,
                )


def row_sets(history: History, run_id: str, role: Role) -> RowSets | str:
    """The row hashes of a data set, or why there are none."""
    if role.rows is None:
        return f"run {run_id[:8]} kept no row hashes of {role.role}"
    try:
        content = history.artifact(run_id, role.rows)
        if PurePosixPath(role.rows).stem not in digest_bytes(content):
            return f"{role.rows} of run {run_id[:8]} was changed afterwards"
        return RowSets.load(content)
    except RecordCorrupt as error:
        return str(error)
