"""What splitting, proving and fingerprinting cost, beside other packages in the same run.

`make bench`; writes `splits.md` beside this file. Memory is the peak above what was there, while
one fold after the other is looked at and dropped.
"""

import time
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from repro.splits import (
    CombinatorialPurgedKFold,
    GroupTimeSeriesSplit,
    PurgedKFold,
    StratifiedGroupPurgedKFold,
    check_split,
    make_plan,
)

HERE = Path(__file__).parent
LABEL = pd.Timedelta("2h")
HEAD = """\
| work | rows | seconds | memory MB | peer | its seconds | its memory MB | its share |
|---|---|---|---|---|---|---|---|
"""


class Cost(NamedTuple):
    """Of one pass."""

    seconds: float
    megabytes: float


def table(n_rows: int, n_groups: int = 1000) -> pd.DataFrame:
    """One row a minute, of entities and of two classes; sorted by time, as data come."""
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "time": pd.date_range("2020-01-01", periods=n_rows, freq="min", tz="UTC"),
            "known": pd.date_range("2020-01-01", periods=n_rows, freq="min", tz="UTC") + LABEL,
            "entity": random.integers(0, n_groups, n_rows),
            "value": random.normal(size=n_rows),
            "label": random.integers(0, 2, n_rows),
        }
    )


def cost(do: Callable[[], object]) -> Cost:
    """Seconds without, memory with the tracing that slows it down."""
    start = time.perf_counter()
    do()
    seconds = time.perf_counter() - start
    tracemalloc.start()
    do()
    megabytes = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return Cost(seconds, megabytes)


def passed(folds: Iterable[object]) -> None:
    """Each fold is made, and dropped."""
    for _ in folds:
        pass


def line(work: str, n_rows: int, ours: Cost, name: str = "", peer: Cost | None = None) -> str:
    own = f"| {work} | {n_rows:,} | {ours.seconds:.3f} | {ours.megabytes:.0f} |"
    if peer is None:
        return f"{own} ||||"
    share = ours.seconds / peer.seconds
    return f"{own} {name} | {peer.seconds:.3f} | {peer.megabytes:.0f} | {share:.3f} |"


def purged(n_rows: int) -> list[str]:
    data = table(n_rows)
    cv = PurgedKFold(10, time="time", end_time="known", embargo="1D")
    work, ours = "PurgedKFold, 10 folds", cost(lambda: passed(cv.split(data)))
    if n_rows > 100_000:  # theirs takes minutes
        return [line(work, n_rows, ours)]
    from purgedcv import PurgedKFold as Theirs

    theirs = Theirs(10, prediction_times=data["time"], evaluation_times=data["known"])
    return [line(work, n_rows, ours, "purgedcv", cost(lambda: passed(theirs.split(data))))]


def combinatorial(n_rows: int) -> list[str]:
    from skfolio.model_selection import CombinatorialPurgedCV

    data = table(n_rows)
    cv = CombinatorialPurgedKFold(10, 2, time="time", end_time="known")
    theirs = CombinatorialPurgedCV(n_folds=10, n_test_folds=2, purged_size=120)
    ours = cost(lambda: passed(cv.split(data)))
    peer = cost(lambda: passed(theirs.split(data)))
    return [line("CombinatorialPurgedKFold, 45 splits", n_rows, ours, "skfolio", peer)]


def stratified(n_rows: int) -> list[str]:
    data = table(n_rows)
    cv, theirs = StratifiedGroupPurgedKFold(10), StratifiedGroupKFold(10)
    of = {"X": data, "y": data["label"], "groups": data["entity"]}
    ours = cost(lambda: passed(cv.split(**of)))
    peer = cost(lambda: passed(theirs.split(**of)))
    return [line("StratifiedGroupPurgedKFold, 10 folds", n_rows, ours, "scikit-learn", peer)]


def walk_forward(n_rows: int) -> list[str]:
    from mlxtend.evaluate import GroupTimeSeriesSplit as ByGroup
    from timebasedcv import TimeBasedSplit

    data = table(n_rows)
    cv = GroupTimeSeriesSplit(10, time="time", end_time="known", test=n_rows // 20)
    ours = cost(lambda: passed(cv.split(data)))
    days = n_rows // (24 * 60)
    theirs = TimeBasedSplit(
        frequency="days", train_size=days // 11, forecast_horizon=days // 11, window="expanding"
    )
    local = data["time"].dt.tz_localize(None)
    peer = cost(lambda: passed(theirs.split(data["value"], time_series=local)))
    day = np.arange(n_rows) // (24 * 60)
    by_day = ByGroup(test_size=1, n_splits=10)
    other = cost(lambda: passed(by_day.split(data["value"], groups=day)))
    work = "GroupTimeSeriesSplit, 10 windows"
    return [
        line(work, n_rows, ours, "timebasedcv", peer),
        line(work, n_rows, ours, "mlxtend, in whole days", other),
    ]


def proved(n_rows: int) -> list[str]:
    data = table(n_rows)
    cv = PurgedKFold(10, time="time", end_time="known", feature_start=LABEL, embargo="1D")
    plan = make_plan(cv, data, groups="entity")
    ours = cost(lambda: check_split(plan, data[["value"]], data["label"], duplicates="forbid"))
    lines = [line("check_split, all conditions, 10 folds", n_rows, ours)]

    def fingerprint() -> str:
        plan.__dict__.pop("fingerprint", None)  # it is kept
        return plan.fingerprint

    return [*lines, line("fingerprint, 10 folds", n_rows, cost(fingerprint))]


SIZES = {
    100_000: (purged, walk_forward, combinatorial, stratified, proved),
    1_000_000: (purged, walk_forward, combinatorial, stratified, proved),
    10_000_000: (purged, proved),
}


@pytest.mark.bench
def test_splits_cost_less_than_those_of_others(capsys):
    for name in ("skfolio", "purgedcv", "timebasedcv"):
        pytest.importorskip(name)
    lines = [row for n_rows, works in SIZES.items() for work in works for row in work(n_rows)]
    kept = HERE / "splits.md"
    kept.write_text("\n".join([HEAD.rstrip(), *lines, ""]))
    with capsys.disabled():
        print(f"\n{kept.read_text()}")
    shares = [float(share) for row in lines if (share := row.split("|")[-2].strip())]
    assert len(shares) == 9
    assert max(shares) < 1
