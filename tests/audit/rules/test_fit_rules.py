"""Rules about fits: which of them saw rows that they were judged by later."""

import pytest
from fake_history import CLAIM

from repro.audit.rule import Answer, NotApplicable, Severity, Unknown, Violation
from repro.audit.rules.data import (
    label_using_fit_on_eval,
    resample_before_split,
    unsupervised_fit_on_eval,
)
from repro.facts.data import EXAMPLE as DATA
from repro.facts.data import Data, Overlap
from repro.facts.fact import Absent
from repro.facts.fit_scope import EXAMPLE as SCOPE
from repro.facts.fit_scope import Fit, FitScope, Seen
from repro.facts.scores import EXAMPLE as SCORES

NOT_RECORDED = Absent(reason="nobody looked", kind="not_recorded")


def only(answers: list[Answer]) -> Violation | Unknown:
    (found,) = answers
    assert isinstance(found, Violation | Unknown)
    return found


# label-using-fit-on-eval, unsupervised-fit-on-eval


def fitted(n_test: int, *, role: str = "test", **changes: object) -> FitScope:
    """A fit on train and some rows of a role."""
    seen = Seen(role=role, n_rows=n_test, share=n_test / 450, n_beyond_train=n_test)
    fit = SCOPE.fits[0].model_copy(update={"roles": (SCOPE.fits[0].roles[0], seen), **changes})
    return SCOPE.but(fits=(fit,))


SCALER = {"kind": "StandardScaler", "needs_y": False, "ignores_y": True}


def both(scope: FitScope | Absent, data: Data | Absent = NOT_RECORDED) -> list[list[Answer]]:
    rules = (label_using_fit_on_eval.check, unsupervised_fit_on_eval.check)
    return [list(rule.check(CLAIM, scope, SCORES, data)) for rule in rules]


def test_a_fit_with_labels_on_scored_rows_is_an_error_and_one_without_a_warning() -> None:
    with_labels, without = both(fitted(450))
    assert only(with_labels).message == (
        "Pipeline, which looks at the label, was fitted on 450 test rows"
    )
    assert without == []
    with_labels, without = both(fitted(450, **SCALER))
    assert with_labels == []
    assert only(without).message == "StandardScaler was fitted on 450 test rows"


def test_whether_a_fit_without_a_word_about_labels_looks_at_them_is_not_known() -> None:
    with_labels, without = both(fitted(450, needs_y=None, ignores_y=None))
    told = only(with_labels)
    assert isinstance(told, Unknown)
    assert (told.severity, len(without)) == (Severity.WARNING, 1)
    assert told.message.startswith("Pipeline was given the labels of 450 test rows; ")


def test_which_of_a_scalers_fits_was_used_is_not_known() -> None:
    told = only(both(fitted(450, n_row_sets=2, n_calls=2, **SCALER))[1])
    assert isinstance(told, Unknown)
    assert told.message == (
        "StandardScaler was fitted on 450 test rows, and on others: which of its 2 fits was used "
        "is not known"
    )


def test_which_of_two_fits_of_a_kind_was_scored_is_not_known() -> None:
    (clean,), (leaking,) = fitted(0).fits, fitted(450).fits
    again = leaking.model_copy(update={"path": f"{leaking.path}-2"})
    told = only(both(fitted(0).but(fits=(clean, again)))[0])
    assert (type(told), told.severity) == (Unknown, None)  # as the rule: nothing is decided
    assert told.message.startswith("one Pipeline was fitted on 450 test rows, and another one on")
    other = again.model_copy(update={"kind": "RidgeClassifier"})
    assert isinstance(only(both(fitted(0).but(fits=(clean, other)))[0]), Violation)


@pytest.mark.parametrize(
    ("kind", "n_rows", "needs_y", "n_said"),
    [
        ("Mine", 1348, True, 1),
        ("Mine", 1347, True, 0),
        ("Mine", 1348, False, 0),
        ("Pipeline", 1348, True, 0),
    ],
)
def test_a_step_with_more_rows_than_the_fit_around_it_got_them_elsewhere(
    kind: str, n_rows: int, *, needs_y: bool, n_said: int
) -> None:
    (fit,) = fitted(0).fits
    step = SCOPE.steps[0].model_copy(
        update={"path": f"{fit.path}/clf", "n_rows": n_rows, "needs_y": needs_y}
    )
    outer = fit.model_copy(update={"kind": kind, "n_rows": 1347})
    found = both(fitted(0).but(fits=(outer,), steps=(step,)))[0]
    assert [one.points for one in found if isinstance(one, Unknown)] == [
        (f"fit_scope.steps.{step.path}.n_rows",)
    ] * n_said


@pytest.mark.parametrize(
    "scope",
    [
        fitted(0),
        fitted(450, role="valid"),
        fitted(450, needs_fit=False),
    ],
    ids=["train", "valid", "stateless"],
)
def test_fits_that_the_scored_rows_did_not_take_part_in_are_silent(scope: FitScope) -> None:
    assert both(scope) == [[], []]


def test_rows_that_test_shares_with_valid_by_chance_are_no_leak() -> None:
    shared = Overlap(roles="valid/test", n_shared=3, n_shared_features=3, n_expected=3.0)
    assert both(fitted(3), DATA.but(overlaps=(DATA.overlaps[0], shared))) == [[], []]
    assert len(both(fitted(4), DATA.but(overlaps=(DATA.overlaps[0], shared)))[0]) == 1


def test_which_of_many_fits_was_scored_is_not_known() -> None:
    with_labels, without = both(fitted(450, n_calls=5, n_row_sets=5))
    found = only(with_labels)
    assert (type(found), found.severity, without) == (Unknown, Severity.WARNING, [])
    assert isinstance(only(both(fitted(450, n_row_sets=5, method="partial_fit"))[0]), Violation)


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        (
            FitScope(is_cut=True),
            "not every fit was looked at: more were made than a run looks at by itself",
        ),
        (
            FitScope(before=("imblearn",)),
            "imblearn was loaded before the run and not used in it: whether it was fitted before, "
            "on all rows, is not known",
        ),
    ],
)
def test_fits_that_nobody_saw_are_unknown_and_a_run_without_any_is_known(
    scope: FitScope, message: str
) -> None:
    (found,) = both(scope)[0]
    assert (type(found), found.message, found.severity) == (Unknown, message, Severity.WARNING)
    assert both(FitScope()) == [[], []]


@pytest.mark.parametrize("how", [{"n_elsewhere": 1347}, {"roles": ()}, {"unread": "no rows"}])
def test_rows_that_stand_nowhere_are_unknown(how: dict[str, object]) -> None:
    found = only(both(fitted(0, **how))[0])
    assert (type(found), found.severity) == (Unknown, Severity.WARNING)


def test_fits_that_nobody_watched_are_unknown_and_block_nothing() -> None:
    found = only(list(label_using_fit_on_eval.check.check(CLAIM, NOT_RECORDED, SCORES, DATA)))
    assert (type(found), found.severity) == (Unknown, Severity.WARNING)


# resample-before-split


def resampled(**changes: object) -> list[Answer]:
    fit: Fit = SCOPE.fits[0]
    seen = fit.roles[1].model_copy(update=changes)
    made = {"kind": "SMOTE", "path": "SMOTE", "method": "fit_resample", "roles": (seen,)}
    scope = SCOPE.but(fits=(fit.model_copy(update=made),))
    return list(resample_before_split.check.check(CLAIM, scope, SCORES))


def test_scored_rows_that_a_resampler_made_or_was_given_are_an_error() -> None:
    assert only(resampled(n_made=9)).message == "9 test rows were made by SMOTE"
    assert only(resampled(n_made=0, n_beyond_train=7)).message == "SMOTE was given 7 test rows"


def test_resampling_of_train_alone_is_silent() -> None:
    assert resampled(n_made=0) == []
    assert resampled(role="valid", n_made=9) == []
    (found,) = resample_before_split.check.check(CLAIM, SCOPE, SCORES)
    assert isinstance(found, NotApplicable)
