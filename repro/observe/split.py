"""Looks at the split: the plan that was handed over, or the roles that were logged."""

from typing import TYPE_CHECKING

from repro.facts.data import Data
from repro.facts.fact import Absent
from repro.facts.split import Condition, Parameter, Split
from repro.observe.params import scalar

if TYPE_CHECKING:
    from repro.splits import SplitPlan, SplitProof


def from_plan(plan: "SplitPlan", fold: int) -> Split:
    """One fold of a plan, with its proof."""
    from repro.splits import check_split

    train, test = plan.fold(fold)
    train_digest, test_digest = plan.fold_digests(fold)
    proof = check_split(plan)
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
        n_train=len(train),
        n_test=len(test),
        train_digest=train_digest,
        test_digest=test_digest,
        has_groups=plan.groups is not None,
        has_times=plan.times is not None,
        verdict=proof.verdict,
        proof=_conditions(proof, fold),
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


def _conditions(proof: "SplitProof", fold: int) -> tuple[Condition, ...]:
    """What the proof says about this fold."""
    return tuple(
        Condition(id=answer.condition, outcome=answer.outcome, detail=answer.detail)
        for answer in proof.fold(fold)
    )
