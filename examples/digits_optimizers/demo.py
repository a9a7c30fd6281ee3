"""The main job on real data: train three arms with five seeds each, then judge two claims.

python demo.py
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm
from train import parse, train

HERE = Path(__file__).parent
ARMS = {
    "sgd": ["--optimizer", "sgd", "--lr", "0.1"],
    "adamw": ["--optimizer", "adamw", "--lr", "0.01"],
    "adamw-careless": [
        *("--optimizer", "adamw", "--lr", "0.01"),
        *("--batch-size", "256", "--split-seed", "1"),
    ],
}


def main(argv: Sequence[str] | None = None) -> int:
    """Train what `argv` asks for; the exit code of the audit does not end the demo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=12)
    args = parser.parse_args(argv)
    os.chdir(HERE)  # repro.toml is here
    todo = [(arm, seed) for seed in range(args.seeds) for arm in ARMS]
    with tqdm(todo, unit="run") as progress:
        for arm, seed in progress:
            progress.set_description(f"{arm}, seed {seed}")
            run = ["--arm", arm, "--seed", str(seed), "--epochs", str(args.epochs), "--quiet"]
            train(parse([*run, *ARMS[arm]]))
    print("\n$ repro audit\n", flush=True)
    subprocess.run([sys.executable, "-m", "repro", "audit"], check=False)
    print("\nSee the runs in MLflow:  make ui")
    return 0


if __name__ == "__main__":
    sys.exit(main())
