"""Two traces side by side: where they part, and what became of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from repro.trace.compare import Difference, Spread, first_difference, losses, spread
from repro.trace.format import Trace


@dataclass(frozen=True)
class Traced:
    """A run and its trace."""

    name: str
    run_id: str
    trace: Trace

    def __str__(self) -> str:
        return f"{self.name} {self.run_id[:8]}"


@dataclass(frozen=True)
class TracePair:
    """The traces of two runs."""

    a: Traced
    b: Traced

    @cached_property
    def first(self) -> Difference | None:
        """The first difference; None: all that both traced is equal."""
        return first_difference(self.a.trace, self.b.trace)

    @cached_property
    def spread(self) -> list[Spread]:
        """How much of each component differs, step by step."""
        return spread(self.a.trace, self.b.trace)

    @property
    def n_steps(self) -> int:
        """Steps that both traced."""
        return len(set(self.a.trace.steps) & set(self.b.trace.steps))

    @property
    def untold(self) -> str | None:
        """Why the two may differ in something that was not seen; None: all of it was."""
        unread = list(dict.fromkeys((*self.a.trace.unread, *self.b.trace.unread)))
        without_end = [str(one) for one in (self.a, self.b) if one.trace.end is None]
        if unread:
            more = f" and {len(unread) - 1} more" if len(unread) > 1 else ""
            return f"the content of {unread[0]}{more} cannot be read"
        if without_end:
            return f"the trace of {' and of '.join(without_end)} has no end, and no final weights"
        return None

    def loss_gaps(self) -> Iterator[tuple[int, float]]:
        """How far the losses of a step are apart."""
        other = losses(self.b.trace)
        for step, loss in losses(self.a.trace).items():
            if step in other:
                yield step, abs(loss - other[step])
