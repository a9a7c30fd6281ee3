"""Batch statistics are taken over too little, or over sequences.

Why: the mean and variance of a few rows are noise, and evaluation uses others; over sequences they
mix padding and lengths.

Fix: normalize over groups or layers, synchronize the statistics over processes, or enlarge the
batch of each device. Accumulating gradients does not: the statistics are those of one batch.

Wrong when: the sequences are signals of one length.

Source: Wu and He 2018: the error of batch normalization grows quickly below 8 rows.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Violation, rule
from repro.facts.normalization import EXAMPLE, Normalization

FEW_ROWS = 8


@rule("TRN006", Severity.NOTE, preview=True)
def check(normalization: Normalization) -> Iterator[Violation]:
    """Batch statistics come from 8 rows or more, and from no sequences."""
    n_over_batch = sum(one.n for one in normalization.kinds if "BatchNorm" in one.kind)
    if n_over_batch <= normalization.n_frozen:
        return
    if normalization.sequence_input:
        yield Violation(
            message="batch normalization over sequences",
            fix="use LayerNorm",
            points=("normalization.sequence_input",),
        )
    batch = normalization.batch
    if batch is not None and batch < FEW_ROWS and not normalization.is_synced:
        yield Violation(
            message=f"batch statistics over {batch} rows on each device",
            fix="use GroupNorm or SyncBatchNorm, or a larger batch on each device",
            points=("normalization.batch", "normalization.is_synced"),
        )


BAD = {"normalization": EXAMPLE.but(batch=2, smallest_batch=2)}
GOOD = {"normalization": EXAMPLE}
