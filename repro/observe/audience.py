"""Tells every technique what happens in a training, and collects what they saw."""

from collections.abc import Callable, Sequence
from typing import Any

from repro.facts.fact import Absent, Fact
from repro.observe.observer import observed
from repro.observe.technique import Ending, Technique

EVENTS = (
    "joined",
    "hooked",
    "watched",
    "searched",
    "fed",
    "began",
    "batch",
    "forward",
    "backward",
    "before_step",
    "after_step",
    "sampled_step",
    "loaded",
    "state_loaded",
    "continue_at",
    "fits_hooked",
    "fits_left_out",
    "fitting",
    "fitted",
    "probed",
    "scored",
    "unwatched",
)


class Audience:
    """The techniques of one run."""

    def __init__(self, techniques: Sequence[Technique]) -> None:
        self._techniques = techniques
        self._failed: dict[Technique, Absent] = {}
        self._listeners: dict[str, list[tuple[Technique, Callable[..., None]]]] = {
            event: [(one, getattr(one, event)) for one in techniques if _overrides(one, event)]
            for event in EVENTS
        }

    def tell(self, event: str, *what: Any) -> None:
        """Let every technique look that wants to; one that fails only has to tidy up."""
        for technique, look in self._listeners[event]:
            if technique not in self._failed or event == "unwatched":
                failure = observed(look, *what)
                if isinstance(failure, Absent):
                    self._failed[technique] = failure

    def facts(self, ending: Ending) -> dict[str, Fact | Absent]:
        """What each technique saw, by the key of its fact."""
        return {one.kind.key(): self._fact(one, ending) for one in self._techniques}

    def _fact(self, technique: Technique, ending: Ending) -> Fact | Absent:
        failure = self._failed.get(technique)
        return failure if failure else observed(technique.at_end, ending)


def _overrides(technique: Technique, event: str) -> bool:
    mine: Callable[..., Any] = getattr(type(technique), event)
    return mine is not getattr(Technique, event)
