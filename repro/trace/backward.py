"""Notices every backward pass, whatever loss it starts at; `Tensor.backward` goes this way, too."""

from threading import Lock
from typing import Any, Protocol
from weakref import WeakSet

_LOCK = Lock()


class Witness(Protocol):
    """Who is told."""

    def before_backward(self, tensors: Any) -> None:
        """Gradients of these tensors are about to be computed."""

    def after_backward(self) -> None:
        """They were added to those of the parameters."""


def listen(witness: Witness) -> None:
    """Tell the witness from now on; torch must be loaded."""
    import torch

    with _LOCK:
        found = torch.autograd.backward
        if not isinstance(found, _Backward):
            found = torch.autograd.backward = _Backward(found)
            _INSTALLED.add(found)
        if witness not in found.witnesses:
            found.witnesses.append(witness)


def leave(witness: Witness) -> None:
    """Tell it no longer; the last one puts torch's own function back."""
    import torch

    with _LOCK:
        for known in list(_INSTALLED):  # below a function of someone else's, too
            known.witnesses = [one for one in known.witnesses if one is not witness]
        found = torch.autograd.backward
        if isinstance(found, _Backward) and not found.witnesses:
            torch.autograd.backward = found.original


class _Backward:
    """Stands as `torch.autograd.backward`."""

    def __init__(self, original: Any) -> None:
        from torch.compiler import is_compiling

        self.original = original
        self.witnesses: list[Witness] = []
        self._is_compiling = is_compiling
        self._is_inside = False  # reentrant checkpoints go backward while they go backward

    def __call__(self, tensors: Any, *args: Any, **kwargs: Any) -> None:
        if self._is_compiling() or self._is_inside:
            self.original(tensors, *args, **kwargs)
            return
        witnesses = self.witnesses
        for one in witnesses:
            one.before_backward(tensors)
        self._is_inside = True
        try:
            self.original(tensors, *args, **kwargs)
        finally:
            self._is_inside = False
        for one in witnesses:
            one.after_backward()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)


_INSTALLED: WeakSet[_Backward] = WeakSet()
