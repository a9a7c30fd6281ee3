"""The folds, times and policy of anything that splits: a splitter, a list of pairs, a plan."""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Iterable, Iterator
from typing import Literal, Protocol, cast, get_args, runtime_checkable

from repro.errors import SplitError
from repro.splits.sides import cut_as_table
from repro.splits.spans import Spans, read_call_spans
from repro.splits.times import IntArray

Policy = Literal["walk_forward", "kfold", "exchangeable"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
RawFold = tuple[object, object]
Fold = tuple[IntArray, IntArray]


@runtime_checkable
class TimedSplitter(Protocol):
    """A splitter that knows when rows happened and when their labels were known."""

    def spans(self, X: object, *, times: object = None, end_times: object = None) -> Spans | None:
        """The span of every row of X; None if nobody gives times and none are needed."""

    def split(
        self,
        X: object,
        y: object = None,
        groups: object = None,
        *,
        times: object = None,
        end_times: object = None,
    ) -> Iterable[RawFold]:
        """The folds."""


@runtime_checkable
class Splitter(Protocol):
    """Any scikit-learn splitter."""

    def split(self, X: object, y: object = None, groups: object = None) -> Iterable[RawFold]:
        """The folds."""


FoldSource = Splitter | TimedSplitter | Iterable[RawFold]


def spans_of(cv: object, data: object, times: object, end_times: object) -> Spans | None:
    """The spans of all rows, as the splitter itself reads them where it does."""
    if isinstance(cv, TimedSplitter):
        return cv.spans(data, times=times, end_times=end_times)
    return read_call_spans(data, times, end_times)


def folds_of(
    cv: object, data: object, y: object, groups: object, times: object, end_times: object
) -> Iterator[RawFold]:
    """The folds as the splitter gives them, or as they stand in the list."""
    refuse_no_split(cv)
    for train, test in _raw_folds(cv, data, y, groups, times, end_times):
        yield cut_as_table(train, data, "train"), cut_as_table(test, data, "test")


def refuse_no_split(cv: object) -> None:
    """Refuse what gives no folds: numbers, texts, a class instead of a splitter."""
    if isinstance(cv, type):
        raise SplitError(
            f"{cv.__name__} is a class. Pass a splitter made from it: {cv.__name__}(...)."
        )
    if isinstance(cv, (str, bytes, int)) or not isinstance(cv, (Splitter, Iterable)):
        shown = repr(cv) if isinstance(cv, Hashable) and len(repr(cv)) < 80 else type(cv).__name__
        raise SplitError(
            f"{shown} is no split. Pass a splitter such as KFold(5), or a list of pairs "
            f"(training rows, test rows)."
        )


def _raw_folds(
    cv: object, data: object, y: object, groups: object, times: object, end_times: object
) -> Iterator[RawFold]:
    if isinstance(cv, TimedSplitter):
        yield from cv.split(data, y, groups, times=times, end_times=end_times)
    elif isinstance(cv, Splitter):
        yield from cv.split(*_taken_by(cv, data, y, groups if _takes_groups(cv) else None))
    elif isinstance(cv, Iterable):
        yield from (_pair(fold, number) for number, fold in enumerate(cv))


def policy_of(cv: object, spans: Spans | None) -> Policy:
    """What a split promises: to look forward only, to keep times apart, or nothing about time.

    A splitter that knows no times is taken to be `kfold` as soon as times are given: rows that
    have a time are not exchangeable unless somebody says so.
    """
    declared = getattr(type(cv), "policy", None)
    if declared in POLICIES:
        return cast(Policy, declared)
    if any(parent.__name__ == "TimeSeriesSplit" for parent in type(cv).__mro__):
        return "walk_forward"
    return "exchangeable" if spans is None else "kfold"


def can_repeat(cv: object) -> bool:
    """Whether folds can be asked for once more; those of a generator are gone."""
    return isinstance(cv, Splitter) or iter(cast(Iterable[object], cv)) is not cv


def _taken_by(cv: Splitter, *given: object) -> tuple[object, ...]:
    """As many of X, y and groups as the splitter takes."""
    signature = inspect.signature(cv.split)
    for count in (3, 2, 1):
        try:
            signature.bind(*given[:count])
        except TypeError:
            continue
        return given[:count]
    raise SplitError(
        f"{type(cv).__name__}.split() cannot be called with X, y and groups. "
        f"Call it yourself, and pass the list of its folds."
    )


def _takes_groups(cv: object) -> bool:
    """Whether a splitter makes use of groups; those of scikit-learn that do not warn about them."""
    if not type(cv).__module__.startswith("sklearn."):
        return True
    return "groups" in cv.get_metadata_routing().split.requests  # type: ignore[attr-defined]


def _pair(fold: object, number: int) -> RawFold:
    if not isinstance(fold, (tuple, list)) or len(fold) != 2:
        size = f" of {len(fold)}" if isinstance(fold, (tuple, list)) else ""
        raise SplitError(
            f"fold {number} is a {type(fold).__name__}{size}, not a pair. "
            f"Pass one pair (training rows, test rows) per fold, also for a single fold."
        )
    return fold[0], fold[1]
