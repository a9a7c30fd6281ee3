"""How activations are normalized."""

from typing import ClassVar

from repro.facts.fact import Fact, Part


class Kind(Part):
    """All normalizing modules of one class."""

    kind: str  # BatchNorm2d
    n: int
    settings: str  # where they differ from the default of torch: "momentum=0.01", or "default"


class Module(Part):
    """Where one of them is."""

    path: str
    kind: str


class Normalization(Fact):
    """The normalizing modules of the model, as they were at the first step."""

    INLINE: ClassVar = ("kinds",)
    IGNORED: ClassVar = (
        "normalization.modules",  # the tree of the architecture says where each is
        "normalization.modules.*",
        "normalization.batch",  # follows from `batching`
        "normalization.smallest_batch",
        "normalization.sequence_input",
    )

    kinds: tuple[Kind, ...] = ()
    modules: tuple[Module, ...] = ()
    n_frozen: int = 0  # with running statistics that were not updated while the model trained
    is_synced: bool | None = None  # over processes; None: no batch statistics
    batch: int | None = None  # rows that batch statistics are taken over, most often
    smallest_batch: int | None = None
    sequence_input: bool | None = None  # BatchNorm over (n, channels, time); None: not seen


EXAMPLE = Normalization(
    kinds=(Kind(kind="BatchNorm2d", n=2, settings="momentum=0.01"),),
    modules=(Module(path="features.1", kind="BatchNorm2d"),),
    is_synced=False,
    batch=128,
    smallest_batch=67,
)
