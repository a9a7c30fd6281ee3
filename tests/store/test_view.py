import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from repro.store.view import METRICS_SHOWN, VIEW_QUERY, VIEW_TAG, save_view, view_state

if TYPE_CHECKING:
    from playwright.sync_api import Page

OURS = [
    "repro.audit",
    "repro.verified",
    "repro.seed",
    "repro.code",
    "repro.data",
    "repro.split",
]
VERDICTS = {"0": "VALID", "1": "INVALID effective-batch"}


class _Store:
    """Just enough of a client: the tags of one experiment, and how often they were written."""

    def __init__(self, tags: dict[str, str] | None = None) -> None:
        self.tags = tags or {}
        self.creation_time = 1_700_000_000_000
        self.writes = 0

    def get_experiment(self, experiment_id: str) -> "_Store":
        return self

    def set_experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
        self.tags[key] = value
        self.writes += 1


def _save(store: _Store, metrics: Sequence[str] = ()) -> str:
    return save_view(cast("MlflowClient", store), "1", metrics)


def _columns(value: str) -> list[str]:
    columns = json.loads(json.loads(value)["state"])["selectedColumns"]
    assert isinstance(columns, list)
    return columns


def test_our_tags_come_before_the_metrics() -> None:
    columns = _columns(view_state(["test/accuracy", "test/loss"]))
    assert columns == [
        *(f"tags.`{name}`" for name in OURS),
        "metrics.`test/accuracy`",
        "metrics.`test/loss`",
    ]


def test_runs_are_grouped_by_their_protocol() -> None:
    state = json.loads(json.loads(view_state())["state"])
    assert state["groupBy"] == {
        "aggregateFunction": "average",
        "groupByKeys": [{"mode": "tag", "groupByData": "repro.protocol"}],
    }


def test_the_view_is_listed_under_a_name_with_numbers_for_its_dates() -> None:
    envelope = json.loads(view_state(created_ms=7))
    assert (envelope["name"], envelope["createdAt"], envelope["updatedAt"]) == (
        "Comparable runs",
        7,
        7,
    )


def test_the_view_fits_into_one_tag_whatever_the_names_of_the_metrics() -> None:
    names = [f"{i:03d}{'/' * 247}" for i in range(METRICS_SHOWN + 30)]
    assert len(view_state(names)) <= 20_000
    assert len(_columns(view_state(names))) == len(OURS) + METRICS_SHOWN


def test_saving_twice_writes_once() -> None:
    store = _Store()
    assert _save(store, ["loss"]) == VIEW_QUERY
    assert _save(store, ["loss"]) == VIEW_QUERY
    assert store.writes == 1


def test_a_later_run_adds_its_metrics_to_those_of_earlier_runs() -> None:
    store = _Store()
    _save(store, ["loss"])
    _save(store, ["accuracy", "loss"])
    assert _columns(store.tags[VIEW_TAG])[len(OURS) :] == ["metrics.`loss`", "metrics.`accuracy`"]


@pytest.mark.parametrize("damaged", ["", "{}", "[]", '{"state": 3}', '{"state": "deflate;xyz"}'])
def test_a_view_that_cannot_be_read_is_written_anew(damaged: str) -> None:
    store = _Store({VIEW_TAG: damaged})
    _save(store, ["loss"])
    assert _columns(store.tags[VIEW_TAG])[-1] == "metrics.`loss`"


def test_a_store_that_refuses_the_view_does_not_fail_the_run() -> None:
    class Refusing(_Store):
        def set_experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
            raise MlflowException("read only")

    assert _save(Refusing()) == VIEW_QUERY


def _log_run(client: MlflowClient, experiment: str, protocol: str, seed: str) -> None:
    tags = {"repro.protocol": protocol, "repro.audit": VERDICTS[seed], "repro.seed": seed}
    tags |= {"repro.verified": "yes", "repro.code": "c0ffee12 dirty", "repro.data": "da7a00000001"}
    run = client.create_run(experiment, run_name=f"sgd-seed{seed}", tags=tags)
    client.log_metric(run.info.run_id, "test/accuracy", 0.9 + int(seed) / 100)
    client.log_metric(run.info.run_id, "test/loss", 0.1)
    client.set_tag(run.info.run_id, "repro.split", "5a17ab1e0001")
    client.set_terminated(run.info.run_id)


@pytest.fixture
def run_list(tmp_path: Path, request: pytest.FixtureRequest) -> "Page":
    """The run list of an experiment with two protocols, opened in our view."""
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    page = request.getfixturevalue("page")  # first: without a browser nothing is started
    client = MlflowClient(uri)
    experiment = client.create_experiment("digits", artifact_location=(tmp_path / "a").as_uri())
    for protocol in ("aaaa00000001", "bbbb00000002"):
        for seed in VERDICTS:
            _log_run(client, experiment, protocol, seed)
    query = save_view(client, experiment, ["test/accuracy", "test/loss"])
    base = request.getfixturevalue("serve")(uri)
    page.goto(f"{base}/#/experiments/{experiment}/runs?{query}")
    page.get_by_text("4 matching runs").wait_for(timeout=60_000)
    return page


@pytest.mark.browser
@pytest.mark.slow
def test_mlflow_shows_one_group_for_each_protocol_and_our_columns_first(run_list: "Page") -> None:
    run_list.get_by_text(re.compile("Group: aaaa00000001")).wait_for(timeout=30_000)
    groups = run_list.get_by_text(re.compile("^Group: [0-9a-f]{12}$")).all_inner_texts()
    assert sorted(groups) == ["Group: aaaa00000001", "Group: bbbb00000002"]
    headers = run_list.locator("[role=columnheader][col-id]")
    left = {h.inner_text().strip(): h.bounding_box()["x"] for h in headers.all()}  # type: ignore[index]
    expected = ["Run Name", "Created", *OURS, "test/accuracy", "test/loss"]
    assert [name for name in sorted(left, key=left.__getitem__) if name in expected] == expected
    assert run_list.get_by_text("INVALID effective-batch", exact=True).count() == 2
