"""Who makes a generator without a seed, or seeds a global one."""

import ast
import random
import re
import sys
import time
from dataclasses import dataclass
from types import FrameType

from repro.observe.entropy_place import (
    Place,
    expression_at,
    frames_above,
    last_name,
    library_of,
    owner_of,
    place_of,
)

# Libraries whose own generators reach the training; others name files and runs with theirs.
KEEPERS = frozenset(
    {
        *("albumentations", "audiomentations", "gymnasium", "hyperopt", "imgaug"),
        *("monai", "nevergrad", "optuna", "scipy", "sklearn", "torchio"),
    }
)
SEED_NAMES = ("seed", "random_state")
COPIES = re.compile(r"(?:load|loads|copy|deepcopy)\(")  # a generator that gets its state then
ASKING = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64", "SeedSequence", "default_rng")
CLOCK_SECONDS = 60.0
CLOCK_UNITS = (1, 1e3, 1e6, 1e9)  # to a second


@dataclass(frozen=True)
class Maker:
    """The line of the user's code that asked for it."""

    place: Place
    library: str = ""  # in which it was done

    @property
    def is_users(self) -> bool:
        """Whether the user's own code did it, and can give a seed."""
        return not self.library


def maker_of(frame: FrameType, *, is_numpy: bool) -> Maker | None:
    """Who made a generator without a seed; None: somebody whose generators do not matter."""
    library = ""
    for one in frames_above(frame):
        file = one.f_code.co_filename
        owner = owner_of(file)
        if owner in ("user", "library") and not library and is_numpy and _is_seeded_next(one):
            return None
        if owner == "user":
            place = place_of(one)
            return None if COPIES.search(place.text()) else Maker(place, library)
        if owner == "library":
            library = library or library_of(file)
            if library not in KEEPERS or _has_seed(one):
                return None
        elif not (library or _is_passed_through(file)):
            return None
    return None


def _is_seeded_next(frame: FrameType) -> bool:
    """Whether numpy asks for entropy although there is a seed, or nobody can tell.

    `RandomState(1)` makes an unseeded generator first. What asks only without a seed is known by
    its name; of anything else the arguments must be absent or None.
    """
    place = place_of(frame)
    call = expression_at(place.file, place.span)
    if not isinstance(call, ast.Call):
        return True
    if last_name(call.func) in ASKING:
        return False
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return not all(_is_none(one, frame) for one in given)


def _is_none(node: ast.expr, frame: FrameType) -> bool:
    if isinstance(node, ast.Name):
        scope = {**frame.f_globals, **frame.f_locals}
        return node.id in scope and scope[node.id] is None
    return isinstance(node, ast.Constant) and node.value is None


def _is_passed_through(file: str) -> bool:
    """Whether it belongs to the making of a generator."""
    return owner_of(file) in ("numpy", "generated") or file in (random.__file__, _torch_file())


def _torch_file() -> str:
    """Of the functions that seed torch; empty: it is not loaded."""
    found = sys.modules.get("torch.random")
    return str(found.__file__) if found else ""


def _has_seed(frame: FrameType) -> bool:
    """Whether it was given one, which it may pass on later."""
    return any(frame.f_locals.get(name) is not None for name in SEED_NAMES)


def seeder_of(frame: FrameType) -> Maker | None:
    """Who seeds a global generator; None: we do, or nobody whose code can be seen."""
    library = ""
    for one in frames_above(frame):
        file = one.f_code.co_filename
        owner = owner_of(file)
        if owner == "ours":
            return None
        if owner == "user":
            return Maker(place_of(one), library)
        if owner == "library":
            library = library or library_of(file)
    return None


def is_clock(seed: object) -> bool:
    """Whether a seed is the time of day.

    >>> is_clock(time.time_ns()), is_clock(42)
    (True, False)
    """
    if not isinstance(seed, (int, float)) or isinstance(seed, bool):
        return False
    now = time.time()
    return any(abs(seed / unit - now) < CLOCK_SECONDS for unit in CLOCK_UNITS)
