"""Whether a model can fit one batch."""

from typing import ClassVar

from repro.facts.fact import Fact, Part


class Probe(Part):
    """One call of `repro.overfit_probe`."""

    model: str  # class; CNN-2 is the second probe of a CNN
    reached: bool | None  # None: it could not be told, for this reason
    reason: str | None
    first_loss: float | None
    last_loss: float | None
    share_left: float | None  # of the first loss
    n_steps: int


class Capacity(Fact):
    """Probes of a copy of the model on one batch; they gate no comparison."""

    IGNORED: ClassVar = ("capacity.*",)

    probes: tuple[Probe, ...]


EXAMPLE = Capacity(
    probes=(
        Probe(
            model="CNN",
            reached=True,
            reason=None,
            first_loss=2.3,
            last_loss=0.1,
            share_left=0.0435,
            n_steps=57,
        ),
    )
)
