"""Real runs, and for every claim about them the verdict and the exact findings of the audit."""

from collections.abc import Callable
from pathlib import Path

import pytest
from claims import history_claims, place_claims, script_claims, silent_claims, training_claims
from claims.bed import Bed, spoken

from repro.audit.catalogue import every_rule
from repro.audit.rule import Severity

MODULES = (silent_claims, script_claims, training_claims, history_claims, place_claims)
CLAIMS = [claim for module in MODULES for claim in module.CLAIMS]
CORE = [rule.name for rule in every_rule() if not rule.is_preview]

HISTORIES = {claim.make: None for claim in CLAIMS}
SHORT = ("two_arms", "grid_search.py")


def name_of(make: Callable[[Bed], None]) -> str:
    """The function, or the script that a partial one trains."""
    return getattr(make, "__name__", None) or str(make.args[0])  # type: ignore[attr-defined]


def marked(make: Callable[[Bed], None]):
    """All but a few take too long for every push: `make test-long`."""
    name = name_of(make)
    return pytest.param(make, id=name, marks=[] if name in SHORT else [pytest.mark.long])


@pytest.mark.slow
@pytest.mark.parametrize("make", [marked(make) for make in HISTORIES])
def test_the_audit_says_exactly_what_is_expected_of_every_claim_about_a_history(
    make: Callable[[Bed], None], tmp_path: Path, empty_store: Path
) -> None:
    bed = Bed.made(tmp_path, empty_store)
    make(bed)
    said = {claim.name: claim.judgement(bed) for claim in CLAIMS if claim.make is make}
    unlike = {
        claim.name: f"{said[claim.name].verdict} {sorted(spoken(said[claim.name]))}"
        for claim in CLAIMS
        if claim.make is make
        and (said[claim.name].verdict, spoken(said[claim.name])) != (claim.verdict, claim.findings)
    }
    assert not unlike, "\n".join(f"{name}: {what}" for name, what in unlike.items())


@pytest.mark.parametrize("rule", CORE)
def test_each_core_rule_speaks_in_one_claim_and_keeps_silent_in_another_that_is_made_for_it(
    rule: str,
) -> None:
    meant = [claim for claim in CLAIMS if {rule, "all"} & set(claim.rules.split(", "))]
    speaks = {any(f"{level} {rule}" in claim.findings for level in Severity) for claim in meant}
    assert speaks == {True, False}
