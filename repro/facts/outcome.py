"""How a run ended."""

from datetime import datetime
from typing import Any, ClassVar, Literal

from repro.facts.fact import Fact


class Outcome(Fact):
    """Status, times and, if it did not finish, why."""

    VERSION: ClassVar = 2
    IGNORED: ClassVar = ("outcome.*",)

    status: Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]
    started_at: datetime  # UTC
    ended_at: datetime | None = None
    error: str | None = None  # class and message, secrets masked
    traceback: str | None = None  # its last 4,000 characters, secrets masked
    reason: str | None = None  # why it was killed: "SIGTERM", "the process is gone"
    is_recovered: bool = False  # the process was gone; `ended_at` is its last sign of life
    is_attached: bool = False  # the MLflow run was opened, and is ended, by someone else
    notes: tuple[str, ...] = ()  # what went wrong around the run without touching it

    @classmethod
    def upgrade(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Version 1 knew the error, not its traceback."""
        return data


EXAMPLE = Outcome(
    status="FINISHED",
    started_at=datetime.fromisoformat("2026-11-01T10:00:00+00:00"),
    ended_at=datetime.fromisoformat("2026-11-01T10:00:03+00:00"),
)
