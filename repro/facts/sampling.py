"""Which training rows come, and in which order."""

from typing import ClassVar

from repro.facts.fact import Fact, Part


class Role(Part):
    """The order in which the loaders of one role hand out rows."""

    role: str
    sampler: str | None = None  # RandomSampler; None: the loader shows none
    batch_sampler: str | None = None  # of an own class
    draws: str | None = None  # each row once; with replacement; weighted; or an own sampler's class
    weights_digest: str | None = None  # of a WeightedRandomSampler
    generator: str | None = None  # own, global; None: nothing is drawn, or it cannot be seen
    reorders: bool | None = None  # a second pass has another order than the first
    is_reorder_seen: bool = False  # False: it follows from the sampler, or is unknown
    first_order: str | None = None  # digest of some rows of each batch of the first pass
    second_order: str | None = None
    first_entropy: float | None = None  # bits, of the labels of a batch: mean over the first ones
    label_entropy: float | None = None  # bits, of the labels of all batches of the first pass


class Sampling(Fact):
    """Samplers, and the order of the rows that were seen in the first two passes.

    The order is told by some rows of each of the first batches. Whether the loader shuffles and
    drops the last batch is in `batching`.
    """

    INLINE: ClassVar = ("roles",)
    IGNORED: ClassVar = (
        "sampling.*.sampler",  # whether it shuffles is compared as batching.shuffle
        "sampling.*.generator",
        "sampling.*.is_reorder_seen",
        "sampling.*.first_order",
        "sampling.*.second_order",
        "sampling.*.first_entropy",
        "sampling.*.label_entropy",
    )
    PER_REPLICATE: ClassVar = ("sampling.*.weights_digest",)

    roles: tuple[Role, ...]


EXAMPLE = Sampling(
    roles=(
        Role(
            role="train",
            sampler="RandomSampler",
            draws="each row once",
            generator="own",
            reorders=True,
            is_reorder_seen=True,
            first_order="blake3:01",
            second_order="blake3:02",
            first_entropy=3.1,
            label_entropy=3.3,
        ),
    ),
)
