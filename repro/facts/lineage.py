"""Where the weights came from."""

from typing import ClassVar

from repro.facts.fact import Fact, Part


class Loaded(Part):
    """A file that `run.load` read."""

    index: int  # in the order of reading, from 1
    digest: str | None  # of the file; None: it could not be read
    file: str  # its name
    weights_only: bool  # False: it could run code
    parent: str | None = None  # the run that made it
    model_share: float | None = None  # of the model's values, before step 1, that are from it


class Lineage(Fact):
    """Loaded weights, frozen parameters, parent runs: what can be known inside the run.

    Weights that were read with `torch.load` and set before `run.watch` leave no trace. What was
    added to the data of a parent, and which of its test rows were seen again, needs both records:
    `repro.inheritance` tells it.
    """

    IGNORED: ClassVar = (
        "lineage.loaded.*.file",
        "lineage.loaded.*.parent",
        "lineage.loaded_later",  # a best checkpoint, read to be scored
        "lineage.loaded_later.*",
        "lineage.nested_in",
    )
    # Each seed may go on from its own first stage; paired runs should share theirs.
    PER_REPLICATE: ClassVar = ("lineage.loaded.*.digest",)

    loaded: tuple[Loaded, ...] = ()  # before the first step
    loaded_later: tuple[Loaded, ...] = ()
    is_set_from_state: bool = False  # load_state_dict on the watched model, before the first step
    n_left_out: int = 0  # parameters and buffers of the model that this state did not hold
    pretrained: str | None = None  # config._name_or_path of a transformers model
    revision: str | None = None
    frozen: tuple[str, ...] = ()  # modules and parameters without gradient at the first step
    frozen_end: tuple[str, ...] | None = None  # at the end, where it is another set
    nested_in: str | None = None  # the MLflow run around this one


EXAMPLE = Lineage(
    loaded=(Loaded(index=1, digest="blake3:f1", file="stage1.pt", weights_only=True),),
    frozen=("backbone",),
)
