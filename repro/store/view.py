"""The run list as a team should see it: comparable runs in one group, our tags before the metrics.

A saved view is an experiment tag whose format MLflow keeps to itself: best effort, and tested in a
browser against the pinned version.
"""

import json
from collections.abc import Iterable
from contextlib import suppress

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

SHARE_KEY = "repro"
VIEW_TAG = f"mlflow.sharedViewState.{SHARE_KEY}"
# Without the workflow MLflow opens the page among its tools for language models.
VIEW_QUERY = f"workflowType=machine_learning&viewStateShareKey={SHARE_KEY}"
NAME = "Comparable runs"
GROUP_BY = "repro.protocol"
# Widths in pixels: the verdict first and wide enough to be read, the digests just so.
TAGS = {
    "repro.audit": 220,
    "repro.verified": 130,
    "repro.seed": 90,
    "repro.code": 120,
    "repro.data": 120,
    "repro.split": 120,
}
METRIC_WIDTH = 140  # "0.9085 (average)" of a group fits
METRICS_SHOWN = 20  # names of 250 characters, each written three times, fit into one tag of 20,000
FIXED = {"attributes.`Run Name`": 260, "runDateAndNestInfo": 140}  # always shown, always first


def view_state(
    metrics: Iterable[str] = (), *, group_by: str = GROUP_BY, created_ms: int = 0
) -> str:
    """The tag that holds the view: our tags, then these metrics, in groups by one tag.

    The same arguments give the same text, so an unchanged view need not be written again.
    """
    ours = {f"tags.`{name}`": width for name, width in TAGS.items()}
    shown = dict.fromkeys(map(_metric_column, metrics), METRIC_WIDTH)
    columns = {**ours, **dict(list(shown.items())[:METRICS_SHOWN])}
    state = {
        "selectedColumns": list(columns),
        "columnOrder": [*FIXED, *columns],
        "columnWidths": {**FIXED, **columns},
        "groupBy": {
            "aggregateFunction": "average",
            "groupByKeys": [{"mode": "tag", "groupByData": group_by}],
        },
    }
    envelope = {"name": NAME, "createdAt": created_ms, "updatedAt": created_ms}
    return json.dumps({**envelope, "state": json.dumps(state)})


def save_view(client: MlflowClient, experiment_id: str, metrics: Iterable[str] = ()) -> str:
    """Write the view, with these metrics added to those it shows, where that changes anything.

    Returns the query that opens it: `/#/experiments/ID/runs?QUERY`.
    """
    with suppress(MlflowException):  # a convenience: no run fails for want of it
        experiment = client.get_experiment(experiment_id)
        stored = experiment.tags.get(VIEW_TAG)
        value = view_state(
            [*_shown_metrics(stored), *metrics], created_ms=experiment.creation_time or 0
        )
        if value != stored:
            client.set_experiment_tag(experiment_id, VIEW_TAG, value)
    return VIEW_QUERY


def _metric_column(name: str) -> str:
    return f"metrics.`{name}`"


def _shown_metrics(stored: str | None) -> list[str]:
    if stored is None:
        return []
    try:
        columns = json.loads(json.loads(stored)["state"])["selectedColumns"]
    except (ValueError, KeyError, TypeError):  # not written by this version: start again
        return []
    before, after = _metric_column("|").split("|")
    return [c[len(before) : -len(after)] for c in columns if c.startswith(before)]
