"""Everything that is looked at during one run, and the facts that come of it."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro.determinism import Controlled
from repro.facts.budget import Budget
from repro.facts.entropy import Entropy
from repro.facts.execution import Execution
from repro.facts.fact import Absent, Fact
from repro.facts.params import Param
from repro.facts.scores import Scores, Series
from repro.facts.split import Split
from repro.observe import code, determinism, environment, hardware, split
from repro.observe.background import Background
from repro.observe.curve import Curves
from repro.observe.data_book import DataBook
from repro.observe.determinism import HandedOut, SeedSource
from repro.observe.entropy import Sentinel
from repro.observe.observer import observed
from repro.observe.scores import ScoreBook
from repro.observe.technique import Ending
from repro.observe.training import Training
from repro.store.point import metric_name, metric_value, step_number
from repro.trace.file import TraceFile

if TYPE_CHECKING:
    from repro.splits import SplitPlan, SplitProof

TRAIN = "train"
ENVIRONMENT_SECONDS = 2.0  # until it is read early: most imports are done
CODE_SECONDS = 60.0  # that the record waits for the code to be read
NO_EXECUTION = Absent(reason="nobody looked at the command", kind="not_recorded")


@dataclass
class Observations:
    """What the observers of one run have seen so far."""

    controlled: Controlled
    seed_source: SeedSource
    code_state: Background[code.CodeState]
    declared: tuple[Param, ...]
    training: Training
    sentinel: Sentinel
    ship: Callable[..., None]  # values by name, step=
    notes: list[str]
    execution: Execution | Absent = NO_EXECUTION
    trace: TraceFile | None = None
    nested_in: str | None = None  # id of the run around this one
    scores: Scores | None = None  # of the segments before, in a resumed run
    plan: Split | Absent | None = None
    plan_files: dict[str, bytes] = field(default_factory=dict)  # artifacts about it, by path
    curves: Curves = field(default_factory=Curves)
    is_news: bool = True  # something that `early` tells has changed
    _clock: float = field(default_factory=time.monotonic)
    _is_environment_told: bool = False
    _early_code: Fact | None = None

    def __post_init__(self) -> None:
        look = self.training.is_in_training_mode
        self.handed_out = HandedOut(self.controlled.seed)
        self.training.on_sampled_step = self._look_at_switches
        self.data_book = DataBook(self.notes)
        self.book = ScoreBook(
            self.log_metrics,
            training_mode=look,
            notes=self.notes,
            earlier=self.scores,
            entered=self._tell_scores,
            taken=lambda *score: self.training.audience.tell("scored", *score),
            weights=self.training.weights,
        )

    def use_plan(
        self,
        plan: "SplitPlan",
        fold: int | None,
        proof: Callable[[], "SplitProof"],
        artifacts: Iterable[split.Artifacts],
    ) -> None:
        """Keep a plan with its proof, and what is made of both to stand beside the record."""
        proved = observed(proof)
        if isinstance(proved, Absent):
            self.plan, self.is_news = proved, True
            return
        self.plan = observed(split.from_plan, plan, fold, proved)
        for made in artifacts:
            files = observed(made, plan, proved)
            if isinstance(files, Absent):
                self.notes.append(f"an artifact of the split was not made: {files.reason}")
            else:
                self.plan_files |= files
        self.is_news = True

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """As `Run.log_metrics`."""
        values = {metric_name(name): metric_value(name, value) for name, value in metrics.items()}
        self.ship(values, step=step_number(step))
        self.curves.add(values, step)

    @property
    def is_environment_due(self) -> bool:
        """Whether the training has gone on for so long that a killed run should tell it, too."""
        is_late = time.monotonic() - self._clock > ENVIRONMENT_SECONDS
        return is_late and not self._is_environment_told

    def early(self) -> dict[str, Fact | Absent]:
        """The facts that a killed run should leave: those that cost little, as they stand now."""
        is_due = time.monotonic() - self._clock > ENVIRONMENT_SECONDS
        found: dict[str, Fact | Absent | None] = {
            "code": self._code_so_far(is_due and not self._is_environment_told),
            "determinism": observed(self._determinism),
            "entropy": observed(self._entropy),
            "data": observed(self.data_book.at_end),
            "split": self.plan,
            "scores": Scores(scored=self.book.scored, reads=self.book.reads),
        }
        if is_due:
            self._is_environment_told = True
            found["environment"] = observed(environment.at_end)
            found["hardware"] = observed(hardware.at_end)
        return {key: fact for key, fact in found.items() if fact is not None}

    def facts(self, series: tuple[Series, ...]) -> dict[str, Fact | Absent]:
        """Every fact, at the end; `series` were logged past us."""
        data = observed(self.data_book.at_end)
        return {
            "code": observed(self._code),
            "execution": observed(self._execution),
            "environment": observed(environment.at_end),
            "hardware": observed(hardware.at_end),
            "determinism": observed(self._determinism),
            "entropy": observed(self._entropy),
            "data": data,
            "cleaning": observed(self.data_book.cleaning),
            "split": observed(lambda: split.at_end(self.plan, data)),
            "optimizer": observed(self.training.optimizer),
            "batching": observed(self.training.batching),
            **self.training.audience.facts(self._ending(series)),
            "scores": Scores(
                scored=self.book.scored,
                logged=series,
                reads=self.book.reads,
                weights_at_end=self.book.weights(),
            ),
            "budget": observed(self._budget),
        }

    def evidence(self) -> Mapping[str, bytes]:
        """Content of the artifacts that the facts refer to, by path."""
        state = self.code_state.seen(0)
        kept: Mapping[str, Any] = state.evidence if isinstance(state, code.CodeState) else {}
        trace = self.trace.evidence() if self.trace else {}
        files = {**self.book.evidence(), **self.data_book.evidence(), **self.plan_files}
        return {**kept, **files, **trace}

    def _tell_scores(self) -> None:
        self.is_news = True

    def _code_so_far(self, is_due: bool) -> Fact | Absent | None:
        """With what was imported when it was first told, and again when it is due."""
        state = self.code_state.seen(0)
        if not isinstance(state, code.CodeState):
            return state
        if self._early_code is None or is_due:
            found = observed(lambda: code.so_far(state))
            self._early_code = state.fact if isinstance(found, Absent) else found
        return self._early_code

    def _code(self) -> Any:
        state = self.code_state.result(CODE_SECONDS)
        return state if isinstance(state, Absent) else code.at_end(state)

    def _execution(self) -> Execution | Absent:
        """With the repository that was looked at meanwhile."""
        state = self.code_state.seen(0)
        if isinstance(self.execution, Absent) or not isinstance(state, code.CodeState):
            return self.execution
        return self.execution.but(root=str(state.root))

    def _determinism(self) -> Any:
        return determinism.at_end(self.controlled, self.seed_source, self.handed_out)

    def _entropy(self) -> Entropy:
        state = self.code_state.seen(0)
        return self.sentinel.at_end(state.root if isinstance(state, code.CodeState) else Path.cwd())

    def _look_at_switches(self, step: int) -> None:
        self.is_news = self.controlled.look(step) or self.is_news

    def _ending(self, series: tuple[Series, ...]) -> Ending:
        return Ending(
            n_steps=self.training.n_steps,
            n_train=self.data_book.n_rows(TRAIN),
            features=self.data_book.features(),
            scores=self.book.scored,
            logged=series,
            params={param.name: param.value for param in self.declared},
            batch_sizes=self.training.batch_sizes,
            n_epochs=self._budget().n_epochs,
            curves=self.curves,
            nested_in=self.nested_in,
        )

    def _budget(self) -> Budget:
        return self.training.budget(
            n_train=self.data_book.n_rows(TRAIN),
            n_test_reads=self.book.n_looks("test"),
            wall_seconds=time.monotonic() - self._clock,
        )
