"""Which rows the fitted steps of scikit-learn saw."""

from typing import Any, ClassVar

from repro.facts.fact import Fact, Part


class Seen(Part):
    """The rows of one role that stand among the rows of a fit, compared without their labels."""

    role: str
    n_rows: int
    share: float  # of the rows of this role
    n_beyond_train: int | None = None  # those that do not stand in train, too; None: no train known
    n_made: int | None = None  # that a resampler made: they are not among its input


class Fit(Part):
    """An estimator that the script itself fitted: a pipeline, a search, a scaler on its own."""

    path: str  # its class; StandardScaler-2 has other settings than StandardScaler
    kind: str
    settings: str
    method: str  # fit, fit_transform, partial_fit; the last one called
    n_calls: int
    n_rows: int | None  # of the largest call, of partial_fit of all; None: they cannot be counted
    rows_digest: str | None  # of the features, whatever the order; None: they cannot be read
    y_given: bool
    needs_y: bool | None  # by scikit-learn's tag; None: it has none
    ignores_y: bool | None  # by the documentation of its `fit`; None: it says nothing about y
    roles: tuple[Seen, ...] = ()
    n_elsewhere: int | None = None  # distinct rows that stand in no role, as transformed ones do
    unread: str | None = None  # why there is no digest
    n_row_sets: int | None = None  # different sets of rows in its calls; None: version 1
    needs_fit: bool | None = None  # by scikit-learn's tag; False: it keeps nothing of the rows


class Step(Part):
    """A step that was fitted inside, on rows of the outer fit, all or some.

    One with more rows got them elsewhere: from a resampler, or past the outer fit.
    """

    path: str  # Pipeline/scale
    kind: str
    n_calls: int  # more than one: for every fold or candidate
    n_rows: int | None  # of the largest call
    y_given: bool
    needs_y: bool | None
    ignores_y: bool | None


class FitScope(Fact):
    """What the run fitted, on how many rows of which role.

    Rows are matched by content, without labels, with what `run.log_data` was given: rows that were
    transformed, or came with other columns, stand nowhere (`n_elsewhere`). A step inside a pipeline
    is told by the fit around it. What ran in another process (`n_jobs=2`) is not seen; the fit
    around it is. Nor is what was fitted before the run began. What was fitted after the last score
    is left out: no score comes of it.

    It gates no comparison: rules of their own judge what a step may see.
    """

    VERSION: ClassVar = 3
    IGNORED: ClassVar = ("fit_scope.*",)

    fits: tuple[Fit, ...] = ()
    steps: tuple[Step, ...] = ()  # the first ones, outside `run.watch_fits()`
    is_cut: bool = False  # more was fitted, outside `run.watch_fits()`, than is looked at
    before: tuple[str, ...] = ()  # libraries of selectors: loaded before the run, not used in it

    @classmethod
    def upgrade(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Version 1 did not look at what a resampler made, 2 at nothing unasked."""
        return data

    def around(self, step: Step) -> Fit | None:
        """The fit whose rows this step saw."""
        outer = step.path.partition("/")[0]
        return next((fit for fit in self.fits if fit.path == outer), None)


EXAMPLE = FitScope(
    fits=(
        Fit(
            path="Pipeline",
            kind="Pipeline",
            settings="blake3:5e",
            method="fit",
            n_calls=1,
            n_rows=1347,
            rows_digest="blake3:aa",
            y_given=True,
            needs_y=True,
            ignores_y=False,
            roles=(
                Seen(role="train", n_rows=1347, share=1.0, n_beyond_train=0),
                Seen(role="test", n_rows=0, share=0.0, n_beyond_train=0),
            ),
            n_elsewhere=0,
            n_row_sets=1,
            needs_fit=True,
        ),
    ),
    steps=(
        Step(
            path="Pipeline/scale",
            kind="StandardScaler",
            n_calls=1,
            n_rows=1347,
            y_given=True,
            needs_y=False,
            ignores_y=True,
        ),
    ),
)
