"""What we hang on a module: it goes with neither copies, pickles nor compiled code."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any


class Hook:
    """Tells a call to `listener`, and nothing to the module.

    A module is deep-copied (for a moving average of the weights) and pickled (`torch.save(model)`)
    with its hooks. In a copy ours is a function of the standard library that does nothing, so that
    a copy is not listened to and a pickle needs nothing of ours. While torch compiles a module it
    follows hooks, too: ours does nothing then, so that the same code comes out as without it.
    """

    def __init__(self, listener: Callable[..., None]) -> None:
        from torch.compiler import is_compiling

        self._listener = listener
        self._is_compiling = is_compiling

    def __call__(self, *args: Any) -> None:
        """Told by torch."""
        if not self._is_compiling():
            self._listener(*args)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (nullcontext(), "__exit__")  # takes any arguments, returns None
