"""What an object of some library's own type is made of."""

from pickle import PickleError
from typing import Any

from repro.errors import UnsupportedData

PROTOCOL = 4  # of pickle: a fixed one, or a new python would take objects apart in another way


def state_of(value: Any) -> list[Any]:
    """The parts that pickle would put an object together from; nothing is pickled.

    An object's text may leave out its content, as that of a long sequence or of a module does.

    Raises
    ------
    UnsupportedData
        It has no parts, or does not tell them.
    """
    if isinstance(value, type):
        return ["class", value.__qualname__]
    try:
        reduced = value.__reduce_ex__(PROTOCOL)
    except (TypeError, PickleError) as error:
        raise says_nothing(value) from error
    name = type(value).__qualname__
    if isinstance(reduced, str):  # the name of a constant
        return [name, reduced]
    maker, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
    parts = [part for part in arguments if part is not type(value)]
    if not parts and state is items is pairs is None:
        raise says_nothing(value)
    contents = [None if part is None else list(part) for part in (items, pairs)]
    return [name, getattr(maker, "__qualname__", maker), parts, state, *contents]


def says_nothing(value: object) -> UnsupportedData:
    """The refusal of an object that cannot be told from another one of its type."""
    return UnsupportedData(
        f"a cell holds a {type(value).__name__}, which says nothing about its content. "
        f"Hand over the values it stands for."
    )
