"""What belongs to a run in MLflow when it ends."""

from typing import ClassVar

from repro.facts.fact import Fact, Part


class SeriesContent(Part):
    """All values of one metric."""

    name: str
    n_points: int
    digest: str | None  # order-free; None: too many to be read back from another logger


class FileContent(Part):
    """An artifact of ours."""

    path: str
    digest: str


class Contents(Fact):
    """Digests of what is stored beside the record, so that a later change is found.

    Params are in `params`, tags of ours are made from the record.
    """

    IGNORED: ClassVar = ("contents.*",)

    series: tuple[SeriesContent, ...] = ()
    files: tuple[FileContent, ...] = ()


EXAMPLE = Contents(
    series=(SeriesContent(name="test/accuracy", n_points=1, digest="blake3-sum:00"),),
    files=(FileContent(path="repro/0123456789ab.patch", digest="blake3:0123456789abcdef"),),
)
