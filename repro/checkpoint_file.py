"""Files of checkpoints: written at once or not at all, and read only if nothing in them is odd."""

import os
import pickle
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from repro.digest import digest_file
from repro.errors import CheckpointUnusable, UsageError
from repro.store.mlflow import first_line

FORMAT = "repro.checkpoint/2"
SHOWN = 5
FAILURES = (OSError, EOFError, RuntimeError, ValueError, TypeError, AttributeError, KeyError)
ATOMS = (type(None), bool, int, float, complex, str, bytes)
CONTAINERS = (list, tuple, set)
LARGEST = 2**63  # of the numbers that every reader of a record takes
ENTRIES: Mapping[str, type | tuple[type, ...]] = {
    "step": int,
    "epoch": (int, type(None)),
    "extra": object,
    "model": object,
    "optimizer": object,
    "scheduler": object,
    "scaler": object,
    "rest": dict,
    "rest.types": dict,
    "rest.sizes": dict,
    "rest.parameters": dict,
    "rest.buffers": dict,
    "rest.training": dict,
    "repro": dict,
    "repro.id": str,
    "repro.run_id": str,
    "repro.rank": int,
    "repro.loaders": dict,
    "repro.generators": dict,
    "repro.generators.python": object,
    "repro.generators.torch": object,
    "repro.switches": dict,
}


def one_line(text: object) -> str:
    """Text without line breaks and control characters."""
    joined = " ".join(str(text).split())
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in joined)


def usable_path(path: object) -> Path:
    """The path of a file.

    Raises
    ------
    UsageError
        It is none, or it is a folder.
    """
    advice = "Pass the path of a file, such as 'last.pt'."
    shown = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(shown, str) or not shown or "\0" in shown:
        raise UsageError(f"{one_line(repr(path))} is no path of a checkpoint. {advice}")
    try:
        if Path(shown).is_dir():
            raise UsageError(f"{one_line(path)} is a folder. {advice}")
    except OSError as error:
        raise UsageError(f"{one_line(path)[:80]}: {error.strerror}. {advice}") from error
    return Path(shown)


def refuse_epoch(epoch: object) -> None:
    """Refuse what is no number of an epoch.

    Raises
    ------
    UsageError
        It names the value.
    """
    if epoch is not None and (type(epoch) is not int or abs(epoch) >= LARGEST):
        shown = "one beyond it" if type(epoch) is int else one_line(repr(epoch))[:80]
        raise UsageError(
            f"run.checkpoint: epoch must be None or an int below 2**63, not {shown}. "
            f"Pass int(epoch); anything else as another argument, which comes back in `extra`."
        )


@contextmanager
def drafted(path: Path, content: Mapping[str, Any]) -> Iterator[str]:
    """Write a draft and read it back; what the block raises keeps the file before. Its digest."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with _told(path):
            _save(draft, content)
            digest = digest_file(draft)
        _refuse_unreadable(draft, content)
        yield digest
        with _told(path):
            draft.replace(path)
    finally:
        with _told(path):
            draft.unlink(missing_ok=True)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """A file that cannot be written, in one line: a path that cannot be, or a disk that is full."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, FileExistsError, PermissionError) as error:
        raise _unwritable(path, error, "Pass another path") from error
    except OSError as error:
        raise _unwritable(path, error, "Free space on the disk, or pass another path") from error


def _unwritable(path: Path, error: OSError, fix: str) -> UsageError:
    reason = one_line(error.strerror or first_line(error)).rstrip(".")
    return UsageError(f"{one_line(path)[:120]} cannot be written: {reason}. {fix}.")


def _save(draft: Path, content: Mapping[str, Any]) -> None:
    import torch

    draft.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.save(content, draft)
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
    except (RuntimeError, RecursionError) as error:  # torch hides the error of the disk
        is_cut = "inline_container" in str(error)  # where it writes
        reason = "only a part of the file was taken" if is_cut else first_line(error)
        cause = error.__context__
        raise (cause if isinstance(cause, OSError) else OSError(reason)) from error
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        raise UsageError(
            f"run.checkpoint: a state cannot be written: {one_line(first_line(error)).rstrip('.')}."
            f" Pass objects whose state_dict() holds tensors and numbers."
        ) from error


def _refuse_unreadable(draft: Path, content: Mapping[str, Any]) -> None:
    import torch

    try:
        torch.load(draft, map_location="cpu", weights_only=True, mmap=True)
    except (*FAILURES, pickle.UnpicklingError) as error:
        parts = {**content, **{f"extra.{key}": one for key, one in content["extra"].items()}}
        names = [name for name, one in parts.items() if name != "extra" and not _comes_back(one)]
        raise UsageError(
            f"run.checkpoint: {', '.join(names) or 'a state'} cannot be read back with "
            f"weights_only=True. "
            f"Pass numbers, text, tensors, lists or dicts of them, or value.state_dict()."
        ) from error


def _comes_back(value: Any) -> bool:
    import torch

    file = BytesIO()
    try:
        torch.save(value, file)
        file.seek(0)
        torch.load(file, weights_only=True)
    except (*FAILURES, pickle.UnpicklingError):
        return False
    return True


def loaded(path: Path) -> tuple[str, dict[str, Any]]:
    """Digest and content of a checkpoint.

    Raises
    ------
    CheckpointUnusable
        There is none, or an entry of it is missing or odd.
    """
    import torch

    shown = one_line(path)
    if not path.is_file():
        others = sorted(one.name for one in path.parent.glob(f"*{path.suffix}"))[:SHOWN]
        raise CheckpointUnusable(
            f"there is no checkpoint {shown}; in that folder: "
            f"{one_line(', '.join(others)) or 'none'}. Pass one that run.checkpoint wrote."
        )
    try:
        digest = digest_file(path)
        if not is_zipfile(path):
            raise EOFError("it is cut off, or was not written by torch.save")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (*FAILURES, IndexError, pickle.UnpicklingError) as error:
        is_told = isinstance(error, OSError | EOFError | RuntimeError)
        why = one_line(first_line(error)).rstrip(".") if is_told else "it is damaged"
        raise CheckpointUnusable(
            f"{shown} cannot be read: {why}. Go on from another checkpoint."
        ) from error
    found = content.get("format") if isinstance(content, Mapping) else None
    if found != FORMAT:
        raise CheckpointUnusable(
            f"{shown} is no checkpoint of {FORMAT}: its format is {one_line(repr(found))[:80]}. "
            f"Read weights of another making with run.load(path)."
        )
    for fault in _faults(content):
        raise CheckpointUnusable(
            f"{shown} was edited or damaged: {one_line(fault)}. Go on from another checkpoint."
        )
    return digest, dict(content)


def _faults(content: Mapping[str, Any]) -> Iterator[str]:
    """Entries that are missing or of another kind than was written."""
    for name, kind in ENTRIES.items():
        value: Any = content
        for key in name.split("."):
            if key not in value:
                yield f"it has no {name}"
                return
            value = value[key]
        if not isinstance(value, kind):
            yield f"{name} is a {type(value).__name__}"
            return
    if content["step"] < 0:
        yield f"step is {content['step']}"
    for role, kept in content["repro"]["loaders"].items():
        if not isinstance(kept, list) or not all(map(_is_place, kept)):
            yield f"repro.loaders.{role} is no list of places"
    for name, size in content["rest"]["sizes"].items():
        now = n_entries(content.get(name))
        if now != size:
            yield f"{name} has {now} entries and was written with {size}"


def _is_place(place: Any) -> bool:
    if not isinstance(place, Mapping) or not {"settings", "pass"} <= place.keys():
        return False
    at = place["pass"]
    return isinstance(place["settings"], Mapping) and (
        at is None
        or (
            isinstance(at, Mapping)
            and isinstance(at.get("n_drawn"), int)
            and isinstance(at.get("states"), Mapping)
        )
    )


def n_entries(value: Any) -> int:
    """Values inside of dicts and lists."""
    if isinstance(value, Mapping):
        return sum(map(n_entries, value.values()))
    return sum(map(n_entries, value)) if isinstance(value, list | tuple) else 1


def odd_values(path: str, value: Any, above: tuple[int, ...] = ()) -> Iterator[str]:
    """Where a value is of a type that does not come back as it is, or not without running code."""
    from torch import Size, Tensor, device, dtype
    from torch.nn import Parameter

    if id(value) in above:
        yield f"{path}, which holds itself,"
    elif type(value) in (dict, OrderedDict):
        for key, inner in value.items():
            yield from odd_values(f"{path}.{one_line(key)}", inner, (*above, id(value)))
            if type(key) not in ATOMS:
                yield f"a key of {path}, a {type(key).__name__},"
    elif type(value) in CONTAINERS:
        for index, inner in enumerate(value):
            yield from odd_values(f"{path}[{index}]", inner, (*above, id(value)))
    elif type(value) not in (*ATOMS, Size, Tensor, Parameter, device, dtype):
        yield f"{path}, a {type(value).__module__}.{type(value).__qualname__},"
