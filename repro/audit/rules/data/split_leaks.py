"""The proof of the split found a leak.

Why: rows that stand on both sides, or outside the data, make the score one of memory or of nothing.

Fix: correct the splitter; the proof names rows that break it.

Wrong when: never: a violated condition has witnesses. Groups and time are judged by other rules.

Source: Kapoor and Narayanan 2023 count leaks of this kind in 17 fields.
"""

from collections.abc import Iterator

from repro.audit.rule import NotApplicable, Severity, Violation, rule
from repro.facts.fact import Absent
from repro.facts.split import EXAMPLE, Condition, Split

ELSEWHERE = ("G1", "T1", "P1")  # group-straddle and temporal-leak speak about these


@rule("DAT013", Severity.ERROR)
def check(split: Split | Absent) -> Iterator[Violation | NotApplicable]:
    """No condition of the split is violated."""
    if isinstance(split, Absent):
        yield NotApplicable("no split was recorded")
        return
    for condition in split.proof:
        if condition.outcome == "VIOLATED" and condition.id not in ELSEWHERE:
            yield Violation(
                message=f"the split violates {condition.id}: {condition.detail}",
                fix="correct the splitter",
                points=(f"split.proof.{condition.id}.outcome",),
            )


_LEAK = Condition(id="B0", outcome="VIOLATED", detail="3 rows stand on both sides")
BAD = {"split": EXAMPLE.but(verdict="violated", proof=(_LEAK,))}
GOOD = {"split": EXAMPLE}
