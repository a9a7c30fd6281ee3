"""The model learned from rows that are later than those it was scored on.

Why: in use the future is not there. Scores on a shuffled past promise what no forecast keeps.

Fix: split forward in time, with a gap as long as labels look ahead.

Wrong when: the rows are exchangeable and time is only a column: do not declare it then. Where
nobody declared a time, and neither a plan nor an order of rows says what it means, a table with
exactly one column of times is a warning: dates of birth are no reason to wait.

Source: López de Prado 2018, chapter 7 (purging and embargo); Bergmeir and Benítez 2012.
"""

from collections.abc import Iterator
from datetime import datetime

from repro.audit.rule import Answer, NotApplicable, Severity, Unknown, Violation, rule
from repro.audit.unrecorded import unrecorded
from repro.facts.data import EXAMPLE, Data, Overlap
from repro.facts.fact import Absent
from repro.facts.split import EXAMPLE as SPLIT
from repro.facts.split import Condition, Split

FIX = "split forward in time, with a gap as long as labels look ahead"
CONDITIONS = ("T1", "P1")  # every training row is earlier; purged of labels that look ahead


@rule("DAT006", Severity.ERROR)
def check(data: Data | Absent, split: Split | Absent) -> Iterator[Answer]:
    """Where time was declared, training ends before evaluation starts."""
    if isinstance(data, Absent) and isinstance(split, Absent):
        yield unrecorded("data", data)
        return
    in_data = isinstance(data, Data) and data.time is not None
    in_split = isinstance(split, Split) and split.has_times
    if not in_data and not in_split:
        yield from _inferred(data, split)
        return
    answers = [*_by_proof(split), *_by_time(data, split)]
    yield from answers
    if not answers and not _is_decided(data, split):
        yield Unknown(
            message="time was declared and not compared",
            fix="run.log_data(train=..., test=..., time=...)",
            points=(),
        )


def _inferred(data: Data | Absent, split: Split | Absent) -> Iterator[Violation | NotApplicable]:
    """By the only column of times, where no time was declared."""
    column = data.only_time if isinstance(data, Data) else None
    has_policy = isinstance(split, Split) and split.policy is not None
    if column is None or has_policy:
        yield NotApplicable("no time was declared")
        return
    for overlap in filter(_is_backwards, _timed(data)):
        yield Violation(
            message=f"no time was declared, and by {column} train reaches {overlap.latest_train}, "
            f"evaluation starts {overlap.earliest_eval}",
            fix=f"split forward in time, and say run.log_data(..., time={column!r}); rows that are "
            "exchangeable come from a plan without times: run.use_split(plan)",
            points=_points(overlap),
            severity=Severity.WARNING,
        )


def _points(overlap: Overlap) -> tuple[str, ...]:
    path = f"data.overlaps.{overlap.roles}"
    return (f"{path}.latest_train", f"{path}.earliest_eval")


def _by_proof(split: Split | Absent) -> Iterator[Answer]:
    for condition in _conditions(split):
        point = f"split.proof.{condition.id}.outcome"
        if condition.outcome == "VIOLATED":
            yield Violation(f"the split leaks backwards in time: {condition.detail}", FIX, (point,))
        elif condition.outcome == "NOT_CHECKED":
            yield Unknown(
                message=f"{condition.id} of the split was not checked: {condition.detail}",
                fix="hand the times of rows and labels to the splitter",
                points=(point,),
            )


def _by_time(data: Data | Absent, split: Split | Absent) -> Iterator[Violation]:
    """Where time was declared a split must not overlap, unless its plan purges or shuffles rows."""
    policy = split.policy if isinstance(split, Split) else None
    if policy not in ("walk_forward", None):
        return
    for overlap in _timed(data):
        if _is_backwards(overlap):
            yield Violation(
                message=f"train reaches {overlap.latest_train}, "
                f"evaluation starts {overlap.earliest_eval}",
                fix=FIX,
                points=_points(overlap),
            )


def _is_decided(data: Data | Absent, split: Split | Absent) -> bool:
    is_exchangeable = isinstance(split, Split) and split.policy in ("kfold", "exchangeable")
    return bool(_conditions(split)) or bool(_timed(data)) or is_exchangeable


def _conditions(split: Split | Absent) -> tuple[Condition, ...]:
    found = split.proof if isinstance(split, Split) else ()
    return tuple(condition for condition in found if condition.id in CONDITIONS)


def _timed(data: Data | Absent) -> tuple[Overlap, ...]:
    overlaps = data.overlaps if isinstance(data, Data) else ()
    return tuple(one for one in overlaps if one.latest_train and one.earliest_eval)


def _is_backwards(overlap: Overlap) -> bool:
    return datetime.fromisoformat(str(overlap.latest_train)) > datetime.fromisoformat(
        str(overlap.earliest_eval)
    )


def _timed_data(latest_train: str) -> Data:
    times = {"latest_train": latest_train, "earliest_eval": "2026-02-01T00:00:00+00:00"}
    return EXAMPLE.but(time="day", overlaps=(EXAMPLE.overlaps[0].model_copy(update=times),))


_FORWARD = SPLIT.but(policy="walk_forward", has_times=True)
BAD = {"data": _timed_data("2026-03-01T00:00:00+00:00"), "split": _FORWARD}
GOOD = {"data": _timed_data("2026-01-31T00:00:00+00:00"), "split": _FORWARD}
