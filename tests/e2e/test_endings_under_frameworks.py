"""How runs end beside children and workers, under asyncio, pytest and torchrun, in notebooks."""

import subprocess
import sys

import pytest
from browser import _free_port
from training_scripts import INT, PATIENCE, TERM, Script

from repro.facts.outcome import Outcome

pytestmark = pytest.mark.slow


CHILDREN = """
import multiprocessing
import torch

def sleep():
    time.sleep(60)

with repro.tracked_run("parent", seed=0) as run:
    child = multiprocessing.get_context("fork").Process(target=sleep)
    child.start()
    time.sleep(0.5)
    child.terminate()
    child.join()
    other = os.fork()
    if other == 0:
        sys.exit(5)
    codes = [child.exitcode, os.waitstatus_to_exitcode(os.waitpid(other, 0)[1])]
    run.log_metrics({"after": 1.0})
print(*codes)

class Rows(torch.utils.data.Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, i):
        if i == 5:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        return torch.zeros(1)

with repro.tracked_run("loading", seed=0) as run:
    for batch in run.dataloader(Rows(), batch_size=1, num_workers=1):
        pass
"""


def test_children_leave_the_run_to_their_parent_and_a_terminated_worker_fails_it(project):
    script = Script(project, CHILDREN)
    code, told, warned = script.ended()
    assert (code, told) == (1, "-15 5\n"), warned
    runs = script.runs()
    status, outcome = runs["parent"]
    assert (status, outcome.status, outcome.notes) == ("FINISHED", "FINISHED", ())
    status, outcome = runs["loading"]
    assert status == "FAILED"
    assert "worker" in outcome.error + outcome.traceback
    assert outcome.reason is None


def test_ctrl_c_in_an_asyncio_program_is_told_as_a_cancelled_task(project):
    script = Script(
        project,
        """
import asyncio

async def main():
    with repro.tracked_run("async", seed=0):
        print("ready", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
""",
    )
    script.await_line("ready")
    script.send(INT)
    _, _, warned = script.ended()
    status, outcome = script.run()
    assert "KeyboardInterrupt" in warned
    assert (status, outcome.reason) == ("KILLED", "its asyncio task was cancelled")


TESTED = """
import pytest

def alarm(*_):
    raise TimeoutError("too slow")

def test_timed_out():
    signal.signal(signal.SIGALRM, alarm)
    with repro.tracked_run("alarm", seed=0):
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        time.sleep(60)

def test_interrupted():
    with repro.tracked_run("interrupted", seed=0):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
"""


def test_under_pytest_timeouts_and_interrupts_do_what_they_do(project):
    pytest_alone = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    script = Script(project, TESTED, wrapper=pytest_alone)
    code, told, _ = script.ended()
    runs = script.runs()
    assert code == 2, told  # interrupted
    assert "TimeoutError: too slow" in told
    assert {name: status for name, (status, _) in runs.items()} == {
        "alarm": "FAILED",
        "interrupted": "KILLED",
    }


RANKS = """
import torch.distributed as dist
dist.init_process_group("gloo")
rank = dist.get_rank()
with repro.tracked_run("ranks", seed=0, deterministic="off"):
    dist.barrier()
    print("ready", flush=True)
    if rank == 1 and FAILS:
        raise ValueError("rank 1 fails")
    time.sleep(60)
"""


def torchrun():
    return (
        *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"),
        *("--master-addr", "127.0.0.1", "--master-port", str(_free_port())),
    )


@pytest.mark.long
def test_under_torchrun_the_run_is_killed_when_the_launcher_is(project):
    script = Script(project, f"FAILS = False\n{RANKS}", wrapper=torchrun())
    script.await_line("ready", n_times=2)
    script.send(TERM)
    script.ended()
    status, outcome = script.run()
    assert (status, outcome.reason) == ("KILLED", "SIGTERM")


@pytest.mark.long
def test_under_torchrun_a_rank_that_fails_is_named_by_the_run_that_was_killed_for_it(project):
    script = Script(project, f"FAILS = True\n{RANKS}", wrapper=torchrun())
    assert script.ended()[0] == 1
    status, outcome = script.run()
    assert (status, outcome.error, outcome.reason) == ("KILLED", None, "SIGTERM")
    assert outcome.notes == ("rank 1 FAILED: ValueError: rank 1 fails",)


def test_a_cell_of_a_notebook_that_is_left_by_an_error_or_never(project):
    pytest.importorskip("IPython")
    cells = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell()
shell.run_cell("import repro\\nwith repro.tracked_run('error', seed=0): 1 / 0")
shell.run_cell("left = repro.tracked_run('left', seed=0); left.__enter__()")
"""
    script = Script(project, cells)
    assert script.ended()[0] == 0
    assert {name: status for name, (status, _) in script.runs().items()} == {
        "error": "FAILED",
        "left": "KILLED",
    }


def test_a_typed_session_ends_its_open_run(project):
    typed = "import repro\nrun = repro.tracked_run('typed', seed=0).__enter__()\n1 / 0\n"
    done = subprocess.run(
        [sys.executable, "-i", "-c", ""],
        input=typed,
        cwd=project.root,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    (run_id,) = project.history.find_runs()
    outcome = project.record(run_id).find(Outcome)
    assert "ZeroDivisionError" in done.stderr
    assert (outcome.status, outcome.reason) == ("KILLED", "the interpreter ended inside the block")
