"""What MLflow holds of a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from repro.facts.scores import Series
from repro.store.point import Point

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


@dataclass(frozen=True)
class Held:
    """Params, the last value of each series, and tags, whoever wrote them."""

    params: Mapping[str, str]
    series: Mapping[str, Series]
    tags: Mapping[str, str]


def held(run: "Run") -> Held:
    """What the answer to `get_run` tells."""
    last = sorted(run.data._metric_objs, key=lambda metric: metric.key)
    return Held(
        params=dict(run.data.params),
        series={m.key: Series(name=m.key, last=m.value, last_step=m.step) for m in last},
        tags=dict(run.data.tags),
    )


def values(client: "MlflowClient", run_id: str, name: str) -> list[Point]:
    """All values of a series."""
    found = client.get_metric_history(run_id, name)
    return [Point(name, m.value, m.timestamp, m.step) for m in found]


def few_values(client: "MlflowClient", run_id: str, name: str, at_most: int) -> list[Point] | None:
    """All values of a series; None where there are more than so many."""
    # The client's own method has no limit: the series of another logger may be of any length.
    store = client._tracking_client.store
    found = store.get_metric_history(run_id, name, max_results=at_most + 1)
    if len(found) > at_most or found.token:
        return None
    return [Point(name, m.value, m.timestamp, m.step) for m in found]
