"""What a program tells about itself: its file, its name, its code, the seed it was given."""

import contextlib
import itertools
import os
import secrets
import sys
from pathlib import Path
from typing import cast, get_args

from repro.errors import SeedConflict, UsageError
from repro.facts.fact import Absent
from repro.observe import code
from repro.observe.code import CodeState
from repro.observe.determinism import SeedSource
from repro.trace.format import Level
from repro.trace.pace import Tracing, steps_in

TYPED = "the program was typed (notebook, -c or standard input); put it into a file under git"
SEED_BITS = 31  # a drawn seed is short enough to be typed

_numbers = itertools.count(1)


def run_number() -> int:
    """Number of a new run among those of this process."""
    return next(_numbers)


def resolve_seed(seed: int | None, drawn: int | None = None) -> tuple[int, SeedSource]:
    """The seed by the rules of precedence, and where it is from; `drawn` is taken for a new one.

    Raises
    ------
    SeedConflict
        `seed` and `REPRO_SEED` are both given and differ.
    """
    if isinstance(seed, bool):
        raise UsageError(f"seed={seed} is no seed. Pass a whole number, such as seed=0.")
    text = os.environ.get("REPRO_SEED")
    if text is None:
        if seed is not None:
            return seed, "argument"
        return (secrets.randbits(SEED_BITS) if drawn is None else drawn), "drawn"
    if not text.isdecimal():
        raise UsageError(f"REPRO_SEED={text!r} is no seed. Set it to a whole number, or unset it.")
    if seed is not None and seed != int(text):
        raise SeedConflict(
            f"tracked_run(seed={seed}) and REPRO_SEED={text} ask for two seeds. "
            f"Leave seed= out to follow REPRO_SEED, or unset REPRO_SEED."
        )
    return int(text), "REPRO_SEED"


def resolve_trace(level: Level) -> Tracing:
    """How a run is traced: as `REPRO_TRACE` says, else as asked; a replay names steps and an end.

    Raises
    ------
    UsageError
        No such level, or a variable that cannot be used.
    """
    name, wanted = "tracked_run(trace=...)", level
    if "REPRO_TRACE" in os.environ:
        name, wanted = "REPRO_TRACE", cast(Level, os.environ["REPRO_TRACE"])
    if wanted not in get_args(Level):
        raise UsageError(f"{name} is {wanted!r}; it must be one of: {', '.join(get_args(Level))}.")
    until, steps = os.environ.get("REPRO_TRACE_UNTIL"), os.environ.get("REPRO_TRACE_STEPS")
    if until is not None and not until.isdecimal():
        raise UsageError(f"REPRO_TRACE_UNTIL={until!r} is no number of a step, such as 100.")
    return Tracing(
        wanted,
        steps=None if steps is None else steps_in(steps),
        until=None if until is None else int(until),
    )


def caller(*inside: str) -> str:
    """Name of the file that calls the code inside these; of a typed program one that is no file."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename in (__file__, contextlib.__file__, *inside):
        frame = frame.f_back
    return frame.f_code.co_filename


def default_name() -> str:
    """Name of the script, and six digits that no generator of the training gave."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    return f"{Path(main).stem if main else 'run'}-{secrets.token_hex(3)}"


def code_state(caller: str) -> CodeState | Absent:
    """The repository around the script; of a program that is installed, around the work folder."""
    if not Path(caller).is_file():
        return Absent(reason=TYPED, kind="not_recorded")
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    folder = Path(main).resolve().parent if main else Path.cwd()
    if folder.is_relative_to(Path(sys.prefix).resolve()):
        folder = Path.cwd()
    return code.at_start(folder)
