"""The arms choose in other ways which step of the training is scored.

Why: the best of many steps scores higher than the last one, and the best of many looks higher than
that of few, whatever the method. Chosen on the rows that it is reported on, it is too high by the
luck of the best look.

Fix: score both arms after their last step, or choose by validation data, at one cadence.

Wrong when: the choice is the treatment: declare "scores.<metric>.weights.*". A state that was
brought back into a model that nobody watches, without `run.load`, is not seen.

Source: of 100 epochs the best on the evaluation rows lies 1.7 (autocorrelation 0.95) to 2.5
(independent) standard deviations above one that is not chosen: expected maximum of 100 normals.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

from repro.audit.configuration import is_declared
from repro.audit.rule import Severity, Unknown, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.budget import EXAMPLE as BUDGET
from repro.facts.budget import Budget
from repro.facts.fact import Absent
from repro.facts.lineage import EXAMPLE as LINEAGE
from repro.facts.lineage import Lineage
from repro.facts.scores import EXAMPLE, Read, Score, Scores, Weights
from repro.record import Arms

MANY = 2  # looks at one role: from here on there is a choice
SAME_CADENCE = 0.1  # an early stop ends between two looks
SAID = {
    "last": "after its last step",
    "earlier": "before its last step",
    "restored": "with weights that were brought back",
}


class Looks(NamedTuple):
    """The metric that one role was looked at by most, and how often, on whatever order of rows."""

    first: Read
    n: int


@dataclass(frozen=True)
class Choice:
    """Which step of a run a score is of, and by which looks it was chosen."""

    kind: Literal["last", "earlier", "restored", "unknown"]
    chooser: Read | None  # the looks at the role that chose; None: there was no choice
    n_looks: int  # of the chooser, on whatever rows; else at most at any role
    interval: float  # training samples, or steps, between two looks
    is_sparse: bool  # scored more than once, and not at every look that chooses

    @property
    def role(self) -> str | None:
        """On which the step was chosen."""
        return self.chooser.role if self.chooser and self.kind != "last" else None

    def __str__(self) -> str:
        return SAID.get(self.kind, "") + (f", chosen on {self.role}" if self.role else "")


@rule("PRT008", Severity.ERROR)
def check(
    claim: Claim,
    scores: Arms[Scores],
    budgets: Arms[Budget | Absent],
    lineage: Arms[Lineage | Absent],
) -> Iterator[Violation | Unknown]:
    """The primary metric is of a step that was chosen alike in every pair, on other rows."""
    path = f"scores.{claim.metric}.weights"
    if is_declared(claim, f"{path}.is_restored"):
        return
    choose = partial(_choice, claim)
    choices = scores.with_values(
        tuple(map(choose, scores.baseline, budgets.baseline, lineage.baseline)),
        tuple(map(choose, scores.candidate, budgets.candidate, lineage.candidate)),
    )
    for left, right in choices.contrasts():
        answers = list(_compared(path, left, right)) if left and right else []
        yield from answers
        if answers:
            return
    yield from _on_its_own_rows(claim, scores, choices)


def _choice(
    claim: Claim, scores: Scores, budget: Budget | Absent, lineage: Lineage | Absent
) -> Choice | None:
    """None: not scored, or not trained step by step."""
    score = scores.score(claim.metric)
    if score is None or isinstance(budget, Absent) or not budget.n_steps:
        return None
    looks = _looks(scores)
    known = [looks[role] for role in ("valid", score.on) if role in looks]
    chosen = next((one for one in known if one.n >= MANY), None)
    chooser, n_looks = chosen or (None, 1)
    is_loaded = isinstance(lineage, Lineage) and bool(lineage.loaded_later)
    n_own = sum(read.n_looks for read in scores.reads if read.metric == claim.metric)
    steps = budget.n_steps / n_looks if chooser else 0.0
    kind = "restored" if is_loaded else _kind(score.weights, scores.weights_at_end, steps)
    interval = (budget.n_samples or budget.n_steps) / n_looks
    return Choice(kind, chooser, n_looks, interval, is_sparse=1 < n_own < n_looks)


def _kind(
    scored: Weights | None, end: Weights | None, steps_between: float
) -> Literal["last", "earlier", "restored", "unknown"]:
    """A training that goes on for less than it takes to the next look was scored at its end."""
    if scored is None or end is None:
        return "unknown"
    if scored.is_restored:
        return "restored"
    return "earlier" if end.n_steps - scored.n_steps > steps_between else "last"


def _looks(scores: Scores) -> dict[str, Looks]:
    """The looks of each role."""
    found: dict[str, Looks] = {}
    for read in scores.reads:
        same = [one for one in scores.reads if (one.role, one.metric) == (read.role, read.metric)]
        n_looks = sum(one.n_looks for one in same)
        if read.role not in found or n_looks > found[read.role].n:
            found[read.role] = Looks(read, n_looks)
    return found


def _compared(path: str, left: Choice, right: Choice) -> Iterator[Violation | Unknown]:
    looks = tuple(_looks_of(left, right))
    if "unknown" in (left.kind, right.kind):
        if max(left.n_looks, right.n_looks) >= MANY:
            yield Unknown(
                message="whether the scored weights are those of the last step is not recorded",
                fix="run.watch(model, optimizer), before the score",
                points=looks,
            )
    elif _is_other_kind(left, right):
        yield Violation(
            message=f"candidate was scored {right}; baseline {left}",
            fix="score both arms after the last step, or choose both by validation data",
            points=(f"{path}.is_restored", f"{path}.n_steps", *looks),
        )
    elif left.role and _is_other_cadence(left, right):
        yield Violation(
            message=f"candidate was chosen among {right.n_looks} looks at {right.role}, "
            f"baseline among {left.n_looks}",
            fix="look at validation data as often in both arms",
            points=looks,
        )


def _is_other_kind(left: Choice, right: Choice) -> bool:
    """Who scores whenever validation improves is at the last step if that was the best one."""
    is_last_best = {left.kind, right.kind} == {"last", "earlier"} and all(
        one.is_sparse for one in (left, right) if one.kind == "last"
    )
    return (left.kind, left.role) != (right.kind, right.role) and not is_last_best


def _is_other_cadence(left: Choice, right: Choice) -> bool:
    """An early stop has fewer looks at the same cadence."""
    apart = abs(left.interval - right.interval) / max(left.interval, right.interval)
    return left.n_looks != right.n_looks and apart > SAME_CADENCE


def _looks_of(*choices: Choice) -> Iterator[str]:
    numbers = dict.fromkeys(one.chooser.number for one in choices if one.chooser)
    yield from (f"scores.reads.{number}.n_looks" for number in numbers)


def _on_its_own_rows(
    claim: Claim, scores: Arms[Scores], choices: Arms[Choice | None]
) -> Iterator[Violation]:
    """Chosen on the rows that are reported: as lucky in both arms, and too high in both."""
    for one, choice in zip(scores.every(), choices.every(), strict=True):
        score = one.score(claim.metric)
        if choice and choice.chooser and score and choice.role == score.on:
            yield Violation(
                message=f"{claim.metric} is of the best of {choice.n_looks} looks at {score.on}, "
                f"the rows that it is reported on",
                fix="choose by validation data, or score after the last step",
                points=(f"scores.reads.{choice.chooser.number}.n_looks",),
                severity=Severity.WARNING,
            )
            return


def _restored(scores: Scores) -> Scores:
    score: Score = scores.scored[0]
    assert score.weights is not None
    weights = score.weights.model_copy(update={"is_restored": True})
    looks = scores.reads[0].model_copy(update={"role": "valid", "n_looks": 20, "number": 2})
    best = score.model_copy(update={"weights": weights})
    return scores.but(scored=(best,), reads=(*scores.reads, looks))


_OTHERS = {"budgets": Arms.of(BUDGET, BUDGET), "lineage": Arms.of(LINEAGE, LINEAGE)}
BAD = {"claim": CLAIM, "scores": Arms.of(EXAMPLE, _restored(EXAMPLE)), **_OTHERS}
GOOD = {"claim": CLAIM, "scores": Arms.of(EXAMPLE, EXAMPLE), **_OTHERS}
