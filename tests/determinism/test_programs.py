"""Each way to lose reproducibility is real; with repro it is gone, or named."""

import json
import re
import subprocess
import sys

import program_runner
import pytest
from filelock import FileLock

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """What became of every program; they run once, whichever worker asks first."""
    shared = tmp_path_factory.getbasetemp().parent
    told = shared / "programs.jsonl"
    with FileLock(f"{told}.lock"):
        if not told.exists():
            server = [sys.executable, program_runner.__file__]
            found = subprocess.run(server, capture_output=True, text=True)
            assert found.returncode == 0, found.stderr
            told.write_text(found.stdout)
    lines = map(json.loads, told.read_text().splitlines())
    return {line["name"]: program_runner.Ended(**line) for line in lines}


@pytest.mark.parametrize("name", program_runner.names())
def test_a_program_that_is_not_reproducible_is_with_repro_or_the_cause_is_named(ended, name):
    found = ended[name]
    assert found.differs, "two processes are equal without repro: the program shows nothing"
    if found.cause is None:
        assert found.is_equal, found.report
    else:
        assert re.search(found.cause, found.report), found.report


def test_there_are_enough_programs():
    assert len(program_runner.names()) >= 20
