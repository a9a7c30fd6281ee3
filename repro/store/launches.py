"""Every run of an experiment as the store lists it: deleted and failed ones, too."""

from collections.abc import Iterator
from datetime import UTC, datetime

from mlflow import MlflowClient
from mlflow.entities import LifecycleStage, Run, ViewType

from repro.history import COMMIT, PARENT, SOURCE, Launch
from repro.store.alive import is_live
from repro.store.location import locate

PAGE = 1_000
KEPT = (SOURCE, COMMIT, PARENT)  # of MLflow's own tags


def launches(client: MlflowClient, experiment_id: str) -> Iterator[Launch]:
    """One entry a run, oldest first, read page by page."""
    token: str | None = None
    while True:
        page = client.search_runs(
            [experiment_id],
            run_view_type=ViewType.ALL,
            max_results=PAGE,
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        yield from (_launch(run, client.tracking_uri) for run in page)
        token = page.token
        if not token:
            return


def _launch(run: Run, tracking_uri: str) -> Launch:
    info, tags = run.info, run.data.tags
    return Launch(
        run_id=info.run_id,
        name=info.run_name or info.run_id[:8],
        status=info.status,
        started_at=datetime.fromtimestamp(info.start_time / 1000, UTC),
        is_deleted=info.lifecycle_stage == LifecycleStage.DELETED,
        tags={k: v for k, v in tags.items() if k.startswith("repro.") or k in KEPT},
        artifact_uri=info.artifact_uri,
        is_live=_is_live(info.run_id, tracking_uri) if info.status == "RUNNING" else None,
    )


def _is_live(run_id: str, tracking_uri: str) -> bool | None:
    """By its journal, if that is here: MLflow calls a killed run RUNNING for ever."""
    folder = locate(tracking_uri).beside(tracking_uri) / run_id
    return is_live(folder) if folder.is_dir() else None
