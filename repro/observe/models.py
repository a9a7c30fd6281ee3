"""The torch models that a run watched, and what their parts are called."""

from collections.abc import Iterator
from typing import Any

from repro.facts.fact import Absent
from repro.observe.architecture import is_initialized, unwrapped
from repro.observe.technique import Ending, not_watched, untrained


class Models:
    """Every torch model that was watched, in order, without its wrappers."""

    def __init__(self) -> None:
        self._models: list[Any] = []
        self._n_begun = 0

    def add(self, model: Any) -> Any | None:
        """Remember a model; None if it is known already, or none of torch."""
        model = unwrapped(model)
        if not hasattr(model, "named_modules") or any(model is known for known in self._models):
            return None
        self._models.append(model)
        return model

    def begin(self) -> list[Any]:
        """A step is about to be made: the models that were added since the one before."""
        new = self._models[self._n_begun :]
        self._n_begun = len(self._models)
        return new

    def is_waiting(self) -> bool:
        """Whether a model was added and no step made since."""
        return self._n_begun < len(self._models)

    def main(self) -> Any | None:
        """The model that the facts describe: of those that trained, the one watched last."""
        candidates = self._models[: self._n_begun] or self._models
        return candidates[-1] if candidates else None

    def last(self) -> Any | None:
        """The model that was watched last, trained or not."""
        return self._models[-1] if self._models else None

    def is_trained(self, model: Any) -> bool:
        """Whether steps were made since it was added."""
        return any(model is known for known in self._models[: self._n_begun])

    def others(self) -> list[tuple[str, Any]]:
        """Every further model under its class's name, numbered where that is taken."""
        main, names = self.main(), list[str]()
        found: list[tuple[str, Any]] = []
        for model in self._models:
            if model is not main:
                kind = type(model).__name__
                n_before = names.count(kind)
                names.append(kind)
                found.append((f"{kind}-{n_before + 1}" if n_before else kind, model))
        return found

    def prefixed(self) -> list[tuple[str, Any]]:
        """Every model with what stands before its paths: nothing for the main one."""
        if self.main() is None:
            return []
        return [("", self.main()), *((f"{name}/", model) for name, model in self.others())]

    def modules(self) -> Iterator[tuple[str, Any]]:
        """Every module of every model by its path."""
        for prefix, model in self.prefixed():
            for path, module in model.named_modules():
                yield f"{prefix}{path}", module

    def parameters(self) -> Iterator[tuple[str, Any]]:
        """Every parameter that has values by its path; shared ones once."""
        for prefix, model in self.prefixed():
            for path, parameter in model.named_parameters():
                if is_initialized(parameter):
                    yield f"{prefix}{path}", parameter

    def absent(self, ending: Ending) -> Absent | None:
        """Why there is nothing to tell, if there is nothing."""
        if self._models:
            return None
        return not_watched("model") if ending.n_steps else untrained()
