"""The import contracts of pyproject.toml hold, and each of them can be broken."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
LAYERS = "Imports point downwards"
RULES = "Rules do not know each other"
JUDGING = "Judging needs no MLflow, torch, git or scikit-learn"
MLFLOW = "Only store, context and server talk to MLflow"
BREAKS = {
    "a fact imports the record": (LAYERS, "repro/facts/code.py", "import repro.record"),
    "splits import statistics": (LAYERS, "repro/splits/plan.py", "import repro.stats.paired"),
    "a module has no layer": (LAYERS, "repro/helpers.py", ""),
    "a rule imports a rule": (
        RULES,
        "repro/audit/rules/data/exact_overlap.py",
        "import repro.audit.rules.data.data_differs",
    ),
    "a rule imports torch": (
        JUDGING,
        "repro/audit/rules/data/exact_overlap.py",
        "def _late() -> None:\n    import torch",
    ),
    "a statistic imports scikit-learn": (
        JUDGING,
        "repro/stats/paired.py",
        "import sklearn.metrics",
    ),
    "claims reach git through the digest": (JUDGING, "repro/digest/named.py", "import git"),
    "the run imports MLflow": (MLFLOW, "repro/run.py", "import mlflow.tracking"),
}


def _lint(project: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).parent / "lint-imports", "--no-logo", "--no-cache"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_every_contract_is_kept() -> None:
    result = _lint(PROJECT)
    assert result.returncode == 0, result.stdout
    assert ", 0 broken." in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("deed", BREAKS)
def test_a_contract_notices(deed: str, tmp_path: Path) -> None:
    contract, file, code = BREAKS[deed]
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    shutil.copytree(
        PROJECT / "repro", tmp_path / "repro", ignore=shutil.ignore_patterns("__pycache__", ".*")
    )
    with (tmp_path / file).open("a") as source:
        source.write(f"\n{code}\n")
    result = _lint(tmp_path)
    broken = re.findall(r"^(.+) BROKEN\b", result.stdout, re.MULTILINE)
    assert result.returncode == 1, result.stdout
    assert broken == [contract]
