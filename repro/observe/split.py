"""Looks at the split: the plan that was handed over, or the roles that were logged."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from repro.digest import digest_json
from repro.facts.data import Data
from repro.facts.fact import Absent
from repro.facts.split import Condition, Parameter, Split
from repro.observe.evidence import Evidence
from repro.observe.params import scalar

if TYPE_CHECKING:
    from repro.splits import SplitPlan, SplitProof, Violated, Witness
    from repro.splits.proof import RowView

Artifacts = Callable[["SplitPlan", "SplitProof"], Evidence]

PLOT_DPI = 120


def from_plan(plan: "SplitPlan", fold: int | None, proof: "SplitProof") -> Split:
    """One fold of a plan, with its proof; without a fold the plan as a whole."""
    n_train, n_test, train_digest, test_digest = _rows(plan, fold)
    return Split(
        source="plan",
        splitter=plan.splitter,
        parameters=tuple(
            Parameter(name=name, value=scalar(value, name))
            for name, value in plan.parameters.items()
        ),
        policy=plan.policy,
        n_splits=plan.n_splits,
        fold=fold,
        fingerprint=plan.fingerprint,
        n_train=n_train,
        n_test=n_test,
        train_digest=train_digest,
        test_digest=test_digest,
        has_groups=plan.groups is not None,
        has_times=plan.times is not None,
        verdict=proof.verdict,
        proof=() if fold is None else _conditions(unnamed(proof), fold),
    )


def at_end(plan: Split | Absent | None, data: Data | Absent) -> Split | Absent:
    """The split by the rows that were logged; the plan's own digests count only without them."""
    if isinstance(plan, Absent):
        return plan
    train = data.role("train") if isinstance(data, Data) else None
    test = (data.role("test") or data.role("valid")) if isinstance(data, Data) else None
    if train is None or test is None:
        reason = "train and test rows are not known: run.log_data(train=..., test=...)"
        return plan or Absent(reason=reason, kind="not_recorded")
    if isinstance(plan, Split) and (plan.n_test != test.n_rows or plan.n_train < train.n_rows):
        reason = (
            f"the plan has {plan.n_train} training and {plan.n_test} evaluation rows, "
            f"{train.n_rows} and {test.n_rows} were logged: it is a plan of other rows"
        )
        return Absent(reason=reason, kind="failed")
    rows = {"train_digest": train.rows_digest, "test_digest": test.rows_digest}
    if isinstance(plan, Split):
        return plan.but(**rows)
    sizes = {"n_train": train.n_rows, "n_test": test.n_rows}
    return Split.model_validate({"source": "data", **sizes, **rows})


def artifacts(fold: int | None, *, has_plot: bool, has_plan: bool) -> list[Artifacts]:
    """What stands beside the record about a fold, or about all of them."""
    chosen: list[Artifacts] = [proof_files, partial(fold_files, fold=fold)]
    return [*chosen, *([plot_files] if has_plot else []), *([plan_files] if has_plan else [])]


def proof_files(plan: "SplitPlan", proof: "SplitProof") -> Evidence:
    """The proof for people and for programs, without names."""
    shown = unnamed(proof)
    content = json.dumps(shown.to_dict(), indent=1)
    return {"split/proof.json": content.encode(), "split/proof.txt": f"{shown}\n".encode()}


def fold_files(plan: "SplitPlan", proof: "SplitProof", fold: int | None = None) -> Evidence:
    """Positions of the rows of a fold, or of every one: runs [start, stop), shape (n_runs, 2)."""
    folds = range(plan.n_splits) if fold is None else [fold]
    columns = {
        f"{side}_{i}": np.column_stack([runs.starts, runs.stops])
        for i in folds
        for side, runs in zip(("train", "test"), plan.folds[i], strict=True)
    }
    content = BytesIO()
    np.savez(content, allow_pickle=False, **columns)
    return {"split/folds.npz": content.getvalue()}


def plan_files(plan: "SplitPlan", proof: "SplitProof") -> Evidence:
    """The whole plan, as `SplitPlan.load` reads it: with the names of rows and groups it holds."""
    with tempfile.TemporaryDirectory(prefix="repro-") as folder:
        path = Path(folder) / "plan.npz"
        plan.save(path)
        return {"split/plan.npz": path.read_bytes()}


def plot_files(plan: "SplitPlan", proof: "SplitProof") -> Evidence:
    """The folds over time; nothing where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        return {}
    content = BytesIO()
    plan.plot().savefig(content, format="png", dpi=PLOT_DPI)
    return {"split/plan.png": content.getvalue()}


def unnamed(proof: "SplitProof") -> "SplitProof":
    """The proof whose witnesses are positions and times: names of rows and groups may be people."""
    from repro.splits import Violated

    table = tuple(
        {
            name: _unnamed(result) if isinstance(result, Violated) else result
            for name, result in fold.items()
        }
        for fold in proof.table
    )
    return replace(proof, table=table)


def _unnamed(result: "Violated") -> "Violated":
    def row(view: "RowView | None") -> "RowView | None":
        return None if view is None else replace(view, label=None, group=None)

    def witness(one: "Witness") -> "Witness":
        return replace(one, train=row(one.train), test=row(one.test), name="")

    return replace(result, witnesses=tuple(map(witness, result.witnesses)))


def _rows(plan: "SplitPlan", fold: int | None) -> tuple[int, int, str, str]:
    """How many rows are trained and tested on, and their digests."""
    if fold is not None:
        train, test = plan.fold(fold)
        return len(train), len(test), *plan.fold_digests(fold)
    somewhere = np.zeros((2, plan.n_rows), dtype=bool)
    for i in range(plan.n_splits):
        for side, rows in enumerate(plan.fold(i)):
            somewhere[side, rows] = True
    n_train, n_test = somewhere.sum(axis=1).tolist()
    trains, tests = zip(*map(plan.fold_digests, range(plan.n_splits)), strict=True)
    return n_train, n_test, digest_json(list(trains)), digest_json(list(tests))


def _conditions(proof: "SplitProof", fold: int) -> tuple[Condition, ...]:
    """What the proof says about this fold."""
    return tuple(
        Condition(id=answer.condition, outcome=answer.outcome, detail=answer.detail)
        for answer in proof.fold(fold)
    )
