"""MLflow's settings that are read from the environment in the moment they are used."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

# At a run's end, give up on a dead server after seconds; MLflow would try for minutes.
SHORT_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
LITTLE_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}
NO_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "1"}
NO_PROGRESS_BAR = {"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}

NO_LINK = {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}  # "View run ... at"


@contextmanager
def variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set these variables, and only these, for a block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
