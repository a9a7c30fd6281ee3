"""The run of rank 0, as the other ranks of a training have it: they write nothing to MLflow."""

from collections.abc import Mapping

from repro.facts.params import Param
from repro.store.active_stack import TRACKED
from repro.store.mlflow import OpenRun
from repro.store.point import Point


class FollowedRun(OpenRun):
    """Takes everything and sends nothing: a series has one value a step, that of rank 0."""

    def is_there(self) -> bool:
        """Nobody is asked."""
        return True

    def send(self, points: list[Point]) -> int:
        """Let them go; none is refused."""
        return 0

    def log_params(self, params: tuple[Param, ...]) -> list[str]:
        """Rank 0 does."""
        return []

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Rank 0 does."""

    def end(self, status: str) -> None:
        """Rank 0 ends the run."""
        TRACKED.discard(self.run_id)
