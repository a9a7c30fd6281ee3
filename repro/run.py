"""The open run: what a training script says to it, and the record it leaves."""

import functools
import math
import posixpath
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from repro.determinism import Controlled, isolated, numpy_rng, seeded_loader, torch_generator
from repro.errors import UsageError
from repro.facts.budget import Budget
from repro.facts.data import Data
from repro.facts.fact import Absent, Fact, Opaque
from repro.facts.outcome import Outcome
from repro.facts.params import Param, Params
from repro.facts.scores import Score, Scores, Series
from repro.facts.split import Split
from repro.observe import code, data, determinism, environment, hardware, scores, split
from repro.observe.determinism import SeedSource
from repro.observe.observer import observed
from repro.observe.technique import Ending
from repro.observe.training import Training
from repro.record import RunRecord
from repro.store.mlflow import OpenRun, first_line
from repro.store.shipper import Shipper

if TYPE_CHECKING:
    import numpy as np
    import torch

    from repro.splits import SplitPlan

METRIC_NAME = re.compile(r"[\w.\- :/]{1,250}")  # what MLflow accepts
MAX_STEP = 2**63 - 1
TRAIN, EVALUATION = "train", ("valid", "test")


@dataclass
class Run:
    """An open run. `tracked_run` makes it; the training script talks to it."""

    name: str
    opened: OpenRun
    shipper: Shipper
    controlled: Controlled
    seed_source: SeedSource
    code_state: code.CodeState | Absent
    declared: tuple[Param, ...]
    training: Training
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    notes: list[str] = field(default_factory=list)  # what went wrong around the run
    _clock: float = field(default_factory=time.monotonic)
    _looks: dict[str, data.Look] = field(default_factory=dict)
    _columns: dict[str, str | None] = field(default_factory=lambda: {"group": None, "time": None})
    _plan: Split | Absent | None = None
    _scores: list[Score] = field(default_factory=list)
    _data: Data | Absent | None = None

    @property
    def run_id(self) -> str:
        """Id of the MLflow run."""
        return self.opened.run_id

    @property
    def seed(self) -> int:
        """The seed of every generator."""
        return self.controlled.seed

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
        values = {_metric_name(name): _number(name, value) for name, value in metrics.items()}
        self.shipper.log(values, step=_step(step))

    def score(
        self,
        name: str,
        metric_fn: Callable[..., Any],
        y_true: Any,
        y_pred: Any,
        *,
        on: str,
        greater_is_better: bool | None = None,
        step: int = 0,
        **metric_kwargs: Any,
    ) -> float:
        """Compute a metric, log it, and record what defines it and which rows it was taken on.

        Parameters
        ----------
        name : such as "test/accuracy"
        metric_fn : callable(y_true, y_pred, **metric_kwargs) -> float
            A scikit-learn metric or a function of your own.
        y_true, y_pred : shape (n_rows, ...)
        on : "valid" or "test"
            The role of the rows, as named in `log_data`.
        greater_is_better : bool, optional
            Direction of the metric.

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
        if on not in EVALUATION:
            raise UsageError(
                f"score({name!r}, on={on!r}): rows that the model learned from measure nothing. "
                f'Pass on="valid" or on="test", as in log_data.'
            )
        with isolated():
            score = scores.compute(
                _metric_name(name),
                metric_fn,
                y_true,
                y_pred,
                on=on,
                greater_is_better=greater_is_better,
                arguments=metric_kwargs,
                step=_step(step),
            )
        self._scores.append(score)
        self.shipper.log({name: score.value}, step=step)
        return score.value

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
        train, valid, test : array, tensor, data frame, pair (X, y) or torch Dataset
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
        roles = {role: content for role, content in given.items() if content is not None}
        if not roles:
            raise UsageError("log_data() got no data. Pass train=, valid= or test=.")
        looks = {role: data.look(role, roles[role], group=group, time=time) for role in roles}
        self._looks.update(looks)
        self._columns = {
            "group": group or self._columns["group"],  # a later call does not forget them
            "time": time or self._columns["time"],
        }

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
        chosen = fold
        self._plan = observed(lambda: split.from_plan(plan, chosen))

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
        """
        self.training.watch(model, optimizer, scheduler, loss)

    def dataloader(
        self, dataset: Any, role: str = TRAIN, **kwargs: Any
    ) -> "torch.utils.data.DataLoader[Any]":
        """A torch DataLoader that is seeded by its role and counts the batches it hands out.

        Takes every argument of `torch.utils.data.DataLoader`. Workers are seeded, too.
        """
        if role != TRAIN:
            return seeded_loader(dataset, seed=self.seed, role=role, **kwargs)
        from repro.observe.loader import CountedLoader

        loader = seeded_loader(
            dataset, seed=self.seed, role=role, loader_class=CountedLoader, **kwargs
        )
        loader.on_batch = self.training.saw_batch
        self.training.feeds(loader)
        return loader

    def generator(self, name: str) -> "torch.Generator":
        """A torch generator of its own, derived from the run's seed and this name."""
        return torch_generator(self.seed, name)

    def rng(self, name: str) -> "np.random.Generator":
        """A numpy generator of its own, derived from the run's seed and this name."""
        return numpy_rng(self.seed, name)

    def isolated(self) -> AbstractContextManager[None]:
        """A block that may draw random numbers without changing those of the training."""
        return isolated()

    def record(self, status: str, error: str | None) -> RunRecord:
        """Everything observed, as it stands now."""
        looks = functools.partial(data.at_end, self._looks, **self._columns)
        self._data = observed(looks) if self._looks else _not_logged("run.log_data(...)")
        params, series = self._read_back()
        facts: dict[str, Fact | Absent | Opaque] = {
            "code": observed(self._code),
            "environment": observed(environment.at_end),
            "hardware": observed(hardware.at_end),
            "determinism": observed(lambda: determinism.at_end(self.controlled, self.seed_source)),
            "params": Params(declared=self.declared, logged=params),
            "data": self._data,
            "split": observed(self._split),
            "optimizer": observed(self.training.optimizer),
            "batching": observed(self.training.batching),
            "architecture": observed(self.training.architecture),
            **self.training.audience.facts(self._ending(series)),
            "scores": Scores(scored=tuple(self._scores), logged=series),
            "budget": observed(self._budget),
            "outcome": Outcome.model_validate(
                {
                    "status": status,
                    "started_at": self.started_at,
                    "ended_at": datetime.now(UTC),
                    "error": error,
                    "is_attached": self.opened.is_attached,
                    "notes": tuple(self.notes),
                }
            ),
        }
        return RunRecord(self.run_id, self.name, facts)

    def _evidence(self) -> dict[str, bytes]:
        """Content of the artifacts that the record refers to, by path."""
        return {} if isinstance(self.code_state, Absent) else dict(self.code_state.evidence)

    def store(self, record: RunRecord) -> None:
        """Write the record with its evidence to MLflow."""
        if isinstance(self._data, Data):
            self.opened.log_inputs(self._data)
        self.opened.store(record, self._evidence())

    @contextmanager
    def noted(self, what: str) -> Iterator[None]:
        """Turn a failure around the run into a note: it must not reach the training."""
        try:
            yield
        except Exception as error:  # the boundary around the store
            self.notes.append(f"{what}: {type(error).__name__}: {first_line(error)}")

    def _code(self) -> Any:
        state = self.code_state
        return state if isinstance(state, Absent) else code.at_end(state)

    def _split(self) -> Split | Absent:
        assert self._data is not None
        return split.at_end(self._plan, self._data)

    def _ending(self, series: tuple[Series, ...]) -> Ending:
        train = self._looks.get(TRAIN)
        return Ending(
            n_steps=self.training.n_steps,
            n_train=len(train.rows) if train else None,
            scores=tuple(self._scores),
            logged=series,
            params={param.name: param.value for param in self.declared},
        )

    def _budget(self) -> Budget:
        train = self._looks.get(TRAIN)
        return self.training.budget(
            n_train=len(train.rows) if train else None,
            n_test_reads=sum(score.on == "test" for score in self._scores),
            wall_seconds=time.monotonic() - self._clock,
        )

    def _read_back(self) -> tuple[tuple[Param, ...], tuple[Series, ...]]:
        """Params and metrics that reached MLflow by other ways: `mlflow.log_*` and autolog."""
        try:
            logged, series = self.opened.read_back()
        except Exception as error:  # the store's failure becomes a recorded reason
            self.notes.append(f"what MLflow holds was not read back: {error}")
            return (), ()
        ours = {param.name for param in self.declared}
        scored = {score.name for score in self._scores}
        return (
            tuple(Param(name=k, value=v) for k, v in sorted(logged.items()) if k not in ours),
            tuple(item for item in series if item.name not in scored),
        )


def _not_logged(call: str) -> Absent:
    return Absent(reason=f"it was not handed over: {call}", kind="not_recorded")


def _metric_name(name: object) -> str:
    if isinstance(name, str) and METRIC_NAME.fullmatch(name) and _is_plain_path(name):
        return name
    raise UsageError(
        f"a metric cannot be named {name!r}. "
        f"Use up to 250 letters, digits, spaces and the signs _ - . : /"
    )


def _is_plain_path(name: str) -> bool:
    """MLflow keeps a metric under its name as a path: no empty part, no way out of the folder."""
    return posixpath.normpath(name) == name and not name.startswith(("/", "..")) and name != "."


def _step(step: object) -> int:
    if isinstance(step, int) and -MAX_STEP <= step <= MAX_STEP:
        return step
    raise UsageError(f"step={step!r} is no position in a series. Pass a whole number of 64 bits.")


def _number(name: str, value: Any) -> float:
    try:
        number = float(value.detach() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(
            f"metric {name!r} is {value!r}, not one number. Log each value under its own name."
        ) from error
    return math.nan if math.isnan(number) else number
