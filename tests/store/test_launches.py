"""The listing of an experiment: everything that was launched, whatever became of it."""

from mlflow import MlflowClient

import repro
from repro.history import CROSS_VALIDATION, REPLAY_OF
from repro.record_tags import begun


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


def test_replays_and_runs_around_folds_are_listed_as_no_replicates(project):
    client = MlflowClient(project.uri)
    experiment = client.create_experiment("tests")
    for tag in (REPLAY_OF, CROSS_VALIDATION):
        run = client.create_run(experiment)
        client.set_tag(run.info.run_id, tag, "something")
    assert [launch.is_replicate for launch in project.history.launches()] == [False, False]
    assert project.history.find_runs() == []


def test_runs_of_one_configuration_have_one_setup_whatever_their_seed(project):
    for seed, lr in ((0, 0.1), (1, 0.1), (1, 0.2)):
        with repro.tracked_run(seed=seed, params={"lr": lr, "seed": seed}):
            pass
    first, second, other = (launch.setup for launch in project.history.launches())
    assert first == second
    assert {key for key in first if first[key] != other[key]} == {"params"}


def test_a_run_is_tagged_with_what_it_begins_as_before_its_block_is_entered(project):
    with repro.tracked_run(seed=5, params={"lr": 0.1, "seed": 5}) as run:
        (open_one,) = project.history.launches()
    sealed = project.record(run.run_id)
    assert (open_one.status, open_one.seed, open_one.is_live) == ("RUNNING", 5, True)
    known = begun(sealed)  # of the tree, too, where the look at the code was quick
    assert open_one.begun["params"] == known["params"]
    assert open_one.begun.items() <= known.items()
