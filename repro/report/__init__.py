"""Reports: what was found, in the form that somebody reads. One file for each form."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pkgutil import iter_modules

from rich.text import Text

from repro.audit.judgement import Judgement

Render = Callable[[Sequence[Judgement]], str | Text]


def formats() -> Mapping[str, Render]:
    """Every form that a judgement can be reported in: the files here that have a `render`."""
    modules = {
        found.name: import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)
    }
    return {name: module.render for name, module in modules.items() if hasattr(module, "render")}
