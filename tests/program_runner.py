"""Runs every program of `programs/` in two processes without repro, and in two with it.

A server forks them: each child takes fresh entropy, as an interpreter does that has just started.
`python tests/program_runner.py [NAME ...]` prints what each came to.
"""

import contextlib
import importlib
import importlib.util
import inspect
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

PROGRAMS = Path(__file__).parent / "determinism" / "programs"
RACES = 30  # times that two processes are started until they differ: threads race by chance
STARTER = "import sys; from {name} import train; print(train(None, 0).tolist())"


@dataclass(frozen=True)
class Ended:
    """What became of one program."""

    name: str
    way: str  # how reproducibility is lost
    differs: bool  # without repro
    is_equal: bool  # with it
    report: str  # what `repro show` and `repro diff --trace` say of the two runs
    cause: str | None  # what the report has to name; None: the runs have to be equal


def names():
    """Every program."""
    return sorted(path.stem for path in PROGRAMS.glob("*.py"))


def loaded(name, folder=PROGRAMS):
    """The module of a program."""
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # or its functions could not be sent to other processes
    spec.loader.exec_module(module)
    return module


def bits(result):
    """What a program returned, byte for byte."""
    array = result.detach().numpy() if hasattr(result, "detach") else np.asarray(result)
    return array.tobytes().hex()


def table():
    """One row for each program: what goes wrong, and what becomes of it with repro."""
    rows = ["| without repro, two processes differ | with it |", "|---|---|"]
    for name in names():
        cause = getattr(program := loaded(name), "CAUSE", None)
        is_line = cause is not None and r"\.py:" in cause
        told = "named by file and line" if is_line else "named by step and component"
        rows.append(f"| {inspect.getdoc(program)} | {told if cause else 'equal, bit for bit'} |")
    return "\n".join(rows)


def in_child(work, *args):
    """What the function returns in a forked process with fresh entropy."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            freshen()
            with os.fdopen(writer, "w") as sink:
                json.dump(work(*args), sink)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as source:
        text = source.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, f"{args} failed with {status}"
    return json.loads(text)


def freshen():
    """Forget the generators that were inherited."""
    import torch

    random.seed()
    np.random.seed()
    torch.seed()
    torch.set_num_threads(1)


def untracked(name, number):
    """Bits of the result without repro."""
    program = loaded(name)
    prepare(program, number)
    return bits(program.train(None, number))


def tracked(name, number):
    """Bits of the result in a tracked run, and the run's id."""
    import repro

    program = loaded(name, Path.cwd())
    sys.modules["__main__"].__file__ = program.__file__  # not the tests' own repository
    prepare(program, number)
    options = {"seed": 0, "quiet": True, "trace": "full", **getattr(program, "OPTIONS", {})}
    with repro.tracked_run(f"{name} {number}", **options) as run:
        found = bits(program.train(run, number))
    return found, run.run_id


def prepare(program, number):
    """What a program does before the run begins."""
    before = getattr(program, "before", None)
    if before is not None:
        before(*[number] * len(inspect.signature(before).parameters))


def differs(name):
    """Whether two processes do, without repro."""
    return any(in_child(untracked, name, 0) != in_child(untracked, name, 1) for _ in range(RACES))


def report(runs):
    """What repro says of the two runs."""
    from click.testing import CliRunner

    from repro.cli.main import main

    said = CliRunner().invoke(main, ["show", runs[1]]).output
    return "\n".join([said, CliRunner().invoke(main, ["diff", *runs, "--trace"]).output])


def ended(name):
    """Run one program four times; in the project that is the working directory."""
    program = loaded(name)
    way, cause = inspect.getdoc(program), getattr(program, "CAUSE", None)
    if hasattr(program, "PROCESS"):
        apart = {started(name) for _ in range(3)}
        together = {started(name, "-m", "repro", "run", "--", sys.executable) for _ in range(2)}
        return Ended(name, way, len(apart) > 1, len(together) == 1, "", cause)
    shutil.copy(PROGRAMS / f"{name}.py", Path.cwd())
    subprocess.run(["git", "add", "-A"], check=True)
    subprocess.run(["git", *AUTHOR, "commit", "-qm", name], check=True)
    (first, a), (second, b) = in_child(tracked, name, 0), in_child(tracked, name, 1)
    said = "" if cause is None else in_child(report, (a, b))
    return Ended(name, way, differs(name), first == second, said, cause)


def started(name, *launcher):
    """What a program prints in an interpreter of its own."""
    free = {key: value for key, value in os.environ.items() if key != "PYTHONHASHSEED"}
    command = [sys.executable, *launcher, "-c", STARTER.format(name=name)]
    return subprocess.run(
        command, env={**free, "PYTHONPATH": str(PROGRAMS)}, capture_output=True, check=True
    ).stdout


SLOW = (
    *("torch", "torch._dynamo", "torch._inductor.config", "sklearn.ensemble", "sklearn.datasets"),
    *("matplotlib.pyplot", "mlflow.store.tracking.sqlalchemy_store"),
    *("repro.cli.diff", "repro.cli.show", "repro.report.trace_text", "repro.tracked"),
    *("repro.closing", "repro.diff_project", "repro.nested_runs"),
)
AUTHOR = ("-c", "user.name=Test", "-c", "user.email=test@localhost")


def serve(chosen):
    """Every program that is named, in a project of its own; one JSON document a line."""
    for module in SLOW:  # before the first fork: each child would load it
        importlib.import_module(module)
    from mlflow import MlflowClient

    from repro.observe import environment, hardware

    environment.at_end(), hardware.at_end()  # read once

    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("mlruns").mkdir()
        Path("repro.toml").write_text('tracking_uri = "sqlite:///mlruns/mlflow.db"\n')
        Path(".gitignore").write_text("mlruns/\n__pycache__/\n")
        subprocess.run(["git", "init", "-q"], check=True)
        with contextlib.redirect_stderr(io.StringIO()):
            in_child(lambda: len(MlflowClient("sqlite:///mlruns/mlflow.db").search_experiments()))
        for name in chosen:
            print(json.dumps(asdict(ended(name))), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1:] or names())
