"""Observers of training techniques, one a file."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from repro.observe.technique import Technique


@cache
def technique_types() -> tuple[type[Technique], ...]:
    """Every technique, found by looking into this folder."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    return tuple(
        item
        for module in modules
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, Technique) and item is not Technique
    )
