"""A run that was resumed has several segments."""

from datetime import datetime
from typing import ClassVar

from repro.facts.fact import Fact, Part


class Segment(Part):
    """One process of the run before this one."""

    index: int  # from 1
    status: str  # how it ended
    reason: str | None = None  # if it did not finish: the error, or what killed it
    started_at: datetime | None = None  # UTC
    ended_at: datetime | None = None
    n_steps: int | None = None  # optimizer steps; None: not known
    code_tree: str | None = None  # Code.kept_tree
    packages: str | None = None  # digest of the versions that were imported
    record: str | None = None  # seal of its record, kept as artifact repro/segments/<index>.json


class Segments(Fact):
    """What came before in a resumed run; the facts of the record are those of its last segment.

    `budget` counts all of them.
    """

    # Where and how often a run was interrupted is no technique; that its code or packages changed
    # meanwhile is one that no other run has, and `changed` tells it. Unknown is no difference.
    IGNORED: ClassVar = (
        "segments.earlier",
        "segments.earlier.*",
        "segments.is_code_changed",
        "segments.is_environment_changed",
        "segments.unknown",
    )

    earlier: tuple[Segment, ...] = ()
    is_code_changed: bool | None = False  # imported files differ between segments; None: unknown
    is_environment_changed: bool | None = False
    changed: tuple[str, ...] = ()  # what was seen to differ: code, packages, weights; else paths
    unknown: tuple[str, ...] = ()  # what may have: "packages of segment 1"
    altered: tuple[str, ...] = ()  # what was not as it was sealed when the run went on

    @property
    def number(self) -> int:
        """Of the last segment, from 1."""
        return len(self.earlier) + 1


EXAMPLE = Segments(
    earlier=(
        Segment(
            index=1,
            status="KILLED",
            reason="SIGTERM",
            started_at=datetime.fromisoformat("2026-11-01T10:00:00+00:00"),
            ended_at=datetime.fromisoformat("2026-11-01T10:00:03+00:00"),
            n_steps=120,
        ),
    ),
    is_code_changed=False,
    is_environment_changed=False,
)
