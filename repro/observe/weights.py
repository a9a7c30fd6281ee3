"""Looks at weights without copying a model: some values of each tensor, evenly spaced."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from repro.digest import digest_bytes

MAX_VALUES = 16_384  # of one tensor

Values = npt.NDArray[np.float64]


def sample(tensor: Any, n_most: int = MAX_VALUES) -> Values | None:
    """Up to `n_most` values, evenly spaced; None where torch gives none as numbers."""
    import torch

    if not _is_readable(tensor):
        return None
    with torch.no_grad():
        some: Values = _some(tensor.detach(), n_most).double().cpu().numpy()
    return some


def fingerprint(tensor: Any) -> str | None:
    """Digest of shape and sampled values."""
    values = sample(tensor)
    return None if values is None else fingerprint_of(tensor.shape, values)


def fingerprint_of(shape: Sequence[int], values: Values) -> str:
    """The same of values that were sampled already."""
    return digest_bytes(repr(tuple(shape)).encode(), (values + 0.0).tobytes())


def is_constant(tensor: Any) -> bool:
    """Whether all values that are looked at are one; so are those of any untrained norm."""
    values = sample(tensor)
    return values is None or not len(values) or bool((values == values[0]).all())


def digest_of(fingerprints: Iterable[tuple[str, str | None]]) -> str:
    """One digest of the fingerprints of named tensors, whatever their order."""
    return digest_bytes(*(f"{name} {found}\n".encode() for name, found in sorted(fingerprints)))


def _is_readable(tensor: Any) -> bool:
    import torch

    is_plain = type(tensor).__torch_dispatch__ is torch.Tensor.__torch_dispatch__
    is_dense = tensor.layout == torch.strided and not tensor.is_quantized
    return is_plain and is_dense and not tensor.is_meta and not tensor.is_complex()


def _some(tensor: Any, n_most: int) -> Any:
    import torch

    n_values = tensor.numel()
    # An odd stride does not run along one column of a matrix whose width is a power of two.
    stride = 1 if n_values <= n_most else -(-n_values // n_most) | 1
    if tensor.is_contiguous():
        return tensor.reshape(-1)[::stride]
    index = torch.arange(0, n_values, stride, device=tensor.device)
    return tensor[torch.unravel_index(index, tensor.shape)]  # without a copy of the whole
