"""Contract checks for rules and facts: ours, and those of third parties."""

import sys
from types import ModuleType

from repro.audit.case import Case
from repro.audit.catalogue import every_rule, rules_in
from repro.audit.engine import examine
from repro.audit.example_case import Example, case_of
from repro.audit.finding import Finding, Outcome, fold
from repro.audit.rule import SECTIONS, Rule
from repro.facts.fact import Fact
from repro.record import RunRecord, dump, load
from repro.testing.requirement import require


def check_rule(module: ModuleType) -> None:
    """Check the contract of a rule's file; raises AssertionError with what is broken.

    One rule; a docstring with Why, Fix, Wrong when and Source; a code that no other rule has; a
    `BAD` example that fires, quoting only what the record holds; a `GOOD` one that does not.
    """
    found = list(rules_in(module))
    require(len(found) == 1, f"{module.__name__} holds {len(found)} rules; a file holds one.")
    rule = found[0]
    _check_document(rule)
    _check_code(rule)
    _check_parameters(rule, module.BAD)
    _check_parameters(rule, module.GOOD)
    bad = fold(examine(rule, case_of(rule, module.BAD)))
    fired = [finding for finding in bad if finding.outcome is Outcome.FAIL]
    require(
        fired, f"{rule.name}: BAD gives {[finding.outcome.value for finding in bad]}, not FAIL."
    )
    for finding in fired:
        _check_points(finding, case_of(rule, module.BAD))
    good = fold(examine(rule, case_of(rule, module.GOOD)))
    loud = [found.message for found in good if found.outcome is not Outcome.PASS]
    require(not loud, f"{rule.name}: GOOD does not pass: {loud}.")


def check_fact(kind: type[Fact]) -> None:
    """Check the contract of a fact: its EXAMPLE survives storage, and its globs mean something."""
    example = vars(sys.modules[kind.__module__])["EXAMPLE"]
    record = RunRecord("0" * 32, "stored", {kind.key(): example})
    require(load(dump(record)) == record, f"{kind.__name__} does not survive storage.")
    require((kind.__doc__ or "").strip(), f"{kind.__name__} has no docstring.")
    for path in example.flat():
        require(path.startswith(f"{kind.key()}."), f"{path} does not start with {kind.key()}.")
    unknown = [field for field in kind.INLINE if field not in kind.model_fields]
    require(not unknown, f"{kind.__name__}.INLINE names no field: {unknown}.")
    for glob in (*kind.IGNORED, *kind.PER_REPLICATE, *kind.TOLERANCE):
        require(glob.startswith(f"{kind.key()}."), f"{glob} does not start with {kind.key()}.")


def _check_parameters(rule: Rule, example: Example) -> None:
    unknown = sorted(example.keys() - {need.parameter for need in rule.needs})
    require(not unknown, f"{rule.name}: the example names no parameter: {unknown}.")


def _check_points(finding: Finding, case: Case) -> None:
    """Every point is a path that a record of the case holds."""
    held = {path for _, record in case.runs() for path in record.flat}
    stray = [evidence.path for evidence in finding.evidence if evidence.path not in held]
    require(not stray, f"{finding.rule}: no record holds {', '.join(stray)}.")


def _check_document(rule: Rule) -> None:
    require(rule.summary.endswith("."), f"{rule.name}: the docstring starts with no sentence.")
    missing = [name for name in SECTIONS if not rule.sections.get(name)]
    require(not missing, f"{rule.name}: the docstring lacks {', '.join(missing)}.")


def _check_code(rule: Rule) -> None:
    for other in every_rule():
        is_free = other.code != rule.code or other == rule
        require(is_free, f"{rule.name} has the code {rule.code} of {other.name}.")
