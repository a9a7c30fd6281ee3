"""The record of a run that was resumed: of all its segments, nothing lost and nothing new."""

import importlib
import json
import shutil
import sqlite3
import sys

import mlflow
import numpy as np
import torch
from mlflow import MlflowClient
from resumed_training import first_run, refused, train
from sklearn.metrics import accuracy_score
from sklearn.model_selection import ShuffleSplit

import repro
from repro import recording
from repro.audit.configuration import differing
from repro.continuation import Earlier
from repro.facts.budget import Budget
from repro.facts.code import Code
from repro.facts.contents import Contents, SeriesContent
from repro.facts.data import Data
from repro.facts.integrity import Integrity
from repro.facts.outcome import Outcome
from repro.facts.scores import Scores
from repro.facts.segments import Segments
from repro.facts.split import Split
from repro.record import RunRecord
from repro.segment_changes import BEGUN_ANEW, NOT_LOADED
from repro.splits import make_plan
from repro.store.contents import series_read
from repro.store.point import Point
from repro.store.series_digest import SeriesDigests


def test_the_record_tells_each_segment_and_counts_the_budget_of_all(project):
    model = torch.nn.Linear(2, 1)
    with repro.tracked_run("first", seed=3) as run:
        train(run, 3, model=model)
    before = project.record(run.run_id)
    sealed = MlflowClient(project.uri).get_run(before.run_id).data.tags["repro.record"]
    for steps in (2, 4):
        with repro.tracked_run(resume="first") as run:
            train(run, steps, first=10 * steps, model=model)
    record = project.record(run.run_id)
    segments = record.find(Segments)
    assert [one.n_steps for one in segments.earlier] == [3, 2]
    assert [one.status for one in segments.earlier] == ["FINISHED", "FINISHED"]
    assert segments.number == 3
    assert (segments.is_code_changed, segments.is_environment_changed) == (False, False)
    assert (segments.changed, segments.altered) == ((), ())
    budget, first = record.find(Budget), before.find(Budget)
    assert (budget.n_steps, budget.n_batches, budget.n_samples) == (9, 9, 36)
    assert budget.wall_seconds > first.wall_seconds
    assert segments.earlier[0].record == sealed
    kept = json.loads(project.history.artifact(run.run_id, "repro/segments/1.json"))
    assert kept["facts"]["budget"]["data"]["n_steps"] == 3
    kept = json.loads(project.history.artifact(run.run_id, "repro/segments/2.json"))
    assert kept["facts"]["budget"]["data"]["n_steps"] == 5


def test_a_run_that_was_not_resumed_has_no_segment_before_it(project):
    assert project.record(first_run(1)).find(Segments) == Segments()


def test_scores_and_looks_of_all_segments_are_kept_and_the_last_value_wins(project):
    labels = np.array([0, 1, 1, 0])

    def score(run, name, hits):
        predicted = np.where(np.arange(4) < hits, labels, 1 - labels)
        run.score(name, accuracy_score, labels, predicted, on="test")

    with repro.tracked_run("first", seed=0) as run:
        score(run, "test/accuracy", 2)
        score(run, "test/first_only", 1)
    with repro.tracked_run(resume="first") as run:
        score(run, "test/accuracy", 3)
        score(run, "test/last_only", 4)
    record = project.record(run.run_id)
    scores = record.find(Scores)
    values = {score.name: score.value for score in scores.scored}
    assert values == {"test/accuracy": 0.75, "test/first_only": 0.25, "test/last_only": 1.0}
    looks = {read.metric: (read.number, read.n_looks) for read in scores.reads}
    assert looks == {"test/accuracy": (1, 2), "test/first_only": (2, 1), "test/last_only": (3, 1)}
    assert record.find(Budget).n_test_reads == 4
    assert scores.logged == ()


def test_rows_and_plan_that_are_not_given_again_stay_those_of_the_run(project):
    rows = np.random.default_rng(0).normal(size=(12, 3))
    plan = make_plan(ShuffleSplit(n_splits=1, test_size=4, random_state=0), rows)
    model = torch.nn.Linear(2, 1)
    with repro.tracked_run("first", seed=0) as run:
        run.log_data(train=rows[:8], test=rows[8:])
        run.use_split(plan)
        train(run, 2, model=model)
    first = project.record(run.run_id)
    with repro.tracked_run(resume="first") as run:
        train(run, 2, model=model)
    second = project.record(run.run_id)
    with repro.tracked_run(resume="first") as run:
        run.log_data(train=rows[:8])
        train(run, 2, model=model)
    third = project.record(run.run_id)
    for record in (second, third):
        assert record.find(Data) == first.find(Data)
        assert record.find(Split) == first.find(Split)
        assert record.find(Segments).changed == ()
    assert third.find(Budget).n_epochs == 24 / 8
    with repro.tracked_run(resume="first") as run:
        run.log_data(train=rows[1:8], test=rows[8:])
        train(run, 2, model=model)
    other = project.record(run.run_id)
    assert other.find(Data).role("train").n_rows == 7
    assert "data.train.rows_digest" in other.find(Segments).changed


def test_another_optimizer_in_the_middle_is_told(project):
    first_run(2)
    with repro.tracked_run(resume="first") as run:
        model = torch.nn.Linear(2, 1)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        run.watch(model, optimizer)
        model(torch.ones(4, 2)).sum().backward()
        optimizer.step()
    assert "optimizer.name" in project.record(run.run_id).find(Segments).changed


def test_an_edited_file_between_segments_is_told_for_ever(project, monkeypatch):
    monkeypatch.syspath_prepend(str(project.root))
    sys.modules.pop("train", None)
    importlib.import_module("train")
    first_run(1)
    (project.root / "train.py").write_text("lr = 0.2\n")
    with repro.tracked_run(resume="first"):
        pass
    with repro.tracked_run(resume="first") as run:
        pass
    sys.modules.pop("train", None)
    segments = project.record(run.run_id).find(Segments)
    assert segments.is_code_changed is True
    assert segments.earlier[0].code_tree != segments.earlier[1].code_tree


def test_every_value_of_every_segment_is_sealed_and_nothing_counts_as_altered(project):
    run_id = first_run(3)
    with repro.tracked_run(resume="first") as run:
        mlflow.log_metric("theirs", 1.0, step=1)
        train(run, 2, first=3)
    with repro.tracked_run(resume="first") as run:
        mlflow.log_metric("theirs", 2.0, step=2)
    record = project.record(run_id)
    series = {one.name: one.n_points for one in record.find(Contents).series}
    assert series == {"loss": 5, "theirs": 2}
    paths = {one.path for one in record.find(Contents).files}
    assert {"repro/segments/1.json", "repro/segments/2.json"} <= paths
    integrity = record.find(Integrity)
    assert (integrity.altered, integrity.undecided) == ((), ())


def test_an_alteration_is_not_sealed_by_going_on(project):
    run_id = first_run(3, params={"lr": 0.1})
    with sqlite3.connect(project.root / "mlruns" / "mlflow.db") as database:
        database.execute("UPDATE metrics SET value = 7 WHERE step = 2")
        database.execute("UPDATE latest_metrics SET value = 7")
        database.execute("UPDATE params SET value = '0.2'")
    with repro.tracked_run(resume="first") as run:
        train(run, 1, first=3)
    record = project.record(run_id)
    assert record.find(Segments).altered == ("metric loss", "param lr")
    (series,) = record.find(Contents).series
    read = MlflowClient(project.uri).get_metric_history(run_id, "loss")
    held = series_read("loss", [Point(m.key, m.value, m.timestamp, m.step) for m in read])
    assert (series.n_points, held.n_points) == (4, 4)
    assert series.digest != held.digest


def test_a_process_whose_machine_is_gone_is_told_as_lost(project):
    run_id = first_run(3)
    client = MlflowClient(project.uri)
    client.set_tag(run_id, "repro.segment", "2")
    client.update_run(run_id, status="RUNNING")
    shutil.rmtree(project.root / "mlruns" / "journal")
    assert project.record(run_id).find(Outcome).status == "RUNNING"
    assert "its journal is not on this machine: it may be live on another" in refused(resume=run_id)
    client.set_terminated(run_id, "KILLED")
    assert project.record(run_id).find(Outcome).status == "KILLED"
    with repro.tracked_run(resume="first") as run:
        train(run, 1)
    record = project.record(run_id)
    segments = record.find(Segments)
    assert [(one.index, one.status) for one in segments.earlier] == [(1, "FINISHED"), (2, "KILLED")]
    assert (segments.is_code_changed, segments.is_environment_changed) == (None, None)
    assert record.find(Budget).n_steps is None
    assert client.get_run(run_id).data.tags["repro.segment"] == "3"


def go_on(project, setting, seed=None):
    """What changed, once a new model was set by `setting` and trained."""
    with repro.tracked_run(resume="first") as run:
        if seed is not None:
            torch.manual_seed(seed)
        model = torch.nn.Linear(2, 1)
        setting(run, model)
        train(run, 1, model=model)
    return project.record(run.run_id).find(Segments)


def test_weights_that_are_begun_anew_are_told_and_those_that_go_on_are_not(project):
    with repro.tracked_run("first", seed=3) as run:
        kept = torch.nn.Linear(2, 1)
        train(run, 2, model=kept)

    def last_set_unseen(run, model):
        model.load_state_dict(kept.state_dict())

    def earlier_set_in_sight(run, model):
        run.watch(model)
        model.load_state_dict({key: 2 * value for key, value in kept.state_dict().items()})

    for setting in (last_set_unseen, earlier_set_in_sight):
        segments = go_on(project, setting)
        assert (segments.changed, segments.unknown) == ((), ())
    assert go_on(project, lambda run, model: None).changed == (BEGUN_ANEW,)
    unseen = go_on(project, lambda run, model: None, seed=5)
    assert unseen.changed == (BEGUN_ANEW, NOT_LOADED)


def test_what_a_killed_process_did_not_tell_is_unknown_and_no_difference(project):
    model = torch.nn.Linear(2, 1)
    with repro.tracked_run("first", seed=3) as run:
        train(run, 1, model=model)
    record = project.record(run.run_id)
    left = {key: fact for key, fact in record.facts.items() if key not in ("budget", "environment")}
    told = Earlier(RunRecord("r", "first", left), b"{}").continued(record.facts)["segments"]
    assert (told.is_environment_changed, told.changed) == (None, (BEGUN_ANEW,))
    assert told.unknown == ("packages of segment 1",)
    left.pop("initialization")
    left.pop("compression")
    told = Earlier(RunRecord("r", "first", left), b"{}").continued(record.facts)["segments"]
    assert told.unknown == ("packages of segment 1", "weights that segment 2 began with")
    assert told.changed == ()
    resumed = RunRecord("r", "first", {**record.facts, "segments": told})
    assert differing(resumed, record) == set()
    edited = told.but(changed=("code",))
    assert differing(resumed, RunRecord("r", "first", {**record.facts, "segments": edited}))


def test_a_killed_run_leaves_what_it_had_imported(project, monkeypatch):
    monkeypatch.syspath_prepend(str(project.root))
    sys.modules.pop("train", None)
    importlib.import_module("train")
    with repro.tracked_run("first", seed=3) as run:
        assert run.seen.code_state.seen(10) is not None
        early = recording.early(run).facts["code"]
    sys.modules.pop("train", None)
    assert "train.py" in [module.path for module in early.modules]
    assert project.record(run.run_id).find(Code).modules == early.modules


def test_values_that_two_processes_sent_have_the_digest_of_all_of_them():
    points = [Point("loss", float(step), 1_000 + step, step) for step in range(5)]
    whole, first, last = SeriesDigests(), SeriesDigests(), SeriesDigests()
    for point in points:
        whole.add(point)
        (first if point.step < 3 else last).add(point)
    n_points, digest = first.found()["loss"]
    sealed = Contents(series=(SeriesContent(name="loss", n_points=n_points, digest=digest),))
    earlier = Earlier(RunRecord("r", "first", {"contents": sealed}), b"{}")
    assert earlier.sent(last.found()) == whole.found()
