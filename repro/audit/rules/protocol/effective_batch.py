"""The arms took optimizer steps over different numbers of samples.

Why: the batch size sets the noise of the gradient and the number of steps in an epoch; the best
learning rate moves with it.

Fix: train both arms on one effective batch (batch x accumulation x processes).

Wrong when: the batch size is the treatment: declare "batching.*".

Source: Goyal et al. 2017; Smith et al. 2018.
"""

from collections.abc import Iterator

from repro.audit.configuration import is_declared
from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.batching import EXAMPLE, Batching
from repro.record import Arms


@rule("PRT011", Severity.ERROR)
def check(claim: Claim, batching: Arms[Batching]) -> Iterator[Violation]:
    """One effective batch in every pair, unless it is declared."""
    if is_declared(claim, "batching.effective"):
        return
    for left, right in batching.contrasts():
        if left.effective != right.effective:
            yield Violation(
                message=f"candidate trained on batches of {right.effective}, "
                f"baseline on {left.effective}",
                fix=f'{_fix(left, right)}, or declare "batching.*" as treatment',
                points=("batching.effective",),
                consequences=("batching.*", "params.*batch_size"),
            )
            return


def _fix(left: Batching, right: Batching) -> str:
    small, large = sorted((left.effective, right.effective))
    arm = "baseline" if left.effective == small else "candidate"
    if large % small:
        return "train both arms on one batch size"
    return f"accumulate {large // small} batches in the {arm}"


BAD = {"claim": CLAIM, "batching": Arms.of(EXAMPLE, EXAMPLE.but(micro=256, effective=256))}
GOOD = {"claim": CLAIM, "batching": Arms.of(EXAMPLE, EXAMPLE.but(micro=64, accumulation=2))}
