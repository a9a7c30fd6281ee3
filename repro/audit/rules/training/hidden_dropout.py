"""The model drops values that no parameter of the run speaks of, or that hurt its task.

Why: a pretrained model brings dropout in its configuration; who compares regularizers without
knowing it compares sums of them. Under a regression loss dropout changes the variance that the next
layers see, between training and evaluation.

Fix: declare the rate as a parameter; for a regression, set it to 0 and see.

Wrong when: the rates are the published ones of a model that both arms share.

Source: Li et al. 2019 on the shift of variance between training and evaluation.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Violation, rule
from repro.facts.fact import Absent
from repro.facts.lineage import EXAMPLE as LINEAGE
from repro.facts.lineage import Lineage
from repro.facts.loss import EXAMPLE as LOSS
from repro.facts.loss import Loss
from repro.facts.params import EXAMPLE as PARAMS
from repro.facts.params import Params
from repro.facts.regularization import EXAMPLE, Regularization

REGRESSION = ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss")
MAX_POINTS = 5


@rule("TRN005", Severity.NOTE, preview=True)
def check(
    regularization: Regularization,
    lineage: Lineage | Absent,
    loss: Loss | Absent,
    params: Params | Absent,
) -> Iterator[Violation]:
    """Dropout of a pretrained model is declared; a regression has none."""
    active = [one for one in regularization.dropout if one.p > 0]
    points = tuple(f"regularization.dropout.{one.path}.p" for one in active[:MAX_POINTS])
    if not active:
        return
    is_pretrained = isinstance(lineage, Lineage) and lineage.pretrained is not None
    if is_pretrained and not _is_declared(params):
        yield Violation(
            message="the pretrained model brings dropout, and no parameter of the run names it",
            fix='declare it: params={"dropout": ...}',
            points=points,
        )
    if isinstance(loss, Loss) and loss.name in REGRESSION:
        yield Violation(
            message=f"dropout under {loss.name}: its variance differs while evaluating",
            fix="set dropout to 0 in a regression, and compare",
            points=(*points, "loss.name"),
        )


def _is_declared(params: Params | Absent) -> bool:
    if isinstance(params, Absent):
        return False
    return any("drop" in one.name.casefold() for one in params.declared + params.logged)


_PRETRAINED = LINEAGE.but(pretrained="bert-base-uncased", revision="86b5e093")
_OTHERS = {"loss": LOSS, "params": PARAMS}
BAD = {"regularization": EXAMPLE, "lineage": _PRETRAINED, **_OTHERS}
GOOD = {"regularization": EXAMPLE, "lineage": LINEAGE, **_OTHERS}
