"""One rule, explained from its own file."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import BaseModel
from rich.text import Text

from repro.audit.engine import examine
from repro.audit.example_case import case_of
from repro.audit.finding import Evidence, Finding, Outcome, evidence_at, fold
from repro.audit.rule import Rule
from repro.facts.fact import Fact
from repro.record import Arms, RunRecord
from repro.report.shown import shown, shown_all


def rule_text(rule: Rule) -> Text:
    """Name, meaning, the sections of the rule's docstring, and what it says of its examples."""
    kind = f"{rule.severity.value}, in preview" if rule.is_preview else rule.severity.value
    lines = [
        Text.assemble((rule.name, "bold"), f" ({rule.code}), {kind}"),
        Text(),
        Text(rule.summary),
    ]
    for title, text in rule.sections.items():
        lines += [Text(), Text.assemble((f"{title}: ", "bold"), text)]
    return Text("\n").join([*lines, *_examples(rule)])


def _examples(rule: Rule) -> Iterator[Text]:
    """The example that fires with its findings, and what is otherwise where nothing is found."""
    module = sys.modules[rule.check.__module__]
    bad, good = case_of(rule, module.BAD), case_of(rule, module.GOOD)
    found = [one for one in fold(examine(rule, bad)) if one.outcome is Outcome.FAIL]
    yield from (Text(), Text("It fires:", "bold"))
    for finding in found:
        yield Text(f"  {finding.message}")
        yield from _quoted(evidence for evidence in finding.evidence)
    told = list(_told_apart(module.BAD, module.GOOD))
    yield from (Text(f"  {name}  {fires}") for name, fires, _ in told)
    yield from (Text(), Text("It passes:", "bold"))
    yield from _quoted(evidence_at(path, tuple(good.runs())) for path in _paths(found))
    yield from (Text(f"  {name}  {passes}") for name, _, passes in told)


def _paths(found: list[Finding]) -> list[str]:
    return list(dict.fromkeys(one.path for finding in found for one in finding.evidence))


def _quoted(evidence: Iterator[Evidence]) -> Iterator[Text]:
    for one in evidence:
        yield Text(f"  {one.path}  {shown_all(one.baseline)} | {shown_all(one.candidate)}")


def _told_apart(bad: Mapping[str, Any], good: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What else the examples differ in: the claim, the policy, the experiment, the numbers."""
    for name in sorted(bad.keys() & good.keys()):
        if not isinstance(bad[name], Fact | Arms | RunRecord):
            yield from _unequal(name, bad[name], good[name])


def _unequal(name: str, one: object, other: object) -> Iterator[tuple[str, str, str]]:
    """Plain values that differ, by their path."""
    if one == other:
        return
    names = _fields(one)
    if names and type(one) is type(other):
        for field in names:
            yield from _unequal(f"{name}.{field}", getattr(one, field), getattr(other, field))
    elif isinstance(one, tuple) and isinstance(other, tuple) and any(map(_fields, one + other)):
        if len(one) != len(other):
            yield f"{name}, entries", str(len(one)), str(len(other))
        for at, pair in enumerate(zip(one, other, strict=False)):
            yield from _unequal(f"{name}.{at}", *pair)
    else:
        yield name, shown(str(one)), shown(str(other))


def _fields(value: object) -> list[str]:
    """Names of the parts of a model or a dataclass."""
    if isinstance(value, BaseModel):
        return list(type(value).model_fields)
    if is_dataclass(value) and not isinstance(value, type):
        return [field.name for field in fields(value)]
    return []
