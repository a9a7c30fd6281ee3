"""The clauses of the contract of a splitter: one function each; see `check_splitter`."""

from __future__ import annotations

import inspect
import pickle
import random
import sys
from dataclasses import replace

import numpy as np
import pandas as pd

from repro.errors import SplitError
from repro.splits.calendar_lengths import is_length
from repro.splits.check import check_split
from repro.splits.folds import TimedSplitter, policy_of
from repro.splits.parameters import parameters_of
from repro.testing.panel import COLUMNS
from repro.testing.requirement import require
from repro.testing.splitter_case import (
    Folds,
    NotApplicable,
    SplitterCase,
    listed,
    requests_of,
)


def count(case: SplitterCase) -> None:
    """`get_n_splits` says how many folds there are."""
    given = case.arguments(case.panel)
    said = case.cv.get_n_splits(case.panel.table_for(case.cv), **_taken(case, given))
    found = len(case.folds)
    require(said == found, f"{case.panel.name}: get_n_splits() says {said}, split() gives {found}.")


def no_state(case: SplitterCase) -> None:
    """Neither splitter nor data change, and two splits do not disturb each other."""
    table = case.panel.table_for(case.cv)
    case.require_same(case.split(), "split a second time")
    pairs = list(zip(case.iterate(), case.iterate(), strict=True))
    for number in (0, 1):
        folds = [pair[number] for pair in pairs]
        case.require_same(folds, "two splits taken in turns")
    require(case.state == pickle.dumps(vars(case.cv)), f"split() changes {_changed(case)}.")
    list(case.cv.split(table, **case.arguments(case.panel)))
    require(table.equals(case.panel.table_for(case.cv)), f"{case.panel.name}: split() changes X.")


def global_generators(case: SplitterCase) -> None:
    """The generators that a whole process shares stand where they stood."""
    before = _generator_states()
    case.split()
    drawn = [name for name, state in _generator_states().items() if state != before.get(name)]
    require(
        not drawn,
        f"{case.panel.name}: split() draws from the global generator of {', '.join(drawn)}; "
        f"give it a random_state.",
    )


def parameters(case: SplitterCase) -> None:
    """The constructor stores its parameters verbatim, also strange ones, unless it refuses them."""
    given = parameters_of(case.cv)
    _require_kept(type(case.cv), given)
    for name in given:
        strange = {**given, name: object()}
        try:
            type(case.cv)(**strange)
        except (TypeError, ValueError):
            continue
        _require_kept(type(case.cv), strange)


def _require_kept(kind: type, given: dict[str, object]) -> None:
    kept = parameters_of(kind(**given))
    for name, value in given.items():
        require(kept[name] is value, f"the constructor turns {name}={value!r} into {kept[name]!r}.")


def round_trip(case: SplitterCase) -> None:
    """Copies have the same parameters, text and folds."""
    from sklearn.base import clone  # type: ignore[import-untyped]  # it has no types

    copies = {"clone": clone(case.cv, safe=False), "pickle": pickle.loads(pickle.dumps(case.cv))}
    for how, copy in copies.items():
        require(repr(copy) == repr(case.cv), f"repr() after {how} is {copy!r}; write a __repr__.")
        case.require_same(replace(case, cv=copy).split(), f"after {how}")


def proof(case: SplitterCase) -> None:
    """Every fold is proved, with all that the splitter knows of the rows."""
    table, metadata = case.panel.table_for(case.cv), case.metadata(case.panel)
    given = {name: metadata.get(name) for name in ("groups", "times", "end_times")}
    source = case.cv
    if case.takes_times and not isinstance(case.cv, TimedSplitter):
        source = case.folds  # `check_split` would not hand it the times
        given["times"], given["end_times"] = case.panel.times.array, case.panel.end_times.array
    elif not case.takes_times and policy_of(case.cv, None) == "walk_forward":
        given["times"], given["end_times"] = np.arange(len(table)), "point"
    policy = policy_of(case.cv, None)
    found = check_split(
        source,
        table,
        case.panel.y.to_numpy(),
        groups=given["groups"],
        times=given["times"],
        end_times=given["end_times"],
        policy="kfold" if policy == "exchangeable" and given["times"] is not None else policy,
    )
    require(found.verdict == "proved", f"{case.panel.name}: {found}")


def rows_permuted(case: SplitterCase) -> None:
    """The folds go with the rows, whatever their order."""
    if not case.takes_times and not case.uses_groups:
        raise NotApplicable("it takes neither times nor groups, and so goes by position")
    n_rows = len(case.panel.X)
    for name, order in {
        "rows reversed": np.arange(n_rows)[::-1],
        "rows shuffled": np.random.default_rng(n_rows).permutation(n_rows),
    }.items():
        found = case.split(case.panel.take(order))
        case.require_same([(order[train], order[test]) for train, test in found], name)


def relabelled(case: SplitterCase) -> None:
    """Names of rows and groups are names."""
    case.require_no_series()
    panel = case.panel
    index = pd.Index(np.random.default_rng(1).permutation(len(panel.X)))
    case.require_same(case.split(panel.with_index(index)), "other labels of the rows")
    codes = np.unique(panel.groups.to_numpy(), return_inverse=True)[1]
    renamed = replace(panel, groups=pd.Series(3 * codes.ravel() - 7, index=panel.X.index))
    case.require_same(case.split(renamed), "groups renamed")


def time_map(case: SplitterCase) -> None:
    """Only the order of moments counts where all lengths are counts."""
    case.require_times()
    for name, value in parameters_of(case.cv).items():
        if is_length(value) and not (name in COLUMNS and isinstance(value, str)):
            raise NotApplicable(f"{name}={value!r} is a length of time")
    panel = case.panel
    given = [part for part in (panel.times, panel.end_times, panel.opened) if part is not None]
    moments, places = np.unique(pd.concat(given).to_numpy("datetime64[ns]"), return_inverse=True)
    steps = np.random.default_rng(2).integers(1, 90 * 24 * 3600, len(moments))
    later = pd.Timestamp("1999-01-01", tz="UTC") + pd.to_timedelta(np.cumsum(steps), "s")
    mapped = [
        pd.Series(later[part], index=panel.X.index)
        for part in places.reshape(len(given), len(panel.X))
    ]
    opened = mapped[2] if len(mapped) > 2 else None
    found = case.split(panel.at(mapped[0], mapped[1], opened))
    case.require_same(found, "times mapped to others in the same order")


def longer_labels(case: SplitterCase) -> None:
    """A label that is known later never lets more rows train.

    The folds are matched from the last, because a splitter may leave out the first ones.
    """
    case.require_times()
    end_time, panel = getattr(case.cv, "end_time", None), case.panel
    if not isinstance(end_time, (str, type(None))) or end_time == "point":
        raise NotApplicable(f"end_time={end_time!r} leaves the panel no say in when labels end")
    days = np.random.default_rng(3).integers(0, 6, len(panel.X))
    longer = panel.end_times + pd.to_timedelta(days, "D")
    try:
        found = case.split(panel.at(panel.times, longer, panel.opened))
    except SplitError as refusal:
        raise NotApplicable(
            f"it refuses the longer labels of the {panel.name}: {refusal}"
        ) from None
    pairs = zip(reversed(case.folds), reversed(found), strict=False)
    for number, ((train, _), (trains_later, _)) in enumerate(pairs, start=1):
        new = np.setdiff1d(trains_later, train)
        require(
            len(new) == 0,
            f"{panel.name}, labels up to 5 days longer: train of fold {len(case.folds) - number} "
            f"gains {listed(new)}.",
        )


def nested(case: SplitterCase) -> None:
    """scikit-learn sees the same folds, and the splitter works inside a search."""
    import sklearn  # type: ignore[import-untyped]  # it has no types
    from sklearn.dummy import DummyClassifier  # type: ignore[import-untyped]  # it has none
    from sklearn.model_selection import (  # type: ignore[import-untyped]  # it has none
        GridSearchCV,
        cross_validate,
    )

    X, y, metadata = case.panel.table_for(case.cv), case.panel.y, case.metadata(case.panel)
    rows = np.arange(len(X))
    outer = [(rows[:-1], rows[-1:])]  # large enough for whoever could split the panel
    search = GridSearchCV(
        DummyClassifier(), {"strategy": ["most_frequent", "prior"]}, cv=case.cv, error_score="raise"
    )
    with sklearn.config_context(enable_metadata_routing=bool(requests_of(case.cv))):
        params = metadata or None
        seen = cross_validate(
            DummyClassifier(), X, y, cv=case.cv, params=params, return_indices=True
        )["indices"]
        found: Folds = list(zip(seen["train"], seen["test"], strict=True))
        case.require_same(found, "in cross_validate")
        cross_validate(search, X, y, cv=outer, params=params, error_score="raise")


def _taken(case: SplitterCase, given: dict[str, object]) -> dict[str, object]:
    """`get_n_splits` of third parties may take no times."""
    taken = inspect.signature(case.cv.get_n_splits).parameters
    return {name: value for name, value in given.items() if name in taken}


def _changed(case: SplitterCase) -> str:
    old, new = pickle.loads(case.state), vars(case.cv)
    names = [name for name in new if pickle.dumps(new[name]) != pickle.dumps(old.get(name))]
    return f"its attribute {', '.join(map(repr, names))}" if names else "the state of the splitter"


def _generator_states() -> dict[str, bytes]:
    states = {
        "random": pickle.dumps(random.getstate()),
        "numpy": pickle.dumps(np.random.get_state()),
    }
    if "torch" in sys.modules:
        states["torch"] = sys.modules["torch"].get_rng_state().numpy().tobytes()
    return states
