"""What a run costs before and after its loop, beside MLflow's own: `make bench`."""

import statistics
import time

import mlflow
import pytest

import repro
from repro.store.journaled import n_unshipped
from repro.store.location import locate

pytestmark = pytest.mark.bench
REPEATS, STEPS = 9, 10_000
START_GOAL, END_GOAL = 0.3, 1.0  # seconds


def seconds(action):
    """How long it takes."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def one_run(n_steps):
    """Seconds to enter, and to leave once everything is shipped."""
    tracked = repro.tracked_run(seed=0, quiet=True)
    begin = time.perf_counter()
    run = tracked.__enter__()
    entered = time.perf_counter() - begin
    for step in range(n_steps):
        run.log_metrics({"loss": 0.5, "accuracy": 0.9, "lr": 0.1}, step=step)
    journal = locate().journals(run.opened.tracking_uri) / run.run_id
    run.shipper._journal.flush()
    while n_unshipped(journal):
        time.sleep(0.1)
    return entered, seconds(lambda: tracked.__exit__(None, None, None))


def test_entering_and_leaving_cost_little_beyond_mlflow(project, capsys):
    one_run(1)  # imports, and the creation of the store
    ours = [one_run(1) for _ in range(REPEATS)]
    mlflow.set_tracking_uri(project.uri)
    theirs = []
    for number in range(REPEATS):
        theirs.append(seconds(lambda n=number: mlflow.start_run(run_name=f"bench {n}")))
        mlflow.end_run()
    _, long_end = one_run(STEPS)
    entered, left = (statistics.median(column) for column in zip(*ours, strict=True))
    with capsys.disabled():
        print(
            f"\nenter {1e3 * entered:.0f} ms, of it mlflow.start_run "
            f"{1e3 * statistics.median(theirs):.0f} ms; leave {1e3 * left:.0f} ms, "
            f"after {STEPS:,} shipped steps {1e3 * long_end:.0f} ms"
        )
    assert entered - statistics.median(theirs) < START_GOAL
    assert max(left, long_end) < END_GOAL
