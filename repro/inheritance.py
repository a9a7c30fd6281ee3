"""What a run shares with those it descends from: training rows, and test rows that it saw again.

The parent is the run that `run.load(path, parent=...)` named; both records are needed.
"""

from dataclasses import dataclass

from repro.digest.row_set import Estimate, RowSets
from repro.errors import RecordCorrupt, UnknownRun
from repro.facts.data import Data, Role
from repro.facts.fact import Absent
from repro.facts.lineage import Lineage
from repro.facts.scores import Read, Scores
from repro.history import History
from repro.overlap import row_sets
from repro.record import RunRecord

TRAIN, TEST = "train", "test"


@dataclass(frozen=True)
class Rows:
    """Some of the distinct rows of a data set; None where `unknown` says why.

    If `is_partial`, not every row of both sides was read: there may be more.
    """

    n: Estimate | None = None
    share: float | None = None  # of the distinct rows of that data set
    is_partial: bool = False
    unknown: str | None = None


@dataclass(frozen=True)
class Looks:
    """Looks of a run at the test rows of its parent; None where `unknown` says why."""

    n: int | None = None  # at roles that hold some of these rows
    n_alike: int = 0  # others, at as many labels in the same order: most likely the same rows
    unknown: str | None = None


@dataclass(frozen=True)
class Inheritance:
    """A run beside one that it descends from.

    Rows that were added or dropped are told with their labels: one that got another label is one of
    each. Test rows are known by their features alone.
    """

    parent: str  # its id
    name: str | None  # None: the store does not hold it
    generation: int  # 1: the parent, 2: a parent of it
    added: Rows  # to the training rows, as a share of the run's
    dropped: Rows  # from the training rows, as a share of the parent's
    leaked: Rows  # test rows of the parent that the run learned from
    looks: Looks


def inheritance(history: History, run: RunRecord) -> tuple[Inheritance, ...]:
    """The run beside its parents, then beside theirs; fetches the row hashes of all of them."""
    found: dict[str, Inheritance] = {}
    waiting = [(parent_id, 1) for parent_id in _parents(run)]
    while waiting:
        parent_id, generation = waiting.pop(0)
        if parent_id in found or parent_id == run.run_id:
            continue
        parent = _record(history, parent_id)
        if isinstance(parent, str):
            found[parent_id] = _unknown(parent_id, generation, parent)
            continue
        found[parent_id] = inherited(history, run, parent, generation)
        waiting += [(further, generation + 1) for further in _parents(parent)]
    return tuple(found.values())


def inherited(
    history: History, run: RunRecord, parent: RunRecord, generation: int = 1
) -> Inheritance:
    """The run beside one parent."""
    ours, theirs = _set(history, run, TRAIN), _set(history, parent, TRAIN)
    tested = _set(history, parent, TEST)
    return Inheritance(
        parent=parent.run_id,
        name=parent.name,
        generation=generation,
        added=_beyond(ours, theirs),
        dropped=_beyond(theirs, ours),
        leaked=_shared(tested, ours),
        looks=_looks(history, run, parent, tested),
    )


def _unknown(parent_id: str, generation: int, why: str) -> Inheritance:
    rows = Rows(unknown=why)
    return Inheritance(parent_id, None, generation, rows, rows, rows, Looks(unknown=why))


def _parents(run: RunRecord) -> list[str]:
    """Ids that were named, each once; a checkpoint that was read after training is no origin."""
    lineage = run.find(Lineage)
    named = (file.parent for file in (lineage.loaded if lineage else ()))
    return list(dict.fromkeys(filter(None, named)))


def _record(history: History, run_id: str) -> RunRecord | str:
    try:
        return history.record(run_id)
    except (UnknownRun, RecordCorrupt) as error:
        return str(error)


@dataclass(frozen=True)
class _Set:
    """One data set of one run."""

    role: Role
    sets: RowSets


def _set(history: History, run: RunRecord, name: str) -> _Set | str:
    """The data set in this role, or why there is none."""
    data = run.get(Data)
    if not isinstance(data, Data):
        why = data.reason if isinstance(data, Absent) else "a newer version recorded them"
        return f"data of run {run.run_id[:8]}: {why}"
    role = data.role(name)
    if role is None:
        return f"run {run.run_id[:8]} logged no {name} data"
    sets = row_sets(history, run.run_id, role)
    return sets if isinstance(sets, str) else _Set(role, sets)


def _pair(left: _Set | str, right: _Set | str) -> tuple[_Set, _Set] | str:
    """Both, or why they cannot be compared."""
    if isinstance(left, str) or isinstance(right, str):
        return left if isinstance(left, str) else str(right)
    if left.role.schema_digest != right.role.schema_digest:
        return "they have other columns or dtypes"
    return left, right


def _beyond(left: _Set | str, right: _Set | str) -> Rows:
    """Rows of the first that do not stand in the second."""
    pair = _pair(left, right)
    if isinstance(pair, str):
        return Rows(unknown=pair)
    ours, theirs = pair
    if ours.role.coverage < 1 or theirs.role.coverage < 1:
        return Rows(unknown=f"not every row of {ours.role.role} was read")
    return _rows(ours.sets.rows.beyond(theirs.sets.rows), ours.sets.rows.size())


def _shared(left: _Set | str, right: _Set | str) -> Rows:
    """Rows of the first that stand in the second, too, whatever their label."""
    pair = _pair(left, right)
    if isinstance(pair, str):
        return Rows(unknown=pair)
    ours, theirs = pair
    shared = ours.sets.features.shared(theirs.sets.features)
    is_partial = ours.role.coverage < 1 or theirs.role.coverage < 1
    return _rows(shared, ours.sets.features.size(), is_partial=is_partial)


def _rows(found: Estimate, of: Estimate, *, is_partial: bool = False) -> Rows:
    return Rows(found, share=found.n / of.n if of.n else None, is_partial=is_partial)


def _looks(history: History, run: RunRecord, parent: RunRecord, tested: _Set | str) -> Looks:
    """Looks at roles with rows of the parent's test set; then those at labels of the same order."""
    reads = _reads(run)
    before = {read.rows_digest for read in _reads(parent) if read.role == TEST} - {None}
    names = dict.fromkeys(read.role for read in reads)  # each is fetched once
    roles = {name: _shared(tested, _set(history, run, name)) for name in names}
    holding = {role for role, rows in roles.items() if rows.n is not None and rows.n.n}
    n = sum(read.n_looks for read in reads if read.role in holding)
    others = [read for read in reads if read.role not in holding]
    n_alike = sum(read.n_looks for read in others if read.rows_digest in before)
    reasons = [rows.unknown for rows in roles.values() if rows.unknown]
    return Looks(None if reasons and not n else n, n_alike, "; ".join(reasons) or None)


def _reads(run: RunRecord) -> tuple[Read, ...]:
    scores = run.find(Scores)
    return scores.reads if scores else ()
