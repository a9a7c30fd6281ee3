"""The contract of a splitter, checked for any splitter: ours, scikit-learn's, yours."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from repro.errors import SplitError
from repro.testing import splitter_clauses as clauses
from repro.testing.panel import Panel, make_panel
from repro.testing.splitter_case import NotApplicable, SplitterCase

N_PANELS = 3
ON_ONE_PANEL = ("nested",)  # whose cost is scikit-learn's, and whose subject is not the rows
REFUSALS = (AttributeError, IndexError, KeyError, TypeError, ValueError)

CLAUSES: Mapping[str, Callable[[SplitterCase], None]] = {
    "count": clauses.count,
    "global generators": clauses.global_generators,
    "no state": clauses.no_state,
    "parameters": clauses.parameters,
    "round trip": clauses.round_trip,
    "proof": clauses.proof,
    "rows permuted": clauses.rows_permuted,
    "relabelled": clauses.relabelled,
    "time map": clauses.time_map,
    "longer labels": clauses.longer_labels,
    "nested": clauses.nested,
}


@dataclass(frozen=True)
class SplitterContract:
    """The clauses that a splitter was seen to keep, and those that were not checked, with why."""

    splitter: str
    checked: tuple[str, ...]
    not_applicable: Mapping[str, str]

    def __str__(self) -> str:
        lines = [f"{self.splitter} keeps: {', '.join(self.checked)}"]
        lines += [f"  not checked: {name}: {why}" for name, why in self.not_applicable.items()]
        return "\n".join(lines)


def check_splitter(
    cv: object,
    *,
    make_data: Callable[[int], Panel] = make_panel,
    skip: Collection[str] = (),
) -> SplitterContract:
    """Check that a splitter keeps the contract, on three panels of data.

    ==================  ===========================================================================
    clause              what must hold
    ==================  ===========================================================================
    count               `get_n_splits` says how many folds `split` gives
    global generators   those of `random`, numpy and torch stand where they stood
    no state            `split` changes neither splitter nor data; two splits, also taken in turns,
                        give the same folds
    parameters          the constructor keeps what it is given, as it is given
    round trip          clone, copy by pickle: the same parameters, text and folds
    proof               `check_split` proves every fold
    rows permuted       rows of X in another order, with their times, groups and labels: the folds
                        hold the same rows
    relabelled          other labels of rows, and groups renamed in the same alphabetical order:
                        the same folds
    time map            any strictly increasing map of all times: the same folds
    longer labels       labels known later: no fold trains on a row more
    nested              `cross_validate`, and a `GridSearchCV` inside it, see these folds
    ==================  ===========================================================================

    A clause is not applicable, and the result says so with its reason:

    * rows permuted: a splitter that takes neither times nor groups (KFold) goes by position alone
    * time map: no times, or a parameter that is a length of time ("30D", a timedelta)
    * longer labels: no times, or labels that are known at once (`end_time="point"`)
    * time map, longer labels, relabelled: times in a parameter that is a Series with labels

    Parameters
    ----------
    cv : any splitter. It takes times if `split` has an argument `times` (and then `end_times`),
        and groups if its folds depend on them. Parameters `time`, `end_time`, `feature_start` and
        `stratify` that name a column find it in X. One that takes no times but walks forward
        is proved with the number of a row as its time.
    make_data : the data for a seed; called with 0, 1 and 2. By default 60 rows over 240 days
    skip : clauses to leave out

    Raises
    ------
    AssertionError
        The splitter breaks a clause: the message names it and shows what is broken.
    SplitError
        `skip` names no clause.

    >>> from sklearn.model_selection import GroupKFold
    >>> contract = check_splitter(GroupKFold(3), skip=["nested"])
    >>> contract.checked[:2]
    ('count', 'global generators')
    >>> contract.not_applicable["time map"]
    'it takes no times'
    """
    unknown = sorted(set(skip) - CLAUSES.keys())
    if unknown:
        raise SplitError(f"skip= names no clause: {unknown}; there are {', '.join(CLAUSES)}.")
    cases = [_case(cv, make_data(seed)) for seed in range(N_PANELS)]
    checked: list[str] = []
    not_applicable = {name: "skipped by the caller" for name in CLAUSES if name in skip}
    for name in [name for name in CLAUSES if name not in not_applicable]:
        try:
            for case in cases[:1] if name in ON_ONE_PANEL else cases:
                CLAUSES[name](case)
            checked.append(name)
        except NotApplicable as reason:
            not_applicable[name] = str(reason)
        except AssertionError as broken:
            raise AssertionError(f"{cv!r} breaks the clause {name!r}: {broken}") from broken
        except REFUSALS as error:
            raise AssertionError(f"{cv!r} breaks the clause {name!r}: {error!r}") from error
    return SplitterContract(
        repr(cv),
        tuple(checked),
        {name: not_applicable[name] for name in CLAUSES if name in not_applicable},
    )


def _case(cv: object, panel: Panel) -> SplitterCase:
    try:
        return SplitterCase.of(cv, panel)
    except REFUSALS as refusal:
        raise AssertionError(
            f"{cv!r} cannot split the {panel.name}: {refusal} Pass make_data= with data it can."
        ) from refusal
