"""The script keeps the files of a folder in the order in which the file system lists them.

Why: the order is another on another machine, or after a copy: rows, splits and batches made in it
differ there, with the same seed.

Fix: `sorted(os.listdir(folder))`.

Wrong when: what is made of the files does not hang on their order.

Source: Bhandari Neupane et al. 2019: unsorted `glob` gave other results on other systems in over a
hundred studies.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Violation, rule
from repro.facts.entropy import EXAMPLE, Entropy, Finding


@rule("DET010", Severity.NOTE, preview=True)
def check(entropy: Entropy) -> Iterator[Violation]:
    """Every listing that makes an order is sorted."""
    for one in entropy.of("listing"):
        yield Violation(
            message=f"{one.where} keeps the order of {one.what}",
            fix="sort it: sorted(...)",
            points=(f"entropy.found.{one.index}.what",),
        )


_LISTING = Finding(index=1, kind="listing", where="data.py:8", what="os.listdir(folder)")
BAD = {"entropy": EXAMPLE.but(found=(_LISTING,))}
GOOD = {"entropy": EXAMPLE}
