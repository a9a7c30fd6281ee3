"""Two runs of the project's store, side by side."""

from functools import partial
from pathlib import Path

from repro.audit.run_diff import CodeDiff, RowsDiff, RunDiff, diff_runs
from repro.code_patch import Side, code_patch
from repro.digest import digest_bytes
from repro.errors import RecordCorrupt, TracesIncomparable
from repro.facts.fact import Absent
from repro.facts.segments import Segments
from repro.facts.trace import Trace
from repro.inheritance import inheritance
from repro.overlap import overlap_between
from repro.record import RunRecord
from repro.store.load import MlflowHistory, open_history
from repro.store.location import locate
from repro.trace import read
from repro.trace.format import joined, segment_path
from repro.trace.pair import Traced, TracePair


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


def trace_project(
    first: str, second: str, *, tracking_uri: str | None, experiment: str | None
) -> TracePair:
    """The traces of two runs, compared.

    Raises
    ------
    TracesIncomparable
        A run has no trace, or the two have nothing in common.
    """
    history = open_history(locate(tracking_uri), experiment)
    return TracePair(*(_traced(history, history.resolve(name)) for name in (first, second)))


def _traced(history: MlflowHistory, run_id: str) -> Traced:
    record = history.record(run_id)
    known = record.find(Segments)
    paths = map(segment_path, range(1, (known.number if known else 1) + 1))
    found = [content for path in paths if (content := history.find_artifact(run_id, path))]
    if not found:
        fact = record.facts.get(Trace.key())
        why = fact.reason if isinstance(fact, Absent) else "the artifact is not there"
        raise TracesIncomparable(
            f"{record.name} {run_id[:8]} has no trace: {why}. Where there is something to trace, "
            f'run it again with tracked_run(trace="full"), or REPRO_TRACE=full.'
        )
    _refuse_another(record, history, run_id)
    return Traced(record.name, run_id, joined([read(content) for content in found]))


def _refuse_another(record: RunRecord, history: MlflowHistory, run_id: str) -> None:
    """A trace that is not the one that the run recorded."""
    fact = record.find(Trace)
    content = None if fact is None else history.find_artifact(run_id, fact.path)
    if fact is None or content is None or digest_bytes(content) == fact.digest:
        return
    raise RecordCorrupt(
        f"{fact.path} of {record.name} {run_id[:8]} has the digest {digest_bytes(content)}, and "
        f"its record trace.digest {fact.digest}: one of them was changed. Run it again."
    )


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
