import numpy as np
import pytest
from sklearn.model_selection import KFold

from repro.facts.data import EXAMPLE as DATA
from repro.facts.fact import Absent
from repro.observe.split import at_end, from_plan
from repro.splits import check_split, make_plan

X = np.arange(24.0).reshape(12, 2)


@pytest.fixture(scope="module")
def plan():
    return make_plan(KFold(3, shuffle=True, random_state=7), X)


def of_plan(plan, fold):
    return from_plan(plan, fold, check_split(plan))


def test_a_fold_is_described_by_its_plan_and_its_proof(plan):
    seen = of_plan(plan, 1)
    train, test = plan.fold(1)
    assert (seen.source, seen.splitter, seen.n_splits, seen.fold) == ("plan", "KFold", 3, 1)
    assert (seen.n_train, seen.n_test) == (len(train), len(test))
    assert seen.fingerprint == plan.fingerprint
    assert (seen.train_digest, seen.test_digest) == plan.fold_digests(1)
    assert {part.name: part.value for part in seen.parameters}["random_state"] == 7
    assert (seen.has_groups, seen.has_times) == (False, False)
    assert seen.condition("B0").outcome == "PROVED"


def test_folds_of_one_plan_differ_in_their_rows_alone(plan):
    first, second = of_plan(plan, 0), of_plan(plan, 1)
    assert first.fingerprint == second.fingerprint
    assert first.test_digest != second.test_digest


def test_the_rows_that_were_logged_count_more_than_those_of_the_plan(plan):
    seen = at_end(of_plan(plan, 0), logged(plan))
    assert (seen.train_digest, seen.test_digest) == (
        DATA.role("train").rows_digest,
        DATA.role("test").rows_digest,
    )
    assert seen.fingerprint == plan.fingerprint


def logged(plan, n_more=0):
    """The example's data in the sizes of the first fold, with more training rows."""
    train, test = plan.fold(0)
    sizes = (len(train) + n_more, len(test))
    roles = zip(DATA.roles, sizes, strict=True)
    return DATA.but(roles=tuple(role.model_copy(update={"n_rows": n}) for role, n in roles))


def test_a_plan_of_other_rows_proves_nothing_about_these(plan):
    seen = at_end(of_plan(plan, 0), logged(plan, n_more=1))
    assert isinstance(seen, Absent)
    assert seen.kind == "failed"
    assert seen.reason.endswith("it is a plan of other rows")


def test_without_data_the_plan_speaks_for_itself(plan):
    nothing = Absent(reason="nobody looked", kind="not_recorded")
    assert at_end(of_plan(plan, 0), nothing) == of_plan(plan, 0)


def test_without_a_plan_the_roles_are_the_split():
    seen = at_end(None, DATA)
    assert (seen.source, seen.splitter, seen.fingerprint, seen.verdict) == ("data", *[None] * 3)
    assert (seen.n_train, seen.n_test) == (1347, 450)
    assert seen.test_digest == "blake3:bb"


def test_validation_rows_stand_in_for_missing_test_rows():
    valid = DATA.roles[1].model_copy(update={"role": "valid", "rows_digest": "blake3:vv"})
    assert at_end(None, DATA.but(roles=(DATA.roles[0], valid))).test_digest == "blake3:vv"
    assert at_end(None, DATA.but(roles=(*DATA.roles, valid))).test_digest == "blake3:bb"


@pytest.mark.parametrize(
    "data", [DATA.but(roles=DATA.roles[:1]), Absent(reason="nobody looked", kind="not_recorded")]
)
def test_without_a_plan_and_without_rows_the_split_is_not_recorded(data):
    assert at_end(None, data) == Absent(
        reason="train and test rows are not known: run.log_data(train=..., test=...)",
        kind="not_recorded",
    )


def test_a_plan_that_could_not_be_read_stays_a_failure():
    failed = Absent(reason="ValueError: no", kind="failed")
    assert at_end(failed, DATA) is failed
