"""How a block ended, as truthfully as it can be known."""

import traceback
from dataclasses import dataclass
from typing import Literal

from repro.observe.redaction import masked_text

TRACEBACK_CHARACTERS = 4_000
Status = Literal["FINISHED", "FAILED", "KILLED"]


@dataclass(frozen=True)
class Ending:
    """What ended a block."""

    status: Status
    error: str | None = None
    traceback: str | None = None
    reason: str | None = None


def ending_of(error: BaseException | None) -> Ending:
    """The ending of a block that was left with this exception, or with none."""
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return Ending("FINISHED")
    text = masked_text(f"{type(error).__name__}: {error}".rstrip(": "))[:2000]
    if isinstance(error, KeyboardInterrupt):
        return Ending("KILLED", text, reason="SIGINT")
    whole = masked_text("".join(traceback.format_exception(error)))
    return Ending("FAILED", text, whole[-TRACEBACK_CHARACTERS:])
