"""Ends one run among those that MLflow holds open in a thread."""

import mlflow
from mlflow import MlflowClient
from mlflow.tracking import fluent


def end_active(uri: str, run_id: str, status: str) -> None:
    """End this run, wherever it is on the stack; those above it stay open.

    `mlflow.end_run` would end the one on top, in the store that was set last.
    """
    mlflow.set_tracking_uri(uri)
    stack = fluent._active_run_stack.get()  # type: ignore[no-untyped-call]
    ours = [run for run in stack if run.info.run_id == run_id]
    if ours:
        stack[:] = [*(run for run in stack if run is not ours[0]), ours[0]]
        mlflow.end_run(status)
    else:  # it was opened in another thread, or ended by the training
        MlflowClient(uri).set_terminated(run_id, status)
