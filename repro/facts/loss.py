"""What the training minimizes."""

from typing import Any, ClassVar

from repro.facts.fact import Fact, Part, Scalar


class Setting(Part):
    """An argument of the loss."""

    name: str  # label_smoothing
    value: Scalar


class Weights(Part):
    """Numbers that the loss holds: one for each class."""

    name: str  # weight, pos_weight
    n: int
    digest: str


class Term(Part):
    """A loss inside of the loss, or one of several."""

    path: str  # the name that the outer one has for it
    name: str
    source_digest: str | None = None
    definition_digest: str | None = None
    settings: tuple[Setting, ...] = ()
    weights: tuple[Weights, ...] = ()


class Loss(Fact):
    """The loss that was handed to `run.watch`, as it was at the first step after that.

    Whether the loop minimizes this one, alone, and unscaled, cannot be seen. An estimator's loss is
    among its hyperparameters, in `architecture`.
    """

    VERSION: ClassVar = 2
    INLINE: ClassVar = ("settings",)
    IGNORED: ClassVar = ("loss.definition_digest", "loss.terms.*.definition_digest")
    # Class weights that follow from the training rows differ where these do.
    PER_REPLICATE: ClassVar = ("loss.weights.*.digest", "loss.terms.*.weights.*.digest")

    name: str  # CrossEntropyLoss; of several joined by +
    source_digest: str | None = None  # of own code, with what it reaches; None: a library's
    definition_digest: str | None = None  # the same but for refactoring; None: also version 1
    settings: tuple[Setting, ...] = ()
    weights: tuple[Weights, ...] = ()
    terms: tuple[Term, ...] = ()  # the first 64
    n_trainable: int = 0  # values of its own that an optimizer can learn
    is_replaced: bool = False  # another one was handed over after steps were made

    @classmethod
    def upgrade(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Version 1 knew no refactoring."""
        return data


EXAMPLE = Loss(
    name="CrossEntropyLoss",
    settings=(Setting(name="reduction", value="mean"), Setting(name="label_smoothing", value=0.1)),
    weights=(Weights(name="weight", n=10, digest="blake3:e5"),),
    terms=(Term(path="mask", name="BCELoss", settings=(Setting(name="reduction", value="sum"),)),),
)
