"""What is done to a sample between its data set and the loop."""

from typing import Any, ClassVar

from repro.facts.fact import Fact, Part


class Step(Part):
    """One transform."""

    name: (
        str  # RandomCrop; below a group RandomApply/Blur; not of the input target_transform/OneHot
    )
    settings: str  # "size=32, padding=4"
    fitted: str | None = None  # settings that follow from data: mean, standard deviation
    source_digest: str | None = None  # of own code, with what it reaches; None: a library's
    definition_digest: str | None = None  # the same but for refactoring; None: also version 1
    is_random: bool | None = None  # by its name and its code; None: neither can tell


class Role(Part):
    """What the loaders of one role do to a sample."""

    role: str  # train; train-2 if a later loader of the role does something else
    dataset: str  # Subset > CIFAR10
    order: str  # RandomCrop > ToTensor; "none"
    steps: tuple[Step, ...] = ()
    collate: str  # default_collate
    collate_digest: str | None = None  # of own code
    collate_definition_digest: str | None = None
    is_random: bool | None = None  # whether any step is


class Transforms(Fact):
    """Transforms of the data set of every loader that was seen, when it gave its first batch.

    They are found in the attributes of the data set and of those inside it. A data set of an own
    class is a step, too, told by its code. Transforms that are applied after the loader, or that
    a compiled library hides, are not seen.
    """

    VERSION: ClassVar = 2
    INLINE: ClassVar = ("roles",)
    IGNORED: ClassVar = (
        "transforms.*definition_digest",
        "transforms.*.dataset",
        "transforms.*.is_random",  # follows from the steps
        "transforms.*.steps.*.is_random",
    )
    PER_REPLICATE: ClassVar = ("transforms.*.steps.*.fitted",)

    roles: tuple[Role, ...]

    @classmethod
    def upgrade(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Version 1 knew no refactoring."""
        return data


EXAMPLE = Transforms(
    roles=(
        Role(
            role="train",
            dataset="Subset > CIFAR10",
            order="RandomCrop > Normalize",
            steps=(
                Step(name="RandomCrop", settings="size=32, padding=4", is_random=True),
                Step(name="Normalize", settings="none", fitted="mean=0.5", is_random=False),
            ),
            collate="default_collate",
            is_random=True,
        ),
    ),
)
