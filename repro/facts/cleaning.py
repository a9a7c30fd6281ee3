"""How clean the rows are that were handed over, and whether they are scaled."""

from typing import ClassVar, Literal

from repro.facts.fact import Fact, Part


class Column(Part):
    """The numbers in one column; a picture is one column, whatever its size."""

    name: str
    missing_share: float
    infinite_share: float
    outlier_share: float | None  # further from the median than 5 deviations, told by the MAD
    mean: float | None  # of the finite values, as all that follows; None: there are none
    deviation: float | None
    lowest: float | None
    highest: float | None


class Role(Part):
    """One data set."""

    role: str
    scaling: Literal["standardized", "min_max", "raw"] | None = None  # of the train role
    duplicate_share: float  # rows that repeat another
    columns: tuple[Column, ...] = ()  # of features; the first 200 that hold numbers


class Cleaning(Fact):
    """What `run.log_data` was given, as it was then: before what a pipeline or a loader does to it.

    Shares and moments are results of cleaning, not its settings: other rows have others. Of many
    rows some are looked at, spread evenly. How many cells are missing in all columns is in `data`.
    """

    INLINE: ClassVar = ("roles",)
    IGNORED: ClassVar = (
        "cleaning.*.duplicate_share",
        "cleaning.*.columns",
        "cleaning.*.columns.*",
    )

    roles: tuple[Role, ...]


EXAMPLE = Cleaning(
    roles=(
        Role(
            role="train",
            scaling="raw",
            duplicate_share=0.01,
            columns=(
                Column(
                    name="age",
                    missing_share=0.02,
                    infinite_share=0.0,
                    outlier_share=0.001,
                    mean=41.5,
                    deviation=12.25,
                    lowest=18.0,
                    highest=99.0,
                ),
            ),
        ),
    ),
)
