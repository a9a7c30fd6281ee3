"""A metric was taken while the model was in training mode.

Why: dropout then drops, and batch normalization uses the rows of the batch, so that the score
depends on chance and on how the rows are batched.

Fix: `model.eval()` before predicting, and until the score is taken.

Wrong when: the predictions were made in evaluation mode, and `model.train()` was called before the
score; or the dropout is meant to draw: declare "scores.<metric>.training_mode". A model without
such modules is a warning: `forward` may drop by itself.

Source: Gal and Ghahramani 2016 on dropout that is meant; PyTorch's documentation of `Module.eval`.
"""

from collections.abc import Iterator

from repro.audit.configuration import is_declared
from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.fact import Absent
from repro.facts.normalization import EXAMPLE as NORMALIZATION
from repro.facts.normalization import Normalization
from repro.facts.regularization import EXAMPLE as REGULARIZATION
from repro.facts.regularization import Regularization
from repro.facts.scores import EXAMPLE, Scores


@rule("PRT015", Severity.ERROR, preview=True)
def check(
    claim: Claim,
    scores: Scores,
    regularization: Regularization | Absent,
    normalization: Normalization | Absent,
) -> Iterator[Violation]:
    """Every metric of the claim was scored in evaluation mode."""
    is_harmless = _is_free_of_dropout(regularization) and _is_free_of_batches(normalization)
    for metric in claim.metrics:
        score, path = scores.score(metric), f"scores.{metric}.training_mode"
        if score is not None and score.training_mode and not is_declared(claim, path):
            yield Violation(
                message=f"{metric} was scored while the model was in training mode",
                fix="model.eval(), until the score is taken",
                points=(path,),
                severity=Severity.WARNING if is_harmless else Severity.ERROR,
            )


def _is_free_of_dropout(found: Regularization | Absent) -> bool:
    """Whether no module drops anything; dropout as a function in `forward` is not seen."""
    return isinstance(found, Regularization) and all(
        one.p == 0 and not one.p_end for one in found.dropout
    )


def _is_free_of_batches(found: Normalization | Absent) -> bool:
    return isinstance(found, Normalization) and not any(
        "BatchNorm" in one.kind for one in found.kinds
    )


_OTHERS = {"claim": CLAIM, "regularization": REGULARIZATION, "normalization": NORMALIZATION}
_TRAINING = EXAMPLE.scored[0].model_copy(update={"training_mode": True})
BAD = {"scores": EXAMPLE.but(scored=(_TRAINING,)), **_OTHERS}
GOOD = {"scores": EXAMPLE, **_OTHERS}
