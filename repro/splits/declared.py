"""What a splitter, or the one that a plan was made by, says about its folds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from repro.splits.folds import POLICIES, Policy, policy_of
from repro.splits.key_columns import key_columns
from repro.splits.parameters import one_of
from repro.splits.plan import SplitPlan
from repro.splits.spans import Spans

OVERLAPPING = {
    "CombinatorialPurgedCV",  # skfolio
    "CombinatorialPurgedKFold",
    "GroupShuffleSplit",
    "LeavePGroupsOut",
    "LeavePOut",
    "MultipleRandomizedCV",  # skfolio
    "RepeatedKFold",
    "RepeatedStratifiedKFold",
    "ShuffleSplit",
    "StratifiedShuffleSplit",
}


PLAIN = (str, int, np.integer, dt.timedelta, np.timedelta64, pd.offsets.BaseOffset)


class Declared:
    """A splitter, a plan, or ready folds, as far as they speak about themselves."""

    def __init__(self, source: object) -> None:
        plan = getattr(source, "plan", source)  # the plan itself, or inside `plan.as_cv()`
        self.source = source
        self.plan = plan if isinstance(plan, SplitPlan) else None

    def told(self, name: str) -> Any:
        """A plain parameter of the splitter, also of the one that a plan was made by."""
        told = self._parameter(name)
        return told if isinstance(told, PLAIN) else None

    def policy(self, policy: Policy | None, spans: Spans | None) -> Policy:
        """What must hold over time: as the caller says, else as the splitter promises."""
        if policy is not None:
            one_of(policy, "policy", POLICIES)
            return policy
        promised = policy_of(self.source, spans) if self.plan is None else self.plan.policy
        return "kfold" if promised == "exchangeable" and spans is not None else promised

    def overlapping_tests(self) -> bool:
        """Whether rows are meant to be tested more than once.

        A splitter of ours says so by `tests_overlap`, those of others are known by name. A step
        of walk-forward windows that somebody chose may be shorter than a window.
        """
        if self.plan is not None:
            names = {self.plan.splitter}
        else:
            names = {parent.__name__ for parent in type(self.source).__mro__}
        steps = "GroupTimeSeriesSplit" in names and self.told("step") is not None
        declared = getattr(type(self.source), "tests_overlap", False) is True
        return declared or steps or bool(names & OVERLAPPING)

    def key_columns(
        self, data: object, *arguments: object, end_times: object
    ) -> tuple[Hashable, ...]:
        """The columns of X that say when a row happened, or which one it is."""
        told = (self._parameter("time"), self._parameter("feature_start"))
        named = key_columns(data, (*arguments, *told), (end_times, self._parameter("end_time")))
        kept = () if self.plan is None else self.plan.key_columns
        columns = getattr(data, "columns", ()) if kept else ()
        return (*named, *(name for name in columns if repr(name) in kept and name not in named))

    def _parameter(self, name: str) -> object:
        plan = self.plan
        return getattr(self.source, name, None) if plan is None else plan.parameters.get(name)
