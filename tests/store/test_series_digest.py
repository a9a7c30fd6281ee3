import math
import random

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric

from repro.store import series_digest
from repro.store.point import Point
from repro.store.series_digest import SeriesDigests

VALUES = (
    0.5,
    0.0,
    -0.0,
    math.nan,
    float("nan"),
    -math.nan,
    math.inf,
    -math.inf,
    1.7976931348623157e308,
    5e-324,
    2.2250738585072014e-308,
    0.1 + 0.2,
    1 / 3,
    1e-320,
    -123456789.123456789,
    float(2**53 + 1),
)


def found(points):
    digests = SeriesDigests()
    for point in points:
        digests.add(point)
    return digests.found()


def series(*values):
    return [Point("loss", value, 1_000 + step, step) for step, value in enumerate(values)]


def test_order_does_not_matter():
    points = series(*VALUES)
    shuffled = list(points)
    random.Random(0).shuffle(shuffled)
    assert found(points) == found(shuffled) != found(points[:-1])


@pytest.mark.parametrize(
    "other",
    [
        Point("loss", 0.5000000000000001, 1_000, 0),
        Point("loss", 0.5, 1_001, 0),
        Point("loss", 0.5, 1_000, 1),
        Point("loss", math.nan, 1_000, 0),
        Point("loss", 0.0, 1_000, 0),
    ],
)
def test_value_time_and_step_matter(other):
    assert found([Point("loss", 0.5, 1_000, 0)]) != found([other])


def test_the_name_is_not_part_of_the_digest():
    left, right = found(series(0.5, 0.25)), found([p._replace(key="x") for p in series(0.5, 0.25)])
    assert left["loss"] == right["x"]


def test_equal_points_count_once_and_those_that_differ_count_each():
    point = Point("loss", 0.5, 1_000, 0)
    others = [point._replace(step=-1), point._replace(step=-2), point._replace(timestamp_ms=1_001)]
    (name, (n_points, _)), *_ = found([point, *others, point, *others]).items()
    assert (name, n_points) == ("loss", 4)
    assert found([point, point._replace(key="other"), point])["other"][0] == 1


def test_equal_points_of_two_processes_count_once_though_others_are_between():
    ranks = [series(*[0.5] * 4_000) for _ in range(2)]
    assert found([*ranks[0], *ranks[1]]) == found(ranks[0])


def test_memory_of_points_is_bounded(monkeypatch):
    monkeypatch.setattr(series_digest, "REMEMBERED", 10)
    digests = SeriesDigests()
    for point in series(*range(1_000)):
        digests.add(point)
    assert len(digests._seen) == len(digests._in_order) == 10
    assert digests.found()["loss"][0] == 1_000


def test_sums_of_disjoint_points_add_up():
    points = series(*VALUES)
    whole, left, right = (
        int(found(part)["loss"][1].removeprefix("blake3-sum:"), 16)
        for part in (points, points[:5], points[5:])
    )
    assert (left + right) % 2**128 == whole


@pytest.mark.slow
def test_what_mlflow_gives_back_has_the_digest_of_what_was_logged(project):
    client = MlflowClient(project.uri)
    run_id = client.create_run(client.create_experiment("digests")).info.run_id
    same_moment = [Point("same ms", value, 5, 0) for value in VALUES]
    twice = [Point("twice", 0.5, 5, step) for step in (0, 1, 0, -1, 1, 2**62)]
    points = [*series(*VALUES), *same_moment, *twice, *series(*VALUES)]
    for start in range(0, len(points), 7):
        batch = [Metric(p.key, p.value, p.timestamp_ms, p.step) for p in points[start : start + 7]]
        client.log_batch(run_id, metrics=batch)
    held = [
        Point(metric.key, metric.value, metric.timestamp, metric.step)
        for name in ("loss", "same ms", "twice")
        for metric in client.get_metric_history(run_id, name)
    ]
    assert found(points) == found(held)
    assert {name: n for name, (n, _) in found(points).items()} == {
        "loss": len(VALUES),
        "same ms": 12,
        "twice": 4,
    }
