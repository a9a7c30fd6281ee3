"""Every choice of test blocks along time; rows whose label reaches into one do not train."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from random import Random
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.model_selection import BaseCrossValidator  # type: ignore[import-untyped]

from repro.errors import SplitError
from repro.splits.blocks import Asked, Blocks, read_block_spans, read_blocks
from repro.splits.folds import Fold, Policy
from repro.splits.parameters import parameters_of, whole_number
from repro.splits.rows import count_rows
from repro.splits.spans import Closed, EndSource, OpeningSource, Spans, TimeSource
from repro.splits.times import FloatArray, IntArray, LengthSource

MOST_SPLITS = 100_000  # that are made without being asked for by number


class CombinatorialPurgedKFold(BaseCrossValidator):  # type: ignore[misc]  # scikit-learn has no types
    """All ways to test on `n_test_blocks` of `n_blocks` blocks of time, trained on the others.

    Blocks hold equally many distinct timestamps; rows of one timestamp are never separated. A
    training row is removed when its span [time, end_time] meets the span of a test row, or when
    it starts within `embargo` after the last label of a run of neighbouring test blocks.

    Every block is tested more than once, so that the test rows of all splits make up `n_paths`
    predictions of the whole data set, each row of them out of sample; see `reconstruct`.

    Parameters
    ----------
    n_blocks : number of blocks, 2 or more
    n_test_blocks : how many of them a split tests on, fewer than `n_blocks`
    time : column or index level of X, or a Series aligned by label; or `times=` of `split`
    end_time : when the label is known: "point" (at `time`), a column, a Series, a length of time
        after `time` such as "5D" (of numbers: an int), or None if `end_times=` comes with `split`
    feature_start : where the feature window opens (a column, a Series, or a length of time
        to look back such as "30D"); rows whose window reaches back into a test label are removed
        too
    embargo : "5D", "1ME", a timedelta, or an int: so many distinct timestamps
    closed : "both", or "left" if a label does not use the very moment it ends
    min_train : fewest training rows of a split
    max_splits : a random sample of so many splits, where there are more
    random_state : the seed of that sample, an int

    Source
    ------
    López de Prado 2018, Advances in Financial Machine Learning, chapter 12.

    >>> cv = CombinatorialPurgedKFold(3, 2, end_time="point")
    >>> [test.tolist() for _, test in cv.split(range(3), times=[1, 2, 3])]
    [[0, 1], [0, 2], [1, 2]]
    """

    policy: ClassVar[Policy] = "kfold"
    tests_overlap: ClassVar[bool] = True
    __metadata_request__split: ClassVar = {"times": True, "end_times": True}

    def __init__(
        self,
        n_blocks: int = 6,
        n_test_blocks: int = 2,
        *,
        time: TimeSource | None = None,
        end_time: EndSource | None,
        feature_start: OpeningSource | None = None,
        embargo: LengthSource | None = None,
        closed: Closed = "both",
        min_train: int = 1,
        max_splits: int | None = None,
        random_state: int | None = None,
    ) -> None:
        self.n_blocks = n_blocks
        self.n_test_blocks = n_test_blocks
        self.time = time
        self.end_time = end_time
        self.feature_start = feature_start
        self.embargo = embargo
        self.closed = closed
        self.min_train = min_train
        self.max_splits = max_splits
        self.random_state = random_state

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
        """The number of splits; the data do not matter.

        Raises
        ------
        SplitError
            A number of blocks or splits is not usable.
        """
        n_all = self._n_combinations()
        return n_all if self.max_splits is None else min(n_all, self._max_splits())

    @property
    def n_paths(self) -> int:
        """How often each row is tested: C(n_blocks - 1, n_test_blocks - 1).

        Raises
        ------
        SplitError
            `max_splits` leaves splits out, and with them pieces of paths.
        """
        self._refuse_sample("n_paths")
        return math.comb(self.n_blocks - 1, self.n_test_blocks - 1)

    def path_ids(self) -> IntArray:
        """The path of each test block of each split; shape (n_splits, n_test_blocks).

        Splits are in the order of `split`, the test blocks of one in the order of time. The
        first split that tests a block does so for path 0, the second for path 1, and so on.

        Raises
        ------
        SplitError
            `max_splits` leaves splits out, and with them pieces of paths.

        >>> CombinatorialPurgedKFold(3, 2, end_time="point").path_ids().tolist()
        [[0, 0], [1, 0], [1, 1]]
        """
        self._refuse_sample("path_ids()")
        test_blocks = np.array(self._test_sets())
        ids = np.empty_like(test_blocks)
        for block in range(self.n_blocks):
            tested = test_blocks == block
            ids[tested] = np.arange(np.count_nonzero(tested))
        return ids

    def reconstruct(
        self,
        predictions: Sequence[ArrayLike | None],
        X: object,
        *,
        times: object = None,
        end_times: object = None,
    ) -> FloatArray:
        """The predictions of all splits put together as paths, in the order of the rows of X.

        Parameters
        ----------
        predictions : per split an array of shape (n_test, ...), in the order of its test rows;
            None for a split without predictions
        X, times, end_times : what `split` was given

        Returns
        -------
        array of shape (n_rows, n_paths, ...); NaN where there is no prediction

        Raises
        ------
        SplitError
            `max_splits` leaves splits out, or the predictions do not fit the test rows.

        >>> cv = CombinatorialPurgedKFold(3, 2, end_time="point")
        >>> cv.reconstruct([[0.1, 0.2], [0.3, 0.4], None], range(3), times=[1, 2, 3])
        array([[0.1, 0.3],
               [0.2, nan],
               [0.4, nan]])
        """
        n_paths = self.n_paths
        sets = self._test_sets()
        if len(predictions) != len(sets):
            raise SplitError(
                f"predictions has {len(predictions)} items, there are {len(sets)} splits. Pass "
                f"one array per split, None where there is none."
            )
        blocks = self._blocks(X, times, end_times)
        tests = (blocks.test(numbers) for numbers in sets)
        return _paths(predictions, tests, (count_rows(X), n_paths))

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
        """Row positions (train, test) of each split, ascending; test blocks in lexical order.

        Raises
        ------
        SplitError
            Before the first split, if a parameter, a time or the size of any is not usable.
        """
        sets = self._test_sets()
        return self._blocks(X, times, end_times).split(sets, self.min_train)

    def _blocks(self, data: object, times: object, end_times: object) -> Blocks:
        asked = Asked(self.n_blocks, "n_blocks", "Ask for fewer blocks.")
        return read_blocks(self, asked, self.spans(data, times=times, end_times=end_times))

    def _n_combinations(self) -> int:
        n_blocks = whole_number(self.n_blocks, "n_blocks", at_least=2)
        n_test_blocks = whole_number(self.n_test_blocks, "n_test_blocks", at_least=1)
        if n_test_blocks >= n_blocks:
            raise SplitError(
                f"n_test_blocks={n_test_blocks} of n_blocks={n_blocks} leaves no block to train "
                f"on. Pass n_test_blocks={n_blocks - 1} or less, or more blocks."
            )
        return math.comb(n_blocks, n_test_blocks)

    def _max_splits(self) -> int:
        return whole_number(self.max_splits, "max_splits", at_least=1)

    def _test_sets(self) -> list[tuple[int, ...]]:
        """The test blocks of each split, in lexical order."""
        n_all, n_splits = self._n_combinations(), self.get_n_splits()
        if n_splits == n_all and n_all > MOST_SPLITS:
            raise SplitError(
                f"n_blocks={self.n_blocks} and n_test_blocks={self.n_test_blocks} make {n_all} "
                f"splits. Pass max_splits= and random_state= to draw some of them."
            )
        if n_splits == n_all:
            return list(combinations(range(self.n_blocks), self.n_test_blocks))
        draw = Random(self._seed()).randrange
        ranks: set[int] = set()
        while len(ranks) < n_splits:
            ranks.add(draw(n_all))
        return [_combination(rank, self.n_blocks, self.n_test_blocks) for rank in sorted(ranks)]

    def _seed(self) -> int:
        if self.random_state is None:
            raise SplitError(
                f"max_splits={self.max_splits} draws splits at random, and random_state=None "
                f"would draw others each time. Pass an int, such as random_state=0."
            )
        return whole_number(self.random_state, "random_state", at_least=0)

    def _refuse_sample(self, what: str) -> None:
        n_all, n_splits = self._n_combinations(), self.get_n_splits()
        if n_splits < n_all:
            raise SplitError(
                f"{what} needs all {n_all} splits, max_splits={n_splits} leaves "
                f"{n_all - n_splits} out, and paths have gaps. Pass max_splits=None."
            )


def _combination(rank: int, n_blocks: int, n_chosen: int) -> tuple[int, ...]:
    """The combination of that rank in lexical order, without making those before it."""
    chosen: list[int] = []
    block = 0
    while len(chosen) < n_chosen:
        n_with_block = math.comb(n_blocks - block - 1, n_chosen - len(chosen) - 1)
        if rank < n_with_block:
            chosen.append(block)
        else:
            rank -= n_with_block
        block += 1
    return tuple(chosen)


def _paths(
    predictions: Sequence[ArrayLike | None], tests: Iterator[IntArray], shape: tuple[int, int]
) -> FloatArray:
    """Each prediction of a row belongs to the path after that of the one before."""
    paths: FloatArray | None = None
    n_seen = np.zeros(shape[0], dtype=np.int64)
    for number, (values, test) in enumerate(zip(predictions, tests, strict=True)):
        if values is not None:
            array = _predicted(values, number, len(test))
            if paths is None:
                paths = np.full((*shape, *array.shape[1:]), np.nan)
            if array.shape[1:] != paths.shape[2:]:
                raise SplitError(
                    f"the predictions of split {number} have shape {array.shape[1:]} per row, "
                    f"those of earlier splits {paths.shape[2:]}. Pass one shape for all."
                )
            paths[test, n_seen[test]] = array
        n_seen[test] += 1
    return np.full(shape, np.nan) if paths is None else paths


def _predicted(values: ArrayLike, number: int, n_test: int) -> FloatArray:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as reason:
        raise SplitError(
            f"the predictions of split {number} are no numbers ({reason}). Pass numbers: scores, "
            f"probabilities, or codes of classes."
        ) from None
    if array.ndim == 0 or len(array) != n_test:
        raise SplitError(
            f"the predictions of split {number} have shape {array.shape}, it tests {n_test} rows. "
            f"Pass one prediction per test row."
        )
    return array
