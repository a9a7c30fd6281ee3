"""A splitter with one panel: what it is handed, and the folds it gives."""

from __future__ import annotations

import inspect
import pickle
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from repro.splits.times import IntArray
from repro.testing.panel import Panel
from repro.testing.requirement import require

Folds = list[tuple[IntArray, IntArray]]
SHOWN = 3


class NotApplicable(Exception):
    """The clause says nothing about this splitter."""


@dataclass(frozen=True, eq=False)
class SplitterCase:
    """One splitter, one panel, and the folds of a first split."""

    cv: Any
    panel: Panel
    takes_times: bool
    uses_groups: bool
    folds: Folds
    state: bytes  # of the splitter before its first split

    @classmethod
    def of(cls, cv: object, panel: Panel) -> SplitterCase:
        """Find out what a splitter takes, and split."""
        takes_times = "times" in inspect.signature(cv.split).parameters  # type: ignore[attr-defined]
        case = cls(cv, panel, takes_times, True, [], pickle.dumps(vars(cv)))
        if is_sklearn(cv) and "groups" not in requests_of(cv):
            case = replace(case, uses_groups=False)
        folds = case.split()
        if case.uses_groups:
            case = replace(case, uses_groups=not _same(folds, _without_groups(case)))
        return replace(case, folds=folds)

    def split(self, panel: Panel | None = None) -> Folds:
        """The folds of a panel, of the case's own by default."""
        return [(np.asarray(train), np.asarray(test)) for train, test in self.iterate(panel)]

    def iterate(self, panel: Panel | None = None) -> Any:
        """What `split` returns, not yet walked through."""
        panel = panel or self.panel
        return self.cv.split(panel.table_for(self.cv), **self.arguments(panel))

    def arguments(self, panel: Panel) -> dict[str, object]:
        """What `split` is handed beside X."""
        given: dict[str, object] = {"y": panel.y.to_numpy(), **self.metadata(panel)}
        return given

    def metadata(self, panel: Panel) -> dict[str, object]:
        """Groups and times, as far as the splitter takes them and names no column."""
        given: dict[str, object] = {}
        if self.uses_groups:
            given["groups"] = panel.groups.to_numpy()
        if self.takes_times and getattr(self.cv, "time", None) is None:
            given["times"] = panel.times.array
        takes_ends = "end_times" in inspect.signature(self.cv.split).parameters
        if self.takes_times and takes_ends and getattr(self.cv, "end_time", None) is None:
            given["end_times"] = panel.end_times.array
        return given

    def require_times(self) -> None:
        """Only for splitters whose times come from the panel."""
        if not self.takes_times:
            raise NotApplicable("it takes no times")
        self.require_no_series()

    def require_no_series(self) -> None:
        """A parameter that is a labelled Series is beyond what a panel can change."""
        for name in ("time", "end_time", "feature_start", "stratify"):
            if isinstance(getattr(self.cv, name, None), pd.Series):
                raise NotApplicable(f"{name}= is a Series, which no panel can change")

    def require_same(self, found: Folds, where: str) -> None:
        """The folds of the first split, or an AssertionError that shows the first difference."""
        require_same(self.folds, found, f"{self.panel.name}, {where}")


def is_sklearn(cv: object) -> bool:
    """Whether a splitter is scikit-learn's own."""
    return type(cv).__module__.startswith("sklearn.")


def requests_of(cv: Any) -> dict[str, object]:
    """The metadata that `split` asks scikit-learn for."""
    routing = getattr(cv, "get_metadata_routing", None)
    return {} if routing is None else dict(routing().split.requests)


def require_same(expected: Folds, found: Folds, where: str) -> None:
    """The same rows on each side of each fold, or an AssertionError with the first difference."""
    require(len(expected) == len(found), f"{where}: {len(expected)} folds, then {len(found)}.")
    for number, (before, after) in enumerate(zip(expected, found, strict=True)):
        for side, rows, others in zip(("train", "test"), before, after, strict=True):
            if not np.array_equal(np.sort(rows), np.sort(others)):
                gone, new = np.setdiff1d(rows, others), np.setdiff1d(others, rows)
                raise AssertionError(
                    f"{where}: {side} of fold {number} loses {listed(gone)} and gains "
                    f"{listed(new)}."
                )


def listed(rows: IntArray) -> str:
    """Some row numbers, for people."""
    shown = ", ".join(map(str, rows[:SHOWN].tolist()))
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return f"rows {shown}{more}" if len(rows) else "no rows"


def _without_groups(case: SplitterCase) -> Folds | None:
    try:
        return replace(case, uses_groups=False).split()
    except (ValueError, TypeError):
        return None


def _same(folds: Folds, others: Folds | None) -> bool:
    if others is None or len(folds) != len(others):
        return False
    return all(
        np.array_equal(rows, also)
        for fold, other in zip(folds, others, strict=True)
        for rows, also in zip(fold, other, strict=True)
    )
