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
    lowest: float | None = None  # of the finite values; None: no numbers, or none that is finite
    highest: float | None = None
    tells_label: float | None = None  # held out, by this column alone: area under the ROC curve,
    # the mean over classes; for labels that are numbers |Spearman's rho|. None: labels not apart


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


class Pair(Part):
    """Two rows that are nearly equal, by their positions."""

    rows: str  # 12/450: of the first data set, of the second
    distance: float  # in distances to the tenth nearest row


class Near(Part):
    """Rows of an evaluation set that are nearly, and not exactly, rows of train.

    A row is near another if their distance is below `threshold` times the distance to the tenth
    nearest row of train. That happens by chance, too: the more often, the fewer dimensions there
    are; `n_expected` is by the dimension of the rows around.
    """

    method: Literal["columns", "picture", "text"]
    threshold: float
    n_compared: int  # rows of the evaluation set
    n_near: int  # of them
    n_expected: float  # of them, by chance
    coverage: float  # share of the evaluation rows that was compared
    train_share: float = 1.0  # of the train rows that could be near; the others were not read
    nearest: tuple[Pair, ...] = ()  # the five nearest


class Strange(Part):
    """Values of one column that stand in an evaluation set, and nowhere in train."""

    column: str
    n_outside: int | None = None  # rows outside the range of train; None: no numbers
    n_unseen: int | None = None  # rows whose value train does not hold; None: too many values
    once_share: float | None = None  # of the train rows, whose value stands there once: iid rows
    # of an evaluation set hold about as many unseen ones (Good and Turing)


class Overlap(Part):
    """What two data sets have in common: train and one to evaluate on, or valid and test.

    Groups and times are compared with train alone: valid and test may share them.
    """

    roles: str  # train/test
    n_shared: int  # rows of the second that also stand in the first, label included
    n_shared_features: int  # the same, label left out
    n_expected: float  # rows found in the other by chance, were columns independent
    n_shared_groups: int | None = None  # None: no groups were declared
    latest_train: str | None = None  # UTC; None: there is no column of times, or none was declared
    earliest_eval: str | None = None
    near: Near | None = None
    not_near: str | None = None  # why near rows were not looked for; None: they were, or version 2
    n_columns: int | None = None  # whose values were compared; None: no train was known
    strange: tuple[Strange, ...] = ()  # those of them that hold strange values


class Data(Fact):
    """Every data set handed to `run.log_data`, and how training and evaluation sets overlap.

    Columns and row hashes gate no comparison: the digests of rows and schema speak for them.
    """

    VERSION: ClassVar = 4
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
        "data.only_time",
    )

    roles: tuple[Role, ...]
    overlaps: tuple[Overlap, ...] = ()
    pool_digest: str  # of the rows of all roles together: the data set before it was split
    group: str | None = None  # name of the column that holds the entity
    time: str | None = None  # name of the column that holds the time
    only_time: str | None = (
        None  # where none was declared: the one column of times, if there is one
    )

    @classmethod
    def upgrade(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Version 1 knew no columns, kept no row hashes, and read no streams.

        Version 2 looked for no near rows, and into no column but for its digest; version 3 for no
        time that was not declared.
        """
        if version > 1:
            return data
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


_PIXELS = Column(
    name="x[0]",
    dtype="float64",
    digest="blake3:d0",
    n_distinct=17,
    n_missing=0,
    lowest=0.0,
    highest=16.0,
    tells_label=0.61,
)
_LABEL = Column(name="label", dtype="int64", digest="blake3:d1", n_distinct=10, n_missing=0)


EXAMPLE = Data(
    roles=(_role("train", 1347, "blake3:aa"), _role("test", 450, "blake3:bb")),
    overlaps=(
        Overlap(
            roles="train/test",
            n_shared=0,
            n_shared_features=0,
            n_expected=0.0,
            near=Near(
                method="columns",
                threshold=0.1,
                n_compared=450,
                n_near=1,
                n_expected=0.02,
                coverage=1.0,
                nearest=(Pair(rows="12/440", distance=0.08),),
            ),
            n_columns=2,
            strange=(Strange(column="x[0]", n_outside=1, n_unseen=1, once_share=0.001),),
        ),
    ),
    pool_digest="blake3:cc",
)
