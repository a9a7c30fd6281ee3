"""Whether runs are in MLflow as they were sealed: every value, every artifact, and the seal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.text import Text

from repro.digest import digest_bytes
from repro.errors import RecordCorrupt, UsageError
from repro.facts.contents import Contents
from repro.facts.fact import Absent
from repro.facts.integrity import Alteration, Integrity
from repro.facts.params import Params
from repro.facts.segments import Segments
from repro.record import SEAL, RunRecord, load
from repro.report.shown import columns, document, shown
from repro.store.alive import last_sign
from repro.store.held import values
from repro.store.journal import EVENTS
from repro.store.journals import RunJournal, journal_folders, read_journal
from repro.store.load import MlflowHistory, open_history
from repro.store.location import locate
from repro.store.mlflow import RECORD

COPIED_FROM = "repro.copied_from"
NOTHING = "nothing"
UNTRACKED = "it has no record: it was not tracked by repro, or has not ended"
UNSHIPPED = "its record is on this machine only"
NO_TAG = f"its seal, the tag {SEAL}, is gone; `repro verify` tells what is left"
NOT_COMPARED = "start and end times, the name, the description, tags of others"
NO_SEAL = f"its seal, the tag {SEAL}, is not there, and no journal here knows it"
NOT_READ = "the record cannot be believed, so nothing else was compared"
LATER = (
    "the journal here knows another seal, and no later segment: if the run was resumed on another "
    "machine, verify it there"
)
NO_JOURNAL = "no journal here: if record and seal were replaced together, it would not show"


@dataclass(frozen=True)
class Verification:
    """What was found out about one run."""

    run_id: str
    name: str
    is_sealed: bool = True  # False: there is nothing to compare it with
    altered: tuple[Alteration, ...] = ()
    undecided: tuple[str, ...] = ()
    unsealed: tuple[str, ...] = ()
    checked: str = ""

    @property
    def exit_code(self) -> int:
        """0 as sealed, 1 altered, 3 cannot be told."""
        return 1 if self.altered else 3 if self.undecided else 0

    def text(self) -> Text:
        """The answer first, then each change, then what was looked at."""
        answer = {0: "as sealed", 1: "ALTERED after its end", 3: "CANNOT BE TOLD"}[self.exit_code]
        found = [
            (one.what, f"was {shown(one.was)}", f"is {shown(one.now)}") for one in self.altered
        ]
        told = [("checked", self.checked)] if self.checked else []
        told += [("cannot be told", line) for line in self.undecided]
        told += [("not sealed", line) for line in self.unsealed]
        told += [("not compared", NOT_COMPARED)] if self.checked else []
        heading = Text(f"{self.name} ({self.run_id[:8]}): {answer}")
        return document([heading, *columns(found), *columns(told)])


@dataclass(frozen=True)
class _Sealed:
    """What was sealed, as far as it is known."""

    record: RunRecord | None = None
    altered: tuple[Alteration, ...] = ()
    unknown: str | None = None  # why nothing can be compared
    unproved: tuple[str, ...] = ()  # why the seal itself may be another
    by: str = ""


def verify_project(
    names: Sequence[str], *, every: bool, tracking_uri: str | None, experiment: str | None
) -> Iterator[Verification]:
    """Compare runs, each by id, beginning of an id, or name; or every run of the experiment.

    Raises
    ------
    UsageError
        Neither runs nor all of them are asked for, or both.
    """
    if bool(names) == every:
        raise UsageError("name the runs to verify, or pass --all for those of the experiment.")
    location = locate(tracking_uri)
    history = open_history(location, experiment)
    ids = history.every_run() if every else [history.resolve(name) for name in names]
    folders = journal_folders(location)
    return (verify(history, run_id, folders) for run_id in ids)


def verify(history: MlflowHistory, run_id: str, journals: Sequence[Path]) -> Verification:
    """Compare everything that was sealed with what MLflow holds now."""
    run = history.client.get_run(run_id)
    name = run.info.run_name or run_id[:8]
    journal = _journal(journals, (run_id, run.data.tags.get(COPIED_FROM)))
    sealed = _sealed(run.data.tags, history.find_artifact(run_id, RECORD), journal)
    if sealed.unknown is not None:
        return Verification(run_id, name, is_sealed=False, undecided=(sealed.unknown,))
    if sealed.record is None:
        return Verification(run_id, name, altered=sealed.altered, undecided=(NOT_READ,))
    read = partial(values, history.client, run_id)
    found = history.integrity(sealed.record, run, read)
    return _verification(run_id, name, sealed, found)


def why_unsealed(run_id: str, journals: Sequence[Path]) -> str:
    """Why a run has no record, and what to do about it, by its journal where there is one."""
    return _left(_journal(journals, (run_id,)))


def _left(journal: RunJournal | None) -> str:
    if journal is None:
        return UNTRACKED
    if journal.is_stored:
        return NO_TAG
    sign, process = f"{journal.last_sign:%Y-%m-%d %H:%M:%S} UTC", last_sign(journal.folder).process
    if journal.state == "live":
        number = f"process {process}, " if process else ""
        return f"it is running ({number}last sign of life {sign})"
    gone = f"its process is gone (last sign of life {sign})"
    why = UNSHIPPED if journal.record else gone
    return f"{why}: `repro recover {journal.run_id[:8]}`"


def _verification(
    run_id: str, name: str, sealed: _Sealed, found: Integrity | Absent
) -> Verification:
    if isinstance(found, Absent):
        is_silent = found.kind == "not_applicable"
        return Verification(
            run_id,
            name,
            altered=sealed.altered,
            undecided=(*sealed.unproved, *(() if is_silent else (found.reason,))),
            unsealed=(found.reason,) if is_silent else (),
            checked=sealed.by,
        )
    return Verification(
        run_id,
        name,
        altered=(*sealed.altered, *found.altered),
        undecided=(*sealed.unproved, *found.undecided),
        unsealed=found.unsealed,
        checked=f"{sealed.by}; {_counted(sealed.record)}",
    )


def _sealed(tags: Mapping[str, str], content: bytes | None, journal: RunJournal | None) -> _Sealed:
    """The record that was sealed; the journal knows what tag and artifact say only as of now."""
    tag, digest = tags.get(SEAL), None if content is None else digest_bytes(content)
    kept = journal.record if journal else {}
    if tag is None and kept and journal and not journal.is_stored:
        return _Sealed(unknown=_left(journal))
    if tag is None and not kept:
        return _Sealed(unknown=_left(journal) if content is None else NO_SEAL)
    is_of_later = tag == digest and content is not None and _follows(content, kept.get("seal"))
    seal = tag if is_of_later else kept.get("seal", tag)
    places = ((f"tag {SEAL}", tag), (f"artifact {RECORD}", digest))
    altered = tuple(
        Alteration(what=what, was=str(seal), now=now or NOTHING)
        for what, now in places
        if now != seal
    )
    unproved = (LATER,) if is_of_later else ()
    by = "record, by tag and journal" if kept else f"record; {NO_JOURNAL}"
    if content is not None and digest == seal:
        return _Sealed(load(content.decode()), altered, unproved=unproved, by=by)
    return _Sealed(load(kept["json"]) if kept else None, altered, by=by)


def _follows(content: bytes, seal: str | None) -> bool:
    """Whether it is the record of a later segment, which ran on another machine."""
    if seal is None or digest_bytes(content) == seal:
        return False
    try:
        segments = load(content.decode()).find(Segments)
    except (RecordCorrupt, UnicodeDecodeError):
        return False
    return segments is not None and any(one.record == seal for one in segments.earlier)


def _journal(folders: Sequence[Path], run_ids: Sequence[str | None]) -> RunJournal | None:
    """The journal of the run, or of the one that it is a copy of."""
    for run_id in filter(None, run_ids):
        for folder in folders:
            if (folder / run_id / EVENTS).is_file():
                return read_journal(folder / run_id)
    return None


def _counted(record: RunRecord | None) -> str:
    """How much was compared."""
    params = record.find(Params) if record else None
    contents = (record.find(Contents) if record else None) or Contents()
    n_params = len(params.declared) + len(params.logged) if params else 0
    n_points = sum(series.n_points or 0 for series in contents.series)
    return (
        f"status, params: {n_params}, metrics: {len(contents.series)} ({n_points:,} values), "
        f"tags: {len(contents.tags) + 1}, artifacts: {len(contents.files) + 1}"
    )
