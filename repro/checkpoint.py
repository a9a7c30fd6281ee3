"""Checkpoints: everything that the next step depends on, so that a training goes on bit for bit.

A file for `torch.load(path, weights_only=True)`: a dict with `model`, `optimizer`, `scheduler` and
`scaler` as their `state_dict` gives them, `epoch`, `step`, `extra`, and `repro`, which holds every
generator, the place of each loader in its pass, and the switches.
"""

import copy
import os
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from repro.continuation import Earlier, segment_after
from repro.determinism.loader_state import States
from repro.determinism.ranked import rank
from repro.determinism.sources import Sources
from repro.determinism.switches import SWITCHES, read_switches
from repro.digest import digest_file
from repro.errors import CheckpointUnusable, UsageError
from repro.facts.checkpoints import Checkpoints, Read, Written
from repro.facts.fact import Absent
from repro.observe import loaded_file
from repro.observe.observer import observed
from repro.observe.redaction import masked_text
from repro.observe.training import Training
from repro.store.mlflow import first_line

if TYPE_CHECKING:
    import numpy as np
    import torch

G = TypeVar("G", "np.random.Generator", "torch.Generator")
FORMAT = "repro.checkpoint/1"
KEPT = 100  # of the files that were written, in the record
SHOWN = 5
ATOMS = (type(None), bool, int, float, complex, str, bytes)
CONTAINERS = (list, tuple, set)


@dataclass(frozen=True)
class Checkpoint:
    """Where a training goes on."""

    step: int  # optimizer steps that were made
    epoch: int | None
    extra: Mapping[str, Any]
    run_id: str  # the run that wrote it


@dataclass(frozen=True)
class Trained:
    """The objects of a training; each may be a list or dict of several."""

    model: Any = None
    optimizer: Any = None
    scheduler: Any = None
    scaler: Any = None

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(vars(self).items())


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
            A value is none that `torch.load(weights_only=True)` takes.
        """
        name = f"{self._segment}-{self._n_written + 1}"
        content = {**self._content(trained, name), "epoch": epoch, "extra": extra}
        for odd in _odd("", content):
            raise UsageError(
                f"run.checkpoint: {odd} cannot be read back with weights_only=True. "
                f"Pass numbers, text, tensors, lists or dicts of them, or value.state_dict()."
            )
        path = Path(path)
        digest = _stored(path, content)
        self._n_written += 1
        told = Written(
            id=name, file=masked_text(path.name), digest=digest, step=content["step"], epoch=epoch
        )
        self._written = [*self._written, told][-KEPT:]

    def read(self, path: str | Path, trained: Trained) -> Checkpoint:
        """Restore the objects, then the generators.

        Raises
        ------
        CheckpointUnusable
            There is no such file, it was changed, or what it holds does not fit what is given.
        """
        path = Path(path)
        digest, content = _loaded(path)
        ours: dict[str, Any] = content["repro"]
        _refuse_other_rank(path, ours["rank"])
        is_own = ours["run_id"] == self._run_id
        is_recorded = self._is_recorded(path, ours["id"], digest) if is_own else None
        self.sources.refuse_others(ours["loaders"])
        if not is_own:  # weights of another run
            self._tell(path, ours["run_id"])
        with self._restoring(is_own):
            for name, thing in trained:
                _restore(name, thing, content[name])
        _restore_gradients("model", trained.model, content["gradients"])
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
        is_waiting = self._training.is_accumulating
        return {
            "format": FORMAT,
            **{kind: _state(kind, thing) for kind, thing in trained},
            "gradients": _gradients(trained.model) if is_waiting else None,
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


def _stored(path: Path, content: Mapping[str, Any]) -> str:
    """Write the file, and only then put it in the place of the one before; its digest."""
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        torch.save(content, draft)
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        digest = digest_file(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return digest


def _loaded(path: Path) -> tuple[str, dict[str, Any]]:
    import torch

    if not path.is_file():
        others = sorted(one.name for one in path.parent.glob(f"*{path.suffix}"))[:SHOWN]
        raise CheckpointUnusable(
            f"there is no checkpoint {path}; in that folder: {', '.join(others) or 'none'}. "
            f"Pass one that run.checkpoint wrote."
        )
    try:
        digest = digest_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        why = first_line(error).rstrip(".")
        raise CheckpointUnusable(
            f"{path} cannot be read: {why}. Go on from another checkpoint."
        ) from error
    found = content.get("format") if isinstance(content, Mapping) else None
    if found != FORMAT:
        raise CheckpointUnusable(
            f"{path} is no checkpoint of {FORMAT}: its format is {found!r}. "
            f"Read weights of another making with run.load(path)."
        )
    return digest, dict(content)


def _refuse_other_rank(path: Path, writer: int) -> None:
    if writer != rank():
        raise CheckpointUnusable(
            f"{path} was written by rank {writer}, this is rank {rank()}: all ranks would draw the "
            f"same numbers. Write a file on each rank, with the rank in its name."
        )


def _state(name: str, thing: Any) -> Any:
    if thing is None:
        return None
    if hasattr(thing, "state_dict"):
        return thing.state_dict()
    if isinstance(thing, Mapping):
        return {key: _state(f"{name}[{key!r}]", one) for key, one in thing.items()}
    if isinstance(thing, list | tuple):
        return [_state(f"{name}[{index}]", one) for index, one in enumerate(thing)]
    raise UsageError(
        f"run.checkpoint got a {type(thing).__name__} as {name}, which has no state_dict(). "
        f"Pass the object itself, or a list or dict of several."
    )


def _restore(name: str, thing: Any, state: Any) -> None:
    if thing is None and state is None:
        return
    if hasattr(thing, "load_state_dict") and state is not None:
        try:
            thing.load_state_dict(copy.deepcopy(state))  # an optimizer keeps what it is given
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointUnusable(
                f"{name} is not the one of the checkpoint: {error}. Build it as the run did."
            ) from error
        return
    for key, one, inner in _pairs(name, thing, state):
        _restore(f"{name}[{key!r}]", one, inner)


def _pairs(name: str, thing: Any, state: Any) -> list[tuple[Any, Any, Any]]:
    """Each of several objects with its state."""
    things, states = _by_key(thing), _by_key(state)
    if things is None or states is None or things.keys() != states.keys():
        raise CheckpointUnusable(
            f"{_misfit(name, thing, state)}. Pass what was written; for the weights alone, read "
            f"the file with run.load(path)['model']."
        )
    return [(key, things[key], states[key]) for key in things]


def _by_key(several: Any) -> dict[Any, Any] | None:
    if isinstance(several, list | tuple):
        return dict(enumerate(several))
    return dict(several) if isinstance(several, Mapping) else None


def _misfit(name: str, thing: Any, state: Any) -> str:
    if state is None:
        return f"the checkpoint holds no {name}, but one was given"
    if thing is None:
        return f"the checkpoint holds {name}, which was not given"
    return f"{name} was written as another list or dict of objects than is given"


def _gradients(model: Any) -> Any:
    """Gradients that wait for the next step, in the shape of `_state`."""
    if hasattr(model, "named_parameters"):
        return {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    several = _by_key(model)
    return None if several is None else {key: _gradients(one) for key, one in several.items()}


def _restore_gradients(name: str, model: Any, gradients: Any) -> None:
    if gradients is None:
        return
    if hasattr(model, "named_parameters"):
        for key, parameter in model.named_parameters():
            found = gradients.get(key)
            parameter.grad = None if found is None else found.to(parameter.device)
        return
    for key, one in (_by_key(model) or {}).items():
        _restore_gradients(f"{name}[{key!r}]", one, gradients.get(key))


def _switches() -> dict[str, Any]:
    return read_switches([one for one in SWITCHES if not one.is_scoped])


def _other_switches(known: Mapping[str, Any]) -> Iterator[str]:
    now = _switches()
    yield from (name for name, value in known.items() if now.get(name) != value)


def _in_pass(loaders: Mapping[str, Any]) -> set[str]:
    return {role for role, kept in loaders.items() if any(one["pass"] for one in kept)}


def _odd(path: str, value: Any) -> Iterator[str]:
    """Where a value is of a type that cannot be read without running code."""
    from torch import Size, Tensor, device, dtype

    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _odd(f"{path}.{key}".strip("."), inner)
            if type(key) not in ATOMS:
                yield f"a key of {path}, a {type(key).__name__},"
    elif type(value) in CONTAINERS:
        for index, inner in enumerate(value):
            yield from _odd(f"{path}[{index}]", inner)
    elif type(value) not in ATOMS and not isinstance(value, (Size, Tensor, device, dtype)):
        yield f"{path}, a {type(value).__module__}.{type(value).__qualname__},"
