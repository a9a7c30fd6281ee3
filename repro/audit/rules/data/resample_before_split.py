"""A resampler ran before the split: scored rows are its parents, or were made by it.

Why: a synthetic row lies between two real ones. If one of them is scored, the model has seen
nearly the answer; if the row itself is scored, the score is about rows that do not exist.

Fix: split first, and resample train alone; in a Pipeline of imbalanced-learn it is so.

Wrong when: never for rows that were made. What is made without `fit_resample` is not seen:
augmented pictures, rows that were copied by hand, a resampler that ran before the run began.

Source: Blagus and Lusa 2015, joint use of over- and under-sampling and cross-validation; Santos et
al. 2018.
"""

from collections.abc import Iterator

from repro.audit.fitted_rows import RESAMPLING
from repro.audit.rule import NotApplicable, Severity, Violation, rule
from repro.audit.scored_roles import scored_roles
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.fact import Absent
from repro.facts.fit_scope import EXAMPLE, Fit, FitScope, Seen
from repro.facts.scores import Scores


@rule("DAT009", Severity.ERROR, preview=True)
def check(
    claim: Claim, fit_scope: FitScope, scores: Scores | Absent
) -> Iterator[Violation | NotApplicable]:
    """No scored row was resampled, or made by a resampler."""
    fits = [fit for fit in fit_scope.fits if fit.method == RESAMPLING]
    if not fits:
        yield NotApplicable("no resampler was seen outside a pipeline")
    roles = scored_roles(claim, scores)
    for fit in fits:
        for seen in fit.roles:
            if seen.role in roles and (seen.n_made or seen.n_beyond_train):
                yield _violation(fit, seen)


def _violation(fit: Fit, seen: Seen) -> Violation:
    path = f"fit_scope.fits.{fit.path}.roles.{seen.role}"
    made = f"{seen.n_made} {seen.role} rows were made by {fit.kind}" if seen.n_made else None
    given = f"{fit.kind} was given {seen.n_beyond_train} {seen.role} rows"
    return Violation(
        message="; ".join(part for part in (made, given if seen.n_beyond_train else None) if part),
        fix="split first, then resample train alone",
        points=(f"{path}.n_made", f"{path}.n_beyond_train"),
    )


def _scope(n_made: int) -> FitScope:
    fit = EXAMPLE.fits[0]
    roles = (fit.roles[0], fit.roles[1].model_copy(update={"n_made": n_made}))
    changes = {"path": "SMOTE", "kind": "SMOTE", "method": RESAMPLING, "roles": roles}
    return EXAMPLE.but(fits=(fit.model_copy(update=changes),))


BAD = {"claim": CLAIM, "fit_scope": _scope(30)}
GOOD = {"claim": CLAIM, "fit_scope": _scope(0)}
