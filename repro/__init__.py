"""Reproducible training runs in MLflow, and a verdict on every comparison.

Names are resolved when they are first used: `import repro` loads neither torch nor mlflow.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from repro.run import Run
    from repro.splits import (
        GroupTimeSeriesSplit,
        PurgedKFold,
        SplitPlan,
        SplitProof,
        check_split,
        make_plan,
    )
    from repro.tracked import active_run, tracked_run

__version__ = "0.1.0"

_HOMES = {
    "GroupTimeSeriesSplit": "repro.splits",
    "PurgedKFold": "repro.splits",
    "Run": "repro.run",
    "SplitPlan": "repro.splits",
    "SplitProof": "repro.splits",
    "active_run": "repro.tracked",
    "check_split": "repro.splits",
    "make_plan": "repro.splits",
    "tracked_run": "repro.tracked",
}

__all__ = [
    "GroupTimeSeriesSplit",
    "PurgedKFold",
    "Run",
    "SplitPlan",
    "SplitProof",
    "active_run",
    "check_split",
    "make_plan",
    "tracked_run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'repro' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
