"""The record of a resumed run: what its last segment saw, with what came before it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeGuard, TypeVar

from repro.audit.configuration import differing
from repro.digest import digest_bytes, digest_json
from repro.errors import RecordCorrupt
from repro.facts.budget import Budget
from repro.facts.checkpoints import Checkpoints
from repro.facts.code import Code
from repro.facts.contents import Contents, FileContent, SeriesContent
from repro.facts.data import Data
from repro.facts.environment import Environment
from repro.facts.fact import Absent, Fact, Opaque
from repro.facts.integrity import Integrity
from repro.facts.optimizer import Optimizer, Setting
from repro.facts.outcome import Outcome
from repro.facts.params import Param, Params
from repro.facts.schedule import Schedule
from repro.facts.scores import Scores, Series
from repro.facts.segments import Segment, Segments
from repro.facts.split import Split
from repro.observe import split
from repro.record import RunRecord
from repro.segment_changes import is_code_changed, is_environment_changed, weights_change
from repro.store.series_digest import joined

LOST = "its journal is on a machine that could not be reached"
Known = Fact | Absent | Opaque
Facts = Mapping[str, Known]
Sent = Mapping[str, tuple[int, str | None]]
N = TypeVar("N", int, float)

# What a segment was not shown again is as it was: the rows, and what was found out before.
SHOWN_ONCE = ("capacity", "cleaning", "data", "fit_scope", "split", "tuning")
# What the weights were at first only the first segment can tell: the others load them.
FIRST = ("initialization", "lineage")
# A difference of segments in these is told elsewhere, or is none.
TOLD = (*FIRST, "budget", "code", "environment", "params", "schedule", "scores", "segments")


def segment_after(earlier: "Earlier | None") -> int:
    """Number of the segment that this process makes of its run, from 1."""
    return 1 if earlier is None else earlier.begun + 1


@dataclass(frozen=True)
class Earlier:
    """What a run was when it was resumed: the record of the segment before, as it was stored."""

    record: RunRecord
    content: bytes
    begun: int = 1  # processes that have begun; those after `number` left nothing here

    @property
    def segments(self) -> Segments:
        """Those before that one."""
        return self.record.find(Segments) or Segments()

    @property
    def number(self) -> int:
        """Of that segment, from 1."""
        return self.segments.number

    @property
    def path(self) -> str:
        """Where its record is kept."""
        return f"repro/segments/{self.number}.json"

    @property
    def all_segments(self) -> tuple[Segment, ...]:
        """Those before, that one, and those of which nothing is known."""
        lost = range(self.number + 1, self.begun + 1)
        return (
            *self.segments.earlier,
            _segment(self),
            *(Segment(index=index, status="KILLED", reason=LOST) for index in lost),
        )

    @property
    def is_whole(self) -> bool:
        """Whether every process so far left its facts."""
        return self.begun <= self.number

    def sent(self, new: Sent) -> dict[str, tuple[int, str | None]]:
        """Number and digest of the values that all segments sent, of the series of this one."""
        contents = self.record.find(Contents) or Contents()
        known = {one.name: (one.n_points or 0, one.digest) for one in contents.series}
        return {
            name: joined(known[name], series) if name in known else series
            for name, series in new.items()
        }

    def early(self, facts: Facts) -> dict[str, Known]:
        """What a killed segment should leave besides its own facts."""
        kept = (key for key in (*SHOWN_ONCE, *FIRST) if self.record.facts.get(key) is not None)
        held = {key: self.record.facts[key] for key in kept}
        found = {**held, **{key: fact for key, fact in facts.items() if isinstance(fact, Fact)}}
        found = {**facts, **found}
        return {
            **found,
            **_data_and_split(self.record.facts, found),
            "segments": self._told(facts, facts),
        }

    def continued(self, facts: Facts) -> dict[str, Known]:
        """The facts of the whole run, from those of its last segment."""
        before, budget = self.record.facts, facts.get("budget")
        idle = (_is_idle(before.get("budget")), _is_idle(budget))
        kept = {key: _kept(key, before.get(key), fact, idle) for key, fact in facts.items()}
        rows = _data_and_split(before, kept)
        if self._is_restored(facts.get("checkpoints")):
            kept["optimizer"] = _optimizer(before.get("optimizer"), kept.get("optimizer"))
        return {
            **kept,
            **rows,
            "params": _params(before.get("params"), facts.get("params")),
            "schedule": _schedule(before.get("schedule"), kept.get("schedule")),
            "scores": _scores(before.get("scores"), facts.get("scores")),
            "budget": _budget(self, budget, rows.get("data")),
            "contents": self._contents(facts.get("contents")),
            "segments": self._told({**kept, **rows}, facts),
        }

    def _is_restored(self, checkpoints: Known | None) -> bool:
        """Whether the optimizer has its state from this run: it did not get another rate."""
        read = checkpoints.read if isinstance(checkpoints, Checkpoints) else ()
        return any(one.run_id == self.record.run_id for one in read)

    def _told(self, facts: Facts, own: Facts) -> Segments:
        """From the facts of the whole run, and from those that its last segment saw itself."""
        before, now = self.record, RunRecord(self.record.run_id, self.record.name, facts)
        is_code = is_code_changed(before.find(Code), now.find(Code))
        is_other = is_environment_changed(before.find(Environment), now.find(Environment))
        budget = before.find(Budget) if self.is_whole else None
        n_steps = budget.n_steps if budget else None
        weights = weights_change(before, RunRecord(now.run_id, now.name, own), n_steps)
        lost = False if self.is_whole else None
        # What one segment alone shows, autocast while scoring say, is no difference of the two.
        both = before.flat.keys() & now.flat.keys() & differing(before, now)
        changed = {path for path in both if path.partition(".")[0] not in TOLD}
        known = {"code": is_code, "packages": is_other, weights or "weights": bool(weights)}
        changed |= {what for what, is_changed in known.items() if is_changed}
        unknown = self._unknown(now, is_code, is_other, weights)
        return Segments(
            earlier=self.all_segments,
            is_code_changed=_either(self.segments.is_code_changed, is_code, lost),
            is_environment_changed=_either(self.segments.is_environment_changed, is_other, lost),
            changed=tuple(sorted({*self.segments.changed, *changed})),
            unknown=tuple(sorted({*self.segments.unknown, *unknown})),
            altered=tuple(sorted({*self.segments.altered, *_altered(before)})),
        )

    def _unknown(
        self, now: RunRecord, is_code: bool | None, is_other: bool | None, weights: str | None
    ) -> Iterator[str]:
        """What cannot be compared, and of which segment it is not known."""
        last = segment_after(self)
        if is_code is None:
            yield f"code of segment {last if now.find(Code) is None else self.number}"
        if is_other is None:
            yield f"packages of segment {last if now.find(Environment) is None else self.number}"
        if weights is None:
            yield f"weights that segment {last} began with"
        for index in range(self.number + 1, last):
            yield from (f"{what} of segment {index}" for what in ("code", "packages"))

    def _contents(self, new: Known | None) -> Known:
        """With what the segments before sealed, which stays."""
        if not isinstance(new, Contents):
            return new or Absent(reason="it was not taken", kind="failed")
        before = self.record.find(Contents) or Contents()
        kept = FileContent(path=self.path, digest=digest_bytes(self.content))
        files = {one.path: one for one in (*before.files, kept, *new.files)}
        now = {one.name: one for one in new.series}
        series = {**now, **{one.name: _whole(one, now.get(one.name)) for one in before.series}}
        return new.but(
            files=tuple(files[path] for path in sorted(files)),
            series=tuple(series[name] for name in sorted(series)),
        )


def _altered(record: RunRecord) -> Iterator[str]:
    integrity = record.find(Integrity)
    for one in integrity.altered if integrity else ():
        yield one.what


def _segment(earlier: Earlier) -> Segment:
    record, outcome = earlier.record, earlier.record.find(Outcome)
    if outcome is None:
        raise RecordCorrupt(f"the record of run {record.run_id[:8]} does not tell how it ended.")
    budget, code = record.find(Budget), record.find(Code)
    environment = record.find(Environment)
    before = [one.n_steps for one in earlier.segments.earlier]
    return Segment.model_validate(
        {
            "index": earlier.number,
            "status": outcome.status,
            "reason": outcome.reason or outcome.error,
            "started_at": outcome.started_at,
            "ended_at": outcome.ended_at,
            "n_steps": _minus(budget.n_steps if budget else None, before),
            "code_tree": (code.kept_tree or code.tree) if code else None,
            "packages": _packages(environment) if environment else None,
            "record": digest_bytes(earlier.content),
        }
    )


def _whole(before: SeriesContent, now: SeriesContent | None) -> SeriesContent:
    """A series over all segments; what was sealed stays so if points were taken or altered."""
    if now is None:
        return before
    if now.digest is None:  # too long to be read: it is as it was, if its end is
        is_same_end = (now.last, now.last_step) == (before.last, before.last_step)
        return before if is_same_end else now
    if before.digest is None:
        return (
            now if now.is_read_back else now.model_copy(update={"n_points": None, "digest": None})
        )
    is_cut = (now.n_points or 0) < (before.n_points or 0)
    is_other = now.n_points == before.n_points and now.digest != before.digest
    return before if is_cut or is_other else now


def _minus(total: int | None, parts: Iterable[int | None]) -> int | None:
    for part in parts:
        total = None if total is None or part is None else total - part
    return total


def _packages(environment: Environment) -> str:
    return digest_json(sorted((package.name, package.version) for package in environment.imported))


def _is_idle(budget: Known | None) -> bool:
    """Whether nothing was trained."""
    return isinstance(budget, Budget) and not budget.n_steps


def _kept(key: str, before: Known | None, now: Known, idle: tuple[bool, bool]) -> Known:
    """Of both segments' facts the one that is the run's; an idle one says nothing of training."""
    was_idle, is_idle = idle
    if key in FIRST:
        return now if before is None or (was_idle and isinstance(before, Absent)) else before
    is_missing = isinstance(now, Absent) and now.kind != "failed"
    is_told_before = key in SHOWN_ONCE or (is_idle and key not in ("code", "environment"))
    return before if is_missing and is_told_before and isinstance(before, Fact) else now


def _data_and_split(before: Facts, now: Facts) -> dict[str, Known]:
    """The rows that were given last, cut by the plan that was given last."""
    data, plan = now.get("data"), now.get("split")
    found: dict[str, Known] = {}
    if _is_part(data, before.get("data")):
        data = before["data"]
        found = {key: before[key] for key in ("data", "cleaning") if key in before}
    known = before.get("split")
    if isinstance(known, Split) and known.source == "plan" and not _is_plan(plan):
        plan = known
    if isinstance(data, Data) and not isinstance(plan, Opaque):
        found["split"] = split.at_end(plan if _is_plan(plan) else None, data)
    return found


def _is_part(now: Known | None, before: Known | None) -> bool:
    """Whether every row that was given now was given before, in the same roles."""
    if not isinstance(now, Data) or not isinstance(before, Data):
        return False
    digests = {(one.role, one.rows_digest, one.schema_digest) for one in before.roles}
    return all((one.role, one.rows_digest, one.schema_digest) in digests for one in now.roles)


def _is_plan(fact: Known | None) -> TypeGuard[Split | Absent]:
    """Whether a plan was handed over, be it one of other rows."""
    if isinstance(fact, Absent):
        return fact.kind == "failed"
    return isinstance(fact, Split) and fact.source == "plan"


def _params(before: Known | None, now: Known | None) -> Known:
    """What was sealed stays: a value that was altered in MLflow since must not be sealed again."""
    if not isinstance(before, Params) or not isinstance(now, Params):
        return now or Params()
    declared = {param.name for param in now.declared}
    logged: dict[str, Param] = {param.name: param for param in (*now.logged, *before.logged)}
    kept = (logged[name] for name in sorted(logged) if name not in declared)
    return now.but(logged=tuple(kept))


def _optimizer(before: Known | None, now: Known | None) -> Known:
    """With the highest rate of all segments: one that falls was higher in those before."""
    if not isinstance(before, Optimizer) or not isinstance(now, Optimizer):
        return now or Absent(reason="it was not taken", kind="failed")
    earlier = {group.index: group.settings for group in before.groups}
    groups = (
        group.model_copy(update={"settings": _peak(earlier.get(group.index, ()), group.settings)})
        for group in now.groups
    )
    return now.but(settings=_peak(before.settings, now.settings), groups=tuple(groups))


def _peak(before: Iterable[Setting], now: Iterable[Setting]) -> tuple[Setting, ...]:
    rates = [one.value for one in before if one.name == "lr" and isinstance(one.value, int | float)]
    return tuple(
        one.model_copy(update={"value": max(one.value, *rates)})
        if rates and one.name == "lr" and isinstance(one.value, int | float)
        else one
        for one in now
    )


def _schedule(before: Known | None, now: Known | None) -> Known:
    """Of two parts of a curve the shape of the whole cannot be told, unless it is flat."""
    if not isinstance(before, Schedule) or not isinstance(now, Schedule):
        return now or Absent(reason="it was not taken", kind="failed")
    if before.shape == now.shape == "constant" and before.groups == now.groups == ():
        return now
    reason = f"each segment saw a part of it: {before.shape}, then {now.shape}"
    return Absent(reason=reason, kind="not_recorded")


def _scores(before: Known | None, now: Known | None) -> Known:
    """Scores and ledger go on in the book; series that were logged past us are read from MLflow."""
    if not isinstance(before, Scores) or not isinstance(now, Scores):
        return now or Scores()
    scored = {score.name for score in now.scored}
    logged: dict[str, Series] = {one.name: one for one in (*before.logged, *now.logged)}
    return now.but(
        logged=tuple(logged[name] for name in sorted(logged) if name not in scored),
        weights_at_end=now.weights_at_end or before.weights_at_end,  # nobody watched since
    )


def _budget(earlier: Earlier, now: Known | None, data: Known | None) -> Known:
    """Of all segments; None where one does not know."""
    if not isinstance(now, Budget):
        return now or Absent(reason="it was not taken", kind="failed")
    before = earlier.record.find(Budget) if earlier.is_whole else None
    known = before or Budget(wall_seconds=0.0)
    is_one_idle = before is not None and not (before.n_steps and now.n_steps)
    is_last_idle = not now.n_steps

    def total(last: N | None, first: N | None) -> N | None:
        if is_one_idle:
            return first if is_last_idle else last
        return None if first is None or last is None else first + last

    n_samples = total(now.n_samples, known.n_samples)
    n_epochs = _epochs(n_samples, data)
    return Budget(
        n_steps=total(now.n_steps, known.n_steps),
        n_batches=total(now.n_batches, known.n_batches),
        n_samples=n_samples,
        n_epochs=total(now.n_epochs, known.n_epochs) if n_epochs is None else n_epochs,
        n_test_reads=now.n_test_reads,  # of the ledger, which goes on
        wall_seconds=round(_seconds(earlier) + now.wall_seconds, 3),
    )


def _epochs(n_samples: int | None, data: Known | None) -> float | None:
    train = data.role("train") if isinstance(data, Data) else None
    if n_samples is None or train is None or train.reading == "seen":
        return None
    return round(n_samples / round(train.n_rows / train.coverage), 6)


def _seconds(earlier: Earlier) -> float:
    """That it took: counted; with a killed segment, from each start to the last sign of life."""
    budget = earlier.record.find(Budget)
    if budget is not None:
        return budget.wall_seconds
    times = ((one.started_at, one.ended_at) for one in earlier.all_segments)
    return sum(max(0.0, (end - start).total_seconds()) for start, end in times if start and end)


def _either(*answers: bool | None) -> bool | None:
    """Whether one of them is true; None if none is, and one is not known."""
    return True if True in answers else None if None in answers else False
