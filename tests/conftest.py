"""What every test may rely on, whatever the machine's environment says."""

import os
import random
import sys
from collections.abc import Iterator

import pytest

# Before numpy and torch are loaded: workers of several threads each would wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = [
    "browser",
    "journal_values",
    "project",
    "repository",
    "sealed_run",
    "shipping",
    "signal_handlers",
]

# Set in the developer's shell, each would send a test to a real store or another seed.
FOREIGN = (
    "MLFLOW_ARTIFACTS_DESTINATION",
    "MLFLOW_BACKEND_STORE_URI",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_EXPERIMENT_NAME",
    "MLFLOW_REGISTRY_URI",
    "MLFLOW_RUN_ID",
    "MLFLOW_TRACKING_URI",
    "REPRO_SEED",
)


def _forget_foreign() -> None:
    for name in FOREIGN:
        os.environ.pop(name, None)


_forget_foreign()


@pytest.fixture(autouse=True)
def _environment_of_its_own() -> Iterator[None]:
    """Nothing is left to the next test, nor to a fixture of its module: MLflow sets some itself."""
    _forget_foreign()
    yield
    _forget_foreign()


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """What a test does not seed itself is the same in every run of the tests."""
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].default_generator.manual_seed(0)  # `manual_seed` asks every device
