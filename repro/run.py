"""The open run: what a training script says to it, and the record it leaves."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro.continuation import Earlier, Sent
from repro.determinism import isolated, numpy_rng, seeded_loader, torch_generator
from repro.errors import UsageError
from repro.facts.contents import Contents
from repro.facts.fact import Absent, Fact, Opaque
from repro.facts.outcome import Outcome
from repro.facts.params import Param, Params
from repro.facts.scores import Series
from repro.facts.segments import Segments
from repro.observations import TRAIN, Observations
from repro.observe import loaded_file, split, watchable
from repro.observe.observer import observed
from repro.observe.redaction import masked_record, masked_value
from repro.observe.scorer import Scorer
from repro.observe.scores import Measure
from repro.observe.training import Training
from repro.record import RunRecord
from repro.store.contents import file_contents, series_at_end, with_held
from repro.store.held import Held
from repro.store.mlflow import OpenRun, first_line
from repro.store.point import metric_name
from repro.store.shipper import Shipper

if TYPE_CHECKING:
    import numpy as np
    import torch

    from repro.splits import SplitPlan


@dataclass
class Run:
    """An open run. `tracked_run` makes it; the training script talks to it."""

    name: str
    opened: OpenRun
    shipper: Shipper
    seen: Observations
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    earlier: Earlier | None = None  # what the run was before this process resumed it

    @property
    def run_id(self) -> str:
        """Id of the MLflow run."""
        return self.opened.run_id

    @property
    def seed(self) -> int:
        """The seed of every generator."""
        return self.seen.controlled.seed

    @property
    def notes(self) -> list[str]:
        """What went wrong around the run."""
        return self.seen.notes

    @property
    def training(self) -> Training:
        """What is seen of the training loop."""
        return self.seen.training

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log values of metrics at one step; never waits for the store.

        Parameters
        ----------
        metrics : name to value
            Numbers, or arrays and tensors of one element.
        step : int
            Position in the series: batch, epoch or anything that grows.

        Raises
        ------
        UsageError
            A name that MLflow does not take, or a value that is not one number.
        """
        self.seen.log_metrics(metrics, step)

    def score(
        self,
        name: str,
        metric_fn: Callable[..., Any],
        y_true: Any,
        y_pred: Any,
        *,
        on: str,
        greater_is_better: bool | None = None,
        rows: Any = None,
        per_example: Any = None,
        step: int = 0,
        **metric_kwargs: Any,
    ) -> float:
        """Compute a metric, log it, and record what defines it and which rows it was taken on.

        Parameters
        ----------
        name : such as "test/accuracy"
        metric_fn : callable(y_true, y_pred, **metric_kwargs) -> float
            A metric of scikit-learn or torchmetrics, or a function of your own.
        y_true, y_pred : shape (n_rows, ...)
        on : "valid" or "test"
            The role of the rows, as named in `log_data`.
        greater_is_better : bool, optional
            Direction of the metric; needed where its library does not say.
        rows : shape (n_rows,), optional
            Ids of the rows, in the order of `y_true`; recorded as a digest.
        per_example : shape (n_rows,), callable(y_true, y_pred), or True, optional
            The score of each row, kept as an artifact; True for metrics that are a mean over rows.

        Returns
        -------
        float
            The value.

        Raises
        ------
        UsageError
            The lengths differ, the metric returns no single number, the name cannot be used, or
            `on` is no role of evaluation data.
        """
        measure = Measure(
            metric_name(name), metric_fn, on, greater_is_better, per_example, metric_kwargs
        )
        return self.seen.book.score(measure, y_true, y_pred, rows=rows, step=step)

    def scorer(
        self,
        name: str,
        metric: Callable[..., Any],
        *,
        on: str,
        greater_is_better: bool | None = None,
        per_example: Any = None,
        **metric_kwargs: Any,
    ) -> Scorer:
        """The same as `score` for rows that come in batches: `update` takes them, `compute` scores.

        The metric is applied once to all rows: a mean over batches would be another metric.
        """
        measure = Measure(
            metric_name(name), metric, on, greater_is_better, per_example, metric_kwargs
        )
        return Scorer(self.seen.book, measure)

    def log_data(
        self,
        train: Any = None,
        valid: Any = None,
        test: Any = None,
        *,
        group: str | None = None,
        time: str | None = None,
    ) -> None:
        """Record which rows the run learns from and is judged by, as digests of their content.

        Parameters
        ----------
        train, valid, test : array, tensor, data frame, pair (X, y), torch Dataset or pathlib.Path
            Of a torch IterableDataset nothing is read: its rows are those that `dataloader` hands
            out in the first pass. A file is one row; a folder has one for each file in it.
        group, time : str, optional
            Columns that name the entity and the time of each row, in every data frame given.

        Raises
        ------
        UnsupportedData
            The content cannot be read as rows.
        UsageError
            Nothing was given, or a column does not exist.
        """
        given = {"train": train, "valid": valid, "test": test}
        self.seen.data_book.log(given, group=group, time=time)
        self.seen.is_news = True

    def use_split(self, plan: "SplitPlan", fold: int | None = None) -> None:
        """Record the plan that the data were split by, the fold of this run, and its proof.

        Raises
        ------
        UsageError
            The plan has several folds and none is named, or not this one.
        """
        if fold is None and plan.n_splits == 1:
            fold = 0
        if fold is None or not 0 <= fold < plan.n_splits:
            raise UsageError(
                f"use_split(fold={fold!r}): the plan has folds 0 to {plan.n_splits - 1}. "
                f"Name the fold that this run trains on."
            )
        self.seen.plan = observed(split.from_plan, plan, fold)
        self.seen.is_news = True

    def watch(
        self, model: Any, optimizer: Any = None, scheduler: Any = None, *, loss: Any = None
    ) -> None:
        """Observe a torch model with what trains it, or a scikit-learn estimator.

        Parameters
        ----------
        model : torch.nn.Module or scikit-learn estimator
        optimizer : torch.optim.Optimizer, optional
        scheduler : torch.optim.lr_scheduler.LRScheduler, optional
        loss : torch.nn.Module or function, optional
            Several as a list or dict.

        Raises
        ------
        UsageError
            One of them is something else.
        """
        watchable.check(model, optimizer, scheduler, loss)
        self.training.watch(model, optimizer, scheduler, loss)

    def dataloader(
        self, dataset: Any, role: str = TRAIN, **kwargs: Any
    ) -> "torch.utils.data.DataLoader[Any]":
        """A torch DataLoader that is seeded by its role and counts the batches it hands out.

        Takes every argument of `torch.utils.data.DataLoader`. Workers are seeded, too.
        """
        from repro.observe.feed import connect
        from repro.observe.loader import CountedLoader

        loader = seeded_loader(
            dataset, seed=self.seed, role=role, loader_class=CountedLoader, **kwargs
        )
        assert isinstance(loader, CountedLoader)
        connect(loader, role, self.training, self.seen.data_book.stream(role, dataset))
        return loader

    def watch_loader(self, loader: Any, role: str = TRAIN) -> Any:
        """Observe a loader that was made elsewhere, as those of `dataloader` are.

        Iterate over what is returned: it hands out the batches of `loader`, which is left as it is.
        """
        from repro.observe.feed import watched

        return watched(loader, role, self.training, self.seen.data_book)

    def load(self, path: str | Path, *, parent: str | None = None, **options: Any) -> Any:
        """What `torch.load` reads; the record tells the digest of the file as the weights' origin.

        Takes every argument of `torch.load`; `parent` is the id of the run that made the file.
        """
        file = loaded_file.read(path, parent, options)
        self.training.audience.tell("loaded", file)
        return file.content

    def watch_fits(self) -> AbstractContextManager[None]:
        """A block in which scikit-learn's `fit` methods record which rows each step saw.

        They are patched inside the block only; results stay the same to the bit. Every outermost
        fit hashes its rows, 1.5 s for a million of 10 columns. Call `log_data` with the same rows.
        """
        return self.training.watch_fits()

    def generator(self, name: str) -> "torch.Generator":
        """A torch generator of its own, derived from the run's seed and this name."""
        return torch_generator(self.seed, name)

    def rng(self, name: str) -> "np.random.Generator":
        """A numpy generator of its own, derived from the run's seed and this name."""
        return numpy_rng(self.seed, name)

    def isolated(self) -> AbstractContextManager[None]:
        """A block that may draw random numbers without changing those of the training."""
        return isolated()

    def record(self, outcome: Outcome) -> RunRecord:
        """Everything observed, as it stands now."""
        held = self._read_back()
        params, series = self._logged_past_us(held)
        facts: dict[str, Fact | Absent | Opaque] = {
            "params": Params(declared=self.seen.declared, logged=params),
            **self.seen.facts(series),
            "segments": Segments(),
            "contents": observed(self._contents, held),
            "outcome": outcome,
        }
        if self.earlier is not None:
            facts = self.earlier.continued(facts)
        return with_held(masked_record(RunRecord(self.run_id, self.name, facts)), held)

    @contextmanager
    def noted(self, what: str) -> Iterator[None]:
        """Turn a failure around the run into a note: it must not reach the training."""
        try:
            yield
        except Exception as error:  # the boundary around the store
            self.notes.append(f"{what}: {type(error).__name__}: {first_line(error)}")

    def early(self) -> dict[str, Fact | Absent | Opaque]:
        """The facts that a killed run should leave."""
        facts: dict[str, Fact | Absent | Opaque] = {
            "params": Params(declared=self.seen.declared),
            **self.seen.early(),
            "segments": Segments(),
        }
        return facts if self.earlier is None else self.earlier.early(facts)

    def _contents(self, held: Held | None) -> Contents:
        sent: Sent = self.shipper.series()
        if self.earlier is not None:
            sent = self.earlier.sent(sent)
        series = series_at_end(sent, held, self.opened.values)
        return Contents(series=tuple(series), files=file_contents(self.seen.evidence()))

    def _read_back(self) -> Held | None:
        if self.shipper.n_left:
            self.notes.append("what MLflow holds was not read back: some values are still to come")
            return None
        try:
            return self.opened.read_back()
        except Exception as error:  # the store's failure becomes a recorded reason
            self.notes.append(f"what MLflow holds was not read back: {first_line(error)}")
            return None

    def _logged_past_us(self, held: Held | None) -> tuple[tuple[Param, ...], tuple[Series, ...]]:
        """Params and metrics that reached MLflow by other ways: `mlflow.log_*` and autolog."""
        if held is None:
            return (), ()
        ours = {param.name for param in self.seen.declared}
        scored = {score.name for score in self.seen.book.scored}
        theirs = {k: masked_value(k, v) for k, v in sorted(held.params.items()) if k not in ours}
        return (
            tuple(Param(name=k, value=str(v)) for k, v in theirs.items()),
            tuple(series for name, series in held.series.items() if name not in scored),
        )
