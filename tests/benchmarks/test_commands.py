"""Processor time of commands that must answer at once, beside `import mlflow`: `make bench`."""

import resource
import subprocess
import sys

import pytest

COMMANDS = (("--help",), ("explain", "effective-batch"), ("rules",))


def cpu_seconds(*words: str) -> float:
    """User and system time of one python process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.bench
def test_commands_that_read_no_store_answer_before_mlflow_is_imported(capsys):
    mlflow = cpu_seconds("-c", "import mlflow")
    ours = {words: min(cpu_seconds("-m", "repro", *words) for _ in range(3)) for words in COMMANDS}
    with capsys.disabled():
        lines = [f"repro {' '.join(words)} {seconds:.2f} s" for words, seconds in ours.items()]
        print(f"\nprocessor time: {', '.join(lines)}; import mlflow {mlflow:.2f} s")
    assert max(ours.values()) < mlflow
