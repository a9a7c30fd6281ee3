"""Files are read in the order in which the disk lists them, which is that of their creation."""

import os
from pathlib import Path

import numpy as np

CAUSE = r"order_of_a_folder\.py:19"


def train(run, number):
    folder = Path("/dev/shm") / f"listing-{os.getpid()}"
    folder.mkdir()
    names = [f"{row}.txt" for row in range(8)]
    for name in names if number else reversed(names):
        (folder / name).write_text(name.removesuffix(".txt"))
    try:
        rows = []
        for name in os.listdir(folder):
            rows.append(int((folder / name).read_text()))
        return np.array(rows)
    finally:
        for name in names:
            (folder / name).unlink()
        folder.rmdir()
