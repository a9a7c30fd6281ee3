"""Something that looks at the label was fitted on rows that it was scored on.

Why: a selector, a target encoder, a resampler or the model itself has seen the answers; on pure
noise a selector fitted on all rows gives an accuracy of far more than chance.

Fix: put it into a Pipeline that is fitted on train alone, or on train and valid.

Wrong when: the method is transductive by design: waive the rule and say so. Rows are matched by
their content without labels: rows that were transformed before stand nowhere, and it is unknown; so
it is for several fits of one class on different rows, as in a cross-validation by hand, where any
of them may have been scored. What was fitted after the last score does not count: fit the model to
ship there. Whether the labels of a fit are those of the score is not compared: a classifier that
tells train rows from test rows, as in adversarial validation, belongs outside the run. What was
fitted in another process, or before the run began, is not seen. Where a library that selects or
encodes columns was loaded before the run, and not used in it, the answer is unknown.

Source: Ambroise and McLachlan 2002, selection bias in gene expression; Kapoor and Narayanan 2023.
"""

from collections.abc import Iterator

from repro.audit.fitted_rows import (
    Touched,
    larger_inside,
    may_use_label,
    touched,
    unmatched,
    uses_label,
)
from repro.audit.rule import Answer, Severity, Unknown, Violation, rule
from repro.audit.unrecorded import unrecorded
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.data import Data
from repro.facts.fact import Absent
from repro.facts.fit_scope import EXAMPLE, Fit, FitScope
from repro.facts.scores import Scores

FIX = "fit inside a Pipeline, on train alone"
LIFTS_LIMITS = "fit inside `with run.watch_fits():`"


@rule("DAT007", Severity.ERROR)
def check(
    claim: Claim, fit_scope: FitScope | Absent, scores: Scores | Absent, data: Data | Absent
) -> Iterator[Answer]:
    """No fit that uses labels saw rows of a role that the claim was scored on."""
    if isinstance(fit_scope, Absent):
        yield _mild(unrecorded("fit_scope", fit_scope))
        return
    for found in touched(claim, fit_scope, scores, data):
        if found.is_certain and uses_label(found.fit):
            yield Violation(
                message=f"{found.fit.kind}, which looks at the label, was fitted on "
                f"{found.n_rows} {found.seen.role} rows",
                fix=FIX,
                points=found.points,
            )
        elif may_use_label(found.fit):
            yield _uncertain(found)
    for fit in unmatched(fit_scope):
        if uses_label(fit):
            yield _unmatched(fit)
    yield from _unseen(fit_scope)


def _uncertain(found: Touched) -> Unknown:
    """Fitted on rows that were scored; but was it this fit, and does it look at labels?"""
    fit, rows = found.fit, f"{found.n_rows} {found.seen.role} rows"
    if not uses_label(fit):
        return Unknown(
            message=f"{fit.kind} was given the labels of {rows}; its documentation does not say "
            "whether it looks at them",
            fix=FIX,
            points=found.points,
            severity=Severity.WARNING,
        )
    if not found.is_one:
        return Unknown(
            message=f"{fit.kind} was fitted {fit.n_calls} times on different rows, "
            f"{rows} among them; which of the fits was scored is not known",
            fix="make every fit a run of its own, as repro.cross_validate does",
            points=(*found.points, f"fit_scope.fits.{fit.path}.n_row_sets"),
            severity=Severity.WARNING,
        )
    return Unknown(
        message=f"one {fit.kind} was fitted on {rows}, and another one on none of them; which of "
        "them was scored is not known",
        fix="fit what is not scored after the last score, or outside the run",
        points=found.points,
    )


def _unmatched(fit: Fit) -> Unknown:
    path = f"fit_scope.fits.{fit.path}"
    if fit.unread is not None:
        return Unknown(
            message=f"the rows that {fit.kind} was fitted on were not read: {fit.unread}",
            fix=LIFTS_LIMITS,
            points=(f"{path}.unread",),
            severity=Severity.WARNING,
        )
    return Unknown(
        message=f"the rows that {fit.kind} was fitted on stand in no role that was logged",
        fix="log the very columns that are fitted, without times and names of rows; what "
        "transforms them belongs into a Pipeline",
        points=(f"{path}.n_elsewhere",),
        severity=Severity.WARNING,
    )


def _mild(answer: Answer) -> Answer:
    """A missing fact is a warning: older versions looked at no fit, and many runs have none."""
    if not isinstance(answer, Unknown):
        return answer
    return Unknown(answer.message, answer.fix, answer.points, severity=Severity.WARNING)


def _unseen(scope: FitScope) -> Iterator[Unknown]:
    """Fits that nobody looked at."""
    if scope.is_cut:
        yield Unknown(
            message="not every fit was looked at: more were made than a run looks at by itself",
            fix=LIFTS_LIMITS,
            points=("fit_scope.is_cut",),
            severity=Severity.WARNING,
        )
    for step, fit in larger_inside(scope):
        yield Unknown(
            message=f"{step.kind} was fitted on {step.n_rows} rows inside {fit.kind}, which was "
            f"given {fit.n_rows}: whose rows the others are is not known",
            fix=FIX,
            points=(f"fit_scope.steps.{step.path}.n_rows",),
            severity=Severity.WARNING,
        )
    if scope.before:
        names = ", ".join(scope.before)
        yield Unknown(
            message=f"{names} was loaded before the run and not used in it: whether it was fitted "
            "before, on all rows, is not known",
            fix="fit inside the run, or import it there",
            points=("fit_scope.before",),
            severity=Severity.WARNING,
        )


_FIT = EXAMPLE.fits[0]
_LEAKING = _FIT.model_copy(
    update={
        "roles": (
            _FIT.roles[0],
            _FIT.roles[1].model_copy(update={"n_rows": 450, "share": 1.0, "n_beyond_train": 450}),
        )
    }
)
BAD = {"claim": CLAIM, "fit_scope": EXAMPLE.but(fits=(_LEAKING,))}
GOOD = {"claim": CLAIM, "fit_scope": EXAMPLE}
