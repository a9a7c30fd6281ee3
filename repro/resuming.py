"""Goes on with a run that has ended: finds it, and refuses what would make two runs of it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from repro.continuation import Earlier, segment_after
from repro.errors import UsageError
from repro.facts.determinism import Determinism
from repro.facts.fact import Scalar
from repro.facts.params import Param, Params
from repro.history import SEGMENT
from repro.observe.determinism import SeedSource
from repro.recovery import recover
from repro.store.alive import is_live
from repro.store.earlier_run import EarlierRun, attached_run, find_earlier, reopen, tell_resuming
from repro.store.journal import EVENTS
from repro.store.journals import RunJournal, only_one, read_journal
from repro.store.location import Location
from repro.store.mlflow import OpenRun, attach

Seed = tuple[int, SeedSource]


@dataclass(frozen=True)
class Asked:
    """What the call of `tracked_run` says."""

    run: str | None  # id, beginning of an id, or name; None: whatever run is active
    name: str | None
    experiment: str | None
    seed: Seed
    declared: tuple[Param, ...]


@dataclass(frozen=True)
class Resumed:
    """A run that goes on."""

    stored: EarlierRun
    earlier: Earlier
    seed: Seed
    declared: tuple[Param, ...]  # of all segments
    folder: Path  # of the journal
    is_attached: bool

    @property
    def name(self) -> str:
        """Of the run."""
        return self.stored.name

    @property
    def status(self) -> str:
        """How the segment before ended, as MLflow knows it."""
        return self.stored.status

    def open(self, tags: Mapping[str, str]) -> OpenRun:
        """The run in MLflow, which calls it RUNNING again; the record so far is kept aside."""
        stored, number = self.stored, segment_after(self.earlier)
        stored.keep(self.earlier.path, self.earlier.content)
        if not self.is_attached:
            tell_resuming(self.folder, stored, number)
            return reopen(stored.uri, stored.known, {**tags, SEGMENT: str(number)})
        stored.tag(SEGMENT, str(number))
        attached = attach(tags)
        assert attached is not None
        return replace(attached, known_params=frozenset(stored.params))

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """A block in which no other process resumes or recovers the run.

        Raises
        ------
        UsageError
            One does so already.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with only_one(self.folder) as is_mine:
            if not is_mine or is_live(self.folder):
                raise UsageError(
                    f"run {_shown(self.stored)} is being resumed or recovered by another process. "
                    f"Wait for its end, or stop it."
                )
            yield


def resumed(location: Location, asked: Asked, *, is_nested: bool) -> Resumed | None:
    """The run that goes on; None: a new one begins.

    An active MLflow run that has a record of ours goes on without being named: its record would be
    overwritten.

    Raises
    ------
    UsageError
        The run cannot be resumed, or not with these arguments; `UnknownRun` if there is none.
    RecordCorrupt
        Its record was altered.
    """
    if is_nested:
        if asked.run is not None:
            raise UsageError(
                f"resume={asked.run!r} inside another tracked run: a run that goes on has its "
                f"place already. Resume it outside of the block."
            )
        return None
    active = attached_run()
    if asked.run is None:
        if active is None or not active.is_recorded:
            return None
        return _of(active, asked, location.journals(active.uri) / active.run_id, is_attached=True)
    found = active if active and asked.run in (active.run_id, active.name) else None
    if found is None:
        found = find_earlier(location, asked.run, asked.experiment)
    if active is not None and found.run_id != active.run_id:
        raise UsageError(
            f"resume={asked.run!r} is run {_shown(found)}, inside the active MLflow run "
            f"{active.run_id[:8]}. Leave that one first, or open this one: "
            f"mlflow.start_run(run_id={found.run_id!r})."
        )
    _refuse_gone(found)
    folder = location.journals(found.uri) / found.run_id
    found = _without_rest(found, location, folder, is_attached=active is not None)
    return _of(found, asked, folder, is_attached=active is not None)


def _of(found: EarlierRun, asked: Asked, folder: Path, *, is_attached: bool) -> Resumed:
    if not found.is_recorded:
        raise UsageError(
            f"run {_shown(found)} has no record of repro: what it was cannot be gone on with. "
            f"If it was tracked on another machine, run `repro recover {found.run_id[:8]}` there; "
            f"else begin a new run."
        )
    earlier = Earlier(*found.record(), begun=found.begun)
    _refuse_conflicts(found, earlier, asked)
    params = earlier.record.find(Params) or Params()
    declared = {param.name: param for param in (*asked.declared, *params.declared)}
    seed = _seed(earlier) or asked.seed
    return Resumed(found, earlier, seed, tuple(declared.values()), folder, is_attached)


def _refuse_gone(found: EarlierRun) -> None:
    if found.is_deleted:
        raise UsageError(
            f"run {_shown(found)} was deleted. "
            f"Restore it with `mlflow runs restore --run-id {found.run_id}`."
        )
    if found.copied_to is not None:
        raise UsageError(
            f"run {_shown(found)} was copied to run {found.copied_to} of the store that was asked "
            f"for. Resume that one."
        )


def _without_rest(
    found: EarlierRun, location: Location, folder: Path, *, is_attached: bool
) -> EarlierRun:
    """The run, once everything that its process left is in MLflow.

    Raises
    ------
    UsageError
        It is still live, or may be.
    """
    if not (folder / EVENTS).is_file():
        if found.status == "RUNNING" and not is_attached:
            raise UsageError(
                f"run {_shown(found)} is RUNNING, and its journal is not on this machine: it may "
                f"be live on another. Run `repro recover {found.run_id[:8]}` there; if that "
                f"machine is gone, call "
                f"mlflow.MlflowClient().set_terminated({found.run_id!r}, 'KILLED')."
            )
        return found
    journal = read_journal(folder)
    if journal.state == "live":
        raise UsageError(
            f"run {_shown(found)} is live: a process still writes to it. "
            f"Wait for its end, or stop it."
        )
    if _has_left(journal):
        problem = recover(journal, location).problem
        if _has_left(read_journal(folder)):
            raise UsageError(
                f"run {_shown(found)} left something that cannot be brought to MLflow now: "
                f"{problem}. Run `repro recover {found.run_id[:8]}` when that is mended."
            )
        found = found.again()
        _refuse_gone(found)
    return found


def _has_left(journal: RunJournal) -> bool:
    """Whether MLflow does not have all of it; that another store has no copy does not count."""
    is_ended = journal.state == "ended" and journal.is_stored and journal.is_closed
    return not is_ended or journal.n_unshipped > 0


def _refuse_conflicts(found: EarlierRun, earlier: Earlier, asked: Asked) -> None:
    conflicts = list(_conflicts(found, earlier, asked))
    if conflicts:
        raise UsageError(
            f"run {_shown(found)} cannot go on with other values than it began with: "
            f"{'; '.join(conflicts)}. Pass what was recorded, or leave it out; "
            f"with other values, begin a new run."
        )


def _conflicts(found: EarlierRun, earlier: Earlier, asked: Asked) -> Iterator[str]:
    if asked.name not in (None, found.name):
        yield f"name was {found.name!r}, now {asked.name!r}"
    if asked.experiment not in (None, found.experiment):
        yield f"experiment was {found.experiment!r}, now {asked.experiment!r}"
    (seed, source), known = asked.seed, _seed(earlier)
    if known is not None and source != "drawn" and seed != known[0]:
        yield f"seed was {known[0]}, now {seed} by {source}"
    params = earlier.record.find(Params) or Params()
    recorded = {param.name: param.value for param in (*params.logged, *params.declared)}
    stored: dict[str, Scalar] = {**found.params, **recorded}
    for param in asked.declared:
        if param.name in stored and not _is_same(stored[param.name], param.value):
            yield f"params {param.name} was {stored[param.name]!r}, now {param.value!r}"


def _is_same(left: Scalar, right: Scalar) -> bool:
    """Whether it is one value, be it that MLflow keeps it as text; True is not 1."""
    is_one_kind = isinstance(left, bool) == isinstance(right, bool)
    return str(left) == str(right) or (is_one_kind and left == right)


def _seed(earlier: Earlier) -> Seed | None:
    determinism = earlier.record.find(Determinism)
    if determinism is None or determinism.seed is None:
        return None
    return determinism.seed, determinism.seed_source


def _shown(found: EarlierRun) -> str:
    return f"{found.name} ({found.run_id[:8]})"
