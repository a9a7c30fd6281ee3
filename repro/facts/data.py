"""The data a run was given."""

from typing import Any, ClassVar, Literal

from repro.facts.fact import Fact, Part


class Column(Part):
    """One column of a data set; or, where there are too many to tell apart, all of them."""

    name: str
    dtype: str  # int64, text, datetime[UTC], category[text]: the same whatever the library
    digest: str  # of the cells in their order
    n_distinct: int | None  # values that are not missing; None: too many cells to look at
    n_missing: int


class Role(Part):
    """One data set by the part it plays."""

    role: str  # train, valid, test
    kind: str  # what was handed over: DataFrame, ndarray, pair, TensorDataset, folder
    reading: Literal["all", "sample", "seen"] = "all"  # seen: handed out of a stream by a loader
    n_rows: int  # that were read
    n_columns: int
    digest: str  # of the rows in their order
    rows_digest: str  # of the rows whatever their order
    schema_digest: str  # of column names and dtypes
    coverage: float = 1.0  # share of the rows that was read; 0.0: of a stream, whose end is unknown
    max_distinct_share: float  # distinct values / rows, of the most distinctive column
    columns: tuple[Column, ...] = ()
    rows: str | None = None  # artifact with the hashes of the distinct rows
    rows_kind: Literal["exact", "sketch"] | None = None
    rows_share: float | None = None  # of the distinct rows that a sketch holds, s: a count n made
    # from it has a standard error of sqrt(n * (1 - s) / s)


class Overlap(Part):
    """What two data sets have in common: train and one to evaluate on, or valid and test.

    Groups and times are compared with train alone: valid and test may share them.
    """

    roles: str  # train/test
    n_shared: int  # rows of the second that also stand in the first, label included
    n_shared_features: int  # the same, label left out
    n_expected: float  # rows found in the other by chance, were columns independent
    n_shared_groups: int | None = None  # None: no groups were declared
    latest_train: str | None = None  # UTC; None: no time was declared
    earliest_eval: str | None = None


class Data(Fact):
    """Every data set handed to `run.log_data`, and how training and evaluation sets overlap.

    Columns and row hashes gate no comparison: the digests of rows and schema speak for them.
    """

    VERSION: ClassVar = 2
    INLINE: ClassVar = ("roles",)
    PER_REPLICATE: ClassVar = ("data.*",)
    IGNORED: ClassVar = (
        "data.overlaps*",
        "data.*.kind",
        "data.*.reading",
        "data.*.max_distinct_share",
        "data.*.columns*",
        "data.*.rows",
        "data.*.rows_kind",
        "data.*.rows_share",
    )

    roles: tuple[Role, ...]
    overlaps: tuple[Overlap, ...] = ()
    pool_digest: str  # of the rows of all roles together: the data set before it was split
    group: str | None = None  # name of the column that holds the entity
    time: str | None = None  # name of the column that holds the time

    @classmethod
    def upgrade(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Version 1 knew no columns, kept no row hashes, and read no streams."""
        roles = [
            {**role, "reading": "all" if role["coverage"] == 1 else "sample"}
            for role in data["roles"]
        ]
        return {**data, "roles": roles}

    def role(self, name: str) -> Role | None:
        """The data set in this role, if there is one."""
        return next((role for role in self.roles if role.role == name), None)


def _role(name: str, n_rows: int, digest: str) -> Role:
    return Role(
        role=name,
        kind="pair",
        reading="all",
        n_rows=n_rows,
        n_columns=65,
        digest=digest,
        rows_digest=digest,
        schema_digest="blake3:5c",
        max_distinct_share=0.9,
        columns=(_PIXELS, _LABEL),
        rows="repro/0123456789ab.npz",
        rows_kind="exact",
        rows_share=1.0,
    )


_PIXELS = Column(name="x[0]", dtype="float64", digest="blake3:d0", n_distinct=17, n_missing=0)
_LABEL = Column(name="label", dtype="int64", digest="blake3:d1", n_distinct=10, n_missing=0)


EXAMPLE = Data(
    roles=(_role("train", 1347, "blake3:aa"), _role("test", 450, "blake3:bb")),
    overlaps=(Overlap(roles="train/test", n_shared=0, n_shared_features=0, n_expected=0.0),),
    pool_digest="blake3:cc",
)
