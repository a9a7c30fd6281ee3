"""What the audit says about claims that it must not stop: `make false-alarms`.

Trains the silent part of the test bed and five ordinary scripts in a temporary folder.
"""

import os
import sys
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy and torch are loaded

from claims import script_claims, silent_claims
from claims.bed import Bed, Expected
from mlflow import MlflowClient

from repro.audit.catalogue import find_rule
from repro.audit.finding import Finding, Outcome
from repro.audit.judgement import Judgement
from repro.audit.rule import Severity

CLAIMS: tuple[Expected, ...] = (*silent_claims.CLAIMS, *script_claims.CLAIMS)


def line(claim: Expected, judgement: Judgement) -> str:
    """The verdict, and what stands against the claim, by rule."""
    counted = {
        "error": _of(judgement, Outcome.FAIL, Severity.ERROR),
        "unknown": [found for found in judgement.findings if found.outcome is Outcome.UNKNOWN],
        "warning": _of(judgement, Outcome.FAIL, Severity.WARNING),
    }
    said = "; ".join(
        f"{kind}: {', '.join(Counter(found.rule for found in findings))}"
        for kind, findings in counted.items()
        if findings
    )
    return f"{claim.name:<42} {judgement.verdict:<14} {said or 'nothing'}"


def _of(judgement: Judgement, outcome: Outcome, severity: Severity) -> list[Finding]:
    return [
        found
        for found in judgement.findings
        if found.outcome is outcome and found.severity is severity
    ]


def core_errors(judgement: Judgement) -> list[Finding]:
    """Errors of core rules, failed or unknown: each would stop a claim that holds."""
    found = [
        *_of(judgement, Outcome.FAIL, Severity.ERROR),
        *_of(judgement, Outcome.UNKNOWN, Severity.ERROR),
    ]
    return [one for one in found if not find_rule(one.rule).is_preview]


def main() -> int:
    """Print the table; 1 if a core rule stops a claim that holds."""
    errors: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="claims-") as folder:
        store = Path(folder) / "mlflow.db"
        MlflowClient(f"sqlite:///{store}").search_experiments()

        @cache
        def bed_of(make: object) -> Bed:
            bed = Bed.made(Path(tempfile.mkdtemp(dir=folder)), store)
            make(bed)
            return bed

        for claim in CLAIMS:
            judgement = claim.judgement(bed_of(claim.make))
            errors.update(found.rule for found in core_errors(judgement))
            print(line(claim, judgement), flush=True)
            for found in core_errors(judgement):
                print(f"    {found.rule} ({found.code}): {found.message}")
    print(f"\nerrors of core rules in {len(CLAIMS)} claims that hold: {errors.total()}")
    for rule, count in errors.most_common():
        print(f"    {count} {rule}")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
