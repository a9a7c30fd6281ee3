"""Looks at what scikit-learn's estimators are fitted on: how many rows, and of which role."""

import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from repro.digest import RowHashes, digest_json, multiset_digest, row_hashes, shared_rows, table
from repro.facts.fact import Absent
from repro.facts.fit_scope import Fit, FitScope, Seen, Step
from repro.observe.architecture import from_model
from repro.observe.fit_scope import FitCall
from repro.observe.observer import observed
from repro.observe.technique import Ending, Technique

TRAIN = "train"
N_SAMPLED = 20  # rows whose texts are measured
MAX_VALUES = 500_000  # of a run that are hashed unasked: 0.1 s, or 0.5 s of text
# What looks at labels before a model does; one that was fitted before the run was not seen.
SELECTORS = ("sklearn.feature_selection", "imblearn", "category_encoders", "feature_engine")
# A transformer takes y to stand in a pipeline, and says that it does not look at it.
ABOUT_Y = re.compile(r"^\s*[yY]\s*:(.*(?:\n.+){0,3})", re.MULTILINE)
COMPOSED = ("steps", "transformers", "transformer_list")  # of pipelines, by columns, unions
NOT_LOOKED_AT = re.compile(r"\b(?:ignored|not used)\b", re.IGNORECASE)


@dataclass(frozen=True)
class _Call:
    """What one call of a fitting method was given."""

    method: str
    n_rows: int | None
    y_given: bool
    hashes: RowHashes | Absent
    made: RowHashes | Absent | None  # by a resampler


@dataclass
class _Rows:
    """What the calls of one outermost fit were given."""

    kind: str
    settings: str
    needs_y: bool | None
    ignores_y: bool | None
    needs_fit: bool | None
    method: str = ""
    n_calls: int = 0
    n_rows: int | None = None
    y_given: bool = False
    digests: list[str] = field(default_factory=list)
    hashes: RowHashes | None = None
    made: RowHashes | None = None  # by a resampler
    unread: str | None = None

    def add(self, call: _Call) -> None:
        self.method, self.n_calls = call.method, self.n_calls + 1
        self.y_given = self.y_given or call.y_given
        if call.n_rows is not None:
            before = self.n_rows or 0
            is_more = call.method == "partial_fit"
            self.n_rows = before + call.n_rows if is_more else max(before, call.n_rows)
        if isinstance(call.hashes, Absent):
            self.unread = call.hashes.reason
            return
        self.digests.append(multiset_digest(call.hashes))
        self.hashes = _joined(self.hashes, call.hashes)
        if not isinstance(call.made, Absent | None):
            self.made = _joined(self.made, call.made)

    def digest(self) -> str | None:
        if self.unread is not None or not self.digests:
            return None
        return self.digests[0] if len(self.digests) == 1 else digest_json(sorted(self.digests))


def _joined(known: RowHashes | None, more: RowHashes) -> RowHashes:
    return np.unique(more if known is None else np.concatenate([known, more]), axis=0)


class FitScopeObserver(Technique):
    """Hashes the rows of outermost fits, and compares them at the end with the roles."""

    kind = FitScope

    def __init__(self) -> None:
        self._fits: dict[str, _Rows] = {}  # by path
        self._steps: dict[str, Step] = {}
        self._hashes: WeakKeyDictionary[FitCall, RowHashes | Absent] = WeakKeyDictionary()
        self._unscored: list[tuple[str, _Call]] = []  # path and call, since the last score
        self._is_scored = False
        self._n_values = 0  # hashed unasked
        self._is_hooked = self._is_cut = False
        self._failed: Absent | None = None
        self._before: set[str] = set()

    def fits_hooked(self, failed: Absent | None) -> None:
        """Remember what may have been fitted before, or why nothing will be seen."""
        self._is_hooked, self._failed = failed is None, failed
        self._before = {name for name in SELECTORS if name in sys.modules}

    def fits_left_out(self) -> None:
        """Remember that some were."""
        self._is_cut = True

    def fitting(self, call: FitCall) -> None:
        """Hash the rows before the fit, which may write over them."""
        module = type(call.estimator).__module__
        self._before = {name for name in self._before if not module.startswith(name)}
        if call.outer is None:
            call.path = self._path_of(call.estimator)
            self._hashes[call] = observed(lambda: self._read(call))

    def fitted(self, call: FitCall) -> None:
        """Add what it was given."""
        if call.outer is None:
            self._unscored.append((call.path, _given(call, self._hashes.pop(call))))
            return
        known = self._steps.get(call.path) or _step(call)
        sizes = (_n_rows(call.rows), known.n_rows)
        changes = {
            "n_calls": known.n_calls + 1,
            "n_rows": max((size for size in sizes if size is not None), default=None),
            "y_given": known.y_given or call.y is not None,
        }
        self._steps[call.path] = known.model_copy(update=changes)

    def scored(self, name: str, value: float, y_true: Any, y_pred: Any) -> None:
        """What was fitted until now may have been scored."""
        self._is_scored = True
        self._keep()

    def _keep(self) -> None:
        for path, call in self._unscored:
            self._fits[path].add(call)
        self._unscored.clear()

    def at_end(self, ending: Ending) -> FitScope | Absent:
        """Every fit and step, and the rows of each role among those of a fit."""
        if not self._is_scored:
            self._keep()
        if not (self._is_hooked or self._fits):
            if "sklearn" not in sys.modules:
                return Absent(reason="scikit-learn is not loaded", kind="not_applicable")
            if self._failed is not None:
                return self._failed
            reason = "no fit was seen: fit inside `with run.watch_fits():`, or see repro.check_fit"
            return Absent(reason=reason, kind="not_recorded")
        fits = {path: rows for path, rows in self._fits.items() if rows.n_calls}
        steps = (step for path, step in sorted(self._steps.items()) if _outer(path) in fits)
        return FitScope(
            fits=tuple(_fit(path, rows, ending.features) for path, rows in fits.items()),
            steps=tuple(steps),
            is_cut=self._is_cut,
            before=tuple(sorted(self._before)),
        )

    def _read(self, call: FitCall) -> RowHashes | Absent:
        """Digests of the rows; a fit that nobody asked to look at must not cost much."""
        n_values = sum(map(_n_values, (call.rows, *call.beside)))
        if not call.is_asked and self._n_values + n_values > MAX_VALUES:
            reason = f"more than {MAX_VALUES:,} values are read only inside run.watch_fits()"
            return Absent(reason=reason, kind="not_recorded")
        self._n_values += 0 if call.is_asked else n_values
        hashes = [row_hashes(table(rows).features) for rows in (call.rows, *call.beside)]
        return hashes[0] if len(hashes) == 1 else np.concatenate(hashes)

    def _path_of(self, estimator: Any) -> str:
        """The class; numbered, if another of this class with other settings came before."""
        kind, seen = type(estimator).__name__, observed(lambda: from_model(estimator))
        settings = "unknown" if isinstance(seen, Absent) else seen.digest
        alike = [path for path, rows in self._fits.items() if rows.kind == kind]
        known = next((path for path in alike if self._fits[path].settings == settings), None)
        if known is not None:
            return known
        path = f"{kind}-{len(alike) + 1}" if alike else kind
        told = (_needs_y(estimator), _ignores_y(estimator), _needs_fit(estimator))
        self._fits[path] = _Rows(kind, settings, *told)
        return path


def _given(call: FitCall, hashes: RowHashes | Absent) -> _Call:
    is_resampler = call.method == "fit_resample"
    made = observed(lambda: row_hashes(table(call.result[0]).features)) if is_resampler else None
    return _Call(call.method, _n_rows(call.rows), call.y is not None, hashes, made)


def _outer(path: str) -> str:
    return path.partition("/")[0]


def _step(call: FitCall) -> Step:
    """A step that was not seen before."""
    return Step(
        path=call.path,
        kind=type(call.estimator).__name__,
        n_calls=0,
        n_rows=None,
        y_given=False,
        needs_y=_needs_y(call.estimator),
        ignores_y=_ignores_y(call.estimator),
    )


def _fit(path: str, rows: _Rows, roles: Mapping[str, RowHashes]) -> Fit:
    known = rows.hashes if rows.unread is None else None
    return Fit(
        path=path,
        kind=rows.kind,
        settings=rows.settings,
        method=rows.method,
        n_calls=rows.n_calls,
        n_rows=rows.n_rows,
        rows_digest=rows.digest(),
        y_given=rows.y_given,
        needs_y=rows.needs_y,
        ignores_y=rows.ignores_y,
        roles=() if known is None else tuple(_seen(role, rows, roles) for role in roles),
        n_elsewhere=None if known is None or not roles else _n_elsewhere(known, roles),
        unread=rows.unread,
        n_row_sets=len(set(rows.digests)),
        needs_fit=rows.needs_fit,
    )


def _seen(role: str, rows: _Rows, roles: Mapping[str, RowHashes]) -> Seen:
    own, train, given = roles[role], roles.get(TRAIN), rows.hashes
    n_rows = 0 if given is None else shared_rows(given, own)
    return Seen(
        role=role,
        n_rows=n_rows,
        share=round(n_rows / len(own), 6),
        n_beyond_train=None if train is None else _n_beyond(given, train, own),
        n_made=None if rows.made is None else _n_beyond(rows.made, given, own),
    )


def _n_beyond(rows: RowHashes | None, known: RowHashes | None, own: RowHashes) -> int:
    """How many rows of a role stand in some rows, and not in those that were known before."""
    if rows is None or known is None:
        return 0
    return shared_rows(np.concatenate([rows, known]), own) - shared_rows(known, own)


def _n_elsewhere(rows: RowHashes, roles: Mapping[str, RowHashes]) -> int:
    return len(rows) - shared_rows(np.concatenate([*roles.values()]), rows)


def _n_rows(rows: Any) -> int | None:
    shape = getattr(rows, "shape", None)
    if shape:
        return int(shape[0])
    return len(rows) if hasattr(rows, "__len__") else None


def _n_values(rows: Any) -> int:
    """How much there is to hash; of texts the characters, by some of the rows."""
    shape = getattr(rows, "shape", None)
    if shape is not None and not _has_texts(rows):
        return math.prod(shape)
    n_rows, taken = _n_rows(rows) or 0, getattr(rows, "iloc", rows)
    sizes = [_size(taken[at]) for at in range(0, n_rows, max(1, n_rows // N_SAMPLED))]
    return n_rows * sum(sizes) // max(1, len(sizes))


def _has_texts(rows: Any) -> bool:
    dtypes = getattr(rows, "dtypes", None)
    listed = [getattr(rows, "dtype", None)] if dtypes is None else list(dtypes)
    return any(getattr(dtype, "kind", "O") in "OSU" for dtype in listed if dtype is not None)


def _size(row: Any) -> int:
    values = row if hasattr(row, "__iter__") and not isinstance(row, str | bytes) else [row]
    return sum(len(value) if isinstance(value, str | bytes) else 1 for value in values)


def _needs_y(estimator: Any) -> bool | None:
    """Whether scikit-learn says that it cannot be fitted without y."""
    if not hasattr(estimator, "__sklearn_tags__"):
        return None
    tags = observed(lambda: estimator.__sklearn_tags__().target_tags)
    return None if isinstance(tags, Absent) else bool(tags.required)


def _needs_fit(estimator: Any) -> bool | None:
    """Whether scikit-learn says that a fit keeps something of the rows."""
    if not hasattr(estimator, "__sklearn_tags__"):
        return None
    tags = observed(lambda: estimator.__sklearn_tags__().requires_fit)
    return None if isinstance(tags, Absent) else bool(tags)


def _parts(named: Any) -> list[Any]:
    """Estimators of a list of (name, estimator, ...): texts stand for nothing that is fitted."""
    listed = named if isinstance(named, list | tuple) else ()
    return [one[1] for one in listed if isinstance(one, tuple) and hasattr(one[1], "fit")]


def _ignores_y(estimator: Any) -> bool | None:
    """Whether the documentation says so: of a composition, that of all it is made of."""
    parts = [part for name in COMPOSED for part in _parts(getattr(estimator, name, ()))]
    if parts:
        return all(_ignores_y(part) for part in parts)
    told = ABOUT_Y.search(getattr(estimator.fit, "__doc__", None) or "")
    return None if told is None else NOT_LOOKED_AT.search(told.group(1)) is not None
