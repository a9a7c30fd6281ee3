"""The columns of X that say when a row happened, or which one it is."""

from __future__ import annotations

from collections.abc import Hashable, Iterable


def key_columns(
    data: object, sources: Iterable[object], ends: Iterable[object]
) -> tuple[Hashable, ...]:
    """The columns of X named by arguments or parameters; "point" is no column, but an end."""
    named = {source for source in sources if source is not None and _is_hashable(source)}
    named |= {end for end in ends if end is not None and _is_hashable(end) and end != "point"}
    return tuple(name for name in getattr(data, "columns", ()) if name in named)


def _is_hashable(source: object) -> bool:
    try:
        hash(source)
    except TypeError:
        return False
    return True
