"""Takes the scores of a run: value, definition, rows, and one entry in the ledger each."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from repro.determinism import isolated
from repro.digest import RowHashes, digest_bytes, ordered_digest, row_hashes, table
from repro.errors import UsageError
from repro.facts.fact import Absent
from repro.facts.scores import Read, Score, Scores, Weights
from repro.observe import per_example
from repro.observe.direction import known_direction
from repro.observe.evidence import Evidence, evidence_path
from repro.observe.ledger import Ledger
from repro.observe.metric import Metric, evaluate, metric_name, signature
from repro.observe.observer import observed

EVALUATION = ("valid", "test")
MAX_DEFINITIONS = 20  # of one name that are kept: an argument may change with every epoch

# Two scores that share these are one metric taken twice: the later one stands for both.
DEFINITION = (
    *("on", "metric", "source_digest", "library", "arguments", "defaults", "constants"),
    *("helpers_digest", "greater_is_better"),
)


@dataclass(frozen=True)
class Measure:
    """What is measured: a metric with its arguments, under a name, on a role of the data."""

    name: str
    metric: Metric
    on: str
    greater_is_better: bool | None
    per_example: Any  # None, True, an array or a function
    arguments: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.on not in EVALUATION:
            raise UsageError(
                f"score({self.name!r}, on={self.on!r}): rows that the model learned from "
                f'measure nothing. Pass on="valid" or on="test", as in log_data.'
            )

    def examples(self, y_true: Any, y_pred: Any) -> per_example.Values | None:
        """The score of each row, if asked for."""
        return per_example.values_of(
            self.name, self.metric, self.per_example, self.arguments, y_true, y_pred
        )

    def number(self, result: Any) -> float:
        """The result as the one number that a score is."""
        try:
            return float(result)
        except (TypeError, ValueError, OverflowError) as error:
            raise UsageError(
                f"score({self.name!r}): {metric_name(self.metric)} returned {result!r}, "
                f"not one number. "
                f"Pass a metric that averages, or score each value under its own name."
            ) from error


@dataclass(frozen=True)
class Taken:
    """What came out of measuring some rows."""

    value: float
    n_rows: int
    rows: RowHashes | Absent  # of y_true
    ids: RowHashes | None
    examples: per_example.Values | None
    training_mode: bool | None
    step: int


class Log(Protocol):
    """`run.log_metrics`."""

    def __call__(self, metrics: Mapping[str, float], step: int) -> None:
        """Log values at one step."""


class ScoreBook:
    """Every score of a run, with the ledger of looks."""

    def __init__(
        self,
        log: Log,
        training_mode: Callable[[], bool | None],
        notes: list[str],
        earlier: Scores | None = None,
        entered: Callable[[], object] = lambda: None,
        taken: Callable[[str, float, Any, Any], object] = lambda *_: None,
        weights: Callable[[], Weights | None] = lambda: None,
    ) -> None:
        """`earlier`: the scores and looks so far, in a resumed run.

        `entered` is told that there are others, `taken` of each its name, value, truth, prediction.
        `training_mode` and `weights` are those of the watched model, now.
        """
        self._log = log
        self._entered = entered
        self._taken = taken
        self._training_mode = training_mode
        self._weights = weights
        self._notes = notes
        self._ledger = Ledger(earlier.reads if earlier else ())
        self._scores: dict[str, dict[tuple[Any, ...], tuple[Score, bytes | None]]] = {}
        for score in earlier.scored if earlier else ():
            self._enter(score, None)

    def score(
        self, measure: Measure, y_true: Any, y_pred: Any, *, rows: Any = None, step: int = 0
    ) -> float:
        """Measure these rows, log the value, and keep what defines it."""
        n_rows = check_rows(measure.name, y_true, y_pred, rows)
        per_example.check(measure.name, measure.metric, measure.per_example, measure.arguments)
        with isolated():
            result = evaluate(measure.metric, y_true, y_pred, measure.arguments)
            taken = Taken(
                value=measure.number(result),
                n_rows=n_rows,
                rows=observed(lambda: hashes_of(y_true)),
                ids=None if rows is None else hashes_of(rows),
                examples=measure.examples(y_true, y_pred),
                training_mode=self.training_mode(),
                step=step,
            )
        self.keep(measure, taken, y_true, y_pred)
        return taken.value

    def training_mode(self) -> bool | None:
        """Of the watched model, now; an observer that fails knows nothing."""
        found = observed(self._training_mode)
        return None if isinstance(found, Absent) else found

    def weights(self) -> Weights | None:
        """Of the watched model, now."""
        found = observed(self._weights)
        return None if isinstance(found, Absent) else found

    def keep(self, measure: Measure, taken: Taken, y_true: Any, y_pred: Any) -> None:
        """Log the value, record the score, and enter the look."""
        self._taken(measure.name, taken.value, y_true, y_pred)
        self._log({measure.name: taken.value}, taken.step)
        found = observed(lambda: self._described(measure, taken))
        if isinstance(found, Absent):
            self._note(f"{measure.name} was logged, not scored: {found.reason}")
        else:
            self._enter(*found)
        digest = None if isinstance(taken.rows, Absent) else ordered_digest(taken.rows)
        self._ledger.look(measure.on, measure.name, taken.n_rows, digest, step=taken.step)
        self._entered()

    def _enter(self, score: Score, values: bytes | None) -> None:
        same_name = self._scores.setdefault(score.name, {})
        key = tuple(getattr(score, part) for part in DEFINITION)
        same_name.pop(key, None)  # the last score of a name stands last
        same_name[key] = (score, values)
        if len(same_name) > MAX_DEFINITIONS:
            del same_name[next(iter(same_name))]

    def _described(self, measure: Measure, taken: Taken) -> tuple[Score, bytes | None] | Absent:
        if isinstance(taken.rows, Absent):
            return taken.rows
        values = None if taken.examples is None else per_example.as_npy(taken.examples)
        digest = None if values is None else digest_bytes(values)
        n_ids = None if taken.ids is None else len(np.unique(taken.ids, axis=0))
        if n_ids is not None and n_ids < taken.n_rows:
            self._note(f"{measure.name}: {taken.n_rows} rows have {n_ids} ids: some count twice")
        score = Score(
            name=measure.name,
            value=taken.value,
            on=measure.on,
            **asdict(signature(measure.metric, measure.arguments)),
            greater_is_better=self._direction(measure),
            n_rows=taken.n_rows,
            rows_digest=ordered_digest(taken.rows),
            step=taken.step,
            training_mode=taken.training_mode,
            ids_digest=None if taken.ids is None else ordered_digest(taken.ids),
            n_ids=n_ids,
            per_example=None if digest is None else evidence_path(digest, "npy"),
            per_example_digest=digest,
            weights=self.weights(),
        )
        return score, values

    def _direction(self, measure: Measure) -> bool | None:
        """What was said; else what the library says."""
        said, known = measure.greater_is_better, known_direction(measure.metric, measure.arguments)
        if said is None and known is None:
            self._note(
                f"{measure.name}: whether more is better is not known of "
                f"{metric_name(measure.metric)}; say greater_is_better=True or False"
            )
        if said is not None and known is not None and said != known:
            self._note(
                f"{measure.name}: greater_is_better={said} was said, "
                f"{metric_name(measure.metric)} is known for {known}"
            )
        return known if said is None else said

    def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)

    @property
    def scored(self) -> tuple[Score, ...]:
        """The last score of every definition."""
        return tuple(score for same in self._scores.values() for score, _ in same.values())

    @property
    def reads(self) -> tuple[Read, ...]:
        """The ledger of looks."""
        return self._ledger.reads

    def n_looks(self, role: str) -> int:
        """How often this role was looked at."""
        return self._ledger.n_looks(role)

    def evidence(self) -> Evidence:
        """Content of the artifacts that the scores refer to, by path."""
        kept = (pair for same in self._scores.values() for pair in same.values())
        return {score.per_example: values for score, values in kept if score.per_example and values}


def check_rows(name: str, y_true: Any, y_pred: Any, rows: Any) -> int:
    """How many rows there are; raises UsageError unless there is one prediction and id for each."""
    counts = [
        _length(name, what, values) for what, values in (("y_true", y_true), ("y_pred", y_pred))
    ]
    if counts[0] != counts[1]:
        raise UsageError(
            f"score({name!r}): y_true has {counts[0]} rows, y_pred has {counts[1]}. "
            f"Score every row once."
        )
    n_ids = counts[0] if rows is None else _length(name, "rows", rows)
    if n_ids != counts[0]:
        raise UsageError(
            f"score({name!r}): rows has {n_ids} ids for {counts[0]} rows. "
            f"Pass the id of each row, in the order of y_true."
        )
    return counts[0]


def _length(name: str, what: str, values: Any) -> int:
    try:
        return len(values)
    except TypeError as error:  # a number, a tensor without dimensions, a generator
        raise UsageError(
            f"score({name!r}): {what} is {type(values).__name__}, which has no rows. "
            f"Pass an array, a tensor, a series or a list with one entry for each row."
        ) from error


def hashes_of(values: Any) -> RowHashes:
    """One hash a row, in order."""
    content = table(list(values) if isinstance(values, tuple) else values)  # a pair is (X, y)
    return row_hashes(content.features + content.labels)
