"""Splits that can be proved: splitters, frozen plans, and the proof that nothing leaks.

Names are resolved on first access, so that importing `repro.splits` does not load scikit-learn.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from repro.splits.check import check_split
    from repro.splits.group_time_series import GroupTimeSeriesSplit
    from repro.splits.plan import SplitPlan, make_plan
    from repro.splits.proof import NotChecked, Proved, SplitProof, Violated, Witness
    from repro.splits.purged_kfold import PurgedKFold

__all__ = [
    "GroupTimeSeriesSplit",
    "NotChecked",
    "Proved",
    "PurgedKFold",
    "SplitPlan",
    "SplitProof",
    "Violated",
    "Witness",
    "check_split",
    "make_plan",
]

_HOMES = {
    "GroupTimeSeriesSplit": "group_time_series",
    "NotChecked": "proof",
    "Proved": "proof",
    "PurgedKFold": "purged_kfold",
    "SplitPlan": "plan",
    "SplitProof": "proof",
    "Violated": "proof",
    "Witness": "proof",
    "check_split": "check",
    "make_plan": "plan",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
