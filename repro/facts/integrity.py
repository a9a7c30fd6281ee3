"""Whether MLflow still holds what was sealed."""

from typing import ClassVar

from repro.facts.fact import Fact, Part


class Alteration(Part):
    """One thing that is not as it was when the run ended."""

    what: str  # "status", "param lr", "metric loss", "tag repro.code", "artifact repro/..."
    was: str
    now: str


class Integrity(Fact):
    """Known only when a run is read: compared then, never stored."""

    IGNORED: ClassVar = ("integrity.*",)

    altered: tuple[Alteration, ...] = ()
    undecided: tuple[str, ...] = ()  # altered or not, it cannot be told
    unsealed: tuple[str, ...] = ()  # nothing was sealed that it could be compared with


EXAMPLE = Integrity(
    unsealed=("metric system/cpu: MLflow measures it, until the end of the run",),
)
