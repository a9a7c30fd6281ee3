"""Act on a module in the moment it has been imported, without importing it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from itertools import dropwhile
from types import ModuleType, TracebackType


def is_imported(module: str) -> bool:
    """Whether a module was imported by somebody else already."""
    return sys.modules.get(module) is not None


class Arrivals:
    """Calls back, once, right after a module was imported for the first time.

    Inside nested blocks the outer one is called first, so that the inner one finds its state.
    """

    def __init__(self, callbacks: Mapping[str, Callable[[], None]]) -> None:
        self._pending = dict(callbacks)

    def __enter__(self) -> Arrivals:
        sys.meta_path.insert(0, self)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pending.clear()
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the finders behind this one find; of an awaited module, with our call appended."""
        if name not in self._pending:
            return None
        spec = self._find_behind(name, path, target)
        if spec is not None and spec.loader is not None:
            self._call_after_exec(spec)
        return spec

    def _find_behind(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        # Only those behind: asking all, two nested blocks would ask each other for ever.
        behind = list(dropwhile(lambda finder: finder is not self, sys.meta_path))[1:]
        found = (finder.find_spec(name, path, target) for finder in behind)
        return next((spec for spec in found if spec is not None), None)

    def _call_after_exec(self, spec: ModuleSpec) -> None:
        # The loader itself stays: torch and inspect ask it for sources, which a wrapper would hide.
        loader = spec.loader
        assert loader is not None
        execute = loader.exec_module

        def execute_then_call(module: ModuleType) -> None:
            execute(module)
            if module.__name__ == spec.name and (callback := self._pending.pop(spec.name, None)):
                callback()

        loader.exec_module = execute_then_call  # type: ignore[method-assign]  # one loader per module
