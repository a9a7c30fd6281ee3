"""A scaler, imputer or the like was fitted on rows that were scored later.

Why: its means and directions hold something of the evaluation rows; in use they are not there yet.

Fix: put it into a Pipeline that is fitted on train alone.

Wrong when: the effect is nothing, as it often is for scalers on many rows; or the fit only draws a
picture and no model sees it. Fits that keep nothing of the rows are left out, and so are those that
look at the label: another rule speaks about them. Of transformed rows nothing can be told; what
an estimator holds can be compared afterwards by repro.check_fit.

Source: Kapoor and Narayanan 2023, preprocessing on training and test set; Moscovich and Rosset 2022
for its size.
"""

from collections.abc import Iterator

from repro.audit.fitted_rows import RESAMPLING, touched, unmatched, uses_label
from repro.audit.rule import Severity, Unknown, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.data import Data
from repro.facts.fact import Absent
from repro.facts.fit_scope import EXAMPLE, FitScope
from repro.facts.scores import Scores

FIX = "fit inside a Pipeline, on train alone"


@rule("DAT008", Severity.WARNING, preview=True)
def check(
    claim: Claim, fit_scope: FitScope, scores: Scores | Absent, data: Data | Absent
) -> Iterator[Violation | Unknown]:
    """No fit without labels saw rows of a role that the claim was scored on."""
    for found in touched(claim, fit_scope, scores, data):
        fit = found.fit
        if uses_label(fit) or fit.method == RESAMPLING:
            continue
        message = f"{fit.kind} was fitted on {found.n_rows} {found.seen.role} rows"
        if found.is_one:
            yield Violation(message, FIX, found.points)
        else:
            others = f", and on others: which of its {fit.n_calls} fits was used is not known"
            yield Unknown(f"{message}{others}", FIX, found.points)
    for fit in unmatched(fit_scope):
        if not uses_label(fit) and fit.unread is None and not fit.roles:
            yield Unknown(
                message=f"whose rows {fit.kind} was fitted on is not known: none were logged",
                fix="run.log_data(train=..., test=...)",
                points=(f"fit_scope.fits.{fit.path}.n_rows",),
            )


_FIT = EXAMPLE.fits[0].model_copy(
    update={"path": "StandardScaler", "kind": "StandardScaler", "needs_y": False, "ignores_y": True}
)
_BOTH = _FIT.roles[1].model_copy(update={"n_rows": 450, "share": 1.0, "n_beyond_train": 450})
_LEAKING = _FIT.model_copy(update={"roles": (_FIT.roles[0], _BOTH)})
BAD = {"claim": CLAIM, "fit_scope": EXAMPLE.but(fits=(_LEAKING,))}
GOOD = {"claim": CLAIM, "fit_scope": EXAMPLE.but(fits=(_FIT,))}
