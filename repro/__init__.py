"""Reproducible training runs in MLflow, and a verdict on every comparison.

Names are resolved when they are first used: `import repro` loads neither torch nor mlflow.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from repro.cross_validation import cross_validate
    from repro.cross_validation_result import CrossValidation
    from repro.determinism import SampleRng
    from repro.probe import OverfitProbe, overfit_probe
    from repro.refit import FitCheck, check_fit
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
    "CrossValidation": "repro.cross_validation_result",
    "FitCheck": "repro.refit",
    "GroupTimeSeriesSplit": "repro.splits",
    "OverfitProbe": "repro.probe",
    "PurgedKFold": "repro.splits",
    "Run": "repro.run",
    "SampleRng": "repro.determinism",
    "SplitPlan": "repro.splits",
    "SplitProof": "repro.splits",
    "active_run": "repro.tracked",
    "check_fit": "repro.refit",
    "check_split": "repro.splits",
    "cross_validate": "repro.cross_validation",
    "make_plan": "repro.splits",
    "overfit_probe": "repro.probe",
    "tracked_run": "repro.tracked",
}

__all__ = [
    "CrossValidation",
    "FitCheck",
    "GroupTimeSeriesSplit",
    "OverfitProbe",
    "PurgedKFold",
    "Run",
    "SampleRng",
    "SplitPlan",
    "SplitProof",
    "active_run",
    "check_fit",
    "check_split",
    "cross_validate",
    "make_plan",
    "overfit_probe",
    "tracked_run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'repro' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
