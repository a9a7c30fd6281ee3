"""Every run of an experiment as the store lists it: deleted and failed ones, too."""

from collections.abc import Iterator
from datetime import UTC, datetime

from mlflow import MlflowClient
from mlflow.entities import LifecycleStage, Run, ViewType

from repro.history import Launch

PAGE = 1_000


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
        yield from map(_launch, page)
        token = page.token
        if not token:
            return


def _launch(run: Run) -> Launch:
    info = run.info
    return Launch(
        run_id=info.run_id,
        name=info.run_name or info.run_id[:8],
        status=info.status,
        started_at=datetime.fromtimestamp(info.start_time / 1000, UTC),
        is_deleted=info.lifecycle_stage == LifecycleStage.DELETED,
        tags={name: value for name, value in run.data.tags.items() if name.startswith("repro.")},
    )
