"""What a program tells about itself: its file, its name, its code, the seed it was given."""

import contextlib
import os
import secrets
import sys
from pathlib import Path

from repro.errors import SeedConflict, UsageError
from repro.facts.fact import Absent
from repro.observe import code
from repro.observe.code import CodeState
from repro.observe.determinism import SeedSource

TYPED = "the program was typed (notebook, -c or standard input); put it into a file under git"
SEED_BITS = 31  # a drawn seed is short enough to be typed


def resolve_seed(seed: int | None) -> tuple[int, SeedSource]:
    """The seed by the rules of precedence, and where it is from.

    Raises
    ------
    SeedConflict
        `seed` and `REPRO_SEED` are both given and differ.
    """
    if isinstance(seed, bool):
        raise UsageError(f"seed={seed} is no seed. Pass a whole number, such as seed=0.")
    text = os.environ.get("REPRO_SEED")
    if text is None:
        return (secrets.randbits(SEED_BITS), "drawn") if seed is None else (seed, "argument")
    if not text.isdecimal():
        raise UsageError(f"REPRO_SEED={text!r} is no seed. Set it to a whole number, or unset it.")
    if seed is not None and seed != int(text):
        raise SeedConflict(
            f"tracked_run(seed={seed}) and REPRO_SEED={text} ask for two seeds. "
            f"Leave seed= out to follow REPRO_SEED, or unset REPRO_SEED."
        )
    return int(text), "REPRO_SEED"


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
