"""git runs whatever the other threads of the training do to the environment."""

import os
from itertools import repeat

import git  # noqa: F401  # it copies the environment when it is imported, too
import pytest

from repro.observe.git import TRIES, Git


def racing(monkeypatch, outcomes):
    """Copies of the environment fail as they do when a variable goes away in the middle."""
    copied = os.environ.copy()

    def copy():
        if next(outcomes):
            raise KeyError("MLFLOW_HTTP_REQUEST_TIMEOUT")
        return dict(copied)

    monkeypatch.setattr(os.environ, "copy", copy, raising=False)


def test_a_variable_that_goes_away_while_the_environment_is_copied_is_no_failure(
    tmp_path, monkeypatch
):
    racing(monkeypatch, iter([True] * (TRIES - 1) + [False]))
    assert Git(tmp_path).line("version").startswith("git version")


def test_what_fails_every_time_is_told(tmp_path, monkeypatch):
    racing(monkeypatch, repeat(True))
    with pytest.raises(KeyError):
        Git(tmp_path)("version")
