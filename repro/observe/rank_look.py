"""One look at what the ranks of a training share and what they must not: weights, generators."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xxhash import xxh3_64_hexdigest

from repro.digest import digest_json

SHARDED_TYPES = ("DTensor", "FlatParameter")  # of FSDP and of tensor parallelism
SHARDED_MARKS = ("ds_id", "tensor_model_parallel")  # that DeepSpeed and Megatron set
CHUNK_VALUES = 2**24  # of a tensor on an accelerator: 0.4 GB of its memory for a moment


@dataclass(frozen=True)
class Look:
    """Digests of whole tensors by name, and of the state of torch's global generators."""

    tensors: Mapping[str, str]
    generators: str
    n_sharded: int = 0  # left out


def look_at(named: Sequence[tuple[str, Any]]) -> Look:
    """Look at parameters; nothing of them is changed, and no number is drawn."""
    whole = [(name, tensor) for name, tensor in named if _is_whole(tensor)]
    digests = dict(zip([name for name, _ in whole], _digests([t for _, t in whole]), strict=True))
    return Look(digests, _generators({t.device for _, t in whole}), len(named) - len(whole))


def differing(mine: Look, theirs: Look) -> list[str]:
    """Names of the tensors that both have and that are not equal, in my order."""
    known = theirs.tensors
    return [name for name, digest in mine.tensors.items() if known.get(name, digest) != digest]


def n_shared(mine: Look, theirs: Look) -> int:
    """How many tensors both have."""
    return len(mine.tensors.keys() & theirs.tensors.keys())


def digest_of(look: Look) -> str:
    """One digest of all tensors."""
    return digest_json(dict(look.tensors))


def _is_whole(tensor: Any) -> bool:
    """Whether it is a whole tensor whose bytes can be read."""
    import torch

    kinds = {kind.__name__ for kind in type(tensor).__mro__}
    is_sharded = kinds.intersection(SHARDED_TYPES) or any(
        getattr(tensor, mark, False) is not False for mark in SHARDED_MARKS
    )
    is_plain = tensor.layout == torch.strided and not (tensor.is_quantized or tensor.is_meta)
    return is_plain and not is_sharded


def _digests(tensors: Sequence[Any]) -> list[str]:
    """Of each tensor; those on accelerators wait for one transfer together."""
    import torch

    with torch.no_grad():
        sums: list[tuple[int, Any]] = []
        found = [""] * len(tensors)
        for at, tensor in enumerate(tensors):
            if tensor.device.type == "cpu":
                found[at] = xxh3_64_hexdigest(_words(tensor, torch.uint8).numpy())
            else:
                sums.append((at, _weighted_sum(tensor)))
        values = torch.stack([total for _, total in sums]).tolist() if sums else []
    for (at, _), value in zip(sums, values, strict=True):
        found[at] = f"{value & (2**64 - 1):016x}"
    return found


def _words(tensor: Any, dtype: Any) -> Any:
    """The bits of a tensor as a vector of integers."""
    import torch

    flat = tensor.detach().resolve_conj().resolve_neg().contiguous().reshape(-1)
    return (torch.view_as_real(flat).reshape(-1) if flat.is_complex() else flat).view(dtype)


def _weighted_sum(tensor: Any) -> Any:
    """Sum of the bits, each weighted by an odd number of its own, modulo 2**64.

    Integers: their sum does not depend on the order, and no value leaves the device.
    """
    import torch

    by_size = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    size = tensor.real.element_size() if tensor.is_complex() else tensor.element_size()
    total = torch.zeros((), dtype=torch.int64, device=tensor.device)
    for n, chunk in enumerate(_words(tensor, by_size[size]).split(CHUNK_VALUES)):
        places = torch.arange(chunk.numel(), device=chunk.device) + n * CHUNK_VALUES
        words = chunk.long()
        # An odd weight leaves the highest bit where it is: two flipped signs would cancel out.
        total += ((words ^ (words >> 32)) * _odd(places)).sum()
    return total.cpu() if tensor.device.type == "mps" else total


def _odd(places: Any) -> Any:
    """Weights that neighbours do not share; overflow is meant."""
    return (places * 0x9E3779B97F4A7C1 ^ (places >> 17)) * 2 + 1


def _generators(devices: set[Any]) -> str:
    """Digest of the states of the global generators of the CPU and of these devices."""
    return xxh3_64_hexdigest(b"".join(_states(devices)))


def _states(devices: set[Any]) -> Iterator[bytes]:
    import torch

    yield torch.get_rng_state().numpy().tobytes()
    for device in sorted(devices, key=str):
        if device.type == "cuda":
            yield torch.cuda.get_rng_state(device).numpy().tobytes()
