"""How a run ended."""

from datetime import datetime
from typing import ClassVar, Literal

from repro.facts.fact import Fact


class Outcome(Fact):
    """Status, times and, if it failed, why."""

    IGNORED: ClassVar = ("outcome.*",)

    status: Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]
    started_at: datetime  # UTC
    ended_at: datetime | None = None
    error: str | None = None  # class and message, secrets masked
    is_attached: bool = False  # the MLflow run was opened, and is ended, by someone else
    notes: tuple[str, ...] = ()  # what went wrong around the run without touching it


EXAMPLE = Outcome(
    status="FINISHED",
    started_at=datetime.fromisoformat("2026-11-01T10:00:00+00:00"),
    ended_at=datetime.fromisoformat("2026-11-01T10:00:03+00:00"),
)
