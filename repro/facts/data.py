"""The data a run was given."""

from typing import ClassVar

from repro.facts.fact import Fact, Part


class Role(Part):
    """One data set by the part it plays."""

    role: str  # train, valid, test
    kind: str  # what was handed over: DataFrame, ndarray, pair, TensorDataset
    n_rows: int
    n_columns: int
    digest: str  # of the rows in their order
    rows_digest: str  # of the rows whatever their order
    schema_digest: str  # of column names and dtypes
    coverage: float = 1.0  # share of the rows that was read
    max_distinct_share: float  # distinct values / rows, of the most distinctive column


class Overlap(Part):
    """What training and evaluation data have in common."""

    roles: str  # train/test
    n_shared: int  # evaluation rows that also stand in train, label included
    n_shared_features: int  # the same, label left out
    n_expected: float  # evaluation rows found in train by chance, were columns independent
    n_shared_groups: int | None = None  # None: no groups were declared
    latest_train: str | None = None  # UTC; None: no time was declared
    earliest_eval: str | None = None


class Data(Fact):
    """Every data set handed to `run.log_data`, and how training and evaluation sets overlap."""

    INLINE: ClassVar = ("roles",)
    PER_REPLICATE: ClassVar = ("data.*",)
    IGNORED: ClassVar = ("data.overlaps*", "data.*.kind", "data.*.max_distinct_share")

    roles: tuple[Role, ...]
    overlaps: tuple[Overlap, ...] = ()
    pool_digest: str  # of the rows of all roles together: the data set before it was split
    group: str | None = None  # name of the column that holds the entity
    time: str | None = None  # name of the column that holds the time

    def role(self, name: str) -> Role | None:
        """The data set in this role, if there is one."""
        return next((role for role in self.roles if role.role == name), None)


def _role(name: str, n_rows: int, digest: str) -> Role:
    return Role(
        role=name,
        kind="pair",
        n_rows=n_rows,
        n_columns=65,
        digest=digest,
        rows_digest=digest,
        schema_digest="blake3:5c",
        max_distinct_share=0.9,
    )


EXAMPLE = Data(
    roles=(_role("train", 1347, "blake3:aa"), _role("test", 450, "blake3:bb")),
    overlaps=(Overlap(roles="train/test", n_shared=0, n_shared_features=0, n_expected=0.0),),
    pool_digest="blake3:cc",
)
