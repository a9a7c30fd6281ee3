"""What is slow to import is not imported before it is needed."""

import json
import subprocess
import sys

import pytest

SLOW = {"git", "mlflow", "pandas", "scipy", "sklearn", "torch"}
EXPLAIN = """
from click.testing import CliRunner
from repro.cli.main import main
assert CliRunner().invoke(main, ["explain", "effective-batch"]).exit_code == 0
"""
REPORT = "import json, sys; print(json.dumps(sorted(sys.modules)))"


def _loaded_by(statement: str) -> set[str]:
    """Slow packages that a fresh interpreter has loaded after the statement."""
    result = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{REPORT}"], capture_output=True, text=True, check=True
    )
    return SLOW & set(json.loads(result.stdout.splitlines()[-1]))


@pytest.mark.slow
@pytest.mark.parametrize(
    "statement",
    [
        "import repro",
        "import repro.audit.catalogue",
        "import repro.audit.engine",
        "import repro.claims",
        "import repro.cli.main",
        "import repro.errors",
        "import repro.facts",
        "import repro.record",
        "import repro.report",
        "import repro.stats.comparison",
        EXPLAIN,
    ],
)
def test_a_light_import_loads_nothing_slow(statement: str) -> None:
    assert _loaded_by(statement) == set()


@pytest.mark.slow
def test_a_slow_import_is_noticed() -> None:
    assert "pandas" in _loaded_by("import pandas")
