"""The one table of switches that decide whether, and to which bits, a training computes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import Any, Literal

from repro.determinism.arrival import is_imported

Mode = Literal["strict", "warn", "off"]
Value = bool | int | str | None

UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Switch:
    """One global setting, how to look at it, and what each mode asks of it."""

    name: str
    module: str  # must be imported for the switch to exist
    read: Callable[[], Value]
    write: Callable[[Value], object] | None  # None: it can be read only
    demanded: Mapping[Mode, Value] = field(default_factory=dict)  # no entry: as the user has it
    is_settled: Callable[[], bool] = lambda: False  # the user's value stands, whatever the mode
    is_scoped: bool = False  # training code turns it on and off in blocks: a change is no drift
    is_of_thread: bool = False  # each thread has its own value

    def look(self) -> Value:
        """Value now, or `UNREADABLE`: torch refuses some, and older torch does not have all."""
        try:
            return self.read()
        except Exception:
            return UNREADABLE


def switches_of(module: str) -> tuple[Switch, ...]:
    """Switches that `module` brings along; none when it is not imported."""
    return tuple(s for s in SWITCHES if s.module == module) if is_imported(module) else ()


def read_switches(switches: Iterable[Switch] | None = None) -> dict[str, Value]:
    """Value of each switch whose module is imported, by name."""
    chosen = SWITCHES if switches is None else switches
    return {s.name: s.look() for s in chosen if is_imported(s.module)}


def set_switch(switch: Switch, mode: Mode) -> None:
    """Bring a switch to what the mode demands of it, if anything."""
    if mode in switch.demanded and not switch.is_settled() and switch.look() != UNREADABLE:
        _change(switch, switch.demanded[mode])


def give_back(switch: Switch, value: Value) -> None:
    """Bring a switch back to a value that `look` returned earlier."""
    if value != UNREADABLE:
        _change(switch, value)


def _change(switch: Switch, value: Value) -> None:
    # Writing the same value is not free of effects: the TF32 flags of old write the new ones too.
    if switch.write is not None and switch.look() != value:
        switch.write(value)


def _both(value: Value) -> Mapping[Mode, Value]:
    return {"strict": value, "warn": value}


def _torch(path: str) -> Any:
    return attrgetter(path)(sys.modules["torch"])


def _attribute(path: str, demanded: Mapping[Mode, Value] | None = None) -> Switch:
    """Switch that is an attribute somewhere below `torch`."""
    owner, _, name = path.rpartition(".")
    return Switch(
        f"torch.{path}",
        "torch",
        read=lambda: attrgetter(name)(_torch(owner)),
        write=lambda value: setattr(_torch(owner), name, value),
        demanded=demanded or {},
    )


def _function(name: str, getter: str, setter: str, *, is_of_thread: bool = False) -> Switch:
    """Switch that torch reads and writes through a pair of functions."""
    return Switch(
        f"torch.{name}",
        "torch",
        read=lambda: _torch(getter)(),
        write=lambda value: _torch(setter)(value),
        is_of_thread=is_of_thread,
    )


def _cublas_is_settled() -> bool:
    """cuBLAS reads its configuration once, when CUDA starts; and a value of the user's is his."""
    has_started = is_imported("torch") and _torch("cuda.is_initialized")()
    return "CUBLAS_WORKSPACE_CONFIG" in os.environ or has_started


def _write_cublas(value: Value) -> None:
    if value is None:
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)
    else:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = str(value)


def _write_algorithms(value: Value) -> None:
    # Not torch.use_deterministic_algorithms: it imports inductor, 1.6 s; that one has its own line.
    _torch("_C._set_deterministic_algorithms")(
        value, warn_only=_torch("is_deterministic_algorithms_warn_only_enabled")()
    )


def _write_warn_only(value: Value) -> None:
    _torch("_C._set_deterministic_algorithms")(
        _torch("are_deterministic_algorithms_enabled")(), warn_only=value
    )


def _write_inductor(value: Value) -> None:
    sys.modules["torch._inductor.config"].deterministic = value  # type: ignore[attr-defined]  # set


def _fp32_precision(backend: str, operation: str) -> Switch:
    """Node of the tree of float32 precisions; one that says "none" does as the node above it."""
    node = (backend, operation)

    def write(value: Value) -> None:
        # Inherited again, if that gives the value: the getter does not tell who said it. By the raw
        # setter: that of torch.backends.mkldnn writes the node for all backends (torch 2.13).
        _torch("_C._set_fp32_precision_setter")(*node, "none")
        if _torch("_C._get_fp32_precision_getter")(*node) != value:
            _torch("_C._set_fp32_precision_setter")(*node, value)

    return Switch(
        f"torch.fp32_precision.{backend}.{operation}",
        "torch",
        read=lambda: str(_torch("_C._get_fp32_precision_getter")(*node)),
        write=write,
    )


_REDUCTIONS = {(True, True): "reduced", (False, True): "full, split-k", (False, False): "full"}


def _reduction(dtype: Literal["fp16", "bf16"]) -> Switch:
    """Two flags of torch in one switch: on the way from one pair to another not all are allowed."""
    name = f"allow_{dtype}_reduced_precision_reduction"
    pairs = {text: pair for pair, text in _REDUCTIONS.items()}
    return Switch(
        f"torch.backends.cuda.matmul.{name}",
        "torch",
        read=lambda: _REDUCTIONS[_torch(f"_C._get_cublas_{name}")()],
        write=lambda value: _torch(f"_C._set_cublas_{name}")(*pairs[str(value)]),
    )


def _library(kind: Literal["blas", "linalg"]) -> Switch:
    """Which of CUDA's libraries is asked first."""
    name = f"_{kind}_preferred_backend"
    enum = f"_C._{kind.capitalize()}Backend"
    return Switch(
        f"torch.backends.cuda.preferred_{kind}",
        "torch",
        read=lambda: str(_torch(f"_C._get{name}")().name),
        write=lambda value: _torch(f"_C._set{name}")(getattr(_torch(enum), str(value))),
    )


def _write_priority(value: Value) -> None:
    _torch("_C._set_sdp_priority_order")([int(backend) for backend in str(value).split(",")])


def _flushes_denormals() -> bool:
    return sys.float_info.min / 2 == 0.0  # torch has no getter; this thread's mode decides


def _dtype(value: Value) -> Any:
    return _torch(str(value).removeprefix("torch."))


def _autocast(device: str) -> tuple[Switch, Switch]:
    return (
        Switch(
            f"torch.autocast.{device}.enabled",
            "torch",
            read=lambda: bool(_torch("is_autocast_enabled")(device)),
            write=lambda value: _torch("set_autocast_enabled")(device, value),
            is_scoped=True,
        ),
        Switch(
            f"torch.autocast.{device}.dtype",
            "torch",
            read=lambda: str(_torch("get_autocast_dtype")(device)),
            write=lambda value: _torch("set_autocast_dtype")(device, _dtype(value)),
            is_scoped=True,
        ),
    )


# Given back from top to bottom: the TF32 switches of old come first, as they write to the tree.
SWITCHES: tuple[Switch, ...] = (
    Switch(
        "CUBLAS_WORKSPACE_CONFIG",
        "os",
        read=partial(os.environ.get, "CUBLAS_WORKSPACE_CONFIG"),
        write=_write_cublas,
        demanded=_both(":4096:8"),
        is_settled=_cublas_is_settled,
    ),
    Switch(
        "torch.deterministic_algorithms",
        "torch",
        read=lambda: bool(_torch("are_deterministic_algorithms_enabled")()),
        write=_write_algorithms,
        demanded=_both(True),
    ),
    Switch(
        "torch.deterministic_algorithms.warn_only",
        "torch",
        read=lambda: bool(_torch("is_deterministic_algorithms_warn_only_enabled")()),
        write=_write_warn_only,
        demanded={"strict": False, "warn": True},
    ),
    # As the user has it: torch's default is to fill, which makes a read of memory that nobody wrote
    # repeatable; who turned it off did so for the cost of a second pass over every torch.empty.
    _attribute("utils.deterministic.fill_uninitialized_memory"),
    Switch(
        "torch._inductor.config.deterministic",
        "torch._inductor.config",
        read=lambda: bool(attrgetter("deterministic")(sys.modules["torch._inductor.config"])),
        write=_write_inductor,
        demanded=_both(True),
        is_of_thread=True,  # since torch 2.13: a context variable
    ),
    _attribute("backends.cudnn.enabled"),
    _attribute("backends.cudnn.deterministic", _both(True)),
    _attribute("backends.cudnn.benchmark", _both(False)),
    _attribute("backends.cudnn.allow_tf32"),
    _attribute("backends.cudnn.depthwise_kernel"),
    _attribute("backends.mkldnn.enabled"),
    _attribute("backends.mkldnn.deterministic", _both(True)),
    _function("backends.nnpack.enabled", "_C._get_nnpack_enabled", "_C._set_nnpack_enabled"),
    _function(
        "backends.mha.fastpath",
        "backends.mha.get_fastpath_enabled",
        "backends.mha.set_fastpath_enabled",
    ),
    _attribute("backends.quantized.engine"),
    _attribute("backends.miopen.immediate"),
    _library("blas"),
    _library("linalg"),
    _attribute("backends.cuda.matmul.allow_fp16_accumulation"),
    _reduction("fp16"),
    _reduction("bf16"),
    _function(
        "backends.cpu.matmul.allow_fp16_reduced_precision_reduction",
        "_C._get_cpu_allow_fp16_reduced_precision_reduction",
        "_C._set_cpu_allow_fp16_reduced_precision_reduction",
    ),
    _function(
        "float32_matmul_precision", "get_float32_matmul_precision", "set_float32_matmul_precision"
    ),
    _fp32_precision("generic", "all"),
    *(
        _fp32_precision(backend, operation)
        for backend in ("cuda", "mkldnn")
        for operation in ("all", "conv", "rnn", "matmul")
    ),
    *(
        _function(
            f"sdp.{name}", f"backends.cuda.{name}_sdp_enabled", f"backends.cuda.enable_{name}_sdp"
        )
        for name in ("flash", "mem_efficient", "math", "cudnn")
    ),
    *(
        _function(f"sdp.{name}", f"_C._get_{name}_sdp_enabled", f"_C._set_sdp_use_{name}")
        for name in ("fa3", "overrideable")
    ),
    _function(
        "sdp.math_reduced_precision",
        "backends.cuda.fp16_bf16_reduction_math_sdp_allowed",
        "backends.cuda.allow_fp16_bf16_reduction_math_sdp",
    ),
    Switch(
        "torch.sdp.priority",
        "torch",
        read=lambda: ",".join(
            str(int(backend)) for backend in _torch("_C._get_sdp_priority_order")()
        ),
        write=_write_priority,
    ),
    _function("num_threads", "get_num_threads", "set_num_threads", is_of_thread=True),
    Switch(
        "torch.num_interop_threads",  # torch lets it be set once, before the first use
        "torch",
        read=lambda: int(_torch("get_num_interop_threads")()),
        write=None,
    ),
    Switch(
        "torch.flush_denormal",
        "torch",
        read=_flushes_denormals,
        write=lambda value: _torch("set_flush_denormal")(value),
        is_of_thread=True,
    ),
    Switch(
        "torch.default_dtype",
        "torch",
        read=lambda: str(_torch("get_default_dtype")()),
        write=lambda value: _torch("set_default_dtype")(_dtype(value)),
    ),
    *_autocast("cpu"),
    *_autocast("cuda"),
)
