"""Copies a run that was kept on this machine to the store that did not answer at the time."""

import tempfile
from collections.abc import Iterator, Sequence
from typing import TypeVar

from mlflow import MlflowClient
from mlflow.entities import Experiment, Param, Run, RunTag

from repro.errors import StoreUnavailable
from repro.record import SEAL
from repro.store.journal import LINE_VALUES
from repro.store.left_run import LeftRun, connect
from repro.store.mlflow import INSTEAD_OF, OpenRun, create_experiment, without_credentials
from repro.store.params import BATCH
from repro.store.variables import NO_PROGRESS_BAR, variables

COPIED_FROM, COPIED_TO = "repro.copied_from", "repro.copied_to"
PARENT = "mlflow.parentRunId"

T = TypeVar("T")


def twin(run: LeftRun, uri: str) -> OpenRun:
    """The run that the copy goes to: the one made before, or a new one.

    Raises
    ------
    StoreUnavailable
        The store does not answer, or its experiment of this name was deleted.
    """
    source, client = run.opened, connect(uri, is_made=True)
    experiment = _experiment(source, client, uri)
    made = _copied(client, experiment, source.run_id) or _created(source, client, experiment)
    return OpenRun(made.info.run_id, experiment.experiment_id, uri, False, lambda: None)


def fill(run: LeftRun, target: OpenRun) -> int:
    """Copy everything, and link both runs; doing it again changes nothing.

    Returns how many logged models stay behind: MLflow keeps them beside the run, not in it.

    Raises
    ------
    StoreUnavailable
        The run around it goes on: it is copied first.
    """
    source, client = run.opened, target.client
    whole = source.client.get_run(source.run_id)
    params = [Param(name, value) for name, value in whole.data.params.items()]
    for some in _parts(params, BATCH):
        client.log_batch(target.run_id, params=some)
    for name in whole.data.metrics:
        for points in _parts(run.values(name), LINE_VALUES):
            target.send(list(points))
    if whole.inputs and whole.inputs.dataset_inputs:
        client.log_inputs(target.run_id, whole.inputs.dataset_inputs)
    _copy_artifacts(source, target)
    for tags in _parts(_tags(source, target, whole), BATCH):
        client.log_batch(target.run_id, tags=tags)
    client.set_terminated(target.run_id, whole.info.status, whole.info.end_time)
    source.client.set_tag(source.run_id, COPIED_TO, target.run_id)
    return len(whole.outputs.model_outputs) if whole.outputs else 0


def _experiment(source: OpenRun, client: MlflowClient, uri: str) -> Experiment:
    name = source.client.get_experiment(source.experiment_id).name
    found = client.get_experiment_by_name(name) or create_experiment(client, uri, name)
    if found.lifecycle_stage == "deleted":
        raise StoreUnavailable(
            f"experiment {name!r} was deleted in {without_credentials(uri)}. Restore it with "
            f"`mlflow experiments restore -x {found.experiment_id}`."
        )
    return found


def _copied(client: MlflowClient, experiment: Experiment, run_id: str) -> Run | None:
    """The copy of a run, if one was made."""
    query = f"tags.`{COPIED_FROM}` = '{run_id}'"
    return next(iter(client.search_runs([experiment.experiment_id], query, max_results=1)), None)


def _created(source: OpenRun, client: MlflowClient, experiment: Experiment) -> Run:
    info = source.client.get_run(source.run_id).info
    return client.create_run(
        experiment.experiment_id,
        start_time=info.start_time,
        tags={COPIED_FROM: source.run_id},
        run_name=info.run_name,
    )


def _tags(source: OpenRun, target: OpenRun, run: Run) -> list[RunTag]:
    """All, the seal last: a run that has it claims to be whole."""
    tags = {**run.data.tags, COPIED_FROM: source.run_id}
    if PARENT in tags:
        tags[PARENT] = _parent(source, target, tags[PARENT])
    # Not in another store than asked for any more.
    names = sorted(tags.keys() - {INSTEAD_OF, COPIED_TO}, key=lambda name: (name == SEAL, name))
    return [RunTag(name, tags[name]) for name in names]


def _parent(source: OpenRun, target: OpenRun, run_id: str) -> str:
    """The copy of the run around it; the run itself, if that was never copied."""
    experiment = target.client.get_experiment(target.experiment_id)
    copied = _copied(target.client, experiment, run_id)
    if copied is None and source.client.get_run(run_id).info.status == "RUNNING":
        raise StoreUnavailable(f"the run around it, {run_id[:8]}, goes on: it is copied first.")
    return str(copied.info.run_id) if copied else run_id


def _copy_artifacts(source: OpenRun, target: OpenRun) -> None:
    with variables(NO_PROGRESS_BAR), tempfile.TemporaryDirectory(prefix="repro-") as folder:
        for item in source.client.list_artifacts(source.run_id):
            path = source.client.download_artifacts(source.run_id, item.path, folder)
            if item.is_dir:
                target.client.log_artifacts(target.run_id, path, item.path)
            else:
                target.client.log_artifact(target.run_id, path)


def _parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
