"""`tracked_run(resume=...)`: what is refused, and how a run goes on."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import mlflow
import pytest
from mlflow import MlflowClient
from resumed_training import first_run, history, refused, train

import repro
from repro.errors import RecordCorrupt, UnknownRun, UsageError
from repro.facts.budget import Budget
from repro.facts.code import Code
from repro.facts.determinism import Determinism
from repro.facts.fact import Absent
from repro.facts.integrity import Integrity
from repro.facts.outcome import Outcome
from repro.facts.params import Params
from repro.facts.segments import Segments
from repro.store.journaled import events
from repro.store.journals import only_one


def fail(run, error):
    train(run, 1, first=2)
    raise error


def test_a_resumed_run_goes_on_under_its_name_and_seed_in_the_same_mlflow_run(project):
    run_id = first_run(params={"lr": 0.1})
    with repro.tracked_run(resume=run_id[:8], params={"lr": 0.1, "patience": 2}) as run:
        assert MlflowClient(project.uri).get_run(run_id).info.status == "RUNNING"
        train(run, 2, first=3)
    assert (run.run_id, run.name, run.seed) == (run_id, "first", 3)
    stored = MlflowClient(project.uri).get_run(run_id)
    assert (stored.info.status, stored.info.run_name) == ("FINISHED", "first")
    assert stored.data.params == {"lr": "0.1", "patience": "2"}
    assert history(project, run_id) == [(step, float(step)) for step in range(5)]
    assert len(project.history.find_runs()) == 1
    assert not run.notes


def test_a_tracked_attachment_to_a_run_with_a_record_goes_on_with_it(project):
    run_id = first_run(2, params={"lr": 0.1})
    mlflow.set_tracking_uri(project.uri)
    with mlflow.start_run(run_id=run_id), repro.tracked_run(params={"lr": 0.1}) as run:
        train(run, 1, first=2)
    with mlflow.start_run(run_id=run_id), repro.tracked_run(resume=run_id) as run:
        train(run, 1, first=3)
    assert run.run_id == run_id
    segments = project.record(run_id).find(Segments)
    assert [one.n_steps for one in segments.earlier] == [2, 1]
    assert history(project, run_id) == [(step, float(step)) for step in range(4)]


def test_values_that_differ_from_those_recorded_are_all_named_before_the_training(
    project, monkeypatch
):
    run_id = first_run(1, params={"lr": 0.1, "depth": 3, "flag": True, "note": "a"})
    message = refused(
        name="second",
        resume="first",
        seed=4,
        params={"lr": 0.2, "depth": 3.0, "flag": 1, "note": "a", "new": 1},
    )
    assert message == (
        f"run first ({run_id[:8]}) cannot go on with other values than it began with: "
        "name was 'first', now 'second'; seed was 3, now 4 by argument; "
        "params lr was 0.1, now 0.2; params flag was True, now 1. "
        "Pass what was recorded, or leave it out; with other values, begin a new run."
    )
    monkeypatch.setenv("REPRO_SEED", "9")
    assert "seed was 3, now 9 by REPRO_SEED" in refused(resume="first")
    stored = MlflowClient(project.uri).get_run(run_id)
    assert (stored.info.status, stored.data.params["lr"]) == ("FINISHED", "0.1")
    assert project.record(run_id).find(Segments).number == 1


def test_params_that_are_left_out_stay_and_logged_ones_cannot_change_either(project):
    with repro.tracked_run("first", seed=0, params={"lr": 0.1}):
        mlflow.log_param("depth", 4)
    assert "params depth was '4', now 5" in refused(resume="first", params={"depth": 5})
    with repro.tracked_run(resume="first", params={"depth": 4, "epochs": 2}) as run:
        mlflow.log_param("width", 8)
    params = project.record(run.run_id).find(Params)
    assert {p.name: p.value for p in params.declared} == {"lr": 0.1, "depth": 4, "epochs": 2}
    assert [(p.name, p.value) for p in params.logged] == [("width", "8")]
    assert not run.notes


def test_what_cannot_be_resumed_is_refused_with_a_reason(project):
    client = MlflowClient(project.uri)
    run_id = first_run(1)
    assert "no run goes by 'nobody'" in refused(UnknownRun, resume="nobody")
    foreign = client.create_run(client.get_run(run_id).info.experiment_id, run_name="plain")
    client.set_terminated(foreign.info.run_id)
    assert refused(resume="plain") == (
        f"run plain ({foreign.info.run_id[:8]}) has no record of repro: what it was cannot be gone "
        f"on with. If it was tracked on another machine, run `repro recover "
        f"{foreign.info.run_id[:8]}` there; else begin a new run."
    )
    client.delete_run(run_id)
    assert refused(resume=run_id) == (
        f"run first ({run_id[:8]}) was deleted. "
        f"Restore it with `mlflow runs restore --run-id {run_id}`."
    )


def test_a_live_run_is_not_resumed_and_neither_is_one_inside_another(project):
    with repro.tracked_run("live", seed=0) as run:
        inside = refused(resume="live")
        assert inside.startswith("resume='live' inside another tracked run")
        with ThreadPoolExecutor(1) as thread:  # no run is active in another one
            message = thread.submit(refused, resume="live").result()
    assert message == (
        f"run live ({run.run_id[:8]}) is live: a process still writes to it. "
        f"Wait for its end, or stop it."
    )


def test_inside_another_mlflow_run_it_is_refused(project):
    run_id = first_run(1)
    mlflow.set_tracking_uri(project.uri)
    with mlflow.start_run(experiment_id="1") as other, pytest.raises(UsageError) as caught:
        repro.tracked_run(resume=run_id).__enter__()
    assert str(caught.value) == (
        f"resume={run_id!r} is run first ({run_id[:8]}), inside the active MLflow run "
        f"{other.info.run_id[:8]}. Leave that one first, or open this one: "
        f"mlflow.start_run(run_id={run_id!r})."
    )


def test_a_record_that_was_altered_is_not_gone_on_with(project):
    run_id = first_run(1)
    MlflowClient(project.uri).set_tag(run_id, "repro.record", "blake3:00")
    assert "is not the one that was sealed" in refused(RecordCorrupt, resume=run_id)


def test_a_resume_on_a_machine_without_the_journal_gives_the_same_record(project):
    run_id = first_run(3)
    shutil.rmtree(project.root / "mlruns" / "journal")
    with repro.tracked_run(resume="first") as run:
        train(run, 2, first=3)
    record = project.record(run_id)
    assert record.find(Budget).n_steps == 5
    assert record.find(Integrity).altered == ()
    assert history(project, run_id) == [(step, float(step)) for step in range(5)]


def test_a_resumed_run_that_fails_has_failed_and_can_be_resumed_again(project):
    first_run(2)
    error = ValueError("later")
    with pytest.raises(ValueError, match="later"), repro.tracked_run(resume="first") as run:
        fail(run, error)
    assert MlflowClient(project.uri).get_run(run.run_id).info.status == "FAILED"
    with repro.tracked_run(resume="first") as run:
        pass
    record = project.record(run.run_id)
    assert [one.reason for one in record.find(Segments).earlier] == [None, "ValueError: later"]
    assert record.find(Outcome).status == "FINISHED"
    assert record.find(Budget).n_steps == 3
    assert not isinstance(record.get(Code), Absent)
    assert record.find(Determinism).seed_source == "argument"


def test_the_journal_goes_on_in_its_folder_with_the_number_of_the_segment(project):
    run_id = first_run(1)
    with repro.tracked_run(resume="first"):
        pass
    entries = events(project.root / "mlruns" / "journal" / run_id)
    assert [entry.data["segment"] for entry in entries if entry.kind == "run"] == [1, 2]


def test_a_process_that_already_claims_the_run_keeps_others_out(project):
    run_id = first_run(1)
    with only_one(project.root / "mlruns" / "journal" / run_id):
        assert refused(resume=run_id) == (
            f"run first ({run_id[:8]}) is being resumed or recovered by another process. "
            f"Wait for its end, or stop it."
        )
    assert MlflowClient(project.uri).get_run(run_id).info.status == "FINISHED"


def test_a_run_that_went_elsewhere_for_want_of_its_server_goes_on_there(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with repro.tracked_run("offline", seed=0) as run:
        train(run, 2)
    with repro.tracked_run(resume="offline") as again:
        train(again, 1, first=2)
    assert again.run_id == run.run_id
    assert again.opened.instead_of.startswith("http://127.0.0.1:9: ")
    assert history(project, run.run_id) == [(0, 0.0), (1, 1.0), (2, 2.0)]
    MlflowClient(project.uri).set_tag(run.run_id, "repro.copied_to", "cafe")
    assert refused(resume="offline") == (
        f"run offline ({run.run_id[:8]}) was copied to run cafe of the store that was asked for. "
        f"Resume that one."
    )


def test_each_call_of_a_decorated_function_is_a_segment(project):
    run_id = first_run(1)

    @repro.tracked_run(resume="first")
    def more():
        return repro.active_run().run_id

    assert [more(), more()] == [run_id, run_id]
    assert project.record(run_id).find(Segments).number == 3
