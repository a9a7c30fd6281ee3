"""A stored plan as a scikit-learn splitter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sklearn.model_selection import BaseCrossValidator  # type: ignore[import-untyped]

from repro.splits.parameters import parameters_of
from repro.splits.times import IntArray

if TYPE_CHECKING:
    from repro.splits.plan import SplitPlan


class PlannedSplit(BaseCrossValidator):  # type: ignore[misc]  # scikit-learn has no types
    """The folds of a plan, for data of as many rows as the plan was made for."""

    def __init__(self, plan: SplitPlan) -> None:
        self.plan = plan

    def get_params(self, deep: bool = True) -> dict[str, object]:
        """The constructor's parameters, for `sklearn.clone`."""
        return parameters_of(self)

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        """The number of folds."""
        return self.plan.n_splits

    def split(
        self,
        X: object,
        y: object = None,
        groups: object = None,
    ) -> Iterator[tuple[IntArray, IntArray]]:
        """Row positions (train, test) of each fold, ascending."""
        return self.plan.split(X)
