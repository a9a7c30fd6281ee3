"""Digests of tensors and of other values, to the bit; whatever cannot be read says so."""

from collections.abc import Iterator, Mapping
from typing import Any

from xxhash import xxh3_128, xxh3_128_hexdigest

from repro.facts.fact import Absent
from repro.observe.architecture import is_initialized
from repro.observe.observer import observed
from repro.trace.device import device_digest
from repro.trace.format import UNREADABLE, Look
from repro.trace.values import Reading, is_tensor

N_HEAD = 4  # first values that are kept beside a digest


def look_at(component: str, values: Mapping[str, Any]) -> Look:
    """Digest and first values of each tensor, and whatever else there is."""
    items: dict[str, str] = {}
    heads: dict[str, str] = {}
    for name, value in values.items():
        items[name], head = fingerprint(value) if is_tensor(value) else (value_text(value), "")
        if head:
            heads[name] = head
    return Look(component, items, heads)


def fingerprint(tensor: Any) -> tuple[str, str]:
    """Digest of dtype, shape and bytes, and the first values; no stride and no device in it."""
    found = observed(_fingerprint, tensor)
    return _unreadable(tensor) if isinstance(found, Absent) or found is None else found


def _fingerprint(tensor: Any) -> tuple[str, str] | None:
    import torch

    if not is_initialized(tensor):
        return "not initialized", ""
    with torch.no_grad():
        parts = _dense(tensor.detach())
        if parts is None:
            return None
        # A ragged size is numbered anew for every nested tensor.
        sizes = [size if isinstance(size, int) else "ragged" for size in tensor.shape]
        kind = f"{tensor.dtype}{sizes}".removeprefix("torch.")
        if len(parts) == 1 and parts[0].device.type == "cpu":
            return _of_bytes(kind, _bytes(parts[0]), tensor.dtype)
        inner = " ".join((kind, *map(_one, parts)))
    return f"xxh3:{xxh3_128_hexdigest(inner.encode())}", ""


def _unreadable(tensor: Any) -> tuple[str, str]:
    return f"{UNREADABLE}: {type(tensor).__name__} of {getattr(tensor, 'dtype', None)}", ""


def _of_bytes(kind: str, content: Any, dtype: Any) -> tuple[str, str]:
    hasher = xxh3_128(kind.encode())
    hasher.update(content)
    head = content[: N_HEAD * dtype.itemsize].tobytes().hex()
    return f"xxh3:{hasher.hexdigest()}", f"{str(dtype).removeprefix('torch.')}:{head}"


def _one(piece: Any) -> str:
    if piece.device.type == "cpu":
        return _of_bytes(f"{piece.dtype}{list(piece.shape)}", _bytes(piece), piece.dtype)[0]
    return f"{piece.dtype}{list(piece.shape)}:{device_digest(piece)}"


def _dense(tensor: Any) -> list[Any] | None:
    """The dense tensors of torch's own class that it is made of; None: it has no values."""
    import torch

    if hasattr(tensor, "to_local"):  # distributed: what this process holds
        return _dense(tensor.to_local())
    if hasattr(tensor, "__tensor_flatten__"):
        names, _ = tensor.__tensor_flatten__()
        return _joined(_dense(getattr(tensor, name)) for name in names)
    is_plain = type(tensor).__torch_dispatch__ is torch.Tensor.__torch_dispatch__
    if not is_plain or tensor.is_meta or tensor.is_nested:
        return None
    if tensor.layout == torch.sparse_coo:
        return [tensor._indices(), tensor._values()]
    if tensor.layout != torch.strided:
        is_by_row = str(tensor.layout).endswith("sr")  # csr, bsr
        names = ("crow", "col") if is_by_row else ("ccol", "row")
        return [*(getattr(tensor, f"{name}_indices")() for name in names), tensor.values()]
    if tensor.is_quantized:
        return [tensor.int_repr(), *_scales(tensor)]
    return [tensor.resolve_conj().resolve_neg()]


def _scales(tensor: Any) -> list[Any]:
    """What a whole number of a quantized tensor stands for."""
    import torch

    if tensor.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
        return [torch.tensor([tensor.q_scale(), tensor.q_zero_point()], dtype=torch.float64)]
    return [tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points()]


def _joined(parts: Iterator[list[Any] | None]) -> list[Any] | None:
    found = list(parts)
    return None if None in found else [piece for part in found for piece in part or ()]


def _bytes(tensor: Any) -> Any:
    import torch

    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy()


def value_text(value: Any) -> str:
    """A short value itself, any other as a digest of all that it is made of.

    What holds something that cannot be read says so, and has a digest of the rest.
    """
    return Reading(fingerprint).text(value, 0)


def pieces(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every piece of a batch, by the name that code would use for it."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from pieces(inner, f"{name}[{key!r}]")
    elif isinstance(value, tuple | list) and _holds_tensors(value):
        for index, inner in enumerate(value):
            yield from pieces(inner, f"{name}[{index}]")
    else:
        yield name, value


def _holds_tensors(values: tuple[Any, ...] | list[Any]) -> bool:
    """Whether to go into a collection; one of plain values is taken as one."""
    return any(hasattr(value, "__len__") and not isinstance(value, str | bytes) for value in values)
