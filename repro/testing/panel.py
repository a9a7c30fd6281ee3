"""Small generated data sets on which a splitter shows whether it keeps its contract."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from repro.splits.times import IntArray

N_ROWS, N_DAYS, LONGEST_LABEL = 60, 240, 6

# Parameters that name a column of X, and the part of a panel that belongs there.
COLUMNS = {"time": "times", "end_time": "end_times", "feature_start": "opened", "stratify": "y"}


@dataclass(frozen=True, eq=False)
class Panel:
    """Rows of several groups over time; every Series has the index of X, which is unique.

    `opened` is where the feature window of each row begins; None says where the row does.
    """

    name: str  # for messages
    X: pd.DataFrame
    y: pd.Series
    groups: pd.Series
    times: pd.Series
    end_times: pd.Series
    opened: pd.Series | None = None

    def take(self, order: IntArray) -> Panel:
        """The same rows in another order."""
        return replace(
            self,
            X=self.X.iloc[order],
            y=self.y.iloc[order],
            groups=self.groups.iloc[order],
            times=self.times.iloc[order],
            end_times=self.end_times.iloc[order],
            opened=None if self.opened is None else self.opened.iloc[order],
        )

    def with_index(self, index: pd.Index) -> Panel:
        """The same rows under other labels."""
        return replace(
            self,
            X=self.X.set_axis(index),
            y=self.y.set_axis(index),
            groups=self.groups.set_axis(index),
            times=self.times.set_axis(index),
            end_times=self.end_times.set_axis(index),
            opened=None if self.opened is None else self.opened.set_axis(index),
        )

    def at(self, times: pd.Series, end_times: pd.Series, opened: pd.Series | None) -> Panel:
        """The same rows at other moments."""
        return replace(self, times=times, end_times=end_times, opened=opened)

    def table_for(self, cv: object) -> pd.DataFrame:
        """X with the columns that the parameters of a splitter name."""
        named = {
            column: getattr(self, part)
            for parameter, part in COLUMNS.items()
            if isinstance(column := getattr(cv, parameter, None), str)
            and column not in ("point", "y")
            and getattr(self, part) is not None
        }
        return self.X.assign(**named)


def make_panel(seed: int) -> Panel:
    """60 rows of 15 groups over 240 days, sorted by time, with ties and labels of 0 to 6 days."""
    rng = np.random.default_rng(seed)
    day = np.sort(rng.integers(0, N_DAYS, N_ROWS))
    day[1::7] = day[::7][: len(day[1::7])]  # ties, whatever the seed
    index = pd.Index([f"row {number}" for number in range(N_ROWS)])
    codes = (np.arange(N_ROWS) + rng.integers(0, 15, N_ROWS)) // 5  # they come and go
    groups = np.array([f"group {chr(97 + code)}" for code in codes])
    return Panel(
        name=f"generated panel {seed}",
        X=pd.DataFrame({"x": rng.normal(size=N_ROWS)}, index=index),
        y=pd.Series(np.arange(N_ROWS) % 2, index=index),
        groups=pd.Series(groups, index=index),
        times=_moments(day, index),
        end_times=_moments(day + rng.integers(0, LONGEST_LABEL + 1, N_ROWS), index),
        opened=_moments(day - rng.integers(0, LONGEST_LABEL + 1, N_ROWS), index),
    )


def _moments(day: IntArray, index: pd.Index) -> pd.Series:
    return pd.Series(pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(day, "D"), index=index)
