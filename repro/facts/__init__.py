"""Facts: frozen, versioned models of what was observed about a run. One file each."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from repro.facts.fact import Fact


@cache
def fact_types() -> dict[str, type[Fact]]:
    """Every fact by its key, found by looking into this folder."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    found = (
        item
        for module in modules
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, Fact) and item is not Fact
    )
    return {kind.key(): kind for kind in found}
