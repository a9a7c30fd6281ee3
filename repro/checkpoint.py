"""Checkpoints: everything that the next step depends on, so that a training goes on bit for bit.

A file for `torch.load(path, weights_only=True)`: a dict with `model`, `optimizer`, `scheduler` and
`scaler` as their `state_dict` gives them, `rest`, which those leave out, `epoch`, `step`, `extra`,
and `repro`, which holds every generator, the place of each loader in its pass, and the switches.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from repro.checkpoint_file import (
    FORMAT,
    drafted,
    loaded,
    odd_values,
    one_line,
    refuse_epoch,
    usable_path,
)
from repro.checkpoint_objects import Trained, restore, states
from repro.continuation import Earlier, segment_after
from repro.determinism.loader_state import States
from repro.determinism.ranked import rank
from repro.determinism.sources import Sources
from repro.determinism.switches import SWITCHES, read_switches
from repro.errors import CheckpointUnusable, UsageError
from repro.facts.checkpoints import Checkpoints, Read, Written
from repro.facts.fact import Absent
from repro.observe import loaded_file
from repro.observe.observer import observed
from repro.observe.redaction import masked_text
from repro.observe.training import Training

if TYPE_CHECKING:
    import numpy as np
    import torch

G = TypeVar("G", "np.random.Generator", "torch.Generator")
KEPT = 100  # of the files that were written, in the record


@dataclass(frozen=True)
class Checkpoint:
    """Where a training goes on."""

    step: int  # optimizer steps that were made
    epoch: int | None
    extra: Mapping[str, Any]
    run_id: str  # the run that wrote it


class CheckpointBook:
    """Writes and reads the checkpoints of one run, and records them."""

    def __init__(self, run_id: str, training: Training, earlier: Earlier | None) -> None:
        self._run_id = run_id
        self._training = training
        self._segment = segment_after(earlier)
        known = earlier.record.find(Checkpoints) if earlier else None
        self._written = list(known.written) if known else []
        self._n_written = 0
        self._read: list[Read] = []
        self.sources = Sources()

    def follow(self, name: str, generator: G) -> G:
        """Know a generator; one that was in a checkpoint goes on from there."""
        self.sources.follow(name, generator)
        return generator

    def follow_loader(self, role: str, loader: Any) -> None:
        """Know a loader; one that a checkpoint was in the middle of goes on from there."""
        if loader.progress is None:
            self.sources.follow_loader(role, loader, self._states)

    def write(self, path: str | Path, trained: Trained, epoch: int | None, extra: Any) -> None:
        """Write the file at once or not at all.

        Raises
        ------
        CheckpointUnusable
            A loader is in a state that cannot be read.
        UsageError
            A value is none that `torch.load(weights_only=True)` takes, the path or the epoch is
            none, an object that is watched was left out, or the file cannot be written.
        """
        path = usable_path(path)
        refuse_epoch(epoch)
        self._refuse_left_out(trained)
        for odd in odd_values("extra", extra):
            raise UsageError(
                f"run.checkpoint: {one_line(odd)} cannot be read back with weights_only=True. "
                f"Pass numbers, text, tensors, lists or dicts of them, or value.state_dict()."
            )
        name = f"{self._segment}-{self._n_written + 1}"
        content = {**self._content(trained, name), "epoch": epoch, "extra": extra}
        with drafted(path, content) as digest:
            told = Written(
                id=name,
                file=masked_text(path.name),
                digest=digest,
                step=content["step"],
                epoch=epoch,
            )
        self._n_written += 1
        self._written = [*self._written, told][-KEPT:]

    def read(self, path: str | Path, trained: Trained) -> Checkpoint:
        """Restore the objects, then the generators.

        Raises
        ------
        CheckpointUnusable
            There is no such file, it was changed, or what it holds does not fit what is given.
        """
        path = usable_path(path)
        digest, content = loaded(path)
        ours: dict[str, Any] = content["repro"]
        _refuse_other_rank(path, ours["rank"])
        is_own = ours["run_id"] == self._run_id
        is_recorded = self._is_recorded(path, ours["id"], digest) if is_own else None
        self.sources.refuse_others(ours["loaders"])
        if not is_own:  # weights of another run
            self._tell(path, ours["run_id"])
        with self._restoring(is_own):
            restore(trained, content)
        self._training.go_on_at(content["step"])
        self.sources.go_on(ours["generators"], ours["loaders"])
        self._read.append(
            Read(
                index=len(self._read) + 1,
                file=masked_text(path.name),
                digest=digest,
                run_id=ours["run_id"],
                step=content["step"],
                epoch=content["epoch"],
                is_recorded=is_recorded,
                in_pass=tuple(sorted(_in_pass(ours["loaders"]))),
                switches=tuple(_other_switches(ours["switches"])),
            )
        )
        return Checkpoint(content["step"], content["epoch"], content["extra"], ours["run_id"])

    def fact(self) -> Checkpoints | Absent:
        """What was written and read."""
        if not self._written and not self._read:
            reason = "no checkpoint was written or read: run.checkpoint(path, ...)"
            return Absent(reason=reason, kind="not_applicable")
        left = {"not_gone_on": self.sources.left_over()}
        last = [one.model_copy(update=left) for one in self._read[-1:]]
        return Checkpoints(
            written=tuple(self._written),
            n_written=self._n_written,
            read=(*self._read[:-1], *last),
        )

    def _content(self, trained: Trained, name: str) -> dict[str, Any]:
        return {
            "format": FORMAT,
            **states(trained),
            "step": self._training.step,
            "repro": {
                "id": name,
                "run_id": self._run_id,
                "rank": rank(),
                "loaders": self.sources.places(),
                "generators": self.sources.read(),
                "switches": _switches(),
            },
        }

    def _refuse_left_out(self, trained: Trained) -> None:
        """Refuse to leave out what changes the next steps."""
        for kind, held in self._training.watched:
            watched = held()
            if watched is None:
                continue
            given = [one for _name, one in trained.each(kind)]
            inner = [getattr(one, kind, None) for one in given]  # of those that wrap another
            own = getattr(watched, kind, watched)
            if not any(one is watched or one is own for one in (*given, *inner)):
                raise UsageError(
                    f"run.checkpoint: the run watches a {type(watched).__name__} that was not "
                    f"passed: a training could not go on from the file. Pass {kind}=, or write "
                    f"the weights alone with torch.save(model.state_dict(), path)."
                )

    def _states(self) -> States | None:
        """States of all generators, for a pass that begins: the training goes on without them."""
        found = observed(self.sources.read)
        return None if isinstance(found, Absent) else found

    def _is_recorded(self, path: Path, name: str, digest: str) -> bool | None:
        """Whether the run recorded these bytes; a killed one may not have come to it."""
        known = {one.id: one.digest for one in self._written}
        if known.get(name, digest) != digest:
            raise CheckpointUnusable(
                f"{path} was changed after run {self._run_id[:8]} wrote it: its digest was "
                f"{known[name]}, now {digest}. Go on from another checkpoint."
            )
        return True if name in known else None

    def _tell(self, path: Path, parent: str) -> None:
        file = loaded_file.read(path, parent, {"map_location": "cpu"})
        self._training.audience.tell("loaded", file)

    @contextmanager
    def _restoring(self, is_own: bool) -> Iterator[None]:
        self._training.is_restoring = is_own
        try:
            yield
        finally:
            self._training.is_restoring = False


def _refuse_other_rank(path: Path, writer: int) -> None:
    if writer != rank():
        raise CheckpointUnusable(
            f"{path} was written by rank {writer}, this is rank {rank()}: all ranks would draw the "
            f"same numbers. Write a file on each rank, with the rank in its name."
        )


def _switches() -> dict[str, Any]:
    return read_switches([one for one in SWITCHES if not one.is_scoped])


def _other_switches(known: Mapping[str, Any]) -> Iterator[str]:
    now = _switches()
    yield from (name for name, value in known.items() if now.get(name) != value)


def _in_pass(loaders: Mapping[str, Any]) -> set[str]:
    return {role for role, kept in loaders.items() if any(one["pass"] for one in kept)}
