"""The script keeps a set of texts in the order in which it goes through it.

Why: text hashes are random, another in every process: classes, features or files that are numbered
in this order are numbered otherwise the next time, with the same seed.

Fix: `sorted(names)`; or start it by `repro run`, which fixes PYTHONHASHSEED.

Wrong when: what is made of the list does not hang on its order, or the line never ran: it is found
in the source.

Source: Python's reference on `object.__hash__`: hashes of texts are salted, unpredictably.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Violation, rule
from repro.facts.entropy import EXAMPLE, Entropy, Finding


@rule("DET011", Severity.NOTE, preview=True)
def check(entropy: Entropy) -> Iterator[Violation]:
    """No order follows from random hashes."""
    for one in entropy.of("set_order"):
        yield Violation(
            message=f"{one.where} keeps the order of {one.what}",
            fix="sort it: sorted(...)",
            points=(f"entropy.found.{one.index}.what",),
        )


_SET = Finding(index=1, kind="set_order", where="data.py:8", what="{row.name for row in rows}")
BAD = {"entropy": EXAMPLE.but(found=(_SET,))}
GOOD = {"entropy": EXAMPLE}
