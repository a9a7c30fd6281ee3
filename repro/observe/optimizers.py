"""Looks at the optimizers that step: their class, and the settings they were used with."""

from dataclasses import dataclass, field
from typing import Any
from weakref import ref

from repro.facts.fact import Scalar
from repro.facts.optimizer import Group, Optimizer, Setting
from repro.observe.params import scalar
from repro.observe.technique import is_sampled

MAX_OPTIMIZERS = 16  # one for each task or batch would fill the record; more are only counted
BOOKKEEPING = ("params", "initial_lr", "param_names", "swa_lr")  # of a param group: no settings
MOVING = ("last_epoch", "best", "num_bad_epochs", "cooldown_counter", "T_cur", "T_i")


@dataclass
class Seen:
    """One optimizer: what it was at its first step."""

    optimizer: Any  # weak: a training may drop it, with all parameters
    name: str
    unused: Any  # the same until its first step: then it is told what it is
    groups: list[dict[str, Scalar]] = field(default_factory=list)  # those added later, too
    peaks: list[float | None] = field(default_factory=list)  # highest learning rate of each group
    last_lr: Any = None  # of the first group, when last read: who moves one group moves all
    n_parameters: int = 0
    n_steps: int = 0


class Optimizers:
    """Every optimizer of a run, in the order in which it was seen."""

    def __init__(self) -> None:
        self._seen: list[Seen] = []
        self._leader: Any = None
        self._n_replaced = 0
        self._parameters: dict[int, Any] = {}  # weak; one that two optimizers share counts once

    def __bool__(self) -> bool:
        return bool(self._seen)

    def remember(self, optimizer: Any) -> Seen | None:
        """The entry of this optimizer, a new one if need be; None beyond the bound."""
        for seen in self._seen:
            if seen.optimizer() is optimizer:
                return seen
        if len(self._seen) == MAX_OPTIMIZERS:
            return None
        seen = Seen(ref(optimizer), type(optimizer).__name__, unused=optimizer)
        self._seen.append(seen)
        self._leader = self._leader or seen.optimizer
        return seen

    def knows(self, optimizer: Any) -> bool:
        """Whether it was seen before."""
        return any(seen.optimizer() is optimizer for seen in self._seen)

    def lead(self, optimizer: Any) -> None:
        """From now on its steps count, instead of those of the first."""
        if not self.leads(optimizer):
            self._leader = ref(optimizer)
            self._n_replaced += 1

    def leads(self, optimizer: Any) -> bool:
        """Whether it is this one whose steps count."""
        return self._leader is not None and self._leader() is optimizer

    def before_step(self, optimizer: Any) -> None:
        """Take its settings at its first step, and its highest learning rate."""
        seen = self.remember(optimizer)
        if seen is None:
            return
        seen.unused = None
        groups = optimizer.param_groups
        if len(seen.groups) < len(groups):
            self._describe(seen, groups)
        lr = groups[0].get("lr")
        if hasattr(lr, "numel"):  # reading it waits for the device
            is_read = is_sampled(seen.n_steps)
        else:
            is_higher = seen.last_lr is None or lr > seen.last_lr
            is_read = is_higher if len(groups) == 1 else lr != seen.last_lr
        if is_read:
            seen.last_lr = lr
            seen.peaks = [_higher(*pair) for pair in zip(seen.peaks, groups, strict=False)]
        seen.n_steps += 1

    def _describe(self, seen: Seen, groups: list[dict[str, Any]]) -> None:
        for group in groups[len(seen.groups) :]:
            seen.groups.append(_settings(group))
            seen.peaks.append(None)
            for parameter in group["params"]:
                known = self._parameters.get(id(parameter))
                if known is None or known() is not parameter:
                    self._parameters[id(parameter)] = ref(parameter)
                    seen.n_parameters += parameter.numel()

    def fact(self, scheduler: str | None) -> Optimizer | None:
        """All of them; None if there is none."""
        for seen in self._seen:
            if seen.unused is not None:
                self._describe(seen, seen.unused.param_groups)
        groups = [
            _at_peak(group, peak)
            for seen in self._seen
            for group, peak in zip(seen.groups, seen.peaks, strict=True)
        ]
        if not groups:
            return None
        first, *others = groups
        return Optimizer(
            name="+".join(seen.name for seen in self._seen),
            settings=_as_settings(first),
            n_groups=len(groups),
            n_parameters=sum(seen.n_parameters for seen in self._seen),
            groups=tuple(
                Group(index=index, settings=_as_settings(_difference(first, other)))
                for index, other in enumerate(others, start=1)
            ),
            scheduler=scheduler,
            n_replaced=self._n_replaced,
        )


def described(scheduler: Any) -> str:
    """Class and plain settings of a scheduler, without what changes as it goes."""
    state = scheduler.state_dict() if hasattr(scheduler, "state_dict") else {}
    settings = [
        f"{name}={scalar(state[name], name)!r}"
        for name in sorted(state)
        if name[0] != "_" and name not in MOVING and isinstance(state[name], int | float | str)
    ]
    return f"{type(scheduler).__name__}({', '.join(settings)})"


def _settings(group: dict[str, Any]) -> dict[str, Scalar]:
    """Settings of a param group; `name`, which is a field of the fact, becomes `group_name`."""
    return {
        f"group_{name}" if name in Optimizer.model_fields else name: _plain(value, name)
        for name, value in group.items()
        if name not in BOOKKEEPING
    }


def _plain(value: Any, name: str = "") -> Scalar:
    if hasattr(value, "numel"):  # a tensor: lr of a capturable optimizer
        return float(value)
    return scalar(value, name)


def _higher(peak: float | None, group: dict[str, Any]) -> float | None:
    lr = _plain(group.get("lr"))
    if not isinstance(lr, int | float):
        return peak
    return lr if peak is None else max(lr, peak)


def _at_peak(group: dict[str, Scalar], peak: float | None) -> dict[str, Scalar]:
    """With the highest learning rate in place of the first, which a warm-up makes small.

    The one-cycle scheduler writes its highest into the group, and may not reach it exactly.
    """
    highest = group.get("max_lr", peak)
    if not isinstance(highest, int | float):
        return group
    return {**group, "lr": float(f"{highest:.12g}")}  # schedulers reach 0.30000000000000004


def _as_settings(values: dict[str, Scalar]) -> tuple[Setting, ...]:
    return tuple(Setting(name=name, value=values[name]) for name in sorted(values))


def _difference(first: dict[str, Scalar], other: dict[str, Scalar]) -> dict[str, Scalar]:
    return {name: value for name, value in other.items() if first.get(name, ...) != value}
