"""How large the gradients were, and whether they were bounded."""

from typing import ClassVar, Literal

from repro.facts.fact import Fact, Part, Scalar


class Declared(Part):
    """A parameter of the run that names a bound."""

    name: str
    value: Scalar


class Gradients(Fact):
    """Norm of all gradients of the first optimizer, right before it steps, at sampled steps.

    A bound is told only where it is unmistakable: gradients were written to between the backward
    pass and the step, and their norms (or largest values) pile up at one number, which is their
    highest. Whether a seed ever reaches the bound is chance, so that the number is not compared;
    that gradients are rewritten is, and so is the declared bound, among `params.*`.
    """

    IGNORED: ClassVar = (
        "gradients.clipped_at",
        "gradients.clipping",
        "gradients.at_bound",
        "gradients.declared*",
        "gradients.n_sampled",
        "gradients.n_non_finite",
        "gradients.n_spikes",
        "gradients.n_left_out",
        "gradients.median",
        "gradients.largest",
        "gradients.series",
    )

    rewritten: bool | None  # changed in place after the backward pass; None: could not be seen
    clipping: Literal["norm", "value"] | None = None  # None: no bound was seen to be reached
    clipped_at: float | None = None
    at_bound: float | None = None  # share of the sampled steps
    declared: tuple[Declared, ...] = ()
    n_sampled: int
    n_non_finite: int = 0
    n_spikes: int = 0  # norms that lie 10 robust deviations above the median
    n_left_out: int = 0  # sparse or distributed gradients, which were not looked at
    median: float | None = None
    largest: float | None = None
    series: tuple[tuple[int, float], ...] = ()  # step, norm: at most 64


EXAMPLE = Gradients(
    rewritten=True,
    clipping="norm",
    clipped_at=1.0,
    at_bound=0.4,
    declared=(Declared(name="max_grad_norm", value=1.0),),
    n_sampled=17,
    median=0.8,
    largest=1.0,
    series=((0, 1.0), (64, 0.8)),
)
