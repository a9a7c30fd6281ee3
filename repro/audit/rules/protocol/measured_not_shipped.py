"""The model that was scored is not the one that the run ended with.

Why: a model that is quantized, pruned or trained on after its score is another model, and nobody
has measured that one.

Fix: score once more what is kept, after the last change of it.

Wrong when: weights were swapped in for the score, as a moving average is, and those are kept, or
the score is of a state that was kept by other means than `run.checkpoint`: declare
"scores.<metric>.weights.*". Such changes of the values are warnings; another number format, or more
zeros, is an error. A copy that is exported is seen only if it is watched, an estimator not at all.

Source: Jacob et al. 2018 and Blalock et al. 2020 measure what quantization and pruning cost.
"""

from collections.abc import Collection, Iterator

from repro.audit.configuration import is_declared
from repro.audit.rule import Answer, NotApplicable, Severity, Unknown, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.checkpoints import EXAMPLE as CHECKPOINTS
from repro.facts.checkpoints import Checkpoints
from repro.facts.fact import Absent
from repro.facts.scores import EXAMPLE, Score, Scores, Weights


@rule("PRT016", Severity.ERROR, preview=True)
def check(claim: Claim, scores: Scores, checkpoints: Checkpoints | Absent) -> Iterator[Answer]:
    """Every metric of the claim was scored with the weights that are there at the end."""
    written = checkpoints.written if isinstance(checkpoints, Checkpoints) else ()
    kept = {file.step for file in written}
    found = [score for score in map(scores.score, claim.metrics) if score is not None]
    if scores.weights_at_end is None and all(score.training_mode is None for score in found):
        yield NotApplicable("no torch model was watched")
        return
    for score in found:
        if is_declared(claim, f"scores.{score.name}.weights.digest"):
            continue
        if score.weights is None or scores.weights_at_end is None:
            yield _unknown(score)
        else:
            yield from _judged(score.name, score.weights, scores.weights_at_end, kept)


def _unknown(score: Score) -> Unknown:
    return Unknown(
        message=f"the weights that {score.name} was taken with are not recorded",
        fix="run.watch(model, optimizer), before the score",
        points=(f"scores.{score.name}.weights",),
    )


def _judged(
    metric: str, scored: Weights, end: Weights, kept: Collection[int]
) -> Iterator[Violation]:
    """`kept`: steps after which a checkpoint was written; that of the score may be what counts."""
    paths = [f"scores.{at}" for at in (f"{metric}.weights", "weights_at_end")]
    if scored.form != end.form:
        yield Violation(
            message=f"{metric} was taken of a model of {scored.form}; "
            f"the run ended with one of {end.form}",
            fix="score the model that is kept",
            points=tuple(f"{path}.form" for path in paths),
        )
        return
    n_steps = end.n_steps - scored.n_steps
    is_kept = n_steps > 0 and scored.n_steps in kept
    if scored.number == end.number and scored.digest != end.digest and not is_kept:
        change = f"was trained on for {n_steps} steps" if n_steps > 0 else "was changed"
        yield Violation(
            message=f"the model {change} after {metric} was taken",
            fix="score the model that is kept",
            points=tuple(f"{path}.{part}" for path in paths for part in ("digest", "n_steps")),
            severity=Severity.WARNING,
        )


_INT8 = Weights(number=2, digest=None, form="quantized", n_steps=55, is_restored=False)
BAD = {
    "claim": CLAIM,
    "scores": EXAMPLE.but(weights_at_end=_INT8),
    "checkpoints": CHECKPOINTS,
}
GOOD = {"claim": CLAIM, "scores": EXAMPLE, "checkpoints": CHECKPOINTS}
