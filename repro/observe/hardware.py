"""Looks at the machine, and at accelerators only where torch is already loaded."""

import os
import platform
import sys
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from repro.facts.hardware import Hardware
from repro.observe.gpus import driver, gpus

GROUPS = Path("/sys/fs/cgroup")
NO_LIMIT = 2**60  # cgroup 1 says that there is none by a number as large as this


def at_end() -> Hardware:
    """Processor, memory, thread pools and accelerators."""
    torch = sys.modules.get("torch")
    pools = threadpool_info()
    devices = gpus(torch)
    return Hardware(
        system=f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        machine=platform.machine(),
        cpu=_cpu_model(),
        n_cores=os.cpu_count() or 1,
        memory_bytes=_memory_bytes(),
        accelerators=tuple(device.name for device in devices) or _other_accelerators(torch),
        cuda=getattr(torch.version, "cuda", None) if torch else None,
        cudnn=_cudnn(torch),
        driver=driver(),
        blas=tuple(sorted({_pool(pool) for pool in pools})),
        blas_kernels=tuple(sorted(set(filter(None, map(_kernel, pools))))),
        n_usable_cores=_n_usable_cores(),
        cpu_quota=_cpu_quota(),
        memory_limit_bytes=_memory_limit_bytes(),
        instruction_set=_instruction_set(torch),
        gpus=devices,
    )


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _n_usable_cores() -> int | None:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # not on macOS
        return None


def _cpu_quota() -> float | None:
    """Cores that the control group may use up: `max 100000`, or microseconds of a period."""
    words = _words("cpu.max") or [*_words("cpu/cpu.cfs_quota_us"), *_words("cpu/cpu.cfs_period_us")]
    if len(words) != 2 or not all(word.isdecimal() for word in words):
        return None
    return round(int(words[0]) / int(words[1]), 3)


def _memory_limit_bytes() -> int | None:
    words = _words("memory.max") or _words("memory/memory.limit_in_bytes")
    limit = int(words[0]) if words and words[0].isdecimal() else NO_LIMIT
    return limit if limit < NO_LIMIT else None


def _words(name: str) -> list[str]:
    """What the control group says; of one that the container shows as its root."""
    try:
        return (GROUPS / name).read_text().split()
    except OSError:
        return []


def _instruction_set(torch: Any) -> str | None:
    return None if torch is None else str(torch.backends.cpu.get_cpu_capability())


def _other_accelerators(torch: Any) -> tuple[str, ...]:
    return ("Apple MPS",) if torch and torch.backends.mps.is_available() else ()


def _cudnn(torch: Any) -> str | None:
    if torch is None or not torch.cuda.is_initialized():
        return None
    version = torch.backends.cudnn.version()
    return None if version is None else str(version)


def _pool(pool: dict[str, Any]) -> str:
    version = pool.get("version") or "unknown version"
    return f"{pool['internal_api']} {version}, {pool['num_threads']} threads"


def _kernel(pool: dict[str, Any]) -> str | None:
    chosen = pool.get("architecture")
    return f"{pool['internal_api']} {chosen}" if chosen else None
