"""Looks at the machine, and at accelerators only where torch is already loaded."""

import os
import platform
import sys
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from repro.facts.hardware import Hardware


def at_end() -> Hardware:
    """Processor, memory, thread pools and accelerators."""
    torch = sys.modules.get("torch")
    return Hardware(
        system=f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        machine=platform.machine(),
        cpu=_cpu_model(),
        n_cores=os.cpu_count() or 1,
        memory_bytes=_memory_bytes(),
        accelerators=_accelerators(torch),
        cuda=getattr(torch.version, "cuda", None) if torch else None,
        cudnn=_cudnn(torch),
        blas=tuple(sorted({_pool(pool) for pool in threadpool_info()})),
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


def _accelerators(torch: Any) -> tuple[str, ...]:
    if torch is None:
        return ()
    if torch.cuda.is_available():
        return tuple(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
    return ("Apple MPS",) if torch.backends.mps.is_available() else ()


def _cudnn(torch: Any) -> str | None:
    if torch is None or not torch.cuda.is_available():
        return None
    version = torch.backends.cudnn.version()
    return None if version is None else str(version)


def _pool(pool: dict[str, Any]) -> str:
    version = pool.get("version") or "unknown version"
    return f"{pool['internal_api']} {version}, {pool['num_threads']} threads"
