"""K folds over time; training rows whose label reaches into the test block are removed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from sklearn.model_selection import BaseCrossValidator  # type: ignore[import-untyped]

from repro.splits.blocks import Asked, read_block_spans, read_blocks
from repro.splits.folds import Fold, Policy
from repro.splits.parameters import parameters_of, whole_number
from repro.splits.spans import Closed, EndSource, OpeningSource, Spans, TimeSource
from repro.splits.times import LengthSource


class PurgedKFold(BaseCrossValidator):  # type: ignore[misc]  # scikit-learn has no types
    """K consecutive test blocks of equally many distinct timestamps, trained on both sides.

    A training row is removed when its span [time, end_time] meets the span of a test row, or
    when it starts within `embargo` after the last label of the test block. Rows of one
    timestamp are never separated.

    Parameters
    ----------
    n_splits : number of test blocks, 2 or more
    time : column or index level of X, or a Series aligned by label; or `times=` of `split`
    end_time : when the label is known: "point" (at `time`), a column, a Series, a length of time
        after `time` such as "5D" (of numbers: an int), or None if `end_times=` comes with `split`
    feature_start : where the feature window opens (a column, a Series, or a length of time
        to look back such as "30D"); rows whose window reaches back into a test label are removed
        too
    embargo : "5D", "1ME", a timedelta, or an int: so many distinct timestamps
    closed : "both", or "left" if a label does not use the very moment it ends
    min_train : fewest training rows of a fold

    Source
    ------
    López de Prado 2018, Advances in Financial Machine Learning, chapter 7.
    """

    policy: ClassVar[Policy] = "kfold"
    __metadata_request__split: ClassVar = {"times": True, "end_times": True}

    def __init__(
        self,
        n_splits: int = 5,
        *,
        time: TimeSource | None = None,
        end_time: EndSource | None,
        feature_start: OpeningSource | None = None,
        embargo: LengthSource | None = None,
        closed: Closed = "both",
        min_train: int = 1,
    ) -> None:
        self.n_splits = n_splits
        self.time = time
        self.end_time = end_time
        self.feature_start = feature_start
        self.embargo = embargo
        self.closed = closed
        self.min_train = min_train

    def get_params(self, deep: bool = True) -> dict[str, object]:
        """The constructor's parameters, for `sklearn.clone`."""
        return parameters_of(self)

    def get_n_splits(
        self,
        X: object = None,
        y: object = None,
        groups: object = None,
        *,
        times: object = None,
        end_times: object = None,
    ) -> int:
        """The number of test blocks; the data do not matter.

        Raises
        ------
        SplitError
            `n_splits` is no whole number, 2 or more.
        """
        return whole_number(self.n_splits, "n_splits", at_least=2)

    def spans(self, X: object, *, times: object = None, end_times: object = None) -> Spans:
        """When each row of X happened, was known, and where its feature window opens."""
        return read_block_spans(self, X, times, end_times)

    def split(
        self,
        X: object,
        y: object = None,
        groups: object = None,
        *,
        times: object = None,
        end_times: object = None,
    ) -> Iterator[Fold]:
        """Row positions (train, test) of each fold, ascending.

        Raises
        ------
        SplitError
            Before the first fold, if a parameter, a time or the size of any fold is not usable.
        """
        n_splits = whole_number(self.n_splits, "n_splits", at_least=2)
        asked = Asked(n_splits, "n_splits", "Ask for fewer splits.")
        blocks = read_blocks(self, asked, self.spans(X, times=times, end_times=end_times))
        return blocks.split(((number,) for number in range(n_splits)), self.min_train)
