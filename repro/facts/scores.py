"""What a run was measured by."""

from typing import ClassVar

from repro.facts.fact import Fact, Part


class Score(Part):
    """A value computed by `run.score`, and everything that defines it."""

    name: str  # test/accuracy
    value: float
    on: str  # role of the data: test
    metric: str  # qualified name: sklearn.metrics.accuracy_score
    source_digest: str | None  # of the function's syntax tree; None: no source to read
    library: str | None  # distribution and version that defines it
    arguments: str  # canonical JSON of the keyword arguments
    greater_is_better: bool | None
    n_rows: int
    rows_digest: str  # of y_true, in order
    step: int | None = None


class Series(Part):
    """A metric that was logged, without its definition."""

    name: str
    last: float
    last_step: int


class Scores(Fact):
    """Every score with its definition, and the last value of every logged metric."""

    INLINE: ClassVar = ("scored",)
    IGNORED: ClassVar = ("scores.*.value", "scores.*.step", "scores.logged*", "scores.*.library")
    PER_REPLICATE: ClassVar = ("scores.*.n_rows", "scores.*.rows_digest")

    scored: tuple[Score, ...] = ()
    logged: tuple[Series, ...] = ()

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
        ),
    ),
    logged=(Series(name="train/loss", last=0.1, last_step=4),),
)
