"""Runs inside a run: the trials of a search that a script makes by itself."""

from dataclasses import dataclass

from repro.history import History


@dataclass(frozen=True)
class NestedRuns:
    """How many runs were opened directly inside one, whatever became of them."""

    n: int
    n_failed: int  # or killed
    n_unfinished: int  # still running, or left behind by a process that is gone


def nested_runs(history: History, run_id: str) -> NestedRuns | None:
    """The children of a run that the history finds, which are those not deleted; None: no child."""
    child = f"tags.mlflow.parentRunId = '{run_id}'"
    n = len(history.find_runs(child))
    if not n:
        return None
    n_finished, n_failed, n_killed = (
        len(history.find_runs(f"{child} and attributes.status = '{status}'"))
        for status in ("FINISHED", "FAILED", "KILLED")
    )
    return NestedRuns(n, n_failed + n_killed, n - n_finished - n_failed - n_killed)
