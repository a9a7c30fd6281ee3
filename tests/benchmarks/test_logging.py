"""What logging costs the training loop, beside its peers in the same run: `make bench`.

Writes `logging.md` and `logging.png` beside this file.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import loggers
import pytest

pytestmark = pytest.mark.bench
HERE = Path(__file__).parent
STEPS, REPEATS = 10_000, 3
FLOOR, OURS = "JSONL, flushed", "repro"
HEAD = "| | us a step | x floor | start s | end s | memory B a step | disk B a step | steps |"


def measured(name, folder):
    """The run with the median cost of a step; None where the tracker is not installed."""
    runs = []
    for number in range(REPEATS):
        place = folder / f"{list(loggers.LOGGERS).index(name)}-{number}"
        command = [sys.executable, loggers.__file__, name, place, str(STEPS)]
        found = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        if "ModuleNotFoundError" in found.stderr:
            return None
        assert found.returncode == 0, found.stderr
        runs.append(json.loads(found.stdout.splitlines()[-1]))
    return sorted(runs, key=lambda run: run["step"])[REPEATS // 2]


def table(costs):
    """One row for each tracker."""
    floor = costs[FLOOR]["step"]
    rows = [HEAD, "|---" * 8 + "|"]
    for name, run in costs.items():
        if run is None:
            rows.append(f"| {name} | not installed |||||||")
            continue
        numbers = (
            f"{run['step']:,.1f} | {run['step'] / floor:,.1f} | {run['start']:.2f} | "
            f"{run['end']:.2f} | {run['memory']:,.0f} | {run['disk']:,.0f} | {run['n_steps']:,}"
        )
        rows.append(f"| {name} | {numbers} |")
    return "\n".join(rows)


def plot(costs, path):
    """Cost of a step, on a scale of powers of ten."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = sorted(
        ((run["step"], name) for name, run in costs.items() if run is not None), reverse=True
    )
    figure, axes = pyplot.subplots(figsize=(8, 0.5 * len(found) + 1.2), layout="constrained")
    colours = ["tab:orange" if name == OURS else "tab:gray" for _, name in found]
    bars = axes.barh([name for _, name in found], [step for step, _ in found], color=colours)
    axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.set_xlabel("microseconds that the loop waits for a step of three scalars")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def test_a_step_of_log_metrics_costs_little_more_than_appending_a_line(tmp_path, capsys):
    costs = {name: measured(name, tmp_path) for name in loggers.LOGGERS}
    (HERE / "logging.md").write_text(f"{table(costs)}\n")
    plot(costs, HERE / "logging.png")
    with capsys.disabled():
        print(f"\n{table(costs)}")
    assert costs[OURS]["step"] < 3 * costs[FLOOR]["step"]
