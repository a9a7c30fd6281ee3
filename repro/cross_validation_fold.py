"""One fold of a cross-validation with one seed: a tracked run, in whatever process."""

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from repro.cross_validation_learner import Learner, Rows
from repro.determinism import Mode
from repro.errors import UsageError
from repro.facts.split import Split
from repro.run import Run
from repro.splits.times import IntArray
from repro.tracked import tracked_run


@dataclass(frozen=True)
class Around:
    """What the runs of all folds have in common, and where they belong."""

    run_id: str  # of the run around them
    name: str
    experiment: str
    tracking_uri: str
    params: object
    tags: Mapping[str, str]
    mode: Mode
    group: str | None  # column of X
    time: str | None
    process: int
    thread: int

    def refuse_threads(self) -> None:
        """Threads share the generators: what one fold draws would depend on the others."""
        if os.getpid() == self.process and threading.get_ident() != self.thread:
            raise UsageError(
                "cross_validate was told to run folds in threads, which share the random "
                "generators: no fold could be repeated. Use processes (joblib's backend 'loky'), "
                "or n_jobs=1."
            )


@dataclass(frozen=True)
class FoldRun:
    """A fold and a seed; it travels to the process that trains."""

    around: Around
    learner: Learner
    split: Split
    fold: int
    seed: int
    train: IntArray
    test: IntArray


def run_fold(task: FoldRun, X: Any, y: Any) -> tuple[str, Mapping[str, float]]:
    """Train and score as a run of its own: its id, and the scores by name."""
    around = task.around
    around.refuse_threads()
    place = f"fold {task.fold} seed {task.seed}"
    block = tracked_run(
        f"{around.name} {place}",
        experiment=around.experiment,
        seed=task.seed,
        params=around.params,
        deterministic=around.mode,
        tags=around.tags,
        tracking_uri=around.tracking_uri,
        quiet=True,
        inside=around.run_id,
    )
    run_id = "that was not opened"
    try:
        with block as run:
            run_id = run.run_id
            rows = Rows(*(taken(values, at) for at in (task.train, task.test) for values in (X, y)))
            run.seen.plan, run.seen.is_news = task.split, True
            _log_data(run, rows, around)
            scores = task.learner.scores(run, rows)
    except Exception as error:
        error.add_note(f"cross_validate: in {place}, run {run_id[:8]}")
        raise
    return run_id, scores


def taken(values: Any, rows: IntArray) -> Any:
    """These rows of an array, a data frame, a sparse matrix or a list."""
    from sklearn.utils import _safe_indexing  # type: ignore[import-untyped]  # published without

    return None if values is None else _safe_indexing(values, rows)


def _log_data(run: Run, rows: Rows, around: Around) -> None:
    roles = {"train": (rows.X_train, rows.y_train), "test": (rows.X_test, rows.y_test)}
    given = {role: X if y is None else (X, y) for role, (X, y) in roles.items()}
    with run.noted("the rows were not recorded"):
        run.log_data(**given, group=around.group, time=around.time)
