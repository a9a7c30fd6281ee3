"""Many names in one sentence: the first of them, and how many more there are."""

from collections.abc import Sequence


def listed(names: Sequence[str], most: int) -> str:
    """The names; of more than `most` the first, and the number of the others.

    >>> listed(["lr", "momentum"], 2), listed(["lr", "momentum", "nesterov"], 2)
    ('lr, momentum', 'lr, momentum and 1 more')
    """
    n_more = len(names) - most
    return ", ".join(names[:most]) + (f" and {n_more} more" if n_more > 0 else "")
