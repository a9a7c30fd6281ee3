"""Brings to MLflow what a run could not: its process was killed, or its store did not answer."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from repro.digest import short
from repro.errors import ReproError, StoreUnavailable, UsageError
from repro.facts import fact_types
from repro.facts.contents import Contents
from repro.facts.fact import Absent, Fact, Opaque
from repro.facts.integrity import Integrity
from repro.facts.outcome import Outcome
from repro.facts.params import Params
from repro.facts.reachability import Reachability
from repro.facts.scores import Scores, Series
from repro.facts.segments import Segments
from repro.observe.redaction import masked_record, masked_value
from repro.observe.secret_shapes import MASK
from repro.record import RunRecord, dump, load, load_facts, seal
from repro.store.alive import last_sign
from repro.store.contents import file_contents, series_read, with_held
from repro.store.journal import FORMAT, Journal
from repro.store.journals import (
    RunJournal,
    every_journal,
    named_journals,
    only_one,
    read_journal,
    waits,
)
from repro.store.left_run import LeftRun, find_run
from repro.store.location import Location, is_absolute
from repro.store.mlflow import RECORD, OpenRun, first_line, is_server, without_credentials
from repro.store.spool import kept
from repro.store.transfer import fill, twin
from repro.store.variables import NO_LINK, SHORT_PATIENCE, variables

GONE = "the process is gone (no end was journaled)"
UNTAKEN = "the process was gone before it was taken"
NOT_BUILT = "the record could not be built at the end"
NOT_OF_EVERY_RUN = {Integrity.key(), Reachability.key(), Segments.key()}

QUIETLY = {**SHORT_PATIENCE, **NO_LINK}
CREDENTIALS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME")

Known = Fact | Absent | Opaque
Facts = dict[str, Known]


@dataclass(frozen=True)
class Recovery:
    """What was done for one run, and what could not be."""

    journal: RunJournal  # as it was found
    done: tuple[str, ...] = ()
    problem: str | None = None

    def __str__(self) -> str:
        parts = [*self.done, *([f"NOT RECOVERED: {self.problem}"] if self.problem else [])]
        return f"{self.journal.name} ({self.journal.run_id[:8]}): {'; '.join(parts)}"


def recover_some(target: str | None, location: Location) -> Iterator[Recovery]:
    """Recover a run by id, beginning of an id or name, those of a folder, or all that need it.

    Raises
    ------
    UnknownRun
        No journal goes by the name.
    UsageError
        The folder holds no journal.
    """
    if target is None:
        every = every_journal(location)
        journals = [found for found in every if found.left or found.state == "live"]
    else:
        journals = named_journals(target, location)
    return (recover(journal, location) for journal in journals)


def still_left(found: Iterable[Recovery], location: Location) -> list[str]:
    """What waits for another store or another call, in words."""
    tried = {one.journal.folder: one for one in found}
    lines = waits(one.journal for one in tried.values() if one.problem)
    others = [one for one in every_journal(location) if one.left and one.folder not in tried]
    if others:
        n = "1 other run has" if len(others) == 1 else f"{len(others)} other runs have"
        lines.append(f"{n} something left: `repro recover`")
    return lines


def recover(found: RunJournal, location: Location) -> Recovery:
    """Ship what a journal has left, and end its run truthfully; doing it again changes nothing.

    Killed at any point, it goes on from there the next time.
    """
    done: list[str] = []
    try:
        with only_one(found.folder) as is_mine, variables(QUIETLY):
            if not is_mine:
                return Recovery(found, problem="another `repro recover` is at work on it")
            for step in _steps(read_journal(found.folder), location):
                done.append(step)
    except ReproError as error:
        return Recovery(found, tuple(done), str(error))
    except Exception as error:  # the boundary: each store fails in its own way
        return Recovery(found, tuple(done), f"{type(error).__name__}: {first_line(error)}")
    return Recovery(found, tuple(done))


def _steps(journal: RunJournal, location: Location) -> Iterator[str]:
    """Each thing that is left to do, when it has been done."""
    if journal.state == "live":
        yield "left alone, its process is running"
    elif (written := journal.place.get("format", FORMAT)) != FORMAT:
        raise UsageError(
            f"its journal has the format {written!r}, this version reads {FORMAT!r}. "
            f"Recover it with the version that wrote it."
        )
    elif not journal.left:
        yield "nothing was left to do"
    else:
        run = find_run(journal, location)
        with closing(Journal(journal.folder)) as log:
            yield from _finish(run, log)
            yield from _copy(run, log, location)


def _finish(run: LeftRun, log: Journal) -> Iterator[str]:
    """Bring the run to its end in the store that it went to."""
    journal = run.journal
    if journal.n_unshipped:
        yield from _ship(run)
    if journal.is_stored and journal.is_closed:
        return
    if journal.was:
        yield _as_it_was(run, log)
        return
    _send_tags(run)
    _send_params(run)
    record = _record(run, log)
    if not journal.is_stored:
        run.store(record)
        yield f"record stored, sealed {short(seal(record))}"
    outcome = record.find(Outcome)
    status = outcome.status if outcome else journal.status
    if not journal.is_closed:
        run.end(status, (outcome and outcome.ended_at) or journal.last_sign)
        yield f"ended as {status}"
    _tell(log, "recovered", {"status": status, "is_stored": True, "is_closed": True})


def _ship(run: LeftRun) -> Iterator[str]:
    n_late, n_refused = run.n_late(), run.ship()
    refused = f", {n_refused:,} of which MLflow refuses" if n_refused else ""
    n_sent = run.journal.n_unshipped - n_late
    if n_sent > 0:
        yield f"{n_sent:,} values sent{refused}"
    if n_late:
        came = "1 value came" if n_late == 1 else f"{n_late:,} values came"
        yield f"{came} after the end, by a process that outlived it, and stay in the journal"


def _as_it_was(run: LeftRun, log: Journal) -> str:
    """The process was killed before it wrote anything: the run's record is still true."""
    journal = run.journal
    status, ended_ms = str(journal.was["status"]), journal.was["ended_ms"]
    at = datetime.fromtimestamp(ended_ms / 1000, UTC) if ended_ms else journal.last_sign
    run.set_segment(journal.was["segment"])
    run.end(status, at)
    _tell(log, "recovered", {"status": status, "is_stored": True, "is_closed": True})
    return f"ended again as {status}"


def _send_tags(run: LeftRun) -> None:
    """Those of the script that did not reach MLflow, as when it attached and was killed."""
    known, asked = run.known.data.tags, run.journal.tags
    run.opened.set_tags({name: value for name, value in asked.items() if name not in known})


def _send_params(run: LeftRun) -> None:
    """Declared params that did not reach MLflow; not those that are sealed as not being there."""
    built = run.journal.record
    facts = load(built["json"]).facts if built else load_facts(run.journal.facts)
    params, sealed = facts.get(Params.key()), facts.get(Contents.key())
    is_sealed = isinstance(sealed, Contents) and sealed.is_read_back
    if isinstance(params, Params) and not is_sealed:
        known = run.held().params
        run.opened.log_params(tuple(item for item in params.declared if item.name not in known))


def _copy(run: LeftRun, log: Journal, location: Location) -> Iterator[str]:
    """Bring the run to the store that was asked for, where another one took it."""
    journal = run.journal
    if not journal.wanted_uri or journal.is_copied:
        return
    target = _target(run, journal.wanted_uri, location.resolved_uri)
    place = {"uri": target.shown_uri, "run_id": target.run_id}
    if journal.copy != place:
        _tell(log, "copying", place)
    n_models = fill(run, target)
    _tell(log, "copied", place)
    stay = f", {n_models} logged models stay in {journal.uri}" if n_models else ""
    yield f"copied to {target.shown_uri} as {target.run_id[:8]}{stay}"


def _target(run: LeftRun, wanted: str, resolved: str) -> OpenRun:
    """The run in the store that was asked for, whatever the resolved one is now."""
    if without_credentials(resolved) == wanted:
        return twin(run, resolved)
    is_whole = MASK not in wanted and is_absolute(wanted)
    # These are for the server that is set now: they are not told to another one.
    if not is_whole or (is_server(wanted) and any(map(os.environ.get, CREDENTIALS))):
        raise StoreUnavailable(
            f"it was meant for {wanted}, the store is {without_credentials(resolved)} now. "
            f"Pass the other one, with its password, by --tracking-uri to copy the run there."
        )
    try:
        return twin(run, wanted)
    except StoreUnavailable as error:
        raise StoreUnavailable(
            f"{error}; the run was meant for it. The journal keeps no password: where one is "
            f"needed, pass the address with --tracking-uri."
        ) from error


def _tell(log: Journal, kind: str, data: Mapping[str, Any]) -> None:
    log.append(kind, data)
    if log.failure:
        raise OSError(f"{log.folder} cannot be written: {log.failure}")


def _record(run: LeftRun, log: Journal) -> RunRecord:
    """The one that was built, or a new one; journaled, so that the next time it is the same."""
    built = run.journal.record
    record = load(built["json"]) if built else rebuilt(run)
    if not built or seal(record) != built["seal"]:  # facts of an older version are another record
        _tell(log, "record", {"json": dump(record), "seal": seal(record)})
    return record


def rebuilt(run: LeftRun) -> RunRecord:
    """The record of a run whose process built none: the facts that it left, and why no others."""
    journal, now = run.journal, run.held()
    absent = Absent(reason=NOT_BUILT if journal.end else UNTAKEN, kind="failed")
    facts: Facts = {key: absent for key in sorted(fact_types()) if key not in NOT_OF_EVERY_RUN}
    facts.update(load_facts(journal.facts))
    facts["params"] = _with_params(facts["params"], now.params)
    facts["scores"] = _with_series(facts["scores"], tuple(now.series.values()))
    facts["outcome"] = _outcome(run)
    series = [series_read(name, run.values(name), last) for name, last in now.series.items()]
    evidence = {path: content for path, content in kept(journal.folder).items() if path != RECORD}
    facts["contents"] = Contents(series=tuple(series), files=file_contents(evidence))
    name = journal.place.get("name") or run.known.info.run_name or journal.run_id[:8]
    return with_held(masked_record(RunRecord(journal.run_id, name, facts)), now)


def _with_params(fact: Known, logged: Mapping[str, str]) -> Known:
    """Those that were declared, and what else MLflow holds."""
    if isinstance(fact, Opaque):
        return fact
    params = fact if isinstance(fact, Params) else Params()
    ours = {param.name for param in params.declared}
    theirs = {k: masked_value(k, v) for k, v in sorted(logged.items()) if k not in ours}
    return params.but(logged=[{"name": k, "value": str(v)} for k, v in theirs.items()])


def _with_series(fact: Known, series: tuple[Series, ...]) -> Known:
    """What was scored, and the last values of what was only logged."""
    if not isinstance(fact, Scores):
        return fact
    scored = {score.name for score in fact.scored}
    return fact.but(logged=[item for item in series if item.name not in scored])


def _outcome(run: LeftRun) -> Outcome:
    """How the block ended; if that was not journaled, killed at its last sign of life."""
    journal, started_at = run.journal, run.journal.started_at or run.began
    ending: Mapping[str, Any] = journal.ending or {
        "status": "KILLED",
        "reason": _why_gone(journal, started_at),
        "ended_at": max(journal.last_sign, started_at),
        "is_recovered": True,
    }
    return Outcome.model_validate(
        {
            **ending,
            "started_at": started_at,
            "is_attached": journal.is_attached,
            "notes": tuple(journal.end.get("notes", ())),
        }
    )


def _why_gone(journal: RunJournal, started_at: datetime) -> str:
    came = f"{' and '.join(journal.signals)} came, then " if journal.signals else ""
    booted_at = last_boot()
    if booted_at is None or booted_at < started_at or not last_sign(journal.folder).is_from_here:
        return f"{came}{GONE}"
    return f"{came}{GONE}; the machine was started again at {booted_at:%Y-%m-%d %H:%M:%S} UTC"


def last_boot() -> datetime | None:
    """When this machine was started; None where it does not say."""
    try:
        lines = Path("/proc/stat").read_text().splitlines()
    except OSError:
        return None
    times = [int(line.split()[1]) for line in lines if line.startswith("btime ")]
    return datetime.fromtimestamp(times[0], UTC) if times else None
