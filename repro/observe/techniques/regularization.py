"""Looks at dropout by module, and at which parameters decay."""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from repro.facts.fact import Absent
from repro.facts.regularization import Dropout, Regularization, Setting
from repro.observe.models import Models
from repro.observe.params import scalar
from repro.observe.technique import Ending, Technique

DROPS = re.compile(r"drop|stochastic_?depth", re.IGNORECASE)
IS_L1 = re.compile(r"(?:^|[._-])(?:l1|lasso)(?:$|[._-])", re.IGNORECASE)
NO_PENALTY = re.compile(r"loss|ratio|unstructured", re.IGNORECASE)  # l1_ratio, smooth_l1_loss
OWN_RATE = ("p", "drop_prob", "drop_rate")  # of a module that does nothing but drop
PLAIN = (*OWN_RATE, "dropout")  # may be a whole number: Dropout(0)
NORM = re.compile(r"norm", re.IGNORECASE)


@dataclass
class _Rated:
    """A module with rates, as they were when the training began."""

    module: Any
    first: dict[str, float]
    arguments: frozenset[str]
    last: dict[str, float] = field(default_factory=dict)  # those that were changed

    def look_again(self) -> None:
        for name, first in self.first.items():
            rate = getattr(self.module, name, None)
            if isinstance(rate, int | float) and (name in self.last or rate != first):
                self.last[name] = float(rate)

    def by_path(self, path: str) -> Iterator[Dropout]:
        kind = type(self.module).__name__
        for name, first in self.first.items():
            if name in self.last and name not in self.arguments:
                continue  # it is measured
            is_own = name in OWN_RATE and DROPS.search(kind)
            own = path or kind if is_own else f"{path}.{name}".strip(".")
            yield Dropout(path=own, kind=kind, p=first, p_end=self.last.get(name))


class RegularizationObserver(Technique):
    """Reads rates and decays when the training begins, and rates again where they may change."""

    kind = Regularization

    def __init__(self) -> None:
        self._models = Models()
        self._at_watch: dict[int, tuple[Any, dict[str, float]]] = {}  # by id of the module
        self._rated: dict[int, _Rated] = {}
        self._decays: dict[int, bool] = {}  # by id of the parameter
        self._parameters: list[Any] = []  # so that no id is used again
        self._optimizers: list[Any] = []

    def watched(self, model: Any, optimizer: Any, scheduler: Any, loss: Any) -> None:
        """Remember a model that is new."""
        new = self._models.add(model)
        for module in new.modules() if new is not None else ():
            self._at_watch.setdefault(id(module), (module, dict(_rates(module))))

    def sampled_step(self, optimizer: Any, step: int) -> None:
        """Rates and decays at the first step, changed rates later."""
        for model in self._models.begin():
            self._begin(model)
        for rated in self._rated.values():
            rated.look_again()
        if all(optimizer is not known for known in self._optimizers):
            self._optimizers.append(optimizer)
            self._look_at_decay(optimizer)

    def at_end(self, ending: Ending) -> Regularization | Absent:
        """Every rate by its path."""
        absent = self._models.absent(ending)
        if absent is not None:
            return absent
        for _, model in self._models.prefixed():
            if not self._models.is_trained(model):
                self._begin(model)
        for rated in self._rated.values():
            rated.look_again()
        return Regularization(
            dropout=tuple(self._dropout()),
            config=tuple(_configured(self._models.main())),
            decayed_share=self._decayed_share(),
            decays_norms=self._decays_any(lambda module, _: _is_norm(module)),
            decays_biases=self._decays_any(lambda module, name: "bias" in name),
            l1=tuple(_l1(ending.params)),
        )

    def _begin(self, model: Any) -> None:
        for module in model.modules():
            rates = dict(_rates(module))
            arguments = _arguments(module) if rates else frozenset()
            _, before = self._at_watch.get(id(module), (module, rates))
            set_once = {
                name: rate
                for name, rate in rates.items()
                if name in arguments or before.get(name) == rate
            }
            if set_once and id(module) not in self._rated:
                self._rated[id(module)] = _Rated(module, set_once, arguments)

    def _dropout(self) -> Iterator[Dropout]:
        told: set[int] = set()
        for path, module in self._models.modules():
            if id(module) in self._rated and id(module) not in told:  # once, if models share it
                told.add(id(module))
                yield from self._rated[id(module)].by_path(path)

    def _look_at_decay(self, optimizer: Any) -> None:
        for group in optimizer.param_groups:
            is_decayed = bool(group.get("weight_decay"))
            for parameter in group["params"]:
                if parameter.requires_grad:
                    self._parameters.append(parameter)
                    self._decays[id(parameter)] = is_decayed

    def _decayed_share(self) -> float | None:
        n_values = {id(one): one.numel() for one in self._parameters}
        total = sum(n_values.values())
        decayed = sum(n for key, n in n_values.items() if self._decays[key])
        return round(decayed / total, 6) if total else None

    def _decays_any(self, is_meant: Callable[[Any, str], bool]) -> bool | None:
        """Whether such a parameter decays; None if nothing does, or if there is none."""
        found = [
            self._decays[id(parameter)]
            for _, module in self._models.modules()
            for name, parameter in module.named_parameters(recurse=False)
            if is_meant(module, name) and id(parameter) in self._decays
        ]
        return any(found) if found and any(self._decays.values()) else None


def _rates(module: Any) -> Iterator[tuple[str, float]]:
    """Attributes of a module that say how much is dropped."""
    drops = DROPS.search(type(module).__name__)
    for name, value in vars(module).items():
        is_number = type(value) is float or (type(value) is int and name in PLAIN)
        if is_number and 0 <= value <= 1 and (DROPS.search(name) or (drops and name == "p")):
            yield name, float(value)


def _arguments(module: Any) -> frozenset[str]:
    """What its constructors take: other numbers may be measured by `forward`, if they change."""
    constructors = [vars(kind).get("__init__") for kind in type(module).__mro__[:-1]]
    known = filter(inspect.isfunction, constructors)
    return frozenset(name for one in known for name in inspect.signature(one).parameters)


def _is_norm(module: Any) -> bool:
    return NORM.search(type(module).__name__) is not None


def _configured(model: Any) -> Iterator[Setting]:
    """Rates in the `config` of a model, as those of transformers have it."""
    config = getattr(model, "config", None)
    values = config if isinstance(config, dict) else getattr(config, "__dict__", {})
    for name in sorted(name for name in values if isinstance(name, str) and name[0] != "_"):
        value = values[name]
        is_rate = value is None or isinstance(value, int | float)
        if is_rate and re.search(r"drop", name, re.IGNORECASE):
            yield Setting(name=name, value=scalar(value))


def _l1(params: dict[str, Any]) -> Iterator[Setting]:
    for name, value in sorted(params.items()):
        if IS_L1.search(name) and not NO_PENALTY.search(name.rpartition(".")[2]):
            yield Setting(name=name, value=scalar(value))
