"""Scores batch by batch: pools the rows, and applies the metric once to all of them."""

import copy
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from repro.determinism import isolated
from repro.digest import RowHashes
from repro.errors import UsageError
from repro.facts.fact import Absent
from repro.observe import per_example, torch_metric
from repro.observe.metric import evaluate
from repro.observe.observer import observed
from repro.observe.scores import Measure, ScoreBook, Taken, check_rows, hashes_of


class Scorer:
    """A metric over rows that come in batches, equal to the metric over all of them at once.

    A mean of the batches' scores is another metric. So every row is held in memory, on the CPU,
    until `reset`: truth, prediction and 16 bytes. An object of torchmetrics holds its own states
    instead, of a copy that starts empty. Rows of other processes are not seen.

    >>> scorer = run.scorer("valid/accuracy", accuracy_score, on="valid")  # doctest: +SKIP
    >>> for x, y in loader:  # doctest: +SKIP
    ...     scorer.update(y, model(x).argmax(1))
    >>> scorer.compute(step=epoch)  # doctest: +SKIP
    """

    def __init__(self, book: ScoreBook, measure: Measure) -> None:
        wanted = measure.per_example
        if wanted is not None and not isinstance(wanted, bool) and not callable(wanted):
            raise UsageError(
                f"scorer({measure.name!r}): per_example is {type(wanted).__name__}; "
                f"the rows are not known yet. Pass a function(y_true, y_pred)."
            )
        per_example.check(measure.name, measure.metric, wanted, measure.arguments)
        self._book = book
        self._measure = measure
        self._is_object = torch_metric.is_object(measure.metric)
        self.reset()

    def reset(self) -> None:
        """Forget every row: call it before the next epoch."""
        self.n_rows = 0
        self._true: list[Any] = []
        self._predicted: list[Any] = []
        self._rows: list[RowHashes | Absent] = []
        self._ids: list[RowHashes] = []
        self._modes: set[bool | None] = set()
        self._states: Any = torch_metric.emptied(self._measure.metric) if self._is_object else None

    def update(self, y_true: Any, y_pred: Any, *, rows: Any = None) -> None:
        """Take one batch; what is done to it afterwards does not matter.

        Parameters
        ----------
        y_true, y_pred : shape (n_rows, ...)
        rows : shape (n_rows,), optional
            Ids of these rows, in every batch or in none.

        Raises
        ------
        UsageError
            Truth, predictions and ids differ in length.
        """
        measure = self._measure
        n_rows = check_rows(measure.name, y_true, y_pred, rows)
        if not n_rows:
            return
        if self.n_rows and (rows is None) == bool(self._ids):
            raise UsageError(
                f"scorer({measure.name!r}): some batches have ids and some have none. "
                f"Pass rows= in every batch, or in none."
            )
        ids = None if rows is None else hashes_of(rows)
        if self._is_object:
            with isolated():
                torch_metric.update(self._states, y_true, y_pred, measure.arguments)
        if not self._is_object or measure.per_example:
            self._true.append(_held(y_true))
            self._predicted.append(_held(y_pred))
        self._rows.append(observed(lambda: hashes_of(y_true)))
        if ids is not None:
            self._ids.append(ids)
        self._modes.add(self._book.training_mode())
        self.n_rows += n_rows

    def compute(self, step: int = 0) -> float:
        """Score every row since the last `reset`, log the value, and record what defines it.

        Raises
        ------
        UsageError
            There is no row, or the metric returns no single number.
        """
        measure = self._measure
        if not self.n_rows:
            raise UsageError(
                f"scorer({measure.name!r}) has no rows to score. "
                f"Call update(y_true, y_pred) for every batch."
            )
        with isolated():
            y_true, y_pred = _pooled(self._true), _pooled(self._predicted)
            if self._is_object:
                result = self._states.compute()
            else:
                result = evaluate(measure.metric, y_true, y_pred, measure.arguments)
            taken = Taken(
                value=measure.number(result),
                n_rows=self.n_rows,
                rows=_joined(self._rows),
                ids=np.concatenate(self._ids) if self._ids else None,
                examples=measure.examples(y_true, y_pred) if measure.per_example else None,
                training_mode=_any_training(self._modes),
                step=step,
            )
        self._book.keep(measure, taken, y_true, y_pred)
        return taken.value


def _held(values: Any) -> Any:
    """A copy on the CPU."""
    if hasattr(values, "detach"):
        return values.detach().cpu().clone()
    if isinstance(values, list | tuple):
        return copy.deepcopy(list(values))
    is_series = hasattr(values, "iloc")  # pandas
    return values.copy(deep=True) if is_series else np.array(values)


def _pooled(batches: Sequence[Any]) -> Any:
    """All rows as one, in what the batches came in: tensor, list, series or array."""
    if not batches:
        return []
    first = batches[0]
    if any(type(batch) is not type(first) for batch in batches):
        batches = [per_example.as_array(batch) for batch in batches]
        return np.concatenate(batches)
    if hasattr(first, "detach"):
        return sys.modules["torch"].cat(list(batches))
    if isinstance(first, list):
        return [row for batch in batches for row in batch]
    if hasattr(first, "iloc"):
        return sys.modules["pandas"].concat(batches)
    return np.concatenate(batches)


def _joined(parts: Sequence[RowHashes | Absent]) -> RowHashes | Absent:
    """The hashes of all batches; where one is not known, why."""
    hashes = [part for part in parts if not isinstance(part, Absent)]
    missing = [part for part in parts if isinstance(part, Absent)]
    return missing[0] if missing else np.concatenate(hashes)


def _any_training(modes: set[bool | None]) -> bool | None:
    """Whether the model was in training mode at some batch; None: there was no model."""
    return None if modes == {None} else True in modes
