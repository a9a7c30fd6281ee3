"""Whether MLflow still holds what was sealed."""

from typing import ClassVar, Literal

from repro.facts.fact import Fact, Part


class Alteration(Part):
    """One thing that is not as it was when the run ended."""

    kind: Literal["param", "metric", "tag", "artifact"]
    name: str
    was: str
    now: str


class Integrity(Fact):
    """Known only when a run is read: compared then, never stored."""

    IGNORED: ClassVar = ("integrity.*",)

    altered: tuple[Alteration, ...] = ()
    n_unchecked: int = 0  # series of other loggers whose last value alone was compared


EXAMPLE = Integrity(
    altered=(Alteration(kind="param", name="lr", was="0.1", now="0.01"),), n_unchecked=0
)
