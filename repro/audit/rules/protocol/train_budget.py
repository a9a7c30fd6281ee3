"""The arms were trained for other lengths.

Why: nearly every model gets better when it is trained longer, so that the longer one may win by
that alone.

Fix: train both arms on as many samples, or stop both early by one cap and one patience.

Wrong when: the length is the treatment, declared as "budget.*" with the parameter that sets it, or
by that alone, where it is a note; or the sizes of the training sets are. Lengths that an early stop
chose, under equal caps and equal patience, are a note, however far apart. A solver that converges
sooner within one limit is not trained less.

Source: Li et al. 2020 and Dodge et al. 2019: rankings of methods turn with the budget.
"""

from collections.abc import Iterator
from typing import NamedTuple

from repro.audit.configuration import is_declared
from repro.audit.equality import same
from repro.audit.rule import Answer, NotApplicable, Severity, Unknown, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.architecture import EXAMPLE as ARCHITECTURE
from repro.facts.architecture import Architecture
from repro.facts.budget import EXAMPLE, Budget
from repro.facts.data import EXAMPLE as DATA
from repro.facts.data import Data
from repro.facts.fact import Absent
from repro.facts.fit_scope import EXAMPLE as FIT_SCOPE
from repro.facts.fit_scope import Fit, FitScope
from repro.facts.stopping import EXAMPLE as STOPPING
from repro.facts.stopping import Fitted, Stopping
from repro.record import Arms

TOLERANCE = 0.01  # a dropped last batch, a step that a gradient scaler left out
DECLARED = ("budget.n_samples", "budget.n_steps", "budget.n_epochs", "data.train.n_rows")
FOLLOWS = ("budget.*", "params.*epochs", "params.*steps")
CAP = "stopping.planned"
MEANT = "none, if that is meant"
SAY = "tracked_run(params={'epochs': ..., 'patience': ...}), with the values that take effect"


class Side(NamedTuple):
    """What one run says about the length of its training, and what sets it."""

    budget: Budget
    stopping: Stopping | None
    data: Data | Absent
    fitted: Fit | None  # the model, where scikit-learn fitted it once


@rule("PRT010", Severity.ERROR)
def check(
    claim: Claim,
    budgets: Arms[Budget],
    stopping: Arms[Stopping | Absent],
    data: Arms[Data | Absent],
    fit_scope: Arms[FitScope | Absent],
    architecture: Arms[Architecture | Absent],
) -> Iterator[Answer]:
    """Samples, steps, rows or the limits of estimators agree within 1 % in every pair."""
    if is_declared(claim, *DECLARED):
        yield NotApplicable("the length of the training is declared to differ")
        return
    facts = (budgets, stopping, data, fit_scope, architecture)
    sides = budgets.with_values(
        tuple(map(_side, *(arms.baseline for arms in facts))),
        tuple(map(_side, *(arms.candidate for arms in facts))),
    )
    found = [answer for pair in sides.contrasts() for answer in _compared(claim, *pair)]
    yield from sorted(found, key=_mildness)[:1]


def _mildness(answer: Violation | Unknown) -> int:
    """The worst pair speaks for all."""
    if isinstance(answer, Unknown):
        return 1
    return 2 if answer.severity is Severity.NOTE else 0


def _side(
    budget: Budget,
    stopping: Stopping | Absent,
    data: Data | Absent,
    fit_scope: FitScope | Absent,
    architecture: Architecture | Absent,
) -> Side:
    fits = fit_scope.fits if isinstance(fit_scope, FitScope) else ()
    name = architecture.name if isinstance(architecture, Architecture) else None
    models = [fit for fit in fits if fit.kind == name]
    fitted = models[0] if len(models) == 1 and models[0].n_calls == 1 else None
    return Side(budget, stopping if isinstance(stopping, Stopping) else None, data, fitted)


def _compared(claim: Claim, left: Side, right: Side) -> Iterator[Violation | Unknown]:
    part = next((one for one in ("n_samples", "n_steps") if _has(one, left, right)), None)
    if part is not None and _differ(part, left, right) and not _is_of_the_rows(left, right):
        yield from _judged(claim, part, left, right)
    if left.stopping is not None and right.stopping is not None:
        yield from _of_estimators(claim, left.stopping, right.stopping)
    if left.fitted is not None and right.fitted is not None:
        yield from _of_rows(left, left.fitted, right, right.fitted)


def _of_rows(left: Side, one: Fit, right: Side, other: Fit) -> Iterator[Violation]:
    """Rows that the models were fitted on, where those that were logged are as many."""
    a, b = one.n_rows or 0, other.n_rows or 0
    if len(_sizes(left, right)) == 1 and abs(a - b) > TOLERANCE * max(a, b):
        yield Violation(
            message=f"candidate's {other.kind} was fitted on {b:,} rows, baseline's {one.kind} on "
            f"{a:,}, of training sets of one size",
            fix="log the rows that are fitted: run.log_data(train=...); if they are meant to "
            'differ, declare "data.train.*"',
            points=tuple(
                dict.fromkeys(f"fit_scope.fits.{fit.path}.n_rows" for fit in (one, other))
            ),
        )


def _has(part: str, *sides: Side) -> bool:
    return all(getattr(side.budget, part) for side in sides)


def _differ(part: str, left: Side, right: Side) -> bool:
    a, b = getattr(left.budget, part), getattr(right.budget, part)
    return bool(abs(a - b) > TOLERANCE * max(a, b))


def _is_of_the_rows(left: Side, right: Side) -> bool:
    """Whether as many epochs of other training sets explain it: other rules speak of those."""
    is_other = len(_sizes(left, right)) > 1
    return is_other and _has("n_epochs", left, right) and not _differ("n_epochs", left, right)


def _sizes(left: Side, right: Side) -> set[int]:
    """Of the training sets that were logged."""
    rows = [one.data.role("train") for one in (left, right) if isinstance(one.data, Data)]
    return {role.n_rows for role in rows if role is not None}


def _judged(claim: Claim, part: str, left: Side, right: Side) -> Iterator[Violation | Unknown]:
    """By the caps and the patience where a training was stopped early."""
    a, b = left.stopping or Stopping(), right.stopping or Stopping()
    planned_by = sorted({f"params.{name}" for name in (a.planned_by, b.planned_by) if name})
    sizes = [f"{getattr(side.budget, part):,}" for side in (right, left)]
    message = f"candidate was trained on {sizes[0]} {_unit(part)}, baseline on {sizes[1]}"
    points: tuple[str, ...] = (f"budget.{part}",)
    if any(is_declared(claim, name) for name in planned_by):
        note = f"{message}: {', '.join(planned_by)} is declared"
        yield Violation(note, MEANT, (*points, *planned_by), Severity.NOTE, FOLLOWS[:1])
        return
    is_capped = a.planned is not None and (a.planned, a.unit) == (b.planned, b.unit)
    is_stopped = bool(a.is_short or b.is_short)
    is_told = a.patience is not None and b.patience is not None
    if is_told and not same(a.patience, b.patience):
        message, points = f"{message}, and other patience", (*points, "stopping.patience")
    elif is_capped and is_stopped and is_told:
        note = f"{message}: both stop early, by one cap and one patience"
        caps = (*points, CAP, "stopping.patience")
        yield Violation(note, MEANT, caps, Severity.NOTE, FOLLOWS[:1])
        return
    elif (is_capped and is_stopped) or (is_told and a.planned is None and b.planned is None):
        yield Unknown(
            message=f"{message}; whether both stop by one cap and one patience is not recorded",
            fix=SAY,
            points=(*points, CAP, "stopping.patience"),
            consequences=FOLLOWS[:1],
        )
        return
    length = ", ".join(f'"{glob}"' for glob in (FOLLOWS[0], *planned_by))
    yield Violation(
        message=message,
        fix=f"train both arms as long, or declare {length} as treatment",
        points=points,
        consequences=FOLLOWS,
    )


def _unit(part: str) -> str:
    return part.removeprefix("n_")


def _of_estimators(claim: Claim, left: Stopping, right: Stopping) -> Iterator[Violation]:
    """Of estimators of one class in one place the limits count, not where they converged."""
    known = {(one.path, one.kind): one for one in left.estimators}
    for other in right.estimators:
        one = known.get((other.path, other.kind))
        if one is None or one.n_iterations == other.n_iterations or _is_declared(claim, one):
            continue
        parts = [
            part
            for part in ("limit", "stops_early", "patience")
            if getattr(one, part) != getattr(other, part)
        ]
        if parts:
            path = f"stopping.estimators.{one.path}"
            yield Violation(
                message=f"{one.kind} was trained for {other.n_iterations} iterations in candidate, "
                f"for {one.n_iterations} in baseline",
                fix='set one limit in both arms, or declare "architecture.*" as treatment',
                points=(f"{path}.n_iterations", *(f"{path}.{part}" for part in parts)),
                consequences=tuple(_settings(one)),
            )


def _is_declared(claim: Claim, fitted: Fitted) -> bool:
    return is_declared(claim, *_settings(fitted))


def _settings(fitted: Fitted) -> Iterator[str]:
    """What the limits of an estimator are called, as it has them and as a script declares them."""
    prefix = f"{fitted.path.replace('.', '__')}__" if fitted.path else ""
    for key in ("architecture", "params"):
        for name in ("max_iter", "n_estimators", "n_iter_no_change", "early_stopping"):
            yield f"{key}.{prefix}{name}"


_LONG = EXAMPLE.but(n_steps=110, n_batches=110, n_samples=13470, n_epochs=10.0)
_OTHERS = {
    "stopping": Arms.of(STOPPING.but(is_short=False), STOPPING.but(is_short=False)),
    "data": Arms.of(DATA, DATA),
    "fit_scope": Arms.of(FIT_SCOPE, FIT_SCOPE),
    "architecture": Arms.of(ARCHITECTURE, ARCHITECTURE),
}
BAD = {"claim": CLAIM, "budgets": Arms.of(EXAMPLE, _LONG), **_OTHERS}
GOOD = {"claim": CLAIM, "budgets": Arms.of(EXAMPLE, EXAMPLE), **_OTHERS}
