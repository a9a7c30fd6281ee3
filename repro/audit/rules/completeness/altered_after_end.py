"""Params, metrics, tags or artifacts of a run were altered after it ended.

Why: MLflow lets anyone change a run that has ended; what is shown then is not what was trained.

Fix: `repro verify RUN` names every change. Undo them, or run the training again.

Wrong when: a script logs to the run on purpose after its block, such as a late evaluation. Log to a
run of its own.

Source: the seal that every run gets at its end: `repro.record`, and what the record says of what is
stored beside it. The description, the name and other people's tags are not part of it.
"""

from collections.abc import Iterator

from repro.audit.listing import listed
from repro.audit.rule import Severity, Unknown, Violation, rule
from repro.facts.integrity import Alteration, Integrity

QUOTED = 3
FIX = "see `repro verify RUN`; undo the changes, or run the training again"


@rule("CMP007", Severity.ERROR)
def check(integrity: Integrity) -> Iterator[Violation | Unknown]:
    """MLflow holds what was sealed."""
    altered = integrity.altered
    if altered:
        yield Violation(
            message=f"altered after the end: {listed([one.what for one in altered], QUOTED)}",
            fix=FIX,
            points=tuple(
                f"integrity.altered.{one.what}.{side}"
                for one in altered[:QUOTED]
                for side in ("was", "now")
            ),
        )
    elif integrity.undecided:
        yield Unknown(
            message=f"it cannot be told whether it was altered after the end: "
            f"{'; '.join(integrity.undecided)}",
            fix="`repro recover` ships what the run could not; then `repro verify RUN`",
            points=("integrity.undecided",),
        )


BAD = {"integrity": Integrity(altered=(Alteration(what="param lr", was="0.1", now="0.01"),))}
GOOD = {"integrity": Integrity()}
