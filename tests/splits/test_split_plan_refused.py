"""What is refused as a plan, with the value and the fix."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold

from repro.errors import SplitError
from repro.splits import make_plan

N_ROWS = 12
FRAME = pd.DataFrame(
    {
        "x": np.arange(N_ROWS, dtype=float),
        "day": pd.date_range("2020-01-01", periods=N_ROWS, tz="UTC"),
        "who": list("aabbccddeeff"),
        "id": [f"row-{i}" for i in range(N_ROWS)],
    }
)

PLAN = make_plan(KFold(3), FRAME)

REFUSALS = {
    "a number": (
        lambda: make_plan(5, FRAME),
        "5 is no split. Pass a splitter such as KFold(5), or a list of pairs (training rows, test "
        "rows).",
    ),
    "a text": (
        lambda: make_plan("kfold", FRAME),
        "'kfold' is no split. Pass a splitter such as KFold(5), or a list of pairs (training "
        "rows, test rows).",
    ),
    "no pair": (
        lambda: make_plan([[0, 1, 2]], FRAME),
        "fold 0 is a list of 3, not a pair. Pass one pair (training rows, test rows) per fold, "
        "also for a single fold.",
    ),
    "no fold": (
        lambda: make_plan([], FRAME),
        "list gave no fold. Pass at least one pair (train, test).",
    ),
    "empty": (
        lambda: make_plan([([0], [1]), ([], [1])], FRAME),
        "train of fold 1 is empty; every fold needs training rows and test rows.",
    ),
    "mask": (
        lambda: make_plan([([True, False], [1])], FRAME),
        "train of fold 0 must be a list of row numbers; it is bool of shape (2,).",
    ),
    "too far": (
        lambda: make_plan([([0], [12])], FRAME),
        "test of fold 0 has row 12; X has rows 0 to 11.",
    ),
    "negative": (
        lambda: make_plan([([0], [-1, 2])], FRAME),
        "test of fold 0 has row -1; X has rows 0 to 11.",
    ),
    "twice": (
        lambda: make_plan([([4, 0, 4], [1])], FRAME),
        "train of fold 0 has row 4 more than once; a plan holds each row once.",
    ),
    "a plan": (
        lambda: make_plan(PLAN, FRAME),
        "this is a plan already. Use it, or pass the splitter it was made from.",
    ),
    "planned": (
        lambda: make_plan(PLAN.as_cv(), FRAME),
        "this is a plan already. Use it, or pass the splitter it was made from.",
    ),
    "other rows": (
        lambda: PLAN.as_cv().split(FRAME.iloc[:4]),
        "the plan was made for 12 rows, X has 4. Pass the same rows in the same order, or make a "
        "new plan.",
    ),
    "no such fold": (
        lambda: PLAN.fold(3),
        "fold 3 was asked for; the plan has folds 0 to 2.",
    ),
    "no identity": (
        lambda: make_plan(KFold(2), FRAME).row_fingerprint(0),
        "the plan does not know the identity of its rows. Pass row_id= to make_plan().",
    ),
    "no identity for a digest": (
        lambda: make_plan(KFold(2), FRAME).row_digest,
        "the plan does not know the identity of its rows. Pass row_id= to make_plan().",
    ),
    "missing group": (
        lambda: make_plan(KFold(2), FRAME, groups=[None] + ["a"] * 11),
        "groups is missing in 1 of 12 rows, first in row 0. Drop these rows, or give each its own "
        "value.",
    ),
    "table of groups": (
        lambda: make_plan(KFold(2), FRAME, groups=np.zeros((12, 2))),
        "groups must have one value per row; it has shape (12, 2).",
    ),
    "no rows": (
        lambda: make_plan(KFold(2), 7),
        "a int has no rows to split; pass a table or an array.",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_no_plan_is_refused_with_the_value_and_the_fix(case):
    call, message = REFUSALS[case]
    with pytest.raises(SplitError) as caught:
        call()
    assert str(caught.value) == message
