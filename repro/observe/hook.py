"""What we hang on a module: it goes with neither copies, pickles nor compiled code."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from threading import Lock
from types import MethodType
from typing import Any

_LOCK = Lock()


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


class Unscripted:
    """Until it is removed, `torch.jit.script` does not see our hooks: it would compile them.

    The function that all scripting goes through is replaced, once in a process.
    """

    def __init__(self) -> None:
        from torch.jit import _recursive

        with _LOCK:
            self._scripting = _Scripting.in_place(_recursive)
            self._scripting.n_users += 1

    def remove(self) -> None:
        """The last one that is removed puts torch's own function back."""
        with _LOCK:
            self._scripting.n_users -= 1
            if not self._scripting.n_users:
                self._scripting.leave()


class _Scripting:
    """Stands as `create_script_module`."""

    def __init__(self, place: Any) -> None:
        self.n_users = 0
        self._place = place
        self._original = place.create_script_module

    @classmethod
    def in_place(cls, place: Any) -> "_Scripting":
        """The one that is there already, or a new one."""
        found = place.create_script_module
        if isinstance(found, cls):
            return found
        place.create_script_module = cls(place)
        return place.create_script_module  # type: ignore[no-any-return]  # of an untyped module

    def leave(self) -> None:
        if self._place.create_script_module is self:
            self._place.create_script_module = self._original

    def __call__(self, module: Any, *args: Any, **kwargs: Any) -> Any:
        with _hooks_set_aside(module):
            return self._original(module, *args, **kwargs)


@contextmanager
def _hooks_set_aside(model: Any) -> Iterator[None]:
    every = (t for m in model.modules() for t in (m._forward_hooks, m._forward_pre_hooks))
    kept = [(table, dict(table)) for table in every if any(map(_is_ours, table.values()))]
    for table, hooks in kept:
        for key, hook in hooks.items():
            if _is_ours(hook):
                del table[key]
    try:
        yield
    finally:
        for table, hooks in kept:
            table.clear()
            table.update(hooks)  # in the order they had


def _is_ours(hook: Any) -> bool:
    """A hook, or what is left of one in a copy."""
    is_left = isinstance(hook, MethodType) and isinstance(hook.__self__, nullcontext)
    return is_left or isinstance(hook, Hook)


def is_scripted(module: Any) -> bool:
    """Whether TorchScript made it: that takes no hooks of Python."""
    return any(kind.__name__ == "ScriptModule" for kind in type(module).__mro__)
