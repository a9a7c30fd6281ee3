"""Runs were added after an audit had shown numbers of this claim.

Why: whoever adds seeds until the interval leaves zero finds an effect where there is none: in 17 %
of cases from 3 to 10 seeds, in 23 % from 3 to 20, instead of 5 %.

Fix: declare the looks before the first: `looks = [5, 10]`; each then decides with its share of the
risk.

Wrong when: the runs were added whatever the audit said. An audit with `--no-tags`, or of a copy of
the store, leaves no trace; nor does a look at the run list. A claim that was renamed begins anew.

Source: Armitage, McPherson and Rowe 1969; simulated for a t test after every seed.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from repro.audit.ledger import Ledger
from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim


@rule("STA009", Severity.WARNING, preview=True)
def check(claim: Claim, ledger: Ledger) -> Iterator[Violation]:
    """No run is younger than the first look, or every look was a declared one, of both arms."""
    undeclared = [(at, n) for at, n in ledger.looks if n / 2 not in claim.looks]
    if ledger.n_added and undeclared:
        at, n = undeclared[0]
        yield Violation(
            message=f"an audit showed numbers of {n} runs on {at:%Y-%m-%d %H:%M} UTC; "
            f"{ledger.n_added} runs were started later",
            fix="make a claim on fresh seeds, and declare looks = [...] before its first audit",
            points=(),
        )


_LOOK = (datetime(2026, 11, 1, 12, tzinfo=UTC), 10)
BAD = {"claim": CLAIM, "ledger": Ledger(looks=(_LOOK,), n_added=4)}
GOOD = {"claim": CLAIM, "ledger": Ledger(looks=(_LOOK,), n_added=0)}
