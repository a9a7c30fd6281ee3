"""The configuration or the checkpoint was chosen by scores on the rows that the claim is about.

Why: the best of many noisy scores is better than the model that got it: the maximum of five seeds
is 1.16 standard deviations above their mean.

Fix: choose by validation rows, and look at the test rows after the choice.

Wrong when: scores on the test rows were watched and nobody chose by them: the weights that were
brought back are an average of all steps, or were chosen by the training loss: declare
"scores.<metric>.weights.*". Cross-validation has no other rows by design (nest it:
`repro.splits.nested_splits`), where it is a warning. Trials of other experiments, and what a search
in another library looked at, are not seen.

Source: Cawley and Talbot 2010, Journal of Machine Learning Research 11:2079-2107.
"""

from collections.abc import Iterable, Iterator

from repro.audit.configuration import is_declared
from repro.audit.example import example_launch, example_record
from repro.audit.ledger import ArmHistory, Ledger, Trial
from repro.audit.rule import Severity, Unknown, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.fit_scope import FitScope
from repro.facts.lineage import Lineage
from repro.facts.scores import Score, Scores
from repro.facts.tuning import Tuning
from repro.record import Arms, RunRecord

TRAIN = "train"
FEW = 3  # looks at one role: fewer choose nothing


@rule("PRT006", Severity.ERROR)
def check(claim: Claim, runs: Arms[RunRecord], ledger: Ledger) -> Iterator[Violation | Unknown]:
    """No search, no checkpoint and no trial of an arm was chosen by the rows of the claim."""
    folds = {record.replicate.fold for record in runs.every()} - {None}
    severity = Severity.WARNING if len(folds) > 1 else None
    for (arm, history), (_, records) in zip(ledger.sides(), runs.sides(), strict=True):
        chosen = [trial for trial in history.trials if trial.is_test_seen]
        if any(not trial.is_other_seen for trial in chosen):
            yield Violation(
                message=f"{arm}: {history.n_configurations} configurations were scored on the test "
                f"rows; some of them have no other score by which to choose",
                fix="score the trials on validation rows: run.score(..., on='valid')",
                points=(),
                severity=severity,
            )
        yield from _inside(arm, records, claim, severity)
        if any(_is_chosen_unseen(record, claim) for record in records):
            yield Unknown(
                message=f"{arm}: weights of an earlier step were scored, and by what they were "
                "chosen is not recorded",
                fix="score what they are chosen by: run.score(..., on='valid', step=...)",
                points=(f"scores.{claim.metric}.weights.is_restored", "lineage.loaded_later"),
                severity=Severity.WARNING,
            )


def _is_chosen_unseen(record: RunRecord, claim: Claim) -> bool:
    """Whether weights were brought back, and no look says why, nor a curve that was logged."""
    scores = record.find(Scores)
    score = scores.score(claim.metric) if scores else None
    if scores is None or score is None or _brought_back(record, score, claim) is None:
        return False
    others = {read.role for read in scores.reads} - {TRAIN, score.on}
    is_logged = any("val" in series.name.casefold() for series in scores.logged)
    return not others and not is_logged and scores.n_looks(score.on) < FEW


def _inside(
    arm: str, records: Iterable[RunRecord], claim: Claim, severity: Severity | None
) -> Iterator[Violation]:
    """What the runs of an arm chose by themselves, told once."""
    found = (why for record in records for why in _chosen_inside(record, claim))
    for message, points in dict.fromkeys(found):
        yield Violation(
            message=f"{arm}: {message}",
            fix="choose by validation rows, and score the test rows after the choice",
            points=points,
            severity=severity,
        )


def _chosen_inside(record: RunRecord, claim: Claim) -> Iterator[tuple[str, tuple[str, ...]]]:
    scores = record.find(Scores)
    score = scores.score(claim.metric) if scores else None
    if scores is None or score is None:
        return
    for name, path in _searches_on(record, score.on):
        yield f"{name} was fitted on the {score.on} rows", (path,)
    others = {read.role for read in scores.reads} - {TRAIN, score.on}
    back = _brought_back(record, score, claim)
    if back and not others and scores.n_looks(score.on) >= FEW:
        yield (
            f"weights were {back[0]} after {scores.n_looks(score.on)} looks at the {score.on} "
            f"rows, and at no others",
            back[1:],
        )


def _brought_back(record: RunRecord, score: Score, claim: Claim) -> tuple[str, str] | None:
    """How the weights of an earlier step came to be scored, and where the record says so."""
    lineage = record.find(Lineage)
    if lineage and lineage.loaded_later:
        return "loaded", "lineage.loaded_later"
    path = f"scores.{score.name}.weights.is_restored"
    if score.weights and score.weights.is_restored and not is_declared(claim, path):
        return "brought back", path
    return None


def _searches_on(record: RunRecord, role: str) -> Iterator[tuple[str, str]]:
    """Searches that saw evaluation rows which are no training rows."""
    scope, tuning = record.find(FitScope), record.find(Tuning)
    names = {search.method for search in tuning.searches} if tuning else set()
    for fit in scope.fits if scope else ():
        seen = [part for part in fit.roles if part.role == role and part.n_beyond_train]
        if seen and fit.kind in names:
            yield fit.kind, f"fit_scope.fits.{fit.path}.roles.{role}.n_beyond_train"


_RUNS = Arms.of(example_record(), example_record())
_TRIAL = Trial(example_launch(seed=0), "lr=0.01", is_test_seen=True, is_other_seen=False)
BAD = {"claim": CLAIM, "runs": _RUNS, "ledger": Ledger(candidate=ArmHistory(trials=(_TRIAL,)))}
GOOD = {"claim": CLAIM, "runs": _RUNS, "ledger": Ledger()}
