"""Runs and a history in memory, for tests of audits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from repro.audit.example import example_record
from repro.audit.finding import Finding, Outcome
from repro.audit.judgement import Judgement
from repro.audit.rule import Severity
from repro.claims import Claim, Guard, Policy
from repro.errors import RecordCorrupt, UnknownRun
from repro.facts.contents import EXAMPLE as CONTENTS
from repro.facts.contents import TagContent
from repro.facts.determinism import EXAMPLE as DETERMINISM
from repro.facts.fact import Absent, Fact
from repro.facts.optimizer import EXAMPLE as SGD
from repro.facts.optimizer import Setting
from repro.facts.outcome import EXAMPLE as OUTCOME
from repro.facts.outcome import Outcome as Ending
from repro.facts.params import EXAMPLE as PARAMS
from repro.facts.params import Param
from repro.facts.scores import EXAMPLE as SCORES
from repro.facts.scores import Score
from repro.history import Launch
from repro.record import RunRecord
from repro.record_tags import short_tags

POLICY = Policy(file=Path("repro.toml"), experiment="digits")
ADAMW = (
    SGD.but(name="AdamW", settings=(Setting(name="lr", value=0.001),)),
    PARAMS.but(declared=(Param(name="lr", value=0.001), Param(name="epochs", value=5))),
)
CLAIM = Claim(
    name="adamw-beats-sgd",
    baseline="sgd",
    candidate="adamw",
    metric="test/accuracy",
    direction="higher",
    treatment=("optimizer.*",),
    nuisance=("optimizer.lr",),
    min_effect=0.005,
    guards=(Guard(metric="test/loss", direction="lower", margin=0.02),),
)
BASELINE = (0.900, 0.910, 0.920, 0.900, 0.910)
CANDIDATE = (0.930, 0.950, 0.940, 0.940, 0.930)


def score(name: str, value: float) -> Score:
    """A score that is defined alike wherever it is used."""
    is_loss = name.endswith("loss")
    metric = "log_loss" if is_loss else "accuracy_score"
    changes = {"name": name, "value": value, "metric": f"sklearn.metrics.{metric}"}
    return SCORES.scored[0].model_copy(update={**changes, "greater_is_better": not is_loss})


def tracked(
    number: int, seed: int | None, accuracy: float, *facts: Fact, **absent: Absent
) -> RunRecord:
    """A finished run; runs with higher numbers are newer, and their loss is 1 - accuracy."""
    record = example_record(
        DETERMINISM.but(seed=seed, seed_source="none" if seed is None else "argument"),
        SCORES.but(scored=(score("test/accuracy", accuracy), score("test/loss", 1 - accuracy))),
        OUTCOME.but(started_at=OUTCOME.started_at + timedelta(hours=number)),
        *facts,
        **absent,
    )
    return replace(record, run_id=f"{number:08x}" + "0" * 24, name=f"run {number}")


def seeds(
    first: int, accuracies: Sequence[float], *facts: Fact, **absent: Absent
) -> list[RunRecord]:
    """One run for each accuracy, with the seeds 0, 1, 2, ..."""
    return [
        tracked(first + seed, seed, accuracy, *facts, **absent)
        for seed, accuracy in enumerate(accuracies)
    ]


def launched(run: RunRecord, **changes: object) -> Launch:
    """A run as the store lists it."""
    ending = run.find(Ending)
    listed = Launch(
        run_id=run.run_id,
        name=run.name,
        status=ending.status if ending else "RUNNING",
        started_at=ending.started_at if ending else OUTCOME.started_at,
        is_deleted=False,
        tags=short_tags(run),
    )
    return replace(listed, **changes)


@dataclass
class FakeHistory:
    """Runs by the filter that finds them."""

    runs: dict[str, list[RunRecord]]
    others: Sequence[Launch] = ()  # runs that no filter finds

    def launches(self) -> Sequence[Launch]:
        return [*(launched(run) for runs in self.runs.values() for run in runs), *self.others]

    def find_runs(self, query: str) -> Sequence[str]:
        return [record.run_id for record in self.runs.get(query, [])]

    def record(self, run_id: str) -> RunRecord:
        for records in self.runs.values():
            for record in records:
                if record.run_id == run_id:
                    return record
        raise UnknownRun(f"no run {run_id}")

    def sealed(self, launch: Launch) -> RunRecord:
        if launch in self.others:
            raise RecordCorrupt(f"run {launch.run_id} has no record")
        return with_tags(self.record(launch.run_id))

    def artifact(self, run_id: str, path: str) -> bytes:
        raise RecordCorrupt(f"run {run_id} has no {path}")


def with_tags(run: RunRecord) -> RunRecord:
    """The run with its tags sealed in the record."""
    tags = tuple(TagContent(name=name, value=value) for name, value in short_tags(run).items())
    return replace(run, facts={**run.facts, "contents": CONTENTS.but(tags=tags)})


def sgd_and_adamw(
    *facts: Fact, candidate: Sequence[float] = CANDIDATE, **absent: Absent
) -> FakeHistory:
    """Five seeds of each optimizer; the candidate has these facts besides AdamW."""
    return FakeHistory(
        {"sgd": seeds(1, BASELINE), "adamw": seeds(101, candidate, *ADAMW, *facts, **absent)}
    )


def with_facts(records: list[RunRecord], **facts: object) -> list[RunRecord]:
    return [replace(record, facts={**record.facts, **facts}) for record in records]


def failures(judgement: Judgement, severity: Severity = Severity.ERROR) -> list[str]:
    return [
        finding.rule
        for finding in judgement.findings
        if finding.outcome is Outcome.FAIL and finding.severity is severity
    ]


def outcome(judgement: Judgement, rule: str) -> Finding:
    (found,) = [finding for finding in judgement.findings if finding.rule == rule]
    return found
