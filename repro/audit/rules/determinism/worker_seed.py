"""A worker draws from a generator that it does not have for itself.

Why: workers that got copies of one generator draw the same numbers, so that the augmentation
repeats; a child process that nobody seeds draws others in every run; threads that share a generator
get its numbers in the order in which they happen to run.

Fix: give each worker a generator of its own: `worker_init_fn`, an `initializer`, or
`run.rng(f"worker/{index}")`.

Wrong when: the threads wait for one another, or the numbers reach no result.

Source: torch's notes on randomness in multi-process data loading.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Violation, rule
from repro.facts.entropy import EXAMPLE, Entropy, Finding

SAID = {
    "child": ("a child process draws from {what}, which nobody seeds there", "pass an initializer"),
    "copied": ("every worker gets the same copy of {what}", "pass a worker_init_fn"),
    "threads": ("several threads draw from {what}", "give each thread a generator"),
}


@rule("DET005", Severity.WARNING, preview=True)
def check(entropy: Entropy) -> Iterator[Violation]:
    """No thread, process or loader worker shares a generator, or goes without a seed."""
    for one in entropy.of("child", "copied", "threads"):
        message, fix = SAID[one.kind]
        yield Violation(
            message=f"{message.format(what=one.what)} ({one.where})",
            fix=fix,
            points=(f"entropy.found.{one.index}.kind",),
        )


_COPIED = Finding(index=1, kind="copied", where="train.py:9", what="Images.rng, 4 workers")
BAD = {"entropy": EXAMPLE.but(found=(_COPIED,))}
GOOD = {"entropy": EXAMPLE}
