"""How runs end, in this process; tests/e2e/test_endings.py ends whole processes."""

import asyncio
import contextlib
import signal
import sys
import threading
import time

import mlflow
import pytest
from mlflow import MlflowClient
from signal_handlers import HUP, TERM, handler

import repro
from repro import recording, tracked
from repro.ending import INTERPRETER_ENDED
from repro.facts.outcome import Outcome
from repro.store.journaled import events

pytestmark = pytest.mark.usefixtures("handlers_given_back")


def outcome(project, run):
    """What the record says, after a look that MLflow says the same."""
    found = project.record(run.run_id).find(Outcome)
    assert MlflowClient(project.uri).get_run(run.run_id).info.status == found.status
    return found


def test_a_run_that_gets_sigterm_is_killed_in_mlflow_and_in_the_record(project, capsys):
    with pytest.raises(SystemExit) as caught, repro.tracked_run("cut", seed=0) as run:  # noqa: PT012
        run.log_metrics({"loss": 1.0})
        signal.raise_signal(TERM)
    found = outcome(project, run)
    assert caught.value.code == 143
    assert (found.status, found.reason, found.error) == ("KILLED", "SIGTERM", None)
    assert MlflowClient(project.uri).get_run(run.run_id).data.metrics == {"loss": 1.0}
    assert "repro  cut KILLED, sealed" in capsys.readouterr().err


def test_both_of_two_nested_runs_are_killed(project):
    with pytest.raises(SystemExit), repro.tracked_run(seed=0) as parent:  # noqa: SIM117
        with repro.tracked_run(seed=0) as child:
            signal.raise_signal(HUP)
    assert [outcome(project, run).reason for run in (parent, child)] == ["SIGHUP"] * 2


def test_a_block_that_took_the_signal_itself_finishes_and_says_so(project, capsys):
    stop = threading.Event()
    with handler(TERM, lambda *_: stop.set()), repro.tracked_run(seed=0) as run:
        signal.raise_signal(TERM)
        assert stop.is_set()
    found = outcome(project, run)
    note = "SIGTERM came while it ran; the block handled it, and ended by itself"
    assert (found.status, found.reason, found.notes) == ("FINISHED", None, (note,))
    assert f"repro  warning: {note}" in capsys.readouterr().err


def test_an_outer_run_that_went_on_after_its_inner_one_was_killed_finishes(project):
    with repro.tracked_run(seed=0) as parent:  # noqa: SIM117
        with contextlib.suppress(SystemExit), repro.tracked_run(seed=0) as child:
            signal.raise_signal(TERM)
    assert outcome(project, child).status == "KILLED"
    assert outcome(project, parent).status == "FINISHED"
    assert len(outcome(project, parent).notes) == 1


def test_a_signal_that_comes_while_the_run_is_ended_acts_afterwards(project, monkeypatch):
    from repro import recording

    build = recording.final

    def late(run, outcome):
        signal.raise_signal(TERM)
        return build(run, outcome)

    monkeypatch.setattr(recording, "final", late)
    with pytest.raises(SystemExit) as caught, repro.tracked_run(seed=0) as run:
        pass
    assert caught.value.code == 143
    assert (outcome(project, run).status, outcome(project, run).notes) == ("FINISHED", ())


def test_a_signal_that_comes_while_the_run_is_opened_kills_it(project, monkeypatch):
    monkeypatch.setattr("repro.tracked.start_lines", lambda run: signal.raise_signal(TERM) or [])
    with pytest.raises(SystemExit), repro.tracked_run("early", seed=0):
        pytest.fail("the block must not be entered")
    assert repro.active_run() is None
    assert mlflow.active_run() is None
    (run_id,) = project.history.find_runs()
    assert project.record(run_id).find(Outcome).reason == "SIGTERM"


def test_a_signal_is_in_the_journal_before_the_run_has_ended(project):
    with contextlib.suppress(SystemExit), repro.tracked_run(seed=0) as run:
        try:
            signal.raise_signal(TERM)
        finally:
            limit = time.monotonic() + 10
            while time.monotonic() < limit and not signals_in(run):
                time.sleep(0.05)
            assert signals_in(run) == ["SIGTERM"]


def signals_in(run):
    folder = run.shipper._journal.folder
    return [entry.data["name"] for entry in events(folder) if entry.kind == "signal"]


def test_a_run_in_a_thread_says_once_what_is_not_watched(project, capsys):
    runs = []

    def train():
        with repro.tracked_run(seed=0) as run:
            runs.append(run)

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert "SIGTERM and SIGHUP cannot be watched here" in outcome(project, runs[0]).notes[0]
    told = capsys.readouterr().err
    assert told.count("repro  SIGTERM and SIGHUP cannot be watched here, only in") == 1
    assert "warning" not in told


@pytest.mark.parametrize("how", ["decorated", "exit stack", "generator", "asyncio"])
def test_however_the_block_is_entered_its_status_is_true(project, how):
    runs = []

    @repro.tracked_run(seed=0)
    def decorated():
        runs.append(repro.active_run())
        signal.raise_signal(TERM)

    def stacked():
        with contextlib.ExitStack() as stack:
            runs.append(stack.enter_context(repro.tracked_run(seed=0)))
            signal.raise_signal(TERM)

    def epochs():
        with repro.tracked_run(seed=0) as run:
            runs.append(run)
            yield 1
            signal.raise_signal(TERM)
            yield 2

    async def concurrent():
        with repro.tracked_run(seed=0) as run:
            runs.append(run)
            asyncio.get_running_loop().call_soon(signal.raise_signal, TERM)
            await asyncio.sleep(10)

    entered = {
        "decorated": decorated,
        "exit stack": stacked,
        "generator": lambda: list(epochs()),
        "asyncio": lambda: asyncio.run(concurrent()),
    }
    with pytest.raises(SystemExit) as caught:
        entered[how]()
    assert caught.value.code == 143
    assert (outcome(project, runs[0]).status, outcome(project, runs[0]).reason) == (
        "KILLED",
        "SIGTERM",
    )


def test_a_generator_that_is_closed_early_was_not_finished(project):
    def epochs():
        with repro.tracked_run(seed=0) as run:
            while True:
                yield run

    running = epochs()
    run = next(running)
    running.close()
    found = outcome(project, run)
    assert found.status == "KILLED"
    assert found.reason == "the generator around the block was closed before its end"
    assert repro.active_run() is None


def test_runs_whose_blocks_overlap_end_as_what_each_was(project):
    def epochs(error):
        with repro.tracked_run(seed=0) as run:
            yield run
            if error:
                raise error

    first, second = epochs(None), epochs(ValueError("second"))
    runs = [next(first), next(second)]
    assert list(first) == []
    assert repro.active_run() is runs[1]
    with pytest.raises(ValueError, match="second"):
        next(second)
    assert [outcome(project, run).status for run in runs] == ["FINISHED", "FAILED"]
    assert repro.active_run() is None
    assert mlflow.active_run() is None


def test_threads_that_share_one_object_end_their_own_runs(project):
    block, runs = repro.tracked_run(seed=0, quiet=True), {}
    both, left = threading.Barrier(2), threading.Event()

    def train(name, error):
        with contextlib.suppress(ValueError), block as run:
            runs[name] = run
            both.wait()
            if error:
                left.wait()
                raise error
        left.set()

    # One after the other enters: the seeded generators are one process's.
    threads = [threading.Thread(target=train, args=("good", None))]
    threads += [threading.Thread(target=train, args=("bad", ValueError("bad")))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    statuses = {name: outcome(project, run).status for name, run in runs.items()}
    assert statuses == {"good": "FINISHED", "bad": "FAILED"}


def test_a_run_of_the_users_that_is_left_open_inside_stays_the_users(project):
    with repro.tracked_run(seed=0) as run:
        theirs = mlflow.start_run(nested=True)
    assert outcome(project, run).status == "FINISHED"
    assert MlflowClient(project.uri).get_run(theirs.info.run_id).info.status == "RUNNING"
    assert mlflow.active_run().info.run_id == theirs.info.run_id
    mlflow.set_tracking_uri(project.uri)
    mlflow.end_run()


def test_a_run_that_the_training_ended_itself_has_the_status_of_its_block(project):
    with pytest.raises(ValueError, match="later"), repro.tracked_run(seed=0) as run:  # noqa: PT012
        mlflow.end_run()
        raise ValueError("later")
    assert outcome(project, run).status == "FAILED"


def test_a_store_that_the_training_set_meanwhile_does_not_keep_the_run_open(project, tmp_path):
    with repro.tracked_run(seed=0) as run:
        mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/other.db")
    assert outcome(project, run).status == "FINISHED"


def test_that_the_owner_of_an_attached_run_caught_the_error_does_not_undo_it(project):
    mlflow.set_tracking_uri(project.uri)
    experiment_id = mlflow.create_experiment("tests")
    with mlflow.start_run(experiment_id=experiment_id):  # noqa: SIM117
        with contextlib.suppress(ValueError), repro.tracked_run(seed=0) as run:
            raise ValueError("caught later")
    assert project.record(run.run_id).find(Outcome).status == "FAILED"


def test_a_second_interrupt_while_the_run_is_ended_loses_nothing(project, monkeypatch, capsys):
    def impatient(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("repro.recording.final", impatient)
    with pytest.raises(KeyboardInterrupt), repro.tracked_run("twice", seed=0) as run:  # noqa: PT012
        run.log_metrics({"loss": 1.0})
        raise ValueError("first")
    client, folder = MlflowClient(project.uri), project.root / "mlruns/journal" / run.run_id
    assert client.get_run(run.run_id).info.status == "FAILED"
    assert client.get_run(run.run_id).data.metrics == {"loss": 1.0}
    entries = {entry.kind: entry.data for entry in events(folder)}
    assert entries["ending"]["status"] == "FAILED"
    assert entries["ending"]["error"] == "ValueError: first"
    assert "ended" not in entries
    assert (
        f"repro  warning: interrupted before all was stored; it is in {folder}. "
        f"Next: repro recover {run.run_id[:8]}\n" in capsys.readouterr().err
    )
    assert mlflow.active_run() is None
    assert repro.active_run() is None


def test_a_terminal_that_is_closed_does_not_fail_a_run(project, monkeypatch, capsys):
    class Closed:
        def write(self, text):
            raise OSError(5, "Input/output error")

        flush = write

    monkeypatch.setattr(sys, "stderr", Closed())
    with repro.tracked_run(seed=0) as run:
        pass
    monkeypatch.setattr(sys, "stderr", None)
    with repro.tracked_run(seed=0):
        pass
    assert capsys.readouterr().out == ""  # where print writes to, if there is no other file
    assert outcome(project, run).status == "FINISHED"


def test_a_block_that_cannot_begin_leaves_no_thread_and_no_open_run(project, monkeypatch):
    def broken(self):
        raise OSError("no switch")

    monkeypatch.setattr("repro.determinism.Controlled.enter", broken)
    before = set(threading.enumerate())
    with pytest.raises(OSError, match="no switch"):
        repro.tracked_run(seed=0).__enter__()
    (run_id,) = project.history.find_runs()
    assert project.record(run_id).find(Outcome).error == "OSError: no switch"
    began = {thread.name for thread in set(threading.enumerate()) - before}
    assert "repro-shipper" not in began
    assert repro.active_run() is None


@pytest.mark.parametrize(("module", "name"), [(tracked, "explain"), (recording, "final")])
def test_what_a_dead_child_raises_waits_until_the_run_has_ended(project, monkeypatch, module, name):
    def died(*_):
        raise RuntimeError("worker is killed")

    def meanwhile(*args):
        signal.raise_signal(signal.SIGCHLD)
        return whole(*args)

    whole = getattr(module, name)
    monkeypatch.setattr(module, name, meanwhile)
    with handler(signal.SIGCHLD, signal.SIG_DFL):
        with (  # noqa: PT012
            pytest.raises(RuntimeError, match="worker is killed") as told,
            repro.tracked_run(seed=0, quiet=True) as run,
        ):
            signal.signal(signal.SIGCHLD, died)
            raise ConnectionResetError("no loader")
        assert signal.getsignal(signal.SIGCHLD) is died
    assert isinstance(told.value.__context__, ConnectionResetError)
    assert outcome(project, run).error == "ConnectionResetError: no loader"


def test_a_run_that_was_never_left_was_killed_by_the_end_of_the_interpreter(project):
    block = repro.tracked_run(seed=0)
    run = block.__enter__()
    (entered,) = block._entered
    entered.at_exit()
    assert outcome(project, run).reason == INTERPRETER_ENDED
    entered.at_exit()  # both had been waiting for the same lock
    block.__exit__(None, None, None)  # by a thread, too late
    assert outcome(project, run).status == "KILLED"
