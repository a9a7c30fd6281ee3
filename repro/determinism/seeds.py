"""One seed, many independent seeds: derived by hashing, never by adding."""

from __future__ import annotations

import hashlib
import json
from typing import Literal

MAX_SEED = 2**64 - 1  # what torch.Generator.manual_seed still takes


def derive_seed(seed: int, *parts: str | int, bits: Literal[32, 64] = 64) -> int:
    """Seed that belongs to `seed` and to the name made of `parts`.

    The first `bits` bits, big endian, of SHA-256 over the JSON text `[seed, part, ...]`: stable for
    ever, and easy to compute elsewhere. `seed + rank` would give rank 1 of seed 0 the same numbers
    as rank 0 of seed 1; a hash does not.

    Parameters
    ----------
    bits : 64, or 32 for `numpy.random.seed`, which takes no more

    >>> derive_seed(0, "augment", 3)
    7021025322815692931
    """
    text = json.dumps([seed, *parts])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[: bits // 8], "big")
