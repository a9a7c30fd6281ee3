"""Splits that can be proved: splitters, frozen plans, and the proof that nothing leaks.

Names are resolved on first access, so that importing `repro.splits` does not load scikit-learn.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from repro.splits.check import check_split
    from repro.splits.combinatorial_purged_kfold import CombinatorialPurgedKFold
    from repro.splits.group_time_series import GroupTimeSeriesSplit
    from repro.splits.holdout import TemporalHoldout, temporal_holdout
    from repro.splits.nested import InnerPlan, NestedFold, NestedPlan, NestedProof, nested_splits
    from repro.splits.plan import SplitPlan, make_plan
    from repro.splits.preprocessing import PreprocessingProof, check_preprocessing
    from repro.splits.proof import NotChecked, Proved, SplitProof, Violated, Witness
    from repro.splits.purged_kfold import PurgedKFold
    from repro.splits.stratified_group_purged_kfold import StratifiedGroupPurgedKFold

__all__ = [
    "CombinatorialPurgedKFold",
    "GroupTimeSeriesSplit",
    "InnerPlan",
    "NestedFold",
    "NestedPlan",
    "NestedProof",
    "NotChecked",
    "PreprocessingProof",
    "Proved",
    "PurgedKFold",
    "SplitPlan",
    "SplitProof",
    "StratifiedGroupPurgedKFold",
    "TemporalHoldout",
    "Violated",
    "Witness",
    "check_preprocessing",
    "check_split",
    "make_plan",
    "nested_splits",
    "temporal_holdout",
]

_HOMES = {
    "CombinatorialPurgedKFold": "combinatorial_purged_kfold",
    "GroupTimeSeriesSplit": "group_time_series",
    "InnerPlan": "nested",
    "NestedFold": "nested",
    "NestedPlan": "nested",
    "NestedProof": "nested",
    "NotChecked": "proof",
    "PreprocessingProof": "preprocessing",
    "Proved": "proof",
    "PurgedKFold": "purged_kfold",
    "SplitPlan": "plan",
    "SplitProof": "proof",
    "StratifiedGroupPurgedKFold": "stratified_group_purged_kfold",
    "TemporalHoldout": "holdout",
    "Violated": "proof",
    "Witness": "proof",
    "check_preprocessing": "preprocessing",
    "check_split": "check",
    "make_plan": "plan",
    "nested_splits": "nested",
    "temporal_holdout": "holdout",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
