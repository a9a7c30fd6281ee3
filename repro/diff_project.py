"""Two runs of the project's store, side by side."""

from functools import partial
from pathlib import Path

from repro.audit.run_diff import CodeDiff, RowsDiff, RunDiff, diff_runs
from repro.code_patch import Side, code_patch
from repro.facts.fact import Absent
from repro.inheritance import inheritance
from repro.overlap import overlap_between
from repro.store.load import MlflowHistory, open_history
from repro.store.location import locate


def diff_project(
    first: str, second: str, *, tracking_uri: str | None, experiment: str | None
) -> RunDiff:
    """The difference of two runs, each by id, beginning of an id, or name."""
    location = locate(tracking_uri)
    history = open_history(location, experiment)
    left, right = (_side(history, history.resolve(name)) for name in (first, second))
    code, rows = _code(left, right, location.root), _rows(history, left, right)
    ancestors = inheritance(history, left.record), inheritance(history, right.record)
    return diff_runs(left.record, right.record, code, rows, ancestors=ancestors)


def _side(history: MlflowHistory, run_id: str) -> Side:
    return Side(history.record(run_id), partial(history.artifact, run_id))


def _code(left: Side, right: Side, root: Path) -> CodeDiff:
    found = code_patch(left, right, root)
    if isinstance(found, Absent):
        return CodeDiff(unknown=found.reason)
    return CodeDiff(found.files, found.text)


def _rows(history: MlflowHistory, left: Side, right: Side) -> RowsDiff:
    found = overlap_between(history, left.record, right.record)
    return RowsDiff(unknown=found.reason) if isinstance(found, Absent) else RowsDiff(found)
