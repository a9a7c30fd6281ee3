"""Two records, path by path, the most suspicious differences first."""

import math
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cached_property

from repro.audit.configuration import Difference, differences, is_known, is_tree
from repro.audit.equality import same
from repro.audit.finding import NOT_SET, quote
from repro.facts import fact_types
from repro.facts.fact import Scalar
from repro.facts.scores import Scores
from repro.record import Arms, RunRecord, is_compared, is_per_replicate

# In the order of suspicion: first what makes two scores incomparable without a trace in either.
WHY: Mapping[str, str] = {
    "split": "the rows were cut, or chosen, in another way",
    "data": "other rows",
    "scores": "measured in another way",
    "technique": "seen while training; no parameter has these values",
    "code": "other files ran",
    "environment": "another machine or other software",
    "configuration": "told as parameters",
    "other files": "no run imported them",
    "replicate": "differs from seed to seed, or from fold to fold, by design",
}
GROUPS: Mapping[str, str] = {
    "code": "code",
    "data": "data",
    "determinism": "environment",
    "environment": "environment",
    "hardware": "environment",
    "params": "configuration",
    "scores": "scores",
    "split": "split",
}
# As an engineer thinks of a training: from the data to its end.
ORDER = (
    *("cleaning", "transforms", "sampling", "batching", "topology"),
    *("architecture", "initialization", "lineage", "regularization", "normalization"),
    *("compression", "loss", "optimizer", "schedule", "gradients", "precision", "stopping"),
    *("budget", "capacity", "fit_scope", "tuning"),
)
POOL = "data.pool_digest"
REPLICATE = ("determinism.seed", "split.fold")


@dataclass(frozen=True)
class DiffRow:
    """One path at which two runs differ, and the parameters that told it."""

    path: str
    left: Scalar
    right: Scalar
    told_as: tuple[str, ...] = ()

    @property
    def is_one_sided(self) -> bool:
        """Whether only one run has such a value."""
        return NOT_SET in (self.left, self.right)


@dataclass(frozen=True)
class DiffGroup:
    """Differences of one kind."""

    title: str
    rows: tuple[DiffRow, ...]

    @property
    def why(self) -> str:
        """What it means that these differ."""
        return WHY[self.title]


@dataclass(frozen=True)
class Result:
    """One metric of both runs; None where a run does not have it."""

    metric: str
    left: float | None
    right: float | None

    @property
    def difference(self) -> float:
        """The second minus the first; NaN where there are no two values."""
        return math.nan if self.left is None or self.right is None else self.right - self.left


@dataclass(frozen=True)
class RecordDiff:
    """Where two runs differ."""

    left: RunRecord
    right: RunRecord
    groups: tuple[DiffGroup, ...]  # a claim would have to declare these; most suspicious first
    ignored: tuple[DiffRow, ...]  # these gate nothing
    unknown: tuple[str, ...]  # compared facts that at least one of the runs has not recorded
    results: tuple[Result, ...]

    @cached_property
    def compared(self) -> tuple[DiffRow, ...]:
        """Every row of every group."""
        return tuple(row for group in self.groups for row in group.rows)

    @property
    def exit_code(self) -> int:
        """0 equal, 1 different, 3 cannot be told."""
        if self.groups:
            return 1
        return 3 if self.unknown else 0


def diff_records(left: RunRecord, right: RunRecord) -> RecordDiff:
    """Every path at which two runs differ, and every fact that cannot be told."""
    return RecordDiff(
        left=left,
        right=right,
        groups=_groups(left, right),
        ignored=tuple(_ignored(left, right)),
        unknown=tuple(
            key
            for key in sorted(fact_types())
            if is_compared(f"{key}.any") and _is_unknown(key, left, right)
        ),
        results=tuple(_results(left, right)),
    )


def _groups(left: RunRecord, right: RunRecord) -> tuple[DiffGroup, ...]:
    found = [
        DiffRow(item.path, quote(left, item.path), quote(right, item.path), _parameters(item))
        for item in differences(Arms.of(left, right))
    ]
    told = {path for row in found for path in (row.path, *row.told_as) if row.told_as}
    is_one_pool = left.flat.get(POOL) == right.flat.get(POOL)
    is_other_seed = left.replicate.seed != right.replicate.seed
    is_other_fold = left.replicate.fold != right.replicate.fold
    rows: dict[str, list[DiffRow]] = {title: [] for title in WHY}
    for row in found:
        is_of_rows = row.path.partition(".")[0] in ("data", "scores", "split")
        is_free = is_other_fold or (is_other_seed and not is_of_rows)
        by_design = row.path in REPLICATE or (is_free and is_per_replicate(row.path))
        title = "replicate" if by_design else _group_of(row, told, is_one_pool=is_one_pool)
        rows[title].append(row)
    return tuple(DiffGroup(title, _cause_first(title, rows[title])) for title in WHY if rows[title])


def _cause_first(title: str, rows: list[DiffRow]) -> tuple[DiffRow, ...]:
    """Settings before the digests that follow from them, and the group's own fact before others."""
    return tuple(
        sorted(
            rows,
            key=lambda row: (
                not row.path.startswith(title),
                ORDER.index(key) if (key := row.path.partition(".")[0]) in ORDER else len(ORDER),
                "digest" in row.path,
            ),
        )
    )


def _parameters(found: Difference) -> tuple[str, ...]:
    """The parameters that repeat the value."""
    return tuple(name for name in found.echoes if name.startswith("params."))


def _group_of(row: DiffRow, told: Set[str], *, is_one_pool: bool) -> str:
    key = row.path.partition(".")[0]
    if key == "data" and is_one_pool:  # the same rows in other roles
        return "split"
    if row.path.endswith("_digest") and key == "split" and not is_one_pool:
        return "data"  # the digests of other rows, however they were cut
    if row.path.endswith(("rows_digest", "n_rows")) and key == "scores":
        return "split" if is_one_pool else "data"  # the same metric, of other rows
    if is_tree(row.path):
        return "other files"
    # The settings that only one of two optimizers knows follow from the choice of optimizer.
    if row.told_as or (row.is_one_sided and f"{key}.name" in told):
        return "configuration"
    return GROUPS.get(key, "technique")


def _ignored(left: RunRecord, right: RunRecord) -> Iterator[DiffRow]:
    for path in sorted(left.flat.keys() | right.flat.keys()):
        is_told = not is_compared(path) and not _is_unknown(path.partition(".")[0], left, right)
        if is_told and not same(left.flat.get(path), right.flat.get(path)):
            yield DiffRow(path, quote(left, path), quote(right, path))


def _results(left: RunRecord, right: RunRecord) -> Iterator[Result]:
    a, b = left.find(Scores) or Scores(), right.find(Scores) or Scores()
    for name in sorted({*a.names(), *b.names()}):
        yield Result(name, a.value(name), b.value(name))


def _is_unknown(key: str, left: RunRecord, right: RunRecord) -> bool:
    return not all(is_known(record.facts.get(key)) for record in (left, right))
