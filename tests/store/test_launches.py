"""The listing of an experiment: everything that was launched, whatever became of it."""

from mlflow import MlflowClient

import repro
from repro.store.load import CROSS_VALIDATION, REPLAY_OF


def test_failed_running_and_deleted_runs_are_listed_oldest_first(project):
    client = MlflowClient(project.uri)
    experiment = client.create_experiment("tests")
    ids = [client.create_run(experiment, start_time=1_000 + at).info.run_id for at in range(4)]
    client.set_terminated(ids[0], "FAILED")
    client.set_terminated(ids[1], "FINISHED")
    client.delete_run(ids[1])
    client.set_tag(ids[2], "repro.seed", "-3")
    client.set_tag(ids[2], "repro.setup", "not JSON")
    listed = project.history.launches()
    assert [launch.run_id for launch in listed] == ids
    assert [launch.status for launch in listed] == ["FAILED", "FINISHED", "RUNNING", "RUNNING"]
    assert [launch.is_deleted for launch in listed] == [False, True, False, False]
    assert (listed[2].seed, listed[2].setup, listed[3].seed) == (-3, {}, None)


def test_replays_and_runs_around_folds_are_no_launches(project):
    client = MlflowClient(project.uri)
    experiment = client.create_experiment("tests")
    for tag in (REPLAY_OF, CROSS_VALIDATION):
        run = client.create_run(experiment)
        client.set_tag(run.info.run_id, tag, "something")
    assert project.history.launches() == ()


def test_runs_of_one_configuration_have_one_setup_whatever_their_seed(project):
    for seed, lr in ((0, 0.1), (1, 0.1), (1, 0.2)):
        with repro.tracked_run(seed=seed, params={"lr": lr, "seed": seed}):
            pass
    first, second, other = (launch.setup for launch in project.history.launches())
    assert first == second
    assert {key for key in first if first[key] != other[key]} == {"params"}
