"""What makes the model smaller: pruned weights, fewer bits."""

from typing import Any, ClassVar, Literal

from repro.facts.fact import Fact, Part

Form = Literal["unstructured", "structured"]  # structured: whole slices along one dimension
When = Literal["before training", "while training", "at the end"]


class Mask(Part):
    """A parameter that `torch.nn.utils.prune` has masked, and not yet made permanent."""

    path: str  # features.0.weight
    form: Form
    sparsity: float  # share of zeros in the mask


class Zeros(Part):
    """Share of values that are exactly zero in a weight, where it is not small."""

    path: str
    first: float | None  # before the first step
    last: float


class Levels(Part):
    """A weight of two or three distinct values: binary or ternary."""

    path: str
    n: int


class Count(Part):
    """How many there are of one kind."""

    kind: str
    n: int


class Compression(Fact):
    """Pruning and quantization, as seen at the sampled steps and at the end.

    Weights that a `forward` rounds, and keeps as floats, are not seen.
    """

    VERSION: ClassVar = 2
    IGNORED: ClassVar = (
        "compression.digest_*",  # other in each seed
        "compression.zeros",  # how sparse each weight got is a result
        "compression.zeros.*",
        "compression.masks.*.sparsity",
        "compression.parametrizations",  # in the tree of the architecture
        "compression.bits_per_value",  # follows from the dtypes
    )
    # By threshold it is other in each seed; by amount it is the same.
    PER_REPLICATE: ClassVar = ("compression.sparsity",)

    pruning: Literal["none", "unstructured", "structured", "mixed"]
    pruned: When | None = None  # when it was first seen; "at the end": after the last sampled step
    is_permanent: bool | None = None  # zeros without a mask; None: nothing is pruned
    sparsity: float | None = None  # share of zeros in all matrices, in hundredths
    masks: tuple[Mask, ...] = ()
    quantization: Literal["none", "aware", "converted"] = "none"  # aware: fake-quantized
    quantized: tuple[Count, ...] = ()  # modules by class
    converted: tuple[str, ...] = ()  # parameters after the last step: "float32 -> float16"
    levels: tuple[Levels, ...] = ()
    bits_per_value: float | None = None
    parametrizations: tuple[str, ...] = ()  # fc.weight: WeightNorm
    zeros: tuple[Zeros, ...] = ()
    # Of the main model's parameters as the masks leave them, of the values that are looked at.
    digest_before: str | None = None  # the first step; None: it made none
    digest_after: str | None = None  # at the end; None: no parameters, or packed away

    @classmethod
    def upgrade(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Version 1 had no digests."""
        return data


EXAMPLE = Compression(
    pruning="unstructured",
    pruned="while training",
    is_permanent=False,
    sparsity=0.5,
    masks=(Mask(path="features.0.weight", form="unstructured", sparsity=0.5),),
    quantized=(Count(kind="dynamic.Linear", n=2),),
    quantization="converted",
    levels=(Levels(path="fc.weight", n=3),),
    bits_per_value=32.0,
    zeros=(Zeros(path="features.0.weight", first=0.0, last=0.5),),
    digest_before="blake3:ab",
    digest_after="blake3:cd",
)
