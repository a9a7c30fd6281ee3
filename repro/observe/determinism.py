"""Looks at what was done to make the run repeatable."""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from repro.determinism import Controlled, derive_seed
from repro.facts.determinism import Derived, Determinism, Drift, Library, Loader, Switch

SeedSource = Literal["argument", "REPRO_SEED", "drawn", "none"]

AT_THE_START = Path("/proc/self/environ")  # what the process was started with
MOST = 100  # streams and loaders that are told one by one


@dataclass
class HandedOut:
    """Generators and loaders that a run gave to its script."""

    seed: int
    _streams: dict[tuple[str, str], int] = field(default_factory=dict)
    _loaders: dict[Loader, None] = field(default_factory=dict)

    def stream(self, kind: str, name: str) -> int:
        """A generator of this name was asked for; its seed."""
        self._streams[kind, name] = derive_seed(self.seed, kind, name)
        return self._streams[kind, name]

    def loader(self, loader: Any, role: str) -> None:
        """A loader was made or watched."""
        generator = getattr(loader, "generator", None)
        made = Loader(
            role=role,
            batch_size=_number(loader, "batch_size"),
            n_workers=_number(loader, "num_workers"),
            seed=None if generator is None else generator.initial_seed(),
        )
        if len(self._loaders) < MOST:
            self._loaders[made] = None

    @property
    def derived(self) -> tuple[Derived, ...]:
        """Every generator with its seed."""
        streams = tuple(self._streams.items())
        return tuple(Derived(name=f"{kind}/{name}", seed=seed) for (kind, name), seed in streams)

    @property
    def loaders(self) -> tuple[Loader, ...]:
        """Each loader once."""
        return tuple(self._loaders)


def at_end(controlled: Controlled, source: SeedSource, given: HandedOut) -> Determinism:
    """Seed, switches as they were in effect, which of them someone changed, what was derived."""
    seen = sorted(controlled.drift().items())
    drift = tuple(
        Drift(switch=name, before=it.before, after=it.after, step=it.step) for name, it in seen
    )
    fixed = hash_seed()
    return Determinism(
        seed=controlled.seed,
        seed_source=source,
        mode=controlled.mode,
        seeded=controlled.seeded,
        hash_randomization=fixed is None,
        switches=tuple(
            Switch(name=name, value=value)
            for name, value in sorted(controlled.switches_at_start().items())
        ),
        drifted=tuple(name for name, _ in seen),
        drift=drift,
        hash_seed=fixed,
        derived=given.derived[:MOST],
        n_derived=len(given.derived),
        loaders=given.loaders,
        libraries=_libraries(sys.modules.get("torch")),
        numpy_simd=_numpy_simd(),
    )


def _number(loader: Any, name: str) -> int | None:
    value = getattr(loader, name, None)
    return value if isinstance(value, int) else None


def hash_seed() -> int | None:
    """What text hashes follow from; None: they differ from process to process."""
    text = _started_with().get("PYTHONHASHSEED", "")
    if sys.flags.ignore_environment or not text.isdecimal():
        return None
    return int(text)


def _started_with() -> Mapping[str, str]:
    """Variables of the process at its start: who sets PYTHONHASHSEED later changes no hash."""
    try:
        pairs = AT_THE_START.read_bytes().decode(errors="replace").split("\0")
    except OSError:  # not on macOS
        return os.environ
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


BUILT_WITH = (
    ("MKL", r"Math Kernel Library Version (\S+)"),
    ("oneDNN", r"MKL-DNN v(\S+)"),
    ("OpenMP", r"OpenMP (\d+)"),
    ("BLAS", r"BLAS_INFO=(\w+)"),
    ("CUDA", r"CUDA Runtime (\S+)"),
    ("cuDNN", r"CuDNN (\S+)"),
)


def _libraries(torch: Any) -> tuple[Library, ...]:
    """What torch was built with, as it says; 0.3 ms."""
    told = "" if torch is None else str(torch.__config__.show())
    found = ((name, re.search(pattern, told)) for name, pattern in BUILT_WITH)
    return tuple(Library(name=name, version=match[1]) for name, match in found if match)


def _numpy_simd() -> str | None:
    """Of the kernels that numpy was built with, those that the CPU runs."""
    internal = sys.modules.get("numpy._core._multiarray_umath")
    kernels = getattr(internal, "__cpu_dispatch__", None)
    runs = getattr(internal, "__cpu_features__", None)
    if kernels is None or runs is None:
        return None
    return " ".join(name for name in kernels if runs.get(name)) or "baseline"
