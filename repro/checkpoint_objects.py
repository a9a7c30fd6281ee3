"""What the objects of a training hold: their `state_dict`, and what that leaves out.

It leaves out gradients, buffers that are not persistent, which parameters are trained, the mode of
each module, and parameters that an optimizer trains and that are in no model.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from repro.checkpoint_file import FAILURES, n_entries, one_line
from repro.determinism.states import is_same
from repro.errors import CheckpointUnusable, UsageError

WEIGHTS_ALONE = "for the weights alone, read the file with run.load(path)['model']"


@dataclass(frozen=True)
class Trained:
    """The objects of a training; each may be a list or dict of several."""

    model: Any = None
    optimizer: Any = None
    scheduler: Any = None
    scaler: Any = None

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(vars(self).items())

    def each(self, *kinds: str) -> Iterator[tuple[str, Any]]:
        """Every single object, by its place."""
        for kind in kinds or tuple(vars(self)):
            yield from _each(kind, getattr(self, kind))


def _each(name: str, thing: Any) -> Iterator[tuple[str, Any]]:
    several = None if hasattr(thing, "state_dict") else _by_key(thing)
    if several is not None:
        for key, one in several.items():
            yield from _each(f"{name}[{key!r}]", one)
    elif thing is not None:
        yield name, thing


def states(trained: Trained) -> dict[str, Any]:
    """The entries of a checkpoint for these objects."""
    kept = {kind: _state(kind, thing) for kind, thing in trained}
    return {
        **kept,
        "rest": {
            "types": {name: type(one).__name__ for name, one in _typed(trained)},
            "sizes": {kind: n_entries(state) for kind, state in kept.items()},
            "parameters": _parameters(trained),
            "buffers": {name: dict(_buffers(one)) for name, one in _modules(trained)},
            "training": {name: _modes(one) for name, one in _modules(trained)},
        },
    }


def restore(trained: Trained, content: Mapping[str, Any]) -> None:
    """Bring the objects to what a checkpoint holds.

    Raises
    ------
    CheckpointUnusable
        They are others; it names what differs.
    """
    rest = content["rest"]
    for kind, thing in trained:
        _refuse_others(kind, thing, content[kind])
    for name, one in _typed(trained):
        now, known = type(one).__name__, rest["types"].get(name)
        if now != known:
            raise CheckpointUnusable(f"{name} was {known}, now it is {now}. Make what it was.")
    for kind, thing in trained:
        _restore(kind, thing, content[kind])
    _refuse_other_parameters(trained, rest["parameters"])
    try:
        _restore_rest(trained, rest)
    except FAILURES as error:
        if isinstance(error, CheckpointUnusable):
            raise
        raise _misfit("a gradient or buffer", error) from error
    for kind, thing in trained:
        for place in _differences(kind, content[kind], _state(kind, thing)):
            raise CheckpointUnusable(
                f"{one_line(place)}, although it was just restored: the training would go on "
                f"differently. Build the object as the run did; {WEIGHTS_ALONE}."
            )


def _typed(trained: Trained) -> Iterator[tuple[str, Any]]:
    return trained.each("optimizer", "scheduler", "scaler")


def _modules(trained: Trained) -> Iterator[tuple[str, Any]]:
    return ((name, one) for name, one in trained.each("model") if hasattr(one, "named_modules"))


def _state(name: str, thing: Any) -> Any:
    if thing is None:
        return None
    if hasattr(thing, "state_dict"):
        return thing.state_dict()
    several = _by_key(thing)
    if several is None:
        raise UsageError(
            f"run.checkpoint got a {type(thing).__name__} as {name}, which has no state_dict(). "
            f"Pass the object itself, or a list or dict of several."
        )
    found = {key: _state(f"{name}[{key!r}]", one) for key, one in several.items()}
    return found if isinstance(thing, Mapping) else list(found.values())


def _refuse_others(name: str, thing: Any, state: Any) -> None:
    if thing is None and state is None:
        return
    if hasattr(thing, "load_state_dict") and state is not None:
        return
    things, known = _by_key(thing), _by_key(state)
    if things is None or known is None or things.keys() != known.keys():
        raise CheckpointUnusable(
            f"{_told_apart(name, thing, state)}. Pass what was written; {WEIGHTS_ALONE}."
        )
    for key, one in things.items():
        _refuse_others(f"{name}[{key!r}]", one, known[key])


def _by_key(several: Any) -> dict[Any, Any] | None:
    if isinstance(several, list | tuple):
        return dict(enumerate(several))
    return dict(several) if isinstance(several, Mapping) else None


def _told_apart(name: str, thing: Any, state: Any) -> str:
    if state is None:
        return f"the checkpoint holds no {name}, but one was given"
    if thing is None:
        return f"the checkpoint holds {name}, which was not given"
    return f"{name} was written as another list or dict of objects than is given"


def _restore(name: str, thing: Any, state: Any) -> None:
    if thing is None:
        return
    if not hasattr(thing, "load_state_dict"):
        for key, one in (_by_key(thing) or {}).items():
            _restore(f"{name}[{key!r}]", one, state[key])
        return
    try:
        thing.load_state_dict(copy.deepcopy(state))  # an optimizer keeps what it is given
        if hasattr(thing, "param_groups") and isinstance(getattr(thing, "state", None), Mapping):
            _restore_types(thing, state)
    except FAILURES as error:
        raise _misfit(name, error) from error


def _misfit(name: str, error: BaseException) -> CheckpointUnusable:
    return CheckpointUnusable(
        f"{name} is not the one of the checkpoint: {one_line(error).rstrip('.')}. "
        f"Build it as the run did."
    )


def _restore_types(optimizer: Any, state: Mapping[str, Any]) -> None:
    """Undo that torch casts the state of a parameter to the type of the parameter."""
    groups = zip(state["param_groups"], optimizer.param_groups, strict=False)
    for known, group in groups:
        for key, parameter in zip(known["params"], group["params"], strict=False):
            if key in state["state"] and parameter in optimizer.state:
                now = optimizer.state[parameter]
                optimizer.state[parameter] = _as_written(now, state["state"][key])


def _as_written(now: Any, known: Any) -> Any:
    from torch import Tensor

    if isinstance(now, Tensor) and isinstance(known, Tensor) and now.dtype != known.dtype:
        return known.to(now.device, copy=True)
    if type(now) is dict and isinstance(known, Mapping):
        return {key: _as_written(one, known.get(key)) for key, one in now.items()}
    if type(now) in (list, tuple) and isinstance(known, list | tuple) and len(now) == len(known):
        return type(now)(map(_as_written, now, known))
    return now


def _named(trained: Trained) -> Iterator[tuple[str, Any, bool]]:
    """Every parameter once, by its place, and whether a model holds it."""
    seen = set()
    for name, model in _modules(trained):
        for path, parameter in model.named_parameters():
            if id(parameter) not in seen:
                seen.add(id(parameter))
                yield f"{name}.{path}", parameter, True
    for name, optimizer in trained.each("optimizer"):
        for number, group in enumerate(getattr(optimizer, "param_groups", ())):
            for index, parameter in enumerate(group["params"]):
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield f"{name}, group {number}, parameter {index}", parameter, False


def _parameters(trained: Trained) -> dict[str, Any]:
    return {
        name: {
            "dtype": parameter.dtype,
            "is_trained": parameter.requires_grad,
            "grad": None if parameter.grad is None else parameter.grad.detach(),
            "value": None if is_in_model else parameter.detach(),
        }
        for name, parameter, is_in_model in _named(trained)
    }


def _refuse_other_parameters(trained: Trained, known: Mapping[str, Any]) -> None:
    from torch.nn.parameter import is_lazy

    now = {name: (one, is_in_model) for name, one, is_in_model in _named(trained)}
    for name in [*known, *now]:
        if name in known and name in now:
            continue
        where = "in the checkpoint alone" if name in known else "not in the checkpoint"
        raise CheckpointUnusable(
            f"parameter {one_line(name)} is {where}. Build the model and the optimizer as the run "
            f"did; {WEIGHTS_ALONE}."
        )
    for name, (one, is_in_model) in now.items():
        value = known[name]["value"]
        if one.dtype != known[name]["dtype"]:
            raise CheckpointUnusable(
                f"{one_line(name)} was {known[name]['dtype']}, now it is {one.dtype}. Build it as "
                f"the run did; {WEIGHTS_ALONE}."
            )
        if not is_in_model and not is_lazy(one) and (value is None or value.shape != one.shape):
            raise CheckpointUnusable(
                f"{one_line(name)} has another shape than in the checkpoint. Build it as it was."
            )


def _buffers(model: Any) -> Iterator[tuple[str, Any]]:
    """Those that `state_dict` leaves out."""
    kept = model.state_dict()
    return ((name, one.detach()) for name, one in model.named_buffers() if name not in kept)


def _modes(model: Any) -> dict[str, bool]:
    return {path: module.training for path, module in model.named_modules()}


def _restore_rest(trained: Trained, rest: Mapping[str, Any]) -> None:
    import torch

    with torch.no_grad():
        for name, parameter, is_in_model in _named(trained):
            known = rest["parameters"][name]
            if not is_in_model:
                parameter.copy_(known["value"])
            if parameter.is_leaf:
                parameter.requires_grad_(known["is_trained"])
            grad = known["grad"]
            parameter.grad = None if grad is None else grad.to(parameter.device, copy=True)
        for name, model in _modules(trained):
            _restore_buffers(name, model, rest["buffers"].get(name, {}))
    for name, model in _modules(trained):
        modes = rest["training"].get(name, {})
        if modes.keys() != _modes(model).keys():
            others = sorted(modes.keys() ^ _modes(model).keys())
            raise CheckpointUnusable(
                f"{name} has other modules than the one of the checkpoint: "
                f"{one_line(', '.join(others[:5]))}. Build it as the run did."
            )
        for path, module in model.named_modules():
            module.training = modes[path]


def _restore_buffers(name: str, model: Any, known: Mapping[str, Any]) -> None:
    now = dict(_buffers(model))
    for path in now.keys() - known.keys():
        raise CheckpointUnusable(
            f"buffer {path} of {name} is not in the checkpoint. Build it as the run did."
        )
    device = next((one.device for one in model.parameters()), None)
    for path, value in known.items():
        held = now.get(path)
        if held is not None and (held.shape, held.dtype) == (value.shape, value.dtype):
            held.copy_(value)
            continue
        owner, _, last = path.rpartition(".")
        place = device if held is None else held.device
        model.get_submodule(owner).register_buffer(
            last, value.to(place, copy=True), persistent=False
        )


def _differences(path: str, known: Any, now: Any) -> Iterator[str]:
    """Where a state differs from the one in the file."""
    if isinstance(known, Mapping) and isinstance(now, Mapping):
        for key in [*known, *(one for one in now if one not in known)]:
            if key not in now or key not in known:
                yield f"{path}.{key} is {'not there' if key in known else 'not in the checkpoint'}"
            else:
                yield from _differences(f"{path}.{key}", known[key], now[key])
    elif isinstance(known, list | tuple) and isinstance(now, list | tuple):
        if len(known) != len(now):
            yield f"{path} has {len(now)} entries, in the checkpoint {len(known)}"
        for index, (one, other) in enumerate(zip(known, now, strict=False)):
            yield from _differences(f"{path}[{index}]", one, other)
    elif not is_same(known, now):
        kinds = [getattr(one, "dtype", None) for one in (known, now)]
        was = f": it was {kinds[0]}, now {kinds[1]}" if kinds[0] != kinds[1] else ""
        yield f"{path} differs from the checkpoint{was}"
