"""The case that the BAD or GOOD example of a rule describes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from repro.audit.case import NOT_COMPARED, Case, EvaluationNoise, Guards, Reruns
from repro.audit.example import example_record
from repro.audit.ledger import Ledger
from repro.audit.rule import Rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import EXAMPLE_POLICY, Claim, Policy
from repro.facts.fact import Fact
from repro.record import Arms, RunRecord
from repro.stats.comparison import Comparison

Example = Mapping[str, Any]


def case_of(rule: Rule, example: Example) -> Case:
    """The case that an example describes; what it does not mention is equal on both sides."""
    given = {need.kind: example[need.parameter] for need in rule.needs if need.parameter in example}
    return Case(
        claim=given.get(Claim, CLAIM),
        policy=given.get(Policy, EXAMPLE_POLICY),
        arms=_arms(given),
        reruns=given.get(Reruns, Reruns()),
        ledger=given.get(Ledger, Ledger()),
        guards=given.get(Guards, Guards()),
        noise=given.get(EvaluationNoise, EvaluationNoise()),
        comparison=given.get(Comparison, NOT_COMPARED),
    )


def _arms(given: Mapping[type, Any]) -> Arms[RunRecord]:
    """Records that hold the given facts, for one run or for both arms."""
    if RunRecord in given:
        runs = given[RunRecord]
        return runs if isinstance(runs, Arms) else Arms.of(runs, runs)
    sides: list[RunRecord] = []
    for side in ("baseline", "candidate"):
        record = example_record()
        for kind, value in given.items():
            if issubclass(kind, Fact):
                fact = getattr(value, side)[0] if isinstance(value, Arms) else value
                record = replace(record, facts={**record.facts, kind.key(): fact})
        sides.append(record)
    return Arms.of(*sides)
