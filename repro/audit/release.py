"""How far apart two releases of a distribution are."""

from collections.abc import Iterable

FRAMEWORKS = (  # they compute the score
    *("torch", "scikit-learn", "numpy", "xgboost", "lightgbm", "jax", "tensorflow"),
    "transformers",
)


def is_one_minor(versions: Iterable[str]) -> bool:
    """Whether versions differ in their patch alone, which mends and seldom changes numbers.

    >>> is_one_minor(["2.13.0", "2.13.1"]), is_one_minor(["2.12.1", "2.13.1"])
    (True, False)
    """
    return len({tuple(version.split(".")[:2]) for version in versions}) <= 1
