"""The model that was trained."""

from typing import Any, ClassVar

from repro.facts.fact import Fact, Part, Scalar


class Hyperparameter(Part):
    """A constructor parameter of a scikit-learn estimator."""

    name: str
    value: Scalar


class Layer(Part):
    """A module of the model's tree."""

    path: str
    kind: str
    n_parameters: int  # its own, without those of its children
    settings: str | None = None  # as the module prints them; None: written by version 1


class Piece(Part):
    """A direct child of the model: backbone, neck, head."""

    name: str
    kind: str
    n_parameters: int  # what an earlier piece shares is counted there
    n_trainable: int


class OtherModel(Part):
    """A further model that was watched: a second network, or one that was replaced."""

    name: str
    digest: str
    n_parameters: int
    is_trained: bool  # steps were made after it was watched


class Architecture(Fact):
    """Module tree of a torch model at its first step, or a scikit-learn estimator.

    Of several models it is the one that was watched last and then trained.
    """

    VERSION: ClassVar = 2  # 1 had no settings, pieces, tied parameters, other models, wrappers
    INLINE: ClassVar = ("hyperparameters",)
    IGNORED: ClassVar = (
        "architecture.layers",  # the digest says whether they differ
        "architecture.layers.*",
        "architecture.pieces",
        "architecture.pieces.*",
        "architecture.tied",  # the number of parameters says so
        "architecture.wrappers",
        "architecture.n_uninitialized",
    )

    name: str
    n_parameters: int
    n_trainable: int
    digest: str  # of paths, kinds, shapes and dtypes, not of the weights
    hyperparameters: tuple[Hyperparameter, ...] = ()
    layers: tuple[Layer, ...] = ()
    pieces: tuple[Piece, ...] = ()
    tied: tuple[str, ...] = ()  # head.weight = embed.weight
    n_uninitialized: int = 0  # tensors of lazy modules that never ran: not counted
    wrappers: tuple[str, ...] = ()  # OptimizedModule: compiled; DistributedDataParallel
    others: tuple[OtherModel, ...] = ()

    @classmethod
    def upgrade(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Version 1 is version 2 without what it did not look at."""
        return data


EXAMPLE = Architecture(
    name="CNN",
    n_parameters=27_562,
    n_trainable=27_562,
    digest="blake3:ee",
    layers=(
        Layer(path="conv", kind="Conv2d", n_parameters=160, settings="1, 16, kernel_size=(3, 3)"),
    ),
    pieces=(Piece(name="conv", kind="Conv2d", n_parameters=160, n_trainable=160),),
)
