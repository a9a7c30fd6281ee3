"""Glances at the model that was watched last, whenever a score is taken and at the end."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from repro.facts.scores import Weights
from repro.observe.architecture import is_initialized
from repro.observe.techniques.compression import CONVERTED, MASK, ORIGINAL, SPARSE_FROM
from repro.observe.weights import Values, digest_of, fingerprint_of, sample

GLANCE = 64  # values of a parameter: one look at 161 parameters takes 3 ms


class WatchedWeights:
    """The weights that a score belongs to, as far as a glance tells them."""

    def __init__(self) -> None:
        self._model: Any = None
        self._number = 0
        self.restored_at: int | None = None  # steps that the run had made when a state was loaded

    def watch(self, model: Any) -> None:
        """Look at this one from now on, if it is one of torch."""
        if hasattr(model, "named_modules") and model is not self._model:
            self._model, self._number = model, self._number + 1

    def loaded(self, module: Any, step: int) -> None:
        """`load_state_dict` was called on this one, after so many steps."""
        if any(module is one for one in self._model.modules()):
            self.restored_at = step

    def look(self, step: int) -> Weights | None:
        """As they are now, after so many steps; None: there is no model."""
        if self._model is None:
            return None
        values = list(_values(self._model))
        prints = [(path, fingerprint_of(some.shape, some)) for path, some, _ in values]
        matrices = [some for _, some, is_matrix in values if is_matrix]
        return Weights(
            number=self._number,
            digest=digest_of(prints) if prints else None,
            form=", ".join(_form(self._model, matrices)) or "no parameters",
            n_steps=step,
            is_restored=step > 0 and self.restored_at == step,
        )


def _values(model: Any) -> Iterator[tuple[str, Values, bool]]:
    """Some values of each parameter as its mask leaves them, and whether it is a matrix."""
    buffers = dict(model.named_buffers())
    for path, parameter in model.named_parameters():
        some = sample(parameter, GLANCE) if is_initialized(parameter) else None
        if some is not None:
            plain = path.removesuffix(ORIGINAL)
            mask = buffers.get(f"{plain}{MASK}") if plain != path else None
            kept = None if mask is None else sample(mask, GLANCE)
            yield plain, some if kept is None else some * kept, parameter.ndim > 1


def _form(model: Any, matrices: list[Values]) -> Iterator[str]:
    dtypes = {str(one.dtype).removeprefix("torch.") for one in model.parameters()}
    if dtypes:
        yield "+".join(sorted(dtypes))
    kinds = {f"{type(one).__module__}." for one in model.modules()}
    if any(part in kind for kind in kinds for part in CONVERTED):
        yield "quantized"
    zeros = float((np.concatenate(matrices) == 0).mean()) if matrices else 0.0
    if zeros >= SPARSE_FROM:
        yield f"{10 * round(10 * zeros)} % zeros"
