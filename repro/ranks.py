"""The processes of one training: they agree before it begins, and are one run, that of rank 0.

They talk through the store that torch's process group meets at: no collective, nothing blocks while
the training goes on.
"""

import itertools
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from repro.determinism.ranked import initialized, launched
from repro.ending import Ending
from repro.errors import RanksDisagree, StoreUnavailable
from repro.facts.fact import Absent
from repro.observe.observer import observed
from repro.observe.rank_contract import Contract, disagreement, named
from repro.store.followed import FollowedRun
from repro.store.mlflow import OpenRun, first_line

SECONDS = 60.0  # that ranks wait for each other at the start; REPRO_RANKS_SECONDS overrides it
PATIENCE = {"FINISHED": 30.0, "FAILED": 1.0, "KILLED": 2.0}  # of rank 0, at its end
PAUSES = (0.005, 0.25)  # between two looks whether something has come: the first, the longest

_entries = itertools.count()  # each rank enters the same blocks in the same order


@dataclass
class Gang:
    """This process among the others, for the time of one block."""

    rank: int
    world: int
    store: Any  # of torch, with a prefix for this block
    seconds: float = SECONDS
    n_agreed: int = 0
    said: dict[str, Any] = field(default_factory=dict)
    heard: dict[int, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def is_first(self) -> bool:
        """Whether this is rank 0, which records the run."""
        return self.rank == 0

    def put(self, name: str, value: object) -> None:
        """Lay a JSON value down for the other ranks."""
        self.store.set(name, json.dumps(value))

    def find(self, name: str) -> Any:
        """A value that a rank has laid down, or None; does not wait."""
        return json.loads(self.store.get(name)) if self.store.check([name]) else None

    def journal(self, folder: Path) -> Path:
        """Where this rank keeps its own, below that of the run."""
        return folder if self.is_first else folder / "ranks" / str(self.rank)

    def agree(self, mine: Contract, drawn: list[Any]) -> list[Any]:
        """What rank 0 has drawn, once all ranks have the same contract.

        Raises
        ------
        RanksDisagree
            They have not, or some did not come; every rank raises the same.
        """
        self.put(f"contract/{self.rank}", mine)
        if self.is_first:
            verdict: dict[str, Any] = {"problem": self._problem(), "drawn": drawn}
            self.put("verdict", verdict)
        else:
            verdict = self._of_first("verdict", "enter tracked_run")
        if verdict["problem"]:
            raise RanksDisagree(verdict["problem"])
        self.n_agreed = len(mine)
        found: list[Any] = verdict["drawn"]
        return found

    def opened(self, open_run: Callable[[], OpenRun]) -> OpenRun:
        """The run that rank 0 opens; the other ranks follow it."""
        if not self.is_first:
            return self._followed()
        try:
            found = open_run()
        except BaseException as error:
            with suppress(Exception):  # the first error is told
                self.put("run", {"error": f"{type(error).__name__}: {first_line(error)}"})
            raise
        place = {"run_id": found.run_id, "experiment_id": found.experiment_id}
        self.put("run", {**place, "tracking_uri": found.shown_uri})
        return found

    def end(self, ending: Ending, notes: list[str]) -> bool:
        """Tell how this rank ended; rank 0 hears the others, and notes what they told.

        Returns whether this rank is the one that records the run.
        """
        failure = observed(self._end, ending, notes)
        if isinstance(failure, Absent):
            notes.append(f"the other ranks could not be reached at the end: {failure.reason}")
        elif self.is_first:
            notes.extend(self._notes())
        return self.is_first

    def _end(self, ending: Ending, notes: list[str]) -> None:
        how = {"status": ending.status, "error": ending.error or ending.reason, "notes": notes}
        if not self.is_first:
            self.put(f"end/{self.rank}", {**how, **self.said})
        else:
            names = {f"end/{rank}": rank for rank in range(1, self.world)}
            came = self._arrived(names, PATIENCE[ending.status])
            self.heard = {rank: self.find(name) for name, rank in names.items() if name in came}

    def _notes(self) -> Iterable[str]:
        for rank, said in self.heard.items():
            yield from (f"rank {rank}: {note}" for note in said["notes"])
            if said["status"] != "FINISHED":
                yield f"rank {rank} {said['status']}: {said['error']}"
            if drift := said.get("drift"):
                others = f" and {drift['n_tensors'] - 1} more" if drift["n_tensors"] > 1 else ""
                yield (
                    f"the parameters of rank {rank} are not those of rank 0, first seen before "
                    f"step {drift['step']}: {drift['tensor']}{others}"
                )
            if twin := said.get("twin"):
                yield (
                    f"rank {rank} draws the random numbers of rank 0, seen before step "
                    f"{twin['step']}: dropout and augmentation repeat. Leave the "
                    "seeding to tracked_run"
                )
        silent = set(range(1, self.world)) - self.heard.keys()
        if silent:
            yield f"nothing was heard of {named(silent)} of {self.world} at the end"

    def _problem(self) -> str | None:
        names = {f"contract/{rank}": rank for rank in range(self.world)}
        came = self._arrived(names, self.seconds)
        if len(came) < len(names):
            return _missing({names[name] for name in names.keys() - came}, self)
        found = disagreement({rank: self.find(name) for name, rank in names.items()})
        return found and (
            f"the ranks are not set up alike: {found}. "
            f"One run has one configuration: start every rank with the same."
        )

    def _followed(self) -> OpenRun:
        place = self._of_first("run", "open the run")
        if "error" in place:
            raise StoreUnavailable(f"rank 0 could not open the run: {place['error']}")
        return FollowedRun(**place, is_attached=False, give_back_uri=lambda: None)

    def _of_first(self, name: str, what: str) -> Any:
        """Rank 0 itself waits for others: give it twice the time."""
        if not self._arrived([name], 2 * self.seconds):
            raise RanksDisagree(
                f"rank 0 of {self.world} did not {what} within {2 * self.seconds:g} s; rank "
                f"{self.rank} did. Every rank has to enter the same tracked_run blocks."
            )
        return self.find(name)

    def _arrived(self, names: Iterable[str], seconds: float) -> set[str]:
        """Those that have come by then; a signal may break in, unlike into the store's wait."""
        names, until = list(names), time.monotonic() + seconds
        pause, longest = PAUSES
        while not self.store.check(names):
            if time.monotonic() >= until:
                return {name for name in names if self.store.check([name])}
            time.sleep(pause)
            pause = min(2 * pause, longest)
        return set(names)


def join(notes: list[str]) -> Gang | None:
    """The processes that this one trains with; None: it trains alone.

    A note tells if there are others that cannot be reached: then each rank has a run of its own.
    """
    place = initialized() or launched()
    if place is None:
        return None
    rank, world = place
    gang = observed(_gang, rank, world)
    if isinstance(gang, Gang):
        return gang
    notes.append(
        f"rank {rank} of {world} has a run of its own, and nothing was compared: {gang.reason}"
    )
    return None


def _gang(rank: int, world: int) -> Gang | Absent:
    from torch.distributed.distributed_c10d import PrefixStore

    text = os.environ.get("REPRO_RANKS_SECONDS", str(SECONDS))
    launch = (os.environ.get(f"TORCHELASTIC_{name}", "") for name in ("RUN_ID", "RESTART_COUNT"))
    prefix = "/".join(("repro", *launch, str(next(_entries))))
    store = PrefixStore(prefix, _store(rank, world, float(text)))
    if store.add(f"entered/{rank}", 1) > 1:
        reason = "another process entered as this rank, whose variables it has inherited"
        return Absent(reason=reason, kind="failed")
    return Gang(rank, world, store, float(text))


def _store(rank: int, world: int, seconds: float) -> Any:
    """Where the ranks meet: at the launcher's store, at that of the group, or at one of rank 0."""
    from torch.distributed import distributed_c10d
    from torch.distributed.rendezvous import rendezvous

    is_launchers = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    if initialized() and not is_launchers:
        return distributed_c10d._get_default_store()
    return next(rendezvous("env://", rank, world, timeout=timedelta(seconds=seconds)))[0]


def _missing(ranks: set[int], gang: Gang) -> str:
    return (
        f"{named(ranks)} of {gang.world} did not enter tracked_run within {gang.seconds:g} s. "
        f"Every rank has to enter it, also where rank 0 alone would log: rank 0 records the run."
    )
