"""Which fits saw rows that they were judged by later: what the rules about fits ask."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from repro.audit.scored_roles import scored_roles
from repro.claims import Claim
from repro.facts.data import Data
from repro.facts.fact import Absent
from repro.facts.fit_scope import Fit, FitScope, Seen, Step
from repro.facts.scores import Scores

CHUNKS = "partial_fit"  # of one fit, in several calls
RESAMPLING = "fit_resample"


@dataclass(frozen=True)
class Touched:
    """A fit that saw rows of a role that the claim's scores were taken on."""

    fit: Fit
    seen: Seen
    n_rows: int  # that do not stand in train, nor in valid by chance
    is_one: bool  # it was fitted on one set of rows
    is_alone: bool  # no other fit of its kind was on none of them

    @property
    def is_certain(self) -> bool:
        """Whether this fit was scored, if one of its kind was."""
        return self.is_one and self.is_alone

    @property
    def points(self) -> tuple[str, ...]:
        """Where the record says it."""
        path = f"fit_scope.fits.{self.fit.path}"
        return (f"{path}.roles.{self.seen.role}.n_beyond_train", f"{path}.y_given")


def touched(
    claim: Claim, scope: FitScope, scores: Scores | Absent, data: Data | Absent
) -> Iterator[Touched]:
    """Every fit on rows of a scored role.

    Rows of valid are no reason, where the scores were taken on test: to fit on both after the
    choice is made is good practice.
    """
    roles = scored_roles(claim, scores)
    found = [
        (fit, seen, (seen.n_beyond_train or 0) - _n_by_chance(seen, data))
        for fit in scope.fits
        for seen in fit.roles
        if seen.role in roles and fit.needs_fit is not False
    ]
    untouched = {(fit.kind, seen.role) for fit, seen, n_rows in found if n_rows <= 0}
    for fit, seen, n_rows in found:
        is_one = fit.method == CHUNKS or (fit.n_row_sets or 1) == 1
        if n_rows > 0:
            is_alone = (fit.kind, seen.role) not in untouched
            yield Touched(fit, seen, n_rows, is_one=is_one, is_alone=is_alone)


def unmatched(scope: FitScope) -> Iterator[Fit]:
    """Fits on rows that stand in no role, or whose role is not known: nobody can tell."""
    for fit in scope.fits:
        is_matched = fit.roles and fit.unread is None and not fit.n_elsewhere
        if not is_matched and fit.needs_fit is not False:
            yield fit


def uses_label(fit: Fit) -> bool:
    """Whether the fit looks at y; one that says nothing about y does not, unless it needs it."""
    return fit.y_given and (bool(fit.needs_y) or fit.ignores_y is False)


def may_use_label(fit: Fit) -> bool:
    """Whether nobody says that the fit leaves y aside."""
    return fit.y_given and fit.ignores_y is not True


def larger_inside(scope: FitScope) -> Iterator[tuple[Step, Fit]]:
    """Steps that need y and got more rows than the fit around them, which is no pipeline.

    There a resampler may have made them.
    """
    for step in scope.steps:
        fit = scope.around(step)
        is_plain = fit is not None and fit.method != CHUNKS and "Pipeline" not in fit.kind
        if fit and is_plain and step.needs_y and (step.n_rows or 0) > (fit.n_rows or math.inf):
            yield step, fit


def _n_by_chance(seen: Seen, data: Data | Absent) -> int:
    """Rows that this role shares with valid, on which a fit may have been, too."""
    overlaps = data.overlaps if isinstance(data, Data) else ()
    shared = (one.n_shared_features for one in overlaps if one.roles == f"valid/{seen.role}")
    return next(shared, 0)
