"""The run that a replay repeats: what it has left, and where its replays go."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from repro.digest import digest_bytes
from repro.errors import RecordCorrupt
from repro.facts import trace as facts
from repro.facts.fact import Absent
from repro.facts.scores import Scores
from repro.record import RunRecord
from repro.replay_matching import counterpart
from repro.replay_verdict import Left, Verdict, compared, ended_by_itself, worst
from repro.replaying import Orders
from repro.store.held import values
from repro.store.load import MlflowHistory
from repro.store.location import Location, database_file, is_absolute
from repro.trace import Trace, read
from repro.trace.format import PATH


@dataclass(frozen=True)
class Original:
    """A run with those that were opened inside it."""

    history: MlflowHistory
    location: Location
    left: Left
    inside: tuple[Left, ...]

    @property
    def record(self) -> RunRecord:
        """What is known about it."""
        return self.left.record

    @property
    def nested(self) -> list[RunRecord]:
        """What is known about the runs inside it."""
        return [left.record for left in self.inside]

    def traces(self) -> list[Trace]:
        """Those of all these runs, its own first."""
        return [left.trace for left in (self.left, *self.inside) if left.trace is not None]

    def orders(self, seeds: Mapping[int, int]) -> Orders:
        """What the process of a replay is told."""
        uri = absolute(self.location.resolved_uri)
        return Orders(self.record.run_id, uri, str(self.location.root), seeds)

    def verdict(self, run_id: str, until: int | None) -> Verdict:
        """On a replay, and on the runs inside it."""
        own = compared(self.left, left_by(self.history, run_id), until=until)
        ids = self.history.find_replays(self.record.run_id, around=run_id)
        again = [left_by(self.history, one) for one in ids]
        found = [_inner(left, again, until) for left in self.inside]
        if not (found and own.kind == "incomplete trace" and _only_holds(self.left)):
            found.insert(0, own)
        told = (("runs inside", f"{len(self.inside)}, each compared"),) if self.inside else ()
        verdict = worst(found)
        return replace(verdict, details=(*verdict.details, *told))


def _only_holds(left: Left) -> bool:
    """Whether a run neither trained nor scored: the runs inside it are what there is to prove."""
    scores = left.record.find(Scores)
    has_steps = left.trace is not None and bool(left.trace.steps)
    return not has_steps and not (scores and scores.scored)


def _inner(left: Left, again: list[Left], until: int | None) -> Verdict:
    """On a run inside the replay."""
    name = left.record.name
    other, how = counterpart(left.record, [one.record for one in again])
    if other is None:
        return Verdict("diverged", f"{name}: {how}")
    verdict = compared(left, next(one for one in again if one.record is other), until=until)
    return (
        verdict if verdict.kind == "identical" else replace(verdict, what=f"{name}: {verdict.what}")
    )


def find_original(history: MlflowHistory, location: Location, run_id: str) -> Original:
    """Read the run, and those inside it."""
    inside = history.find_runs(f"tags.mlflow.parentRunId = '{run_id}'")
    return Original(
        history,
        location,
        left=left_by(history, run_id),
        inside=tuple(left_by(history, one) for one in inside),
    )


def left_by(history: MlflowHistory, run_id: str) -> Left:
    """What a run has left."""
    record = history.record(run_id)
    trace, why = _trace(history, record)
    names = history.client.get_run(run_id).data.metrics
    series = {name: _points(history, run_id, name) for name in names}
    return Left(record, trace, why, series)


def _points(history: MlflowHistory, run_id: str, name: str) -> list[tuple[int, float]]:
    found = values(history.client, run_id, name)
    ordered = sorted(found, key=lambda point: (point.step, point.timestamp_ms))
    return [(point.step, point.value) for point in ordered]


def _trace(history: MlflowHistory, record: RunRecord) -> tuple[Trace | None, str]:
    """The trace, as the record names it; or none, and why.

    Of a run that was killed the record names none: what it left is read, and proves nothing.
    """
    named = record.find(facts.Trace)
    try:
        content = history.find_artifact(record.run_id, PATH)
        if not content:
            return None, f"{PATH} is gone" if named else _why_none(record)
        if named is not None and named.digest != digest_bytes(content):
            return None, f"{PATH} was changed after the run"
        if named is None and ended_by_itself(record):
            return None, f"its record does not name {PATH}"
        return read(content), ""
    except RecordCorrupt as error:
        return None, str(error)


def _why_none(record: RunRecord) -> str:
    known = record.get(facts.Trace)
    return known.reason if isinstance(known, Absent) else "none was recorded"


def absolute(tracking_uri: str) -> str:
    """The address of a store from any working directory.

    >>> absolute("https://mlflow.example")
    'https://mlflow.example'
    """
    database = database_file(tracking_uri)
    if database is not None:
        _, mark, options = tracking_uri.partition("?")
        return f"sqlite:///{database.absolute()}{mark}{options}"
    return tracking_uri if is_absolute(tracking_uri) else Path(tracking_uri).absolute().as_uri()
