"""In which number formats the run computed."""

from typing import ClassVar

from repro.facts.fact import Fact, Part


class Phase(Part):
    """What autocast did inside the forward of the watched model; `none` where it was off."""

    phase: str  # train: in training mode and with gradients; eval: every other call
    dtype: str


class Precision(Fact):
    """Dtypes of parameters and gradients, autocast, gradient scaling.

    TF32 and the precision of float32 products are among `determinism.*`.
    """

    IGNORED: ClassVar = (
        "precision.device",
        "precision.first_scale",
        "precision.last_scale",
        "precision.n_skipped",
    )

    parameters: str  # float32; several are joined with +
    gradients: str | None  # at the first step; None: no step
    autocast: tuple[Phase, ...] = ()
    is_scaled: bool  # a GradScaler called the optimizer
    device: str | None = None  # cuda
    first_scale: float | None = None
    last_scale: float | None = None
    n_skipped: int | None = None  # steps with gradients that were not finite, at least


EXAMPLE = Precision(
    parameters="float32",
    gradients="float32",
    autocast=(Phase(phase="train", dtype="bfloat16"),),
    is_scaled=False,
    device="cpu",
)
