"""What MLflow keeps once: the tracking URI of a process, and the runs open in a thread."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock

import mlflow
from mlflow import ActiveRun, MlflowClient
from mlflow.tracking import fluent
from mlflow.tracking._tracking_service import utils

TRACKED: set[str] = set()  # ids of the runs that an open block of ours writes to

_overrides: list["UriOverride"] = []  # those not given back, in the order they were set
_lock = Lock()


class UriOverride:
    """A tracking URI for the time of one run, among those of other threads and tasks."""

    def __init__(self) -> None:
        self._restore: Callable[[], None] = lambda: None

    def set(self, uri: str) -> None:
        """Set it, and remember the one before the first time."""
        with _lock:
            if self not in _overrides:
                self._restore = _remembered_uri()
                _overrides.append(self)
            mlflow.set_tracking_uri(uri)

    def give_back(self) -> None:
        """Restore the one before; where another run has set its own since, leave that to it."""
        with _lock:
            if self not in _overrides:
                return
            above = _overrides[_overrides.index(self) + 1 :]
            _overrides.remove(self)
            if above:
                above[0]._restore = self._restore
            else:
                self._restore()


def untracked_run() -> ActiveRun | None:
    """The run that is active in this thread, unless a block of ours has it: another task's."""
    active = mlflow.active_run()
    return None if active is None or active.info.run_id in TRACKED else active


@contextmanager
def beginning(uri: str, around: str | None, status: str | None = None) -> Iterator[None]:
    """A block that begins a run in this thread, inside `around` and inside none of other tasks.

    If it fails, what it began is ended: as `status`, if that is given.
    """
    stack = _stack()
    before = list(stack)
    stack[:] = kept = _inside(before, around)
    try:
        yield
    except BaseException as error:
        for run in stack[len(kept) :]:
            with suppress(Exception):
                end_active(uri, run.info.run_id, status or status_of(error))
        raise
    finally:
        stack[:] = [*before, *stack[len(kept) :]]


def status_of(error: BaseException) -> str:
    """Of a run whose block was never begun: it was interrupted, or something failed."""
    return "KILLED" if isinstance(error, KeyboardInterrupt | SystemExit) else "FAILED"


def end_active(uri: str, run_id: str, status: str) -> None:
    """End this run, wherever it is on the stack; those above it stay open.

    `mlflow.end_run` would end the one on top, in the store that was set last.
    """
    stack = _stack()
    ours = [run for run in stack if run.info.run_id == run_id]
    if not ours:  # it was opened in another thread, or ended by the training
        MlflowClient(uri).set_terminated(run_id, status)
        return
    stack[:] = [*(run for run in stack if run is not ours[0]), ours[0]]
    with _in_store(uri):
        mlflow.end_run(status)


@contextmanager
def _in_store(uri: str) -> Iterator[None]:
    if mlflow.get_tracking_uri() == uri:  # nothing to change under other threads
        yield
        return
    restore = _remembered_uri()
    try:
        mlflow.set_tracking_uri(uri)
        yield
    finally:
        restore()


def _remembered_uri() -> Callable[[], None]:
    """Restores what `mlflow.set_tracking_uri` and `MLFLOW_TRACKING_URI` say now.

    MLflow copies the one into the other, so both are remembered.
    """
    was_set, variable = utils._tracking_uri, os.environ.get("MLFLOW_TRACKING_URI")

    def give_back() -> None:
        mlflow.set_tracking_uri(was_set)  # type: ignore[arg-type]  # None: as if never set
        if variable is not None:
            os.environ["MLFLOW_TRACKING_URI"] = variable

    return give_back


def _inside(stack: list[ActiveRun], around: str | None) -> list[ActiveRun]:
    """The runs around a new one: without those of other tasks, which MLflow cannot tell apart."""
    if around is None:
        return []
    ids = [run.info.run_id for run in stack]
    start = ids.index(around) + 1 if around in ids else 0
    return stack[:start] + [run for run in stack[start:] if run.info.run_id not in TRACKED]


def _stack() -> list[ActiveRun]:
    stack: list[ActiveRun] = fluent._active_run_stack.get()  # type: ignore[no-untyped-call]
    return stack
