"""A look that is taken on a thread of its own, while the training goes on."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from repro.facts.fact import Absent
from repro.observe.observer import observed

T = TypeVar("T")


class Background(Generic[T]):
    """Begins to look at once; a failure becomes the reason why there is nothing."""

    def __init__(self, look: Callable[[], T | Absent], what: str) -> None:
        self._what = what
        self._seen: T | Absent | None = None
        self._thread = threading.Thread(
            target=self._run, args=(look,), name=f"repro-{what}", daemon=True
        )
        self._thread.start()

    def _run(self, look: Callable[[], T | Absent]) -> None:
        self._seen = observed(look)

    def seen(self, seconds: float) -> T | Absent | None:
        """What was seen; None while it is still being looked at after this time."""
        if self._seen is None:
            self._thread.join(seconds)
        return self._seen

    def result(self, seconds: float) -> T | Absent:
        """What was seen, or that it took too long."""
        late = f"the {self._what} was not read within {seconds:g} seconds"
        return self.seen(seconds) or Absent(reason=late, kind="failed")
