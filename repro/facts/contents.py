"""What belongs to a run in MLflow when it ends."""

from typing import ClassVar

from repro.facts.fact import Fact, Part


class SeriesContent(Part):
    """All values of one metric."""

    name: str
    n_points: int | None  # None: another logger's, too many to be read
    digest: str | None  # order-free; None: not known either
    last: float | None = None  # of the highest step, as MLflow showed it; None: it was not asked
    last_step: int | None = None
    is_read_back: bool = False  # counted in MLflow; else what we sent, whoever logged there, too


class ParamContent(Part):
    """A param that MLflow held otherwise than `params` says."""

    name: str
    value: str | None  # None: not at all


class TagContent(Part):
    """A tag of ours."""

    name: str
    value: str


class FileContent(Part):
    """An artifact of ours."""

    path: str
    digest: str


class Contents(Fact):
    """Digests of what is stored beside the record, so that a later change is found.

    MLflow held the params of `params`, but for those named here. The tag of the record's own digest
    cannot be among the tags.
    """

    IGNORED: ClassVar = ("contents.*",)

    is_read_back: bool = True  # False: MLflow was silent; what others logged is not known
    params: tuple[ParamContent, ...] = ()
    series: tuple[SeriesContent, ...] = ()
    tags: tuple[TagContent, ...] = ()
    files: tuple[FileContent, ...] = ()


EXAMPLE = Contents(
    params=(ParamContent(name="epochs", value=None),),
    series=(
        SeriesContent(
            name="test/accuracy",
            n_points=1,
            digest="blake3-sum:00",
            last=0.95,
            last_step=4,
            is_read_back=True,
        ),
    ),
    tags=(TagContent(name="repro.seed", value="0"),),
    files=(FileContent(path="repro/0123456789ab.patch", digest="blake3:0123456789abcdef"),),
)
