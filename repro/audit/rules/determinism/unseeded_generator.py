"""A generator of the script was made without a seed.

Why: it is seeded by the operating system or the clock, so that the run's seed does not hold what is
drawn from it: no run repeats it.

Fix: `run.rng("name")` or `run.generator("name")`; or let `tracked_run(entropy="derive")` seed it.

Wrong when: nothing that is drawn from it reaches the training, such as the name of a file.

Source: numpy's reference on `SeedSequence`: without a seed, fresh entropy is pulled from the OS.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Violation, rule
from repro.facts.entropy import EXAMPLE, Entropy

NOT_DERIVED = "torch.seed("  # returns what it has drawn


@rule("DET008", Severity.WARNING, preview=True)
def check(entropy: Entropy) -> Iterator[Violation]:
    """Every generator has a seed, its own or a derived one."""
    for one in entropy.of("unseeded"):
        if entropy.mode != "derive" or one.what.startswith(NOT_DERIVED):
            yield Violation(
                message=f"{one.where} makes {one.what} without a seed",
                fix='pass run.rng("name"), or tracked_run(entropy="derive")',
                points=(f"entropy.found.{one.index}.what",),
            )


BAD = {"entropy": EXAMPLE.but(mode="record")}
GOOD = {"entropy": EXAMPLE}
