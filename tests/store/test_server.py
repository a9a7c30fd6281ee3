"""Runs whose store is an MLflow server that is killed, hangs, or was never there."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import numpy as np
import pytest
from local_server import LocalServer

import repro
from repro.facts.params import Params
from repro.recovery import recover_some
from repro.store.journals import find_journals
from repro.store.load import open_history
from repro.store.location import locate
from repro.verification import verify_project

pytestmark = pytest.mark.slow

STEPS = 200
LATENCY_SECONDS = 0.5  # of one call in the loop; waiting for a server takes ten times as long
DRAIN_SECONDS = 3.0


@pytest.fixture(scope="module")
def only_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    folder = tmp_path_factory.mktemp("server")
    made = LocalServer(f"sqlite:///{folder}/mlflow.db", folder)
    yield made
    made.kill()


@pytest.fixture
def server(only_server, project, monkeypatch) -> LocalServer:
    """It runs, and is the project's store."""
    only_server.start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", only_server.url)
    return only_server


@pytest.fixture
def absent_server(server) -> LocalServer:
    """Its address refuses connections."""
    server.kill()
    return server


def log_steps(run, first: int = 0) -> float:
    """Log values, and tell the longest time that a call took."""
    times = [time.perf_counter()]
    for step in range(first, first + STEPS):
        run.log_metrics({"loss": 1.0 / (step + 1)}, step=step)
        times.append(time.perf_counter())
    return float(np.diff(times).max())


def await_(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def steps_held(run_id: str) -> list[int]:
    history = mlflow.MlflowClient().get_metric_history(run_id, "loss")
    assert all(point.value == 1.0 / (point.step + 1) for point in history)
    return sorted(point.step for point in history)


def status(run_id: str) -> str:
    return mlflow.MlflowClient().get_run(run_id).info.status


def verified(run_id: str) -> tuple[int, str]:
    (found,) = verify_project((run_id,), every=False, experiment=None, tracking_uri=None)
    return found.exit_code, str(found.text())


def recovered(run_id: str) -> str:
    (done,) = recover_some(run_id, locate())
    assert done.problem is None
    return str(done)


def journal(project):
    (found,) = find_journals(project.root / "mlruns" / "journal")
    return found


def test_a_run_over_http_is_stored_in_full_and_verified(server, project):
    with repro.tracked_run("whole", seed=0, params={"lr": 0.1, "net": {"depth": 2}}) as run:
        run.log_data(train=np.arange(12.0).reshape(6, 2))
        assert log_steps(run) < LATENCY_SECONDS
    assert run.notes == []
    held = mlflow.MlflowClient().get_run(run.run_id)
    assert held.info.status == "FINISHED"
    assert held.data.params == {"lr": "0.1", "net.depth": "2"}
    assert [entry.dataset.name for entry in held.inputs.dataset_inputs] == ["train"]
    assert steps_held(run.run_id) == list(range(STEPS))
    record = open_history(locate(), None).record(run.run_id)  # whose digest is compared
    assert record.get(Params).declared[0].name == "lr"
    assert verified(run.run_id)[0] == 0
    assert journal(project).left == ()


def test_a_server_that_is_back_before_the_end_has_every_value_once(server, project):
    with repro.tracked_run("back", seed=0, quiet=True) as run:
        log_steps(run)
        await_(lambda: len(steps_held(run.run_id)) == STEPS)
        server.kill()
        assert log_steps(run, STEPS) < LATENCY_SECONDS
        time.sleep(1)  # it is asked, and refuses
        server.start()
        assert log_steps(run, 2 * STEPS) < LATENCY_SECONDS
    assert run.notes == []
    assert steps_held(run.run_id) == list(range(3 * STEPS))
    assert status(run.run_id) == "FINISHED"
    assert verified(run.run_id)[0] == 0
    assert journal(project).left == ()


def test_a_server_that_is_back_after_the_end_is_given_the_rest_by_recover(
    server, project, monkeypatch
):
    monkeypatch.setattr("repro.closing.DRAIN_SECONDS", DRAIN_SECONDS)
    with repro.tracked_run("late", seed=0, params={"lr": 0.1}, quiet=True) as run:
        log_steps(run)
        await_(lambda: len(steps_held(run.run_id)) == STEPS)
        server.kill()
        log_steps(run, STEPS)
    (told, *_) = run.notes
    assert told.startswith(f"{STEPS} metric values are in {project.root}/mlruns/journal/")
    assert told.endswith(f"`repro recover {run.run_id[:8]}` ships them")
    assert journal(project).left == (f"{STEPS} values", "the record", "the end")

    server.start()
    assert status(run.run_id) == "RUNNING"
    assert recovered(run.run_id).startswith(f"late ({run.run_id[:8]}): {STEPS} values sent; ")
    assert steps_held(run.run_id) == list(range(2 * STEPS))
    assert status(run.run_id) == "FINISHED"
    assert verified(run.run_id)[0] == 0
    assert recovered(run.run_id).endswith("nothing was left to do")


def test_a_server_that_hangs_for_a_while_is_not_waited_for_in_the_loop(server):
    with repro.tracked_run("pause", seed=0, quiet=True) as run:
        log_steps(run)
        server.silence()
        longest = log_steps(run, STEPS)
        time.sleep(1)  # it is asked, and hangs
        longest = max(longest, log_steps(run, 2 * STEPS))
        server.go_on()
    assert longest < LATENCY_SECONDS
    assert run.notes == []
    assert steps_held(run.run_id) == list(range(3 * STEPS))
    assert status(run.run_id) == "FINISHED"


@pytest.mark.parametrize("n_before", [0, STEPS], ids=["values-left", "all-sent"])
def test_a_server_that_hangs_at_the_end_is_given_up_within_the_limit(
    server, project, monkeypatch, n_before
):
    monkeypatch.setattr("repro.closing.DRAIN_SECONDS", DRAIN_SECONDS)
    with repro.tracked_run("hang", seed=0, quiet=True) as run:
        if n_before:
            log_steps(run)
            await_(
                lambda: len(steps_held(run.run_id)) == STEPS and not journal(project).n_unshipped
            )
        server.silence()
        if not n_before:
            log_steps(run)
        begin = time.monotonic()
    seconds = time.monotonic() - begin
    # The values, then one question of 5 s and its repetition, then the end: 1 s.
    assert seconds < DRAIN_SECONDS + 2 * 5 + 1 + 2
    assert "the record was not stored" in " ".join(run.notes)

    server.go_on()
    recovered(run.run_id)
    assert steps_held(run.run_id) == list(range(STEPS))
    assert status(run.run_id) == "FINISHED"
    assert verified(run.run_id)[0] == 0


def test_a_server_that_hangs_at_the_start_is_given_up_within_the_limit(
    server, project, monkeypatch
):
    little = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "1"}
    monkeypatch.setattr("repro.store.mlflow.SHORT_PATIENCE", little)
    server.silence()
    begin = time.monotonic()
    with repro.tracked_run("hang", seed=0, quiet=True) as run:
        seconds = time.monotonic() - begin
        log_steps(run)
    assert seconds < 2 * 1 + 3
    assert run.opened.tracking_uri == project.uri
    (told,) = run.notes
    assert told.startswith(f"another store was used instead of {server.url}: ")


def test_without_a_server_the_training_takes_as_long_as_without_mlflow(
    absent_server, project, capsys
):
    data = np.random.default_rng(0).normal(size=(150, 150))

    def train(log: Callable[[int], object]) -> float:
        begin = time.perf_counter()
        for step in range(STEPS):
            np.linalg.svd(data)
            log(step)
        return time.perf_counter() - begin

    begin = time.perf_counter()
    with repro.tracked_run("alone", seed=0) as run:
        entered = time.perf_counter() - begin
        pairs = [
            (
                train(lambda step: None),
                train(lambda step: run.log_metrics({"loss": 1.0}, step=step)),
            )
            for _ in range(3)
        ]
    assert entered < 3  # refused at once; the rest opens the store of this machine
    assert min(logged / plain for plain, logged in pairs) < 3, pairs  # one question costs more
    told = capsys.readouterr().err.splitlines()
    warning = (
        f"repro  warning: another store was used instead of {absent_server.url}: "
        f"[Errno 111] Connection refused. "
        f"`repro recover {run.run_id[:8]}` copies the run there when it answers"
    )
    assert told[0] == f"repro  alone ({run.run_id[:8]}) recorded in {project.uri}"
    assert [line for line in told if "warning" in line] == [warning] * 2  # first, and at the end


def test_a_run_without_a_server_is_copied_to_it_when_it_is_there(absent_server, project, tmp_path):
    with repro.tracked_run("alone", seed=0, params={"lr": 0.1}, quiet=True) as run:
        log_steps(run)
        mlflow.log_text("seen", "notes/seen.txt")  # MLflow's own calls work, too
    assert run.opened.tracking_uri == project.uri
    local = mlflow.MlflowClient(project.uri)
    assert local.get_run(run.run_id).info.status == "FINISHED"
    assert journal(project).left == (f"the copy to {absent_server.url}",)

    absent_server.start()
    assert recovered(run.run_id).startswith(
        f"alone ({run.run_id[:8]}): copied to {absent_server.url} as "
    )
    copy_id = local.get_run(run.run_id).data.tags["repro.copied_to"]
    client = mlflow.MlflowClient()
    copy = client.get_run(copy_id)
    assert copy.data.tags["repro.copied_from"] == run.run_id
    assert (copy.info.status, copy.data.params) == ("FINISHED", {"lr": "0.1"})
    assert steps_held(copy_id) == list(range(STEPS))
    text = Path(client.download_artifacts(copy_id, "notes/seen.txt", str(tmp_path)))
    assert text.read_text() == "seen"
    assert verified(copy_id)[0] == 0
    assert recovered(run.run_id).endswith("nothing was left to do")
