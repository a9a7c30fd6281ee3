"""What a run was measured by."""

from datetime import datetime
from typing import Any, ClassVar

from repro.facts.fact import Fact, Part


class Weights(Part):
    """The torch model that was watched last: at a score, or at the end of the run."""

    number: int  # among the models as they were watched, from 1
    digest: str | None  # of 64 values of each parameter; None: none can be read
    form: str  # dtypes, "quantized", and zeros where there are many: "float32, 50 % zeros"
    n_steps: int  # optimizer steps of the run until then
    is_restored: bool  # a state was loaded after the last of them: not what that step left


class Score(Part):
    """A value computed by `run.score` or `run.scorer`, and everything that defines it."""

    name: str  # test/accuracy
    value: float
    on: str  # role of the data: test
    metric: str  # qualified name: sklearn.metrics.accuracy_score
    source_digest: str | None  # of the syntax tree; typed: cpython-311 bytecode; None: neither
    library: str | None  # distribution and version that defines it
    arguments: str  # canonical JSON: keyword arguments, and what a closure or an object holds
    greater_is_better: bool | None  # None: neither known nor said
    n_rows: int
    rows_digest: str  # of y_true, in order
    step: int | None = None
    defaults: str | None = None  # canonical JSON of the arguments left as they are; None: unknown
    constants: str | None = None  # canonical JSON of plain values of its module; None: version 1
    helpers_digest: str | None = None  # of the functions it reaches; None: version 1
    definition_digest: str | None = None  # but for refactoring; None: a library's, or version 3
    training_mode: bool | None = None  # some module of the watched torch model; None: no model
    ids_digest: str | None = None  # of `rows=`, in order
    n_ids: int | None = None  # different ids; fewer than `n_rows`: rows were scored twice
    per_example: str | None = None  # artifact: .npy, float64, shape (n_rows,)
    per_example_digest: str | None = None
    weights: Weights | None = None  # None: no torch model was watched, or version 2


class Series(Part):
    """A metric that was logged, without its definition."""

    name: str
    last: float
    last_step: int


class Read(Part):
    """Looks at one role by one metric on the same rows.

    The ledger is bounded: once it is full, what is new is counted in one entry for each role, whose
    `metric`, `n_rows` and `rows_digest` are None.
    """

    number: int  # position in the ledger
    role: str
    metric: str | None  # name of the score: test/accuracy
    n_rows: int | None
    rows_digest: str | None  # None, too, when the rows could not be digested
    n_looks: int
    first_step: int
    last_step: int
    first_at: datetime  # UTC
    last_at: datetime


class Scores(Fact):
    """The last score of every definition, the ledger of looks, and the last value of each series.

    `weights_at_end` are compared with those of a score: what was measured may not be what was left.

    PRT003 compares the definition of a score; where one run does not hold a part of it, because it
    was recorded by an older version, the part does not gate.
    """

    VERSION: ClassVar = 4
    INLINE: ClassVar = ("scored",)
    IGNORED: ClassVar = (
        "scores.*.value",
        "scores.*.step",
        "scores.logged*",
        "scores.reads*",
        "scores.*.library",
        "scores.*.defaults",
        "scores.*.constants",
        "scores.*.helpers_digest",
        "scores.*.definition_digest",
        "scores.*.training_mode",
        "scores.*.ids_digest",
        "scores.*.n_ids",
        "scores.*.per_example*",
        "scores.*.weights*",
        "scores.weights_at_end*",
    )
    PER_REPLICATE: ClassVar = ("scores.*.n_rows", "scores.*.rows_digest")

    scored: tuple[Score, ...] = ()
    logged: tuple[Series, ...] = ()
    reads: tuple[Read, ...] = ()
    weights_at_end: Weights | None = None

    @classmethod
    def upgrade(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Version 1 kept every score and no ledger, 2 knew no weights, 3 no refactoring."""
        return data

    def score(self, name: str) -> Score | None:
        """The last score of this name."""
        return next((score for score in reversed(self.scored) if score.name == name), None)

    def value(self, name: str) -> float | None:
        """The last value of a scored or logged metric."""
        score = self.score(name)
        if score is not None:
            return score.value
        return next((series.last for series in self.logged if series.name == name), None)

    def names(self) -> tuple[str, ...]:
        """Every metric there is."""
        return tuple(
            sorted({score.name for score in self.scored} | {series.name for series in self.logged})
        )

    def n_looks(self, role: str) -> int:
        """How often the role was looked at."""
        return sum(read.n_looks for read in self.reads if read.role == role)


def is_same_code(left: Score, right: Score) -> bool:
    """Whether own code of both, and all that it reaches, is known to be one but for refactoring."""
    known = left.definition_digest
    return known is not None and known == right.definition_digest


_WEIGHTS = Weights(number=1, digest="blake3:cd", form="float32", n_steps=55, is_restored=False)

EXAMPLE = Scores(
    scored=(
        Score(
            name="test/accuracy",
            value=0.95,
            on="test",
            metric="sklearn.metrics.accuracy_score",
            source_digest="blake3:dd",
            library="scikit-learn 1.9.1",
            arguments="{}",
            greater_is_better=True,
            n_rows=450,
            rows_digest="blake3:ff",
            step=4,
            defaults='{"normalize":true,"sample_weight":null}',
            constants="{}",
            helpers_digest="blake3:ee",
            training_mode=False,
            weights=_WEIGHTS,
        ),
    ),
    logged=(Series(name="train/loss", last=0.1, last_step=4),),
    reads=(
        Read(
            number=1,
            role="test",
            metric="test/accuracy",
            n_rows=450,
            rows_digest="blake3:ff",
            n_looks=1,
            first_step=4,
            last_step=4,
            first_at=datetime.fromisoformat("2026-11-01T10:00:02+00:00"),
            last_at=datetime.fromisoformat("2026-11-01T10:00:02+00:00"),
        ),
    ),
    weights_at_end=_WEIGHTS,
)
