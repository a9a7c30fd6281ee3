"""Looks at CUDA devices: through torch once it has started CUDA, through the driver else.

Starting CUDA takes seconds and memory of a device that the training may not use: it is never done.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from repro.facts.hardware import Gpu

DRIVER = Path("/proc/driver/nvidia/version")


def gpus(torch: Any) -> tuple[Gpu, ...]:
    """The devices that the training used; those of the machine if torch did not start CUDA."""
    return _seen_by_torch(torch) if torch and torch.cuda.is_initialized() else _of_machine()


def _seen_by_torch(torch: Any) -> tuple[Gpu, ...]:
    found = (torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count()))
    return tuple(
        Gpu(
            index=index,
            name=one.name,
            memory_bytes=one.total_memory,
            compute_capability=f"{one.major}.{one.minor}",
            **_modes(str(getattr(one, "uuid", ""))),
        )
        for index, one in enumerate(found)
    )


@cache
def _modes(uuid: str) -> dict[str, bool | None]:
    """Error correction and partition, which only the driver's library tells."""
    with _library() as nvml:
        for handle in _handles(nvml) if nvml else ():
            if uuid and uuid in _text(nvml.nvmlDeviceGetUUID(handle)):
                return _modes_of(nvml, handle)
    return {"has_ecc": None, "is_partitioned": None}


@cache
def _of_machine() -> tuple[Gpu, ...]:
    with _library() as nvml:
        handles = _handles(nvml) if nvml else []
        return tuple(_described(nvml, index, handle) for index, handle in enumerate(handles))


def _described(nvml: Any, index: int, handle: Any) -> Gpu:
    capability = _asked(nvml, "nvmlDeviceGetCudaComputeCapability", handle)
    memory = _asked(nvml, "nvmlDeviceGetMemoryInfo", handle)
    return Gpu(
        index=index,
        name=_text(nvml.nvmlDeviceGetName(handle)),
        memory_bytes=memory.total if memory else None,
        compute_capability=".".join(map(str, capability)) if capability else None,
        **_modes_of(nvml, handle),
    )


def _modes_of(nvml: Any, handle: Any) -> dict[str, bool | None]:
    ecc = _asked(nvml, "nvmlDeviceGetEccMode", handle)
    mig = _asked(nvml, "nvmlDeviceGetMigMode", handle)
    return {
        "has_ecc": None if ecc is None else bool(ecc[0]),
        "is_partitioned": None if mig is None else bool(mig[0]),
    }


def _asked(nvml: Any, question: str, handle: Any) -> Any:
    """The answer, or None where device or library do not know the question."""
    try:
        return getattr(nvml, question)(handle)
    except (nvml.NVMLError, AttributeError):
        return None


@cache
def driver() -> str | None:
    """Version of the driver; None without one."""
    with _library() as nvml:
        if nvml:
            return _text(nvml.nvmlSystemGetDriverVersion())
    try:
        words = DRIVER.read_text().split("\n")[0].split()
    except OSError:
        return None
    return next((word for word in words if word.count(".") in (1, 2) and word[0].isdecimal()), None)


@contextmanager
def _library() -> Iterator[Any]:
    """nvidia-ml-py where it is installed and finds a driver, else None; it starts no CUDA."""
    try:
        with warnings.catch_warnings(action="ignore"):  # an old distribution of the same name
            nvml: Any = import_module("pynvml")
    except ImportError:
        yield None
        return
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:  # no driver, or one that does not fit
        yield None
        return
    try:
        yield nvml
    finally:
        nvml.nvmlShutdown()


def _handles(nvml: Any) -> list[Any]:
    return [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
