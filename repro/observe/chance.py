"""Tells from its name and its code whether something draws random numbers; it is never called."""

import inspect
import re
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

from repro.observe.definition import methods_of, own_code
from repro.observe.metric import layers_of

BY_NAME = re.compile(r"^_?(?:Rand|AutoAugment|TrivialAugment|ColorJitter|MixUp|CutMix|AugMix)")
DRAWS = {
    *("rand", "randn", "randint", "rand_like", "randn_like", "randint_like", "randperm", "random"),
    *("uniform", "uniform_", "normal", "normal_", "random_", "standard_normal", "gauss"),
    *("choice", "choices", "sample", "shuffle", "permutation", "bernoulli", "bernoulli_"),
    *("multinomial", "integers", "randrange", "getrandbits", "dropout"),
}
PLAIN = ("object", "Module", "Sequential", "Generic", "Protocol", "ABC", "Dataset")  # classes
NOT_IN_USE = ("__init__", "reset_parameters")  # what they draw is drawn once


def is_random(thing: Any) -> bool | None:
    """Whether a transform is random: it is called so, or it names what draws.

    A probability of 0 switches it off. None: there is no code to look at, as in C.
    """
    layers, bound = layers_of(thing)
    core = layers[-1]
    if bound.get("p", getattr(core, "p", None)) == 0:
        return False
    kind = core if isinstance(core, type) else type(core)
    if BY_NAME.match(getattr(core, "__name__", kind.__name__)):
        return True
    parts = layers if inspect.isroutine(core) else [*layers, kind]
    return names_a_draw([*parts, *own_code(thing)])


def names_a_draw(parts: list[Any], but: tuple[str, ...] = NOT_IN_USE) -> bool | None:
    """Whether the code of one of these functions and classes does; None: they have none."""
    codes = [code for part in parts for code in _codes(part) if code.co_name not in but]
    return any(map(_draws, codes)) if codes or type in map(type, parts) else None


def _codes(part: Any) -> Iterator[CodeType]:
    """Code of a function, or of the methods of a class and those it is derived from."""
    part = getattr(part, "__func__", part)
    if isinstance(part, FunctionType):
        yield part.__code__
    elif isinstance(part, type):
        for base in part.__mro__:
            if base.__name__ not in PLAIN:
                yield from (method.__code__ for method in methods_of(base))


@lru_cache(maxsize=1024)
def _draws(code: CodeType) -> bool:
    inner = (one for one in code.co_consts if isinstance(one, CodeType))
    return not DRAWS.isdisjoint(code.co_names) or any(map(_draws, inner))
