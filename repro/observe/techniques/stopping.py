"""Looks at how the training ended, when it has."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from repro.facts.fact import Absent, Fact, Scalar
from repro.facts.stopping import CurveEnd, Fitted, Stopping
from repro.observe.curve import Curve
from repro.observe.technique import Ending, Technique

EPOCHS = ("epochs", "max_epochs", "n_epochs", "num_epochs", "num_train_epochs")
STEPS = (
    *("max_steps", "n_steps", "num_steps", "total_steps", "train_steps", "num_training_steps"),
    *("max_iters", "n_iter", "n_iters", "iterations", "num_iterations"),
)
PATIENCE = ("patience", "early_stopping_patience", "early_stopping_rounds", "n_iter_no_change")
LIMITS = (("n_iter_", "max_iter"), ("n_estimators_", "n_estimators"))
SHRINK = {"loss", "nll", "err", "error", "mae", "mse", "rmse", "mape", "perplexity", "ppl"}
GROW = {"acc", "accuracy", "auc", "auroc", "f1", "precision", "recall", "iou", "map", "r2", "bleu"}
TAIL = 0.1  # of the steps
FEWEST_IN_TAIL = 3
SKIPPED = 0.01  # of the planned steps: those that a gradient scaler left out are none missing


class StoppingObserver(Technique):
    """Compares what was planned with what was done; keeps the estimators that were watched."""

    kind: ClassVar[type[Fact]] = Stopping

    def __init__(self) -> None:
        self._estimators: list[Any] = []

    def watched(self, model: Any, optimizer: Any, scheduler: Any, loss: Any) -> None:
        """Remember an estimator: it is looked at when it is fitted, at the end."""
        if hasattr(model, "get_params") and all(model is not one for one in self._estimators):
            self._estimators.append(model)

    def at_end(self, ending: Ending) -> Stopping | Absent:
        """What was planned, what was done, how the curves stood."""
        estimators = [fit for one in self._estimators for fit in _fitted("", one)]
        if not (ending.n_steps or estimators or ending.curves):
            return Absent(reason="nothing was trained step by step", kind="not_applicable")
        unit, planned, planned_by = _plan(ending.params)
        done = ending.n_steps if unit == "steps" else ending.n_epochs
        patience = next(_named(ending.params, PATIENCE), (None, None))
        return Stopping(
            unit=unit,
            planned=planned,
            planned_by=planned_by,
            done=done if unit else None,
            is_short=None if unit is None or planned is None else _is_short(unit, planned, ending),
            patience_by=patience[0],
            patience=patience[1],
            curves=tuple(_curve_ends(ending)),
            estimators=tuple(estimators),
        )


def _named(params: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[tuple[str, Scalar]]:
    """The parameters of these names, in the order of the names; nested ones by their last part."""
    for wanted in names:
        for name, value in params.items():
            if name.rpartition(".")[2] == wanted:
                yield name, value


def _plan(
    params: Mapping[str, Any],
) -> tuple[Literal["epochs", "steps"] | None, float | None, str | None]:
    """Steps before epochs: where both are named, as in transformers, the steps decide."""
    units: tuple[tuple[Literal["epochs", "steps"], tuple[str, ...]], ...] = (
        ("steps", STEPS),
        ("epochs", EPOCHS),
    )
    for unit, names in units:
        for name, value in _named(params, names):
            if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
                return unit, float(value), name  # -1 means no limit
    return None, None, None


def _is_short(unit: str, planned: float, ending: Ending) -> bool | None:
    if unit == "steps":
        return ending.n_steps < planned * (1 - SKIPPED) if ending.n_steps else None
    if ending.n_epochs is None or not ending.n_train:
        return None
    # A loader may drop the last batch of each epoch.
    left_out = min(max(ending.batch_sizes, default=1) - 1, ending.n_train - 1)
    return ending.n_epochs * ending.n_train / (ending.n_train - left_out) < planned - 1e-6


def _curve_ends(ending: Ending) -> Iterator[CurveEnd]:
    said = {score.name: score.greater_is_better for score in ending.scores}
    for name, curve in sorted(ending.curves.items()):
        is_better = said.get(name)
        yield _curve_end(name, curve, is_better if is_better is not None else _direction(name))


def _direction(name: str) -> bool | None:
    """By the words of the name; None if they say neither, or both.

    >>> _direction("valid/loss"), _direction("top1_acc"), _direction("lr"), _direction("f1_loss")
    (False, True, None, None)
    """
    words = set(re.findall(r"[a-z]+[0-9]?", name.lower()))
    shrinks, grows = bool(words & SHRINK), bool(words & GROW)
    return None if shrinks == grows else grows


def _curve_end(name: str, curve: Curve, greater_is_better: bool | None) -> CurveEnd:
    best = {True: curve.highest, False: curve.lowest, None: None}[greater_is_better]
    slope, error = _tail(curve)
    return CurveEnd(
        name=name,
        n_points=curve.n,
        n_non_finite=curve.n_non_finite,
        first=curve.first[1] if curve.first else None,
        last=curve.last[1] if curve.last else None,
        last_step=curve.last_step,
        lowest=curve.lowest[1] if curve.lowest else None,
        lowest_step=curve.lowest[0] if curve.lowest else None,
        highest=curve.highest[1] if curve.highest else None,
        highest_step=curve.highest[0] if curve.highest else None,
        greater_is_better=greater_is_better,
        best_step=best[0] if best else None,
        best_at=_place(best[0], curve) if best else None,
        tail_slope=slope,
        tail_error=error,
    )


def _place(step: int, curve: Curve) -> float | None:
    assert curve.first is not None
    span = curve.last_step - curve.first[0]
    return round((step - curve.first[0]) / span, 3) if span > 0 else None


def _tail(curve: Curve) -> tuple[float | None, float | None]:
    """Slope of a line through the last tenth of the kept points, and its standard error.

    Both are the change over that tenth as a share of the range of the series.
    """
    n = max(math.ceil(TAIL * len(curve.points)), FEWEST_IN_TAIL)
    points = np.array(curve.points[-n:], dtype=np.float64)
    if len(points) < FEWEST_IN_TAIL or curve.lowest is None or curve.highest is None:
        return None, None
    span, length = curve.highest[1] - curve.lowest[1], float(np.ptp(points[:, 0]))
    if not span or not length:
        return None, None
    steps, values = points[:, 0] - points[:, 0].mean(), points[:, 1] / span
    spread = float(steps @ steps)
    slope = float(steps @ values) / spread
    left = values - values.mean() - slope * steps
    error = math.sqrt(float(left @ left) / (len(points) - 2) / spread)
    return round(slope * length, 6), round(error * length, 6)


def _fitted(path: str, estimator: Any) -> Iterator[Fitted]:
    """The estimator, and those inside a fitted search or pipeline, that iterate."""
    best = getattr(estimator, "best_estimator_", None)
    if best is not None:
        yield from _fitted(_below(path, "best_estimator_"), best)
        return
    for name, step in getattr(estimator, "steps", ()):
        yield from _fitted(_below(path, name), step)
    for done_name, limit_name in LIMITS:
        if hasattr(estimator, done_name):
            yield _one(path, estimator, done_name, limit_name)
            return


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _one(path: str, estimator: Any, done_name: str, limit_name: str) -> Fitted:
    done = getattr(estimator, done_name)
    n = None if done is None else int(np.max(done))
    given = getattr(estimator, limit_name, None)
    limit = given if isinstance(given, int) and given > 0 else None
    patience = getattr(estimator, "n_iter_no_change", None)
    early = getattr(estimator, "early_stopping", None)
    if early is None and hasattr(estimator, "n_iter_no_change"):
        early = patience is not None
    return Fitted(
        path=path,
        kind=type(estimator).__name__,
        n_iterations=n,
        limit=limit,
        is_at_limit=None if limit is None or n is None else n >= limit,
        stops_early=early if isinstance(early, bool) else None,
        patience=patience if isinstance(patience, int) else None,
    )
