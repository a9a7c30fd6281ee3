"""One training loop's logging, by each tracker, in a process of its own.

Run as `python loggers.py NAME FOLDER STEPS`; prints what it cost as JSON.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

VALUES = {"train/loss": 0.5, "train/accuracy": 0.9, "lr": 0.1}
Log = Callable[[int], object]


@contextmanager
def jsonl(folder: Path) -> Iterator[Log]:
    """The floor: a line a step, handed to the operating system."""
    with (folder / "floor.jsonl").open("a") as file:

        def log(step: int) -> None:
            file.write(json.dumps({**VALUES, "step": step, "time": time.time()}) + "\n")
            file.flush()

        yield log


@contextmanager
def buffered_jsonl(folder: Path) -> Iterator[Log]:
    """The same in blocks of the file's buffer, which a killed process loses."""
    with (folder / "floor.jsonl").open("a") as file:
        yield lambda step: file.write(
            json.dumps({**VALUES, "step": step, "time": time.time()}) + "\n"
        )


@contextmanager
def ours(folder: Path) -> Iterator[Log]:
    """`run.log_metrics`."""
    import repro

    uri = f"sqlite:///{folder}/mlflow.db"
    with repro.tracked_run(seed=0, quiet=True, tracking_uri=uri) as run:
        yield lambda step: run.log_metrics(VALUES, step=step)


@contextmanager
def mlflow_synchronous(folder: Path) -> Iterator[Log]:
    """`mlflow.log_metrics`."""
    with _mlflow_run(folder) as mlflow:
        yield lambda step: mlflow.log_metrics(VALUES, step=step)


@contextmanager
def mlflow_asynchronous(folder: Path) -> Iterator[Log]:
    """`mlflow.log_metrics(synchronous=False)`."""
    with _mlflow_run(folder) as mlflow:
        yield lambda step: mlflow.log_metrics(VALUES, step=step, synchronous=False)


@contextmanager
def mlflow_log_batch(folder: Path) -> Iterator[Log]:
    """`MlflowClient.log_batch` of 100 steps."""
    from mlflow.entities import Metric

    with _mlflow_run(folder) as mlflow:
        client, run_id = mlflow.MlflowClient(), mlflow.active_run().info.run_id
        waiting: list[Metric] = []

        def log(step: int) -> None:
            now = int(time.time() * 1000)
            waiting.extend(Metric(name, value, now, step) for name, value in VALUES.items())
            if step % 100 == 99:
                client.log_batch(run_id, metrics=waiting)
                waiting.clear()

        yield log
        client.log_batch(run_id, metrics=waiting)


@contextmanager
def tensorboard(folder: Path) -> Iterator[Log]:
    """`SummaryWriter.add_scalar`."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(folder) as writer:
        yield lambda step: [writer.add_scalar(name, value, step) for name, value in VALUES.items()]


@contextmanager
def trackio(folder: Path) -> Iterator[Log]:
    """`trackio.log`."""
    os.environ["TRACKIO_DIR"] = str(folder)
    import trackio

    trackio.init(project="bench")
    yield lambda step: trackio.log(VALUES, step=step)
    trackio.finish()


@contextmanager
def wandb_offline(folder: Path) -> Iterator[Log]:
    """`run.log` of wandb, without its server."""
    import wandb

    with wandb.init(mode="offline", dir=folder, project="bench") as run:
        yield lambda step: run.log(VALUES, step=step)


@contextmanager
def _mlflow_run(folder: Path):
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    with mlflow.start_run(run_name="bench"):
        yield mlflow


# Name, how, and how many of the steps: those that take milliseconds make fewer.
LOGGERS = {
    "JSONL, flushed": (jsonl, 1.0),
    "JSONL, buffered": (buffered_jsonl, 1.0),
    "repro": (ours, 1.0),
    "MLflow synchronous": (mlflow_synchronous, 0.03),
    "MLflow asynchronous": (mlflow_asynchronous, 0.03),
    "MLflow log_batch of 100": (mlflow_log_batch, 0.3),
    "TensorBoard": (tensorboard, 1.0),
    "trackio": (trackio, 1.0),
    "W&B offline": (wandb_offline, 0.3),
}


def measured(name: str, folder: Path, steps: int) -> dict[str, float]:
    """Seconds to begin and to end, microseconds a step, memory and disk of `steps` steps."""
    logger, share = LOGGERS[name]
    n_steps = max(1, round(steps * share))
    with logger(folder) as log:  # imports, and the creation of a store
        log(0)
    held, taken, begin = resident(), on_disk(folder), time.perf_counter()
    with logger(folder) as log:
        inside = time.perf_counter()
        for step in range(n_steps):
            log(step)
        behind = time.perf_counter()
    end = time.perf_counter()
    return {
        "n_steps": n_steps,
        "start": inside - begin,
        "step": 1e6 * (behind - inside) / n_steps,
        "end": end - behind,
        "memory": max(0.0, resident() - held) / n_steps,
        "disk": (on_disk(folder) - taken) / n_steps,
    }


def on_disk(folder: Path) -> int:
    """Bytes of all files below it."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def resident() -> float:
    """The most bytes this process has held."""
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    place = Path(sys.argv[2])
    place.mkdir(parents=True)
    print(json.dumps(measured(sys.argv[1], place, int(sys.argv[3]))))
