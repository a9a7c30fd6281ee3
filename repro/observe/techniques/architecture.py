"""Looks at the model: a network when its training begins, an estimator at the end."""

import sys
from typing import Any

from repro.facts.architecture import Architecture, OtherModel
from repro.facts.fact import Absent
from repro.observe.architecture import from_model, unwrapped, wrappers
from repro.observe.models import Models
from repro.observe.technique import Ending, Technique

NO_ESTIMATOR = (
    "no torch optimizer stepped, and no estimator was seen to be fitted: if there was one, hand it "
    "over with run.watch(estimator)"
)


class ArchitectureObserver(Technique):
    """Keeps the tree that each model had at its first step: pruning or fusing may change it."""

    kind = Architecture

    def __init__(self) -> None:
        self._models = Models()
        self._last: Any = None
        self._fitted: Architecture | Absent | None = None  # by the script itself
        self._predicts = False  # that one
        self._wrappers: tuple[str, ...] = ()
        self._begun: dict[int, Architecture | Absent] = {}  # by id of the model

    def watched(self, model: Any, optimizer: Any, scheduler: Any, loss: Any) -> None:
        """Remember the model."""
        self._models.add(model)
        self._last = unwrapped(model)
        self._wrappers = tuple(dict.fromkeys((*self._wrappers, *wrappers(model))))

    def fitted(self, call: Any) -> None:
        """An estimator that was not watched: the last one that predicts, before any other.

        It is not kept, for some hold their rows.
        """
        predicts = hasattr(call.estimator, "predict")
        if call.outer is None and (predicts or not self._predicts):
            self._fitted, self._predicts = from_model(call.estimator), predicts

    def sampled_step(self, optimizer: Any, step: int) -> None:
        """A model that starts to train."""
        for model in self._models.begin():
            self._begun[id(model)] = from_model(model)

    def at_end(self, ending: Ending) -> Architecture | Absent:
        """The main model with the names of the others; of an estimator its parameters."""
        if self._last is None and not ending.n_steps and self._fitted is not None:
            return self._fitted
        if self._last is not None and self._models.main() is None:
            return from_model(self._last)
        if self._last is None and not ending.n_steps and "sklearn" in sys.modules:
            return Absent(reason=NO_ESTIMATOR, kind="not_recorded")
        absent = self._models.absent(ending)
        if absent is not None:
            return absent
        seen = self._seen(self._models.main())
        if isinstance(seen, Absent):
            return seen
        others = [self._other(name, model) for name, model in self._models.others()]
        found = tuple(other for other in others if other is not None)
        return seen.model_copy(update={"others": found, "wrappers": self._wrappers})

    def _seen(self, model: Any) -> Architecture | Absent:
        return self._begun.get(id(model)) or from_model(model)

    def _other(self, name: str, model: Any) -> OtherModel | None:
        seen = self._seen(model)
        if isinstance(seen, Absent):
            return None
        return OtherModel(
            name=name,
            digest=seen.digest,
            n_parameters=seen.n_parameters,
            is_trained=self._models.is_trained(model),
        )
