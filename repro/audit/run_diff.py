"""Everything in which two runs differ: their records, and what stands beside them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from repro.audit.layer_diff import LayerChange, layer_changes
from repro.audit.record_diff import RecordDiff, diff_records
from repro.facts.architecture import Architecture
from repro.facts.data import Data
from repro.inheritance import Inheritance
from repro.overlap import SharedRows
from repro.record import RunRecord

Ancestors = tuple[Inheritance, ...]
NO_ANCESTORS: tuple[Ancestors, Ancestors] = ((), ())


@dataclass(frozen=True)
class ChangedFile:
    """One file that the trees of the two runs do not share."""

    path: str
    n_added: int | None  # lines; None: not text
    n_removed: int | None


@dataclass(frozen=True)
class CodeDiff:
    """The patch that turns the tree of one run into that of the other."""

    files: tuple[ChangedFile, ...] = ()
    patch: str = ""
    unknown: str | None = None  # why the trees cannot be compared


@dataclass(frozen=True)
class RowsDiff:
    """Which rows of one run the other was trained or scored on."""

    shared: tuple[SharedRows, ...] = ()
    unknown: str | None = None  # why the rows cannot be compared

    @property
    def leaks(self) -> tuple[SharedRows, ...]:
        """Training rows of one run among the evaluation rows of the other."""
        return tuple(pair for pair in self.shared if _is_leak(pair))


def _is_leak(pair: SharedRows) -> bool:
    is_crossed = (pair.left == "train") != (pair.right == "train")
    return is_crossed and pair.features is not None and pair.features.n > 0


@dataclass(frozen=True)
class ColumnsDiff:
    """The columns of one role that are not the same in both runs."""

    role: str
    changed: tuple[str, ...]  # other content
    gone: tuple[str, ...]  # only in the first run
    new: tuple[str, ...]


@dataclass(frozen=True)
class RunDiff:
    """Two runs, side by side."""

    records: RecordDiff
    code: CodeDiff = field(default_factory=CodeDiff)
    rows: RowsDiff = field(default_factory=RowsDiff)
    layers: tuple[LayerChange, ...] = ()
    columns: tuple[ColumnsDiff, ...] = ()
    ancestors: tuple[Ancestors, Ancestors] = NO_ANCESTORS  # of the first run, and of the second


def diff_runs(
    left: RunRecord,
    right: RunRecord,
    code: CodeDiff,
    rows: RowsDiff,
    *,
    ancestors: tuple[Ancestors, Ancestors] = NO_ANCESTORS,
) -> RunDiff:
    """The difference of two records, with what the caller found out about trees, rows and kin."""
    model, other = left.find(Architecture), right.find(Architecture)
    layers = layer_changes(model, other) if model and other else ()
    is_other = any(item.change != "same" for item in layers)
    columns = tuple(_columns(left.find(Data), right.find(Data)))
    shown = layers if is_other else ()
    return RunDiff(diff_records(left, right), code, rows, shown, columns, ancestors)


def _columns(left: Data | None, right: Data | None) -> Iterator[ColumnsDiff]:
    for ours in left.roles if left else ():
        theirs = right.role(ours.role) if right else None
        if theirs is None or not (ours.columns and theirs.columns):
            continue
        before = {column.name: column.digest for column in ours.columns}
        after = {column.name: column.digest for column in theirs.columns}
        found = ColumnsDiff(
            role=ours.role,
            changed=tuple(name for name in before if after.get(name, before[name]) != before[name]),
            gone=tuple(name for name in before if name not in after),
            new=tuple(name for name in after if name not in before),
        )
        if found.changed or found.gone or found.new:
            yield found
