"""The open run: what a training script says to it."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from repro import determinism
from repro.checkpoint import Checkpoint, CheckpointBook
from repro.checkpoint_objects import Trained
from repro.continuation import Earlier
from repro.errors import UsageError
from repro.observations import TRAIN, Observations
from repro.observe import loaded_file, split, watchable
from repro.observe.observer import observed
from repro.observe.scorer import Scorer
from repro.observe.scores import Measure
from repro.observe.training import Training
from repro.store.mlflow import OpenRun, first_line
from repro.store.point import metric_name
from repro.store.shipper import Shipper

if TYPE_CHECKING:
    import numpy as np
    import torch

    from repro.splits import SplitPlan

R = TypeVar("R")


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

    @cached_property
    def checkpoints(self) -> CheckpointBook:
        """What was written and read, and every generator that the run gave out."""
        return CheckpointBook(self.run_id, self.training, self.earlier)

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

    def use_split(
        self, plan: "SplitPlan", fold: int | None = None, *, save_plan: bool = False
    ) -> None:
        """Record the plan that the data were split by, the fold of this run, and its proof.

        The artifacts in `split/` tell positions and times of rows, no names of rows or groups: the
        proof, the rows of the fold, and the plot where the script has imported matplotlib.

        Parameters
        ----------
        plan : SplitPlan
        fold : int, optional
            Counted from 0; needed if there are several.
        save_plan : bool
            Keep the whole plan as an artifact, too, with the names that it holds.

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
        from repro.splits import check_split

        has_plot = "matplotlib" in sys.modules  # imported here, it would be a package of the run
        artifacts = split.artifacts(fold, has_plot=has_plot, has_plan=save_plan)
        self.seen.use_plan(plan, fold, partial(check_split, plan), artifacts)

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

        ours: dict[str, Any] = {"seed": self.seed, "role": role, "mode": self.seen.controlled.mode}
        loader = determinism.seeded_loader(dataset, loader_class=CountedLoader, **ours, **kwargs)
        assert isinstance(loader, CountedLoader)
        observed(self.seen.handed_out.loader, loader, role)
        connect(loader, role, self.training, self.seen.data_book.stream(role, dataset))
        self.checkpoints.follow_loader(role, loader)
        return loader

    def watch_loader(self, loader: Any, role: str = TRAIN) -> Any:
        """Observe a loader that was made elsewhere, as those of `dataloader` are.

        Iterate over what is returned: it hands out the batches of `loader`, which is left as it is.
        """
        from repro.observe.feed import watched

        observed(self.seen.handed_out.loader, loader, role)
        connected = watched(loader, role, self.training, self.seen.data_book)
        self.checkpoints.follow_loader(role, connected)
        return connected

    def load(self, path: str | Path, *, parent: str | None = None, **options: Any) -> Any:
        """What `torch.load` reads; the record tells the digest of the file as the weights' origin.

        Takes every argument of `torch.load`; `parent` is the id of the run that made the file.
        """
        file = loaded_file.read(path, parent, options)
        self.training.audience.tell("loaded", file)
        return file.content

    def checkpoint(
        self,
        path: str | Path,
        *,
        model: Any = None,
        optimizer: Any = None,
        scheduler: Any = None,
        scaler: Any = None,
        epoch: int | None = None,
        **extra: Any,
    ) -> None:
        """Write all that the next step depends on; each object may be a list or dict of several.

        Generators of `rng` and `generator`, and the places of loaders in their pass, are in it:
        make each once. `epoch` (that goes on) and `extra` are for the script, which gets them back.
        """
        self.checkpoints.write(path, Trained(model, optimizer, scheduler, scaler), epoch, extra)
        self.seen.is_news = True

    def load_checkpoint(
        self,
        path: str | Path,
        *,
        model: Any = None,
        optimizer: Any = None,
        scheduler: Any = None,
        scaler: Any = None,
    ) -> Checkpoint:
        """Restore all that `checkpoint` wrote, so that the next steps are the same bit for bit.

        Call it before the loop. In the middle of a pass, the next one over that loader hands out
        the rest: with workers the batches before are loaded again, for the numbers drawn in them.
        """
        return self.checkpoints.read(path, Trained(model, optimizer, scheduler, scaler))

    def watch_fits(self) -> AbstractContextManager[None]:
        """A block in which every fit of scikit-learn is looked at, however many and however large.

        Outside it a run looks at 100 fits, 200 steps inside them and 500,000 values. The `fit`
        methods are patched while the run lasts; results stay the same to the bit. Every outermost
        fit hashes its rows, 1.5 s for a million of 10 columns. Call `log_data` with the same rows.
        """
        return self.training.watch_fits()

    def generator(self, name: str) -> "torch.Generator":
        """A torch generator of its own, derived from the run's seed and this name."""
        self.seen.handed_out.stream("torch", name)
        made = determinism.torch_generator(self.seed, name)
        return self.checkpoints.follow(f"generator/{name}", made)

    def rng(self, name: str) -> "np.random.Generator":
        """A numpy generator of its own, derived from the run's seed and this name."""
        self.seen.handed_out.stream("numpy", name)
        return self.checkpoints.follow(f"rng/{name}", determinism.numpy_rng(self.seed, name))

    @property
    def sample_rng(self) -> determinism.SampleRng:
        """`sample_rng(index, epoch)`: a numpy generator of this sample's own, in any worker."""
        return determinism.SampleRng(self.seen.handed_out.stream("sample", "rows"))

    @property
    def worker_init(self) -> determinism.WorkerSeeds:
        """A `worker_init_fn` for data loaders that are made elsewhere."""
        return determinism.WorkerSeeds("worker", self.seen.controlled.mode)

    @property
    def child_init(self) -> determinism.ChildInit:
        """An `initializer` for pools of processes; which task a process gets is up to timing."""
        return determinism.ChildInit(self.seed, self.seen.controlled.mode)

    def seeded(self, function: Callable[..., R]) -> determinism.Seeded[R]:
        """The function, seeded by its first argument, the name of a task, in whatever process."""
        return determinism.Seeded(function, self.seed, self.seen.controlled.mode)

    def isolated(self) -> AbstractContextManager[None]:
        """A block that may draw random numbers without changing those of the training."""
        return determinism.isolated()

    def same_on_all_ranks(self) -> AbstractContextManager[object]:
        """A block whose global generators draw the same on each rank: build a model in it."""
        return determinism.Controlled(determinism.derive_seed(self.seed, "all ranks"), "off")

    @contextmanager
    def noted(self, what: str) -> Iterator[None]:
        """Turn a failure around the run into a note: it must not reach the training."""
        try:
            yield
        except Exception as error:  # the boundary around the store
            self.notes.append(f"{what}: {type(error).__name__}: {first_line(error)}")
