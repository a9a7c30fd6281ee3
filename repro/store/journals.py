"""The journals on this machine: of which runs they are, and what MLflow does not have of each."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from repro.errors import UnknownRun, UsageError
from repro.store.alive import LOCK as HELD
from repro.store.alive import SIGN, is_live, last_sign
from repro.store.journal import EVENTS
from repro.store.journaled import Entry, events, last_time_ms, n_unshipped
from repro.store.location import Location, scratch
from repro.store.naming import meant

LOCK = "recovering"
MISSING: Mapping[str, Any] = {}

State = Literal["live", "orphaned", "ended"]


@dataclass(frozen=True)
class RunJournal:
    """What the journal of one run says; of a resumed run, about its last process."""

    folder: Path
    # Where the run is: event `run` or `resuming`; empty: killed before it was written.
    place: Mapping[str, Any]
    facts: Mapping[str, Any]  # the last that were written
    record: Mapping[str, Any]  # `json` and `seal`; empty: none was built
    signals: tuple[str, ...]  # names of those that asked it to end
    ending: Mapping[str, Any]  # how the block ended, as in the outcome; empty: it did not
    end: Mapping[str, Any]  # event `ended` or `recovered`; empty: none
    copy: Mapping[str, Any]  # `uri` and `run_id` in the store that was asked for; empty: none
    is_copied: bool  # to the end
    state: State
    n_unshipped: int  # metric values
    last_sign: datetime  # of life: heartbeat, metric value or event

    @property
    def run_id(self) -> str:
        """Id of the run in MLflow."""
        return self.folder.name

    @property
    def name(self) -> str:
        """Name of the run; its short id where the journal does not know."""
        return str(self.place.get("name", self.run_id[:8]))

    @property
    def uri(self) -> str | None:
        """The store, without credentials; None: the journal does not know."""
        return self.place.get("uri")

    @property
    def wanted_uri(self) -> str | None:
        """The store that was asked for and did not answer, without credentials."""
        instead_of = self.place.get("instead_of")
        return str(instead_of).partition(": ")[0] if instead_of else None

    @property
    def started_at(self) -> datetime | None:
        """When the last process of the run began."""
        text = self.place.get("started_at")
        return datetime.fromisoformat(text) if text else None

    @property
    def was(self) -> Mapping[str, Any]:
        """How the run had ended, if its process was killed just before it went on."""
        was: Mapping[str, Any] = self.place.get("was", MISSING)
        return was

    @property
    def status(self) -> str:
        """How it ended, or RUNNING."""
        return str(self.end.get("status", "RUNNING"))

    @property
    def is_attached(self) -> bool:
        """Whether someone else opened the run in MLflow."""
        return bool(self.place.get("is_attached"))

    @property
    def tags(self) -> Mapping[str, str]:
        """Those that the script asked for."""
        tags: Mapping[str, str] = self.place.get("tags", MISSING)
        return tags

    @property
    def is_stored(self) -> bool:
        """Whether MLflow has the record."""
        return bool(self.end.get("is_stored") or self.was)

    @property
    def is_closed(self) -> bool:
        """Whether the run has ended in MLflow."""
        return bool(self.end.get("is_closed"))

    @property
    def left(self) -> tuple[str, ...]:
        """What is to be done, in words; nothing while the run is live."""
        if self.state == "live":
            return ()
        found = {
            f"{self.n_unshipped:,} values": self.n_unshipped > 0,
            "the record": not self.is_stored,
            "the end": not self.is_closed,
            f"the copy to {self.wanted_uri}": self.wanted_uri and not self.is_copied,
        }
        return tuple(what for what, is_left in found.items() if is_left)


def read_journal(folder: Path) -> RunJournal:
    """What the journal in this folder says now."""
    entries = events(folder)
    begins = [at for at, entry in enumerate(entries) if entry.kind in ("run", "resuming")]
    now = entries[begins[-1] :] if begins else entries
    end = _last(now, "ended", "recovered")
    state: State = "live" if is_live(folder) else "ended" if end else "orphaned"
    return RunJournal(
        folder=folder,
        place=_last(now, "run", "resuming"),
        facts=_last(now, "facts"),
        record=_last(now, "record"),
        signals=tuple(entry.data["name"] for entry in now if entry.kind == "signal"),
        ending=_last(now, "ending"),
        end=end,
        copy=_last(entries, "copying"),
        is_copied=bool(_last(now, "copied")),
        state=state,
        n_unshipped=n_unshipped(folder),
        last_sign=_last_sign(folder),
    )


def find_journals(folder: Path) -> list[RunJournal]:
    """The journals in a folder, or the one that the folder is; the run that began first leads.

    The folder may also be that of a project, or the one beside its database.
    """
    if _is_journal(folder):
        return [read_journal(folder)]
    parents = (folder, folder / "journal", folder / "mlruns" / "journal")
    found = (child for parent in parents for child in _children(parent) if _is_journal(child))
    return sorted(map(read_journal, found), key=_began)


def journal_folders(location: Location) -> list[Path]:
    """Where a journal of the project may be: beside each store that took its runs, or on its own.

    Whether a folder can be written now does not say whether it could be then.
    """
    beside = map(location.beside, location.addresses)
    return list(dict.fromkeys(path.resolve() for path in (*beside, scratch() / "journal")))


def every_journal(location: Location) -> list[RunJournal]:
    """Those of the resolved store, of the embedded one, and of the folder for temporary files."""
    every = (found for folder in journal_folders(location) for found in find_journals(folder))
    return sorted(every, key=_began)


def listed_journals(folder: Path | None, location: Location) -> list[RunJournal]:
    """Those in a folder; without one, those of the project.

    Raises
    ------
    UsageError
        There is no such folder.
    """
    if folder is None:
        return every_journal(location)
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}. Name that of a run, or one of several.")
    return find_journals(folder.resolve())


def named_journals(target: str, location: Location) -> list[RunJournal]:
    """The journals of a run by id, beginning of an id, or name; or those in a folder.

    Raises
    ------
    UnknownRun
        There is no such journal, or several may be meant.
    UsageError
        The folder holds no journal.
    """
    every = every_journal(location)
    ids = meant(target, {journal.run_id: journal.name for journal in every})
    if ids:
        return [journal for journal in every if journal.run_id in ids]
    if Path(target).is_dir():
        return _in_folder(Path(target).resolve())
    newest = ", ".join(f"{journal.run_id[:8]} {journal.name}" for journal in every[-5:])
    raise UnknownRun(
        f"no journal goes by {target!r}; the newest journals here: {newest or 'none'}. "
        f"Pass a run id, a run name, or a folder of journals."
    )


def waits(journals: Iterable[RunJournal]) -> list[str]:
    """How many of these runs each store is to get that did not answer, in words."""
    wanted = Counter(found.wanted_uri for found in journals if not found.is_copied)
    return [
        f"{f'{n} runs wait' if n > 1 else '1 run waits'} for {uri}: `repro recover` copies "
        f"{'them' if n > 1 else 'it'} there when it answers"
        for uri, n in wanted.items()
        if uri is not None
    ]


@contextmanager
def only_one(folder: Path) -> Iterator[bool]:
    """A block that one process at a time may do; whether it is this one."""
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _in_folder(folder: Path) -> list[RunJournal]:
    found = find_journals(folder)
    if not found:
        raise UsageError(f"{folder} holds no journal. Name the folder of a run, or one of several.")
    return found


def _is_journal(folder: Path) -> bool:
    """Also that of a run whose process was killed before the first event."""
    return any((folder / name).is_file() for name in (EVENTS, SIGN, HELD))


def _children(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _began(journal: RunJournal) -> datetime:
    return journal.started_at or journal.last_sign


def _last(entries: list[Entry], *kinds: str) -> Mapping[str, Any]:
    """Data of the last event of these kinds."""
    return next((entry.data for entry in reversed(entries) if entry.kind in kinds), MISSING)


def _last_sign(folder: Path) -> datetime:
    """The later of the heartbeat and the last metric value; without any, the last event."""
    seconds = max(last_sign(folder).at or 0.0, (last_time_ms(folder) or 0) / 1000)
    path = folder / EVENTS if (folder / EVENTS).is_file() else folder
    return datetime.fromtimestamp(seconds or path.stat().st_mtime, UTC)
