"""Tells which rows a scikit-learn estimator was fitted on, by fitting it again.

About two thirds of scikit-learn's transformers keep no count of their rows, so looking is not
enough. What a fit on the rows in question leaves is compared with what the estimator holds.
"""

import math
import pickle
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from repro.determinism import isolated
from repro.errors import UsageError

Verdict = Literal["matches", "differs", "cannot_tell"]

RTOL = 1e-7  # a solver that sums in another order stays within, a row more or less does not
CLOCK = re.compile(r"(^|_)times?(_|$)")  # mean_fit_time, refit_time_
STATELESS = {"n_features_in_", "feature_names_in_"}
DEPTH = 30  # of objects in objects


@dataclass(frozen=True)
class StepCheck:
    """One fitted step: whether it is what a fit on these rows gives."""

    path: str  # scale, prep.num; empty: the estimator itself
    kind: str
    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class FitCheck:
    """Every fitted step of an estimator."""

    steps: tuple[StepCheck, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of the steps: one that differs, then one that cannot be told."""
        found = {step.verdict for step in self.steps}
        worst: tuple[Verdict, ...] = ("differs", "cannot_tell")
        return next((verdict for verdict in worst if verdict in found), "matches")

    def __str__(self) -> str:
        return "\n".join(
            f"{step.verdict:<11}  {step.path or 'estimator'} ({step.kind}): {step.reason}"
            for step in self.steps
        )


def check_fit(
    estimator: Any, X: Any, y: Any = None, rows: Any = None, *, rtol: float = RTOL
) -> FitCheck:
    """Whether a fitted estimator was fitted on these rows and on no others.

    Two clones are fitted on the rows: what differs between the two is random and proves nothing.
    `matches` says that the estimator holds what these rows give; rows that leave no trace in what
    it holds cannot be noticed, and do not matter to what it predicts. Each step of a Pipeline,
    ColumnTransformer or FeatureUnion is told for itself. Costs two fits; changes no generator.

    Parameters
    ----------
    estimator : fitted scikit-learn estimator
    X, y : array, sparse matrix, data frame or list; y None if it was fitted without
    rows : shape (n_rows,), optional
        Positions of the rows, or a mask; all by default.
    rtol : float
        Relative tolerance of fitted floats.

    Raises
    ------
    UsageError
        It is no estimator, or not fitted.
    """
    from sklearn.base import clone  # type: ignore[import-untyped]  # published without
    from sklearn.utils.validation import check_is_fitted  # type: ignore[import-untyped]

    if not hasattr(estimator, "get_params") or isinstance(estimator, type):
        raise UsageError(
            f"check_fit({type(estimator).__name__}): pass an estimator of scikit-learn, fitted."
        )
    try:
        check_is_fitted(estimator)
    except ValueError as error:
        raise UsageError(f"check_fit({type(estimator).__name__}): it is not fitted.") from error
    given = (_taken(X, rows),) if y is None else (_taken(X, rows), _taken(y, rows))
    with isolated(), warnings.catch_warnings(action="ignore"):  # the first fit said them
        before = _drawn()
        once, again = (clone(estimator).fit(*given) for _ in range(2))
        draws = _drawn() != before
    n_rows = given[0].shape[0] if hasattr(given[0], "shape") else len(given[0])
    return FitCheck(tuple(_steps("", _Fits(estimator, once, again, rtol, n_rows, draws))))


@dataclass(frozen=True)
class _Fits:
    """An estimator, or a step of it, and the same of two more fits."""

    given: Any
    once: Any
    again: Any
    rtol: float
    n_rows: int
    draws: bool  # the whole fit draws from the global generator

    def parts(self) -> Iterator[tuple[str, "_Fits | None"]]:
        """The fitted steps by name; None: another fit does not have it."""
        ours, first, second = map(_parts, (self.given, self.once, self.again))
        for name, part in ours.items():
            is_everywhere = name in first and name in second
            if is_everywhere:
                yield name, replace(self, given=part, once=first[name], again=second[name])
            else:
                yield name, None


def _steps(path: str, fits: _Fits) -> Iterator[StepCheck]:
    if not _parts(fits.given):
        yield _compared(path, fits)
        return
    blamed: str | None = None
    for name, part in fits.parts():
        inner, found = f"{path}.{name}".strip("."), list[StepCheck]()
        if part is None:
            reason = "on these rows it is left out"
            found = [StepCheck(inner, type(fits.given).__name__, "differs", reason)]
        else:
            found = list(_steps(inner, part))
        yield from (_excused(step, blamed) for step in found)
        if hasattr(fits.given, "steps"):  # of a pipeline: the next step saw what this one made
            worse = (step.path for step in found if step.verdict != "matches")
            blamed = blamed or next(worse, None)


def _excused(step: StepCheck, blamed: str | None) -> StepCheck:
    """A step that differs behind another one: the rows it saw came from that one."""
    if step.verdict != "differs" or blamed is None:
        return step
    return StepCheck(step.path, step.kind, "cannot_tell", f"an earlier step differs: {blamed}")


def _parts(estimator: Any) -> dict[str, Any]:
    """Fitted steps by name, of an estimator that is made of some."""
    for attribute in ("steps", "transformers_", "transformer_list"):
        held = getattr(estimator, attribute, None)
        if isinstance(held, list):
            return {name: part for name, part, *_ in held if hasattr(part, "get_params")}
    return {}


def _compared(path: str, fits: _Fits) -> StepCheck:
    def told(verdict: Verdict, reason: str) -> StepCheck:
        return StepCheck(path, type(fits.given).__name__, verdict, reason)

    three = (fits.given, fits.once, fits.again)
    ours, first, second = (dict(_leaves("", _fitted(one))) for one in three)
    names = sorted(ours.keys() | first.keys() | second.keys())
    other = [name for name in names if not _same(ours, first, name, fits.rtol)]
    random = [name for name in names if not _same(first, second, name)]
    counted = [name for name in other if _counts(ours, first, second, name, fits.n_rows)]
    moved_on = _moved_on(fits.given, draws=fits.draws)
    if not set(names) - STATELESS:
        return told("matches", "a fit keeps nothing of the rows")
    if counted or (other and not random and not moved_on):
        name = (counted or other)[0]
        return told("differs", f"{name} is {_shown(ours, name)}, on these {_shown(first, name)}")
    if random:  # what is equal in two fits may be so by chance
        return told("cannot_tell", f"{random[0]} is random: two fits differ")
    if other:
        return told("cannot_tell", f"{moved_on}: another fit does not give the same")
    return told("matches", "a fit on these rows gives the same")


def _counts(
    ours: Mapping[str, Any],
    first: Mapping[str, Any],
    second: Mapping[str, Any],
    name: str,
    n_rows: int,
) -> bool:
    """Whether a value is the number of rows, or has one entry a row, whatever was drawn."""
    own, *sizes = (_size(leaves.get(name)) for leaves in (ours, first, second))
    return own is not None and own != n_rows and all(size == n_rows for size in sizes)


def _size(value: Any) -> int | None:
    """A whole number, which may be kept as a float, or how many entries an array has."""
    if isinstance(value, np.ndarray) and value.ndim:
        return len(value)
    is_number = isinstance(value, int | float | np.number)
    return int(value) if is_number and float(value).is_integer() else None


def _drawn() -> bytes:
    """Where the global generator stands, which scikit-learn draws from without a random_state."""
    return pickle.dumps(np.random.get_state())


def _moved_on(estimator: Any, *, draws: bool) -> str | None:
    """A parameter by which two fits on the same rows may differ."""
    for name, value in estimator.get_params(deep=True).items():
        if isinstance(value, np.random.RandomState | np.random.Generator):
            return f"{name} is a generator that has moved on since"
        if name.rpartition("__")[2] == "random_state" and value is None and draws:
            return f"{name} is None, and the fit draws numbers"
        if name.rpartition("__")[2] == "warm_start" and value:
            return f"{name} goes on from earlier fits"
    return None


def _fitted(estimator: Any) -> dict[str, Any]:
    """What an estimator holds besides its parameters."""
    parameters = estimator.get_params(deep=False)
    held = {name: value for name, value in vars(estimator).items() if name not in parameters}
    return {name: value for name, value in held.items() if not name.startswith("__")}


def _leaves(path: str, value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every array and scalar inside a value by its path; clocks and generators left out."""
    if CLOCK.search(path.rpartition(".")[2]):
        return
    if isinstance(value, np.random.RandomState | np.random.Generator) or len(above) > DEPTH:
        return
    if hasattr(value, "tocsr"):
        found = value.tocsr()
        value = {"data": found.data, "indices": found.indices, "indptr": found.indptr}
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        value = value.tolist()
    inner = _inside(value)
    if inner is None:
        yield path, value
        return
    yield f"{path}.length".strip("."), len(inner)
    for name, one in inner.items():
        if not any(one is outer for outer in above):  # nodes of a tree know their parents
            yield from _leaves(f"{path}.{name}".strip("."), one, (*above, value))


def _inside(value: Any) -> Mapping[Any, Any] | None:
    """What a value is made of; None: it is one."""
    if value is None or isinstance(value, str | bytes | int | float | complex | np.ndarray):
        return None
    if isinstance(value, np.generic | type) or callable(value):
        return None
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list | tuple):
        return dict(enumerate(value))
    if isinstance(value, set | frozenset):
        return dict(enumerate(sorted(map(repr, value))))
    if hasattr(value, "get_params"):
        return _fitted(value)
    if hasattr(value, "to_numpy"):
        return {"values": value.to_numpy()}
    if getattr(value, "__dict__", None):
        held: Mapping[str, Any] = vars(value)
        return held
    state = value.__reduce_ex__(2)[1:3]  # what a compiled class is pickled as: trees
    return dict(enumerate(state))


def _same(left: Mapping[str, Any], right: Mapping[str, Any], name: str, rtol: float = 0.0) -> bool:
    if name not in left or name not in right:
        return False
    a, b = left[name], right[name]
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return _same_arrays(np.asarray(a), np.asarray(b), rtol)
    if isinstance(a, float | np.floating) and isinstance(b, float | np.floating):
        is_nan = math.isnan(a) and math.isnan(b)
        return is_nan or a == b or math.isclose(a, b, rel_tol=rtol)
    if callable(a) and callable(b):
        return getattr(a, "__qualname__", None) == getattr(b, "__qualname__", None)
    return bool(type(a) is type(b) and a == b)


def _same_arrays(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], rtol: float) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.names:
        return all(_same_arrays(a[name], b[name], rtol) for name in a.dtype.names)
    if a.dtype.kind not in "fc":
        return bool(np.array_equal(a, b))
    scale = float(np.nanmax(np.abs(b[np.isfinite(b)]), initial=0.0))
    return bool(np.allclose(a, b, rtol=rtol, atol=rtol * scale, equal_nan=True))


def _shown(leaves: Mapping[str, Any], name: str) -> str:
    value = leaves.get(name, "missing")
    is_array = isinstance(value, np.ndarray) and value.ndim
    text = f"array of shape {value.shape}" if is_array else str(value).removesuffix(".0")
    return text if len(text) <= 40 else f"{text[:37]}..."


def _taken(values: Any, rows: Any) -> Any:
    """The rows of anything that has some."""
    if rows is None:
        return values
    positions = np.asarray(rows)
    if positions.dtype == bool:
        positions = np.flatnonzero(positions)
    if hasattr(values, "iloc"):
        return values.iloc[positions]
    if isinstance(values, list | tuple):
        return [values[i] for i in positions]
    return (values.tocsr() if hasattr(values, "tocsr") else values)[positions]
