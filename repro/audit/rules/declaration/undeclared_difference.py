"""The arms, or the runs of one arm, differ in something that was not declared.

Why: with two differences nobody can say which of them made the score. Everything recorded is
compared, so that the forgotten difference is found too.

Fix: align the runs, or declare the path as treatment (the cause under test) or as nuisance (tuned
for each arm on purpose).

Wrong when: a declared parameter only names an output, such as a folder or a title: declare it as
nuisance. Differences of machine and package versions are warnings, they are seldom the cause.

Source: ceteris paribus; Bouthillier et al. 2021 measure how much single undeclared factors move a
score.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from repro.audit.case import Spoken
from repro.audit.configuration import Difference, differences, is_tree
from repro.audit.example import example_arms
from repro.audit.refactored import MODULES
from repro.audit.rule import Severity, Unknown, Violation, rule
from repro.audit.same_program import is_same_program
from repro.audit.unrecorded import HOW_TO_RECORD, look_up, unrecorded
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts import fact_types
from repro.facts.batching import EXAMPLE as BATCHING
from repro.facts.fact import Absent
from repro.facts.optimizer import EXAMPLE as OPTIMIZER
from repro.record import Arms, RunRecord, is_compared

MILD = ("determinism", "environment", "hardware")  # seldom the cause, and other rules speak first

# Details of a training that follow from its files and parameters: where these are known to be the
# same in all runs, one that was not recorded cannot have differed.
FROM_THE_PROGRAM = (
    *(
        "architecture",
        "capacity",
        "cleaning",
        "compression",
        "fit_scope",
        "gradients",
        "initialization",
    ),
    *("lineage", "loss", "normalization", "precision", "regularization", "sampling"),
    *("schedule", "stopping", "topology", "transforms", "tuning"),
)
# Where the imported files are known, they are compared one by one, without their comments.
OF_A_TREE = {
    Severity.WARNING: "only comments, layout or files that no run imported differ",
    Severity.ERROR: "files, of which not every run says whether it imported them, differ",
}
DEFINITION = ("metric", "source_digest", "arguments", "greater_is_better", "on")  # PRT003 compares


@rule("DEC001", Severity.ERROR)
def check(claim: Claim, runs: Arms[RunRecord], spoken: Spoken) -> Iterator[Violation | Unknown]:
    """Every difference is declared, or another rule speaks about it."""
    found = [
        difference
        for difference in differences(runs)
        if not (_is_told(difference.path, spoken) or _is_definition(difference.path, claim))
    ]
    between = [item for item in found if item.is_between and item.declared_as(claim) is None]
    yield from _violations(between, "between the arms", claim, runs)
    unruly = [item for item in found if item.inside and item.declared_as(claim) != "nuisance"]
    for arm, _ in runs.sides():
        inside = [item for item in unruly if arm in item.inside]
        yield from _violations(inside, f"inside the {arm} arm", claim, runs)
    yield from _unknown(runs, spoken)


def _violations(
    found: Sequence[Difference], where: str, claim: Claim, runs: Arms[RunRecord]
) -> Iterator[Violation]:
    """One violation for each fact and severity."""
    groups: dict[tuple[str, Severity], list[str]] = {}
    for item in found:
        severity = _severity(item.path, claim, runs)
        groups.setdefault((item.path.partition(".")[0], severity), []).append(item.path)
    for (key, severity), paths in groups.items():
        yield _violation(key, severity, paths, where)


def _violation(key: str, severity: Severity, paths: Sequence[str], where: str) -> Violation:
    is_inside = where.startswith("inside")  # there a treatment is one value
    declared = "declared as nuisance" if is_inside else "declared"
    message = f"{len(paths)} values of {key} differ {where} and are not {declared}"
    glob = f"{key}.*"
    if len(paths) == 1:
        message, glob = f"{paths[0]} differs {where} and is not {declared}", paths[0]
    if all(map(is_tree, paths)):
        message, glob = f"{OF_A_TREE[severity]} {where}", "code:*"
    roles = "nuisance" if is_inside else "treatment or nuisance"
    fix = f'align the runs, or declare "{glob}" as {roles}'
    if all(map(is_tree, paths)) and severity is Severity.WARNING:
        fix = "nothing has to be declared; commit once, and make all runs of that commit"
    return Violation(message, fix, tuple(paths), severity)


def _severity(path: str, claim: Claim, runs: Arms[RunRecord]) -> Severity:
    key, _, rest = path.partition(".")
    if key in MILD or (is_tree(path) and _know_their_modules(runs)):
        return Severity.WARNING
    if key == "scores" and not rest.startswith(tuple(f"{name}." for name in claim.metrics)):
        return Severity.NOTE  # a score that the claim does not use
    return Severity.ERROR


def _know_their_modules(runs: Arms[RunRecord]) -> bool:
    return all(any(path.startswith(MODULES) for path in run.flat) for run in runs.every())


def _is_told(path: str, spoken: Spoken) -> bool:
    """Whether another rule told it, and not more mildly than it would be told here."""
    is_mild = path.partition(".")[0] in MILD
    return path in spoken.paths or (is_mild and path in spoken.advised)


def _is_definition(path: str, claim: Claim) -> bool:
    return path in {f"scores.{name}.{part}" for name in claim.metrics for part in DEFINITION}


def _unknown(runs: Arms[RunRecord], spoken: Spoken) -> Iterator[Unknown]:
    """Facts that some run should have and has not, and that no other rule asked for.

    Those that one call records are one answer: whoever watched no model lacks a dozen.
    """
    groups: dict[tuple[str, Severity | None], list[Unknown]] = {}
    mild = {*MILD, *(FROM_THE_PROGRAM if is_same_program(runs) else ())}
    for key, kind in fact_types().items():
        facts = [look_up(run, kind) for run in runs.every() if is_compared(f"{key}.any")]
        gaps = [unrecorded(key, fact) for fact in facts if isinstance(fact, Absent)]
        severity = Severity.WARNING if key in mild else None
        for gap in dict.fromkeys(gap for gap in gaps if isinstance(gap, Unknown)):
            if key not in spoken.paths:
                is_call = gap.fix in HOW_TO_RECORD.values()
                groups.setdefault((gap.fix if is_call else gap.message, severity), []).append(gap)
    for (_, severity), found in groups.items():
        yield replace(_together(found), severity=severity)


def _together(gaps: Sequence[Unknown]) -> Unknown:
    keys = tuple(dict.fromkeys(point for gap in gaps for point in gap.points))
    if len(keys) == 1:
        return gaps[0]
    reasons = dict.fromkeys(gap.message.partition(": ")[2] for gap in gaps)
    message = f"{', '.join(keys)} are not recorded: {'; '.join(reasons)}"
    return Unknown(message, gaps[0].fix, keys)


BAD = {
    "claim": CLAIM,
    "runs": example_arms(OPTIMIZER.but(name="AdamW"), BATCHING.but(shuffle=False)),
}
GOOD = {"claim": CLAIM, "runs": example_arms(OPTIMIZER.but(name="AdamW"))}
