"""The models and optimizers of a run, and what their tensors are called."""

from collections.abc import Iterator, Mapping
from typing import Any
from weakref import ref

from repro.observe.models import Models
from repro.observe.redaction import masked_value
from repro.trace.format import UNREADABLE
from repro.trace.tensors import value_text

NAMES = ("params", "param_names")  # of a param group: no settings
TIMES = ("refit_time_", "mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time")


class Objects:
    """Knows them from `run.watch` and from their first step."""

    def __init__(self) -> None:
        self._models = Models()
        self._estimators: list[Any] = []
        self._optimizers: list[Any] = []  # weak
        self._trained: list[dict[str, Any]] = []  # of each, its parameters: weak
        self._counts: int | None = None  # number of the optimizer whose steps count
        self._since: set[int] = set()  # those that have stepped since it did

    def watch(self, model: Any) -> None:
        """Remember a model or an estimator."""
        is_new = not any(model is known for known in self._estimators)
        if self._models.add(model) is None and hasattr(model, "get_params") and is_new:
            self._estimators.append(model)

    def enter(self, optimizer: Any) -> int:
        """Number of an optimizer, in the order of their first steps."""
        for number, known in enumerate(self._optimizers):
            if known() is optimizer:
                self._remember(optimizer, number)
                return number
        self._optimizers.append(ref(optimizer))
        self._trained.append({})
        self._remember(optimizer, len(self._optimizers) - 1)
        return len(self._optimizers) - 1

    def next_step(self, optimizer: Any, step: int) -> int:
        """The step after this optimizer's.

        The first one's steps count, until another has made two while it made none.
        """
        number = self.enter(optimizer)
        if self._counts is None or number in self._since:
            self._counts = number
        if number != self._counts:
            self._since.add(number)
            return step
        self._since.clear()
        return step + 1

    def everything(self) -> dict[str, Any]:
        """Parameters and buffers of the watched models, and what else the optimizers train."""
        tensors: dict[str, Any] = {}
        for prefix, model in self._models.prefixed():
            for named in (model.named_parameters(), model.named_buffers()):
                tensors.update({f"{prefix}{path}": tensor for path, tensor in named})
        known = set(map(id, tensors.values()))
        for optimizer in filter(None, (one() for one in self._optimizers)):
            for name, parameter in self.parameters(optimizer).items():
                if id(parameter) not in known:
                    tensors[name] = parameter
        return tensors

    def at_end(self) -> dict[str, Any]:
        """Everything, and what else the modules hold, such as packed weights."""
        found = self.everything()
        for prefix, model in self._models.prefixed():
            for path, module in model.named_modules():
                place = f"{prefix}{path}." if path else prefix
                found.update({f"{place}{name}": value for name, value in _held(module)})
        known = set(map(id, found.values()))
        for trained in self._trained:
            for name, weak in trained.items():
                parameter = weak()
                if parameter is not None and id(parameter) not in known:
                    found.setdefault(name, parameter)
        return found

    def gone(self) -> dict[str, str]:
        """Of the optimizers some of whose parameters no longer exist."""
        pairs = enumerate(zip(self._optimizers, self._trained, strict=True))
        return {
            f"parameters of optimizer {number} (gone before the end)": f"{UNREADABLE}: gone"
            for number, (optimizer, trained) in pairs
            if optimizer() is None and any(weak() is None for weak in trained.values())
        }

    def parameters(self, optimizer: Any) -> dict[str, Any]:
        """What it trains."""
        return dict(self._named(optimizer))

    def gradients(self, optimizer: Any) -> dict[str, Any]:
        """Of what it trains, as they are now."""
        return {name: parameter.grad for name, parameter in self._named(optimizer)}

    def state(self, optimizer: Any) -> dict[str, Any]:
        """What it remembers of each parameter: tensors and numbers."""
        names = {id(parameter): name for name, parameter in self._named(optimizer)}
        return {
            f"{names.get(id(owner), 'optimizer')}.{key}": value
            for owner, values in optimizer.state.items()
            if isinstance(values, Mapping)
            for key, value in values.items()
        }

    def settings(self, optimizer: Any) -> dict[str, str]:
        """Learning rate and the like, of each group."""
        return {
            f"param_groups[{index}][{key!r}]": _plain(masked_value(key, value))
            for index, group in enumerate(optimizer.param_groups)
            for key, value in group.items()
            if key not in NAMES
        }

    def fitted(self) -> dict[str, str]:
        """What the estimators hold, by its name."""
        found: dict[str, str] = {}
        for index, estimator in enumerate(self._estimators):
            prefix = "" if len(self._estimators) == 1 else f"{index}."
            found.update(_fitted(estimator, f"{prefix}{type(estimator).__name__}"))
        return found

    def _remember(self, optimizer: Any, number: int) -> None:
        n_now = sum(len(group["params"]) for group in optimizer.param_groups)
        if n_now != len(self._trained[number]):
            from torch.utils.weak import TensorWeakRef

            self._trained[number] = {
                f"optimizer {number}: param_groups[{index}][{position}]": TensorWeakRef(parameter)
                for index, group in enumerate(optimizer.param_groups)
                for position, parameter in enumerate(group["params"])
            }

    def _named(self, optimizer: Any) -> Iterator[tuple[str, Any]]:
        paths = {id(parameter): path for path, parameter in self._models.parameters()}
        number = self.enter(optimizer)
        place = f"optimizer {number}: " if number else ""
        for index, group in enumerate(optimizer.param_groups):
            told = group.get("param_names")
            for position, parameter in enumerate(group["params"]):
                mine = told[position] if told else f"{place}param_groups[{index}][{position}]"
                yield paths.get(id(parameter), mine), parameter


def _plain(value: Any) -> str:
    if hasattr(value, "numel") and value.numel() == 1:
        return repr(value.item())
    is_plain = value is None or isinstance(value, str | int | float | tuple)
    return repr(value) if is_plain else value_text(value)


def _held(module: Any) -> Iterator[tuple[str, Any]]:
    """Weights that are neither parameters nor buffers: tensors, and those a kernel has packed."""
    import torch

    for name, value in vars(module).items():
        if isinstance(value, torch.Tensor) or type(value) is torch.ScriptObject:
            yield name, value


def _fitted(estimator: Any, name: str) -> Iterator[tuple[str, str]]:
    for key, value in sorted(vars(estimator).items()):
        if key == "steps":  # of a pipeline
            for step, inner in value:
                if hasattr(inner, "get_params"):
                    yield from _fitted(inner, f"{name}.{step}")
        elif key == "cv_results_":
            kept = {what: column for what, column in value.items() if what not in TIMES}
            yield f"{name}.{key}", value_text(kept)
        elif key not in TIMES:
            yield f"{name}.{key}", value_text(masked_value(key, value))
