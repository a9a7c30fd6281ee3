"""The runs of an experiment, and what they can be asked."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Protocol

from repro.record import RunRecord
from repro.record_tags import BEGUN, SEED, SETUP

INFRA = "repro.infra"  # tag, written by people: why the machine, not the training, failed
REPLAY_OF = "repro.replay_of"  # tag: the run that is repeated
CROSS_VALIDATION = "repro.cross_validation"  # tag: what came out, of the run around the folds'
SEGMENT = "repro.segment"  # tag: number of the last process that began to write to the run
NO_REPLICATE = {REPLAY_OF, CROSS_VALIDATION}
SOURCE, COMMIT = "mlflow.source.name", "mlflow.source.git.commit"  # MLflow's own tags
PARENT = "mlflow.parentRunId"
LOOKS = "repro.audit.looks"  # tag: when an audit first printed numbers of this run, by claim


class History(Protocol):
    """What the runs of an experiment can be asked."""

    def find_runs(self, query: str) -> Sequence[str]:
        """Run ids that match an MLflow filter, oldest first, whatever their status."""

    def record(self, run_id: str) -> RunRecord:
        """The record of one run."""

    def sealed(self, launch: "Launch") -> RunRecord:
        """The record as it was sealed, without a look at what became of the run since."""

    def artifact(self, run_id: str, path: str) -> bytes:
        """Content of an artifact that a record refers to."""

    def launches(self) -> "Sequence[Launch]":
        """Every run that was launched, deleted and failed ones and replays too, oldest first."""


@dataclass(frozen=True)
class Launch:
    """One run as the store lists it, whatever became of it."""

    run_id: str
    name: str
    status: str
    started_at: datetime  # UTC
    is_deleted: bool
    tags: Mapping[str, str]
    artifact_uri: str | None = None  # where its record is
    is_live: bool | None = None  # whether its process runs; None: this machine does not know
    altered: tuple[str, ...] = ()  # what was changed since it was sealed: tags, "status"; put back

    @property
    def is_replicate(self) -> bool:
        """Whether it is a training of its own, as far as its tags say."""
        return NO_REPLICATE.isdisjoint(self.tags)

    @property
    def is_finished(self) -> bool:
        """Whether it came to its end."""
        return self.status == "FINISHED"

    @property
    def seed(self) -> int | None:
        """Its seed, if that is recorded."""
        text = self.tags.get(SEED, "")
        return int(text) if re.fullmatch(r"-?[0-9]{1,19}", text) else None

    @cached_property
    def setup(self) -> Mapping[str, str]:
        """Digests of what was chosen for it; none if it was not sealed."""
        return _parsed(self.tags.get(SETUP))

    @cached_property
    def begun(self) -> Mapping[str, str]:
        """The same of what was known when it began; for a run that left nothing more."""
        return _parsed(self.tags.get(BEGUN))

    @cached_property
    def looks(self) -> Mapping[str, datetime]:
        """When an audit first printed numbers of it, by claim."""
        times = {name: _time(text) for name, text in _parsed(self.tags.get(LOOKS)).items()}
        return {name: at for name, at in times.items() if at is not None}


def _time(text: object) -> datetime | None:
    """A time with its zone; one that somebody changed says nothing."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo else None


def _parsed(text: str | None) -> Mapping[str, str]:
    """A tag of ours; one that somebody changed says nothing."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
