"""Runs whose process was killed: made by a forked child that kills itself inside the block."""

import os
import signal
from collections.abc import Callable
from typing import Any

import repro


def killed_run(body: Callable[[repro.Run], object], name: str = "killed", **options: Any) -> str:
    """Id of a run whose process ended like this: the body, what was logged written, kill -9."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with repro.tracked_run(name, seed=0, quiet=True, **options) as run:
                os.write(writer, run.run_id.encode())
                body(run)
                run.shipper._journal.flush()
                os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    os.close(writer)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"the child ended by itself, {status}"
    with os.fdopen(reader) as told:
        return told.read()
