"""Looks at what was done to make the run repeatable."""

import os
import sys
from typing import Literal

from repro.determinism import Controlled
from repro.facts.determinism import Determinism, Switch

SeedSource = Literal["argument", "REPRO_SEED", "drawn", "none"]


def at_end(controlled: Controlled, source: SeedSource) -> Determinism:
    """Seed, switches as they were in effect, and which of them someone changed."""
    return Determinism(
        seed=controlled.seed,
        seed_source=source,
        mode=controlled.mode,
        seeded=controlled.seeded,
        hash_randomization=_hashes_are_random(),
        switches=tuple(
            Switch(name=name, value=value)
            for name, value in sorted(controlled.switches_at_start().items())
        ),
        drifted=tuple(sorted(controlled.drift())),
    )


def _hashes_are_random() -> bool:
    """Whether text hashes differ from process to process (any fixed PYTHONHASHSEED stops it)."""
    if sys.flags.ignore_environment:
        return True
    return os.environ.get("PYTHONHASHSEED", "random") in ("", "random")
