"""Where the histories of the test bed are made: a repository, a store, and scripts that train."""

import contextlib
import gc
import json
import runpy
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import mlflow
from project import EXPERIMENT, Project, git, new_project

from repro.audit.finding import Outcome
from repro.audit.judgement import Judgement
from repro.audit.verdict import Verdict
from repro.claims import policy_of
from repro.digest import digest_bytes
from repro.facts.fact import Absent, Fact
from repro.judge import judge
from repro.observe import environment
from repro.observe.techniques.fit_scope import SELECTORS
from repro.record import SEAL, RunRecord, dump, load
from repro.store.load import MlflowHistory
from repro.store.mlflow import RECORD

HERE = Path(__file__).parent
SEEDS = (0, 1, 2)
# The rows of a fit are found in no role: columns were left out, or scaled before.
NO_ROWS = "unknown warning label-using-fit-on-eval"
INVALID, INCONCLUSIVE = Verdict.INVALID, Verdict.INCONCLUSIVE
BETTER, WORSE, NO_REGRESSION = Verdict.BETTER, Verdict.WORSE, Verdict.NO_REGRESSION
ARM = "tags.arm = '{}'"
SGD = {"lr": 0.1}
ADAMW = {"optimizer": "adamw", "lr": 0.05}
# The state of an editable repro as first seen: who commits to it meanwhile changes no history.
EDITABLE = cache(environment._editable)
CLAIM: Mapping[str, Any] = {
    "baseline": ARM.format("baseline"),
    "metric": "test/accuracy",
    "direction": "higher",
    "treatment": ["optimizer.*"],
    "replicates": 3,
}


@dataclass(frozen=True)
class Remembered(MlflowHistory):
    """The same history with every record read once: nothing changes it between two claims."""

    records: dict[str, RunRecord] = field(default_factory=dict)

    def record(self, run_id: str) -> RunRecord:
        if run_id not in self.records:
            self.records[run_id] = super().record(run_id)
        return self.records[run_id]


@dataclass(frozen=True)
class Bed(Project):
    """A project whose code is every recipe and script, pushed to a remote of its own."""

    @classmethod
    def made(cls, folder: Path, empty_store: Path) -> "Bed":
        """A fresh one below `folder`."""
        gc.freeze()  # asking what refers to an optimizer is a quarter of a short training's time
        while mlflow.active_run():  # an earlier test's: runs would attach to it
            mlflow.end_run()
        bed = cls(new_project(folder / "project", empty_store).root)
        for source in (*HERE.glob("recipes/*.py"), *HERE.glob("scripts/*.py")):
            shutil.copy(source, bed.root)
        git(folder, "init", "-q", "--bare", "-b", "main", "origin.git")
        bed.git("remote", "add", "origin", str(folder / "origin.git"))
        bed.push()
        return bed

    @cached_property
    def remembered(self) -> Remembered:
        """Its history, as it is when the first claim is judged."""
        return Remembered(self.history.client, self.history.experiment)

    def push(self) -> None:
        """Commit everything, and let the remote have it."""
        self.commit()
        self.git("push", "-q", "-u", "origin", "main")

    def edit(self, file: str, old: str, new: str) -> None:
        """Write `new` for `old`, which stands there once."""
        text = (self.root / file).read_text()
        assert text.count(old) == 1, f"{file} holds {old!r} {text.count(old)} times"
        (self.root / file).write_text(text.replace(old, new))

    def run(self, script: str, *words: str) -> None:
        """Run a script as `python SCRIPT WORDS` would, in this process."""
        with _as_program(self.root, script, words):
            runpy.run_path(script, run_name="__main__")

    def train(
        self, script: str, arm: str, seeds: Sequence[int] = SEEDS, **settings: object
    ) -> None:
        """Run a recipe once for each seed."""
        for seed in seeds:
            self.run(script, json.dumps({"arm": arm, "seed": seed, **settings}))

    def runs(self, arm: str) -> list[str]:
        """Ids of the runs of an arm, oldest first."""
        return list(self.history.find_runs(f"tags.arm = '{arm}'"))

    def rewrite(self, run_id: str, change: Callable[[RunRecord], Fact | Absent]) -> None:
        """Seal a run's record again with one fact changed: what this machine cannot produce."""
        history = self.history
        record = load(history.artifact(run_id, RECORD).decode())
        fact = change(record)
        text = dump(replace(record, facts={**record.facts, fact.key(): fact}))
        history.client.log_text(run_id, text, RECORD)
        history.client.set_tag(run_id, SEAL, digest_bytes(text.encode()))


@contextlib.contextmanager
def _as_program(root: Path, script: str, words: Sequence[str]) -> Iterator[None]:
    """The process as a new one would be: its folder, arguments, path, and modules of its own."""
    for name in SELECTORS:  # an earlier program's: their parts stay, and are found again
        sys.modules.pop(name, None)
    argv, path, modules = sys.argv, list(sys.path), set(sys.modules)
    sys.argv, sys.path[:] = [script, *words], [str(root), *path]
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]  # as if never set
    try:
        with contextlib.chdir(root), patch.object(environment, "_editable", EDITABLE):
            yield
    finally:
        sys.argv, sys.path[:] = argv, path
        for name in set(sys.modules) - modules:
            file = getattr(sys.modules[name], "__file__", None)
            if file and Path(file).is_relative_to(root):
                del sys.modules[name]


@dataclass(frozen=True)
class Expected:
    """A claim about a history, and what the audit has to say about it."""

    name: str
    rules: str  # that it is for: those that have to speak, or that could speak and must not
    make: Callable[[Bed], None]  # trains the history
    verdict: Verdict
    findings: frozenset[str]  # severity and rule of all that failed, or is unknown
    claim: Mapping[str, Any]
    policy: Mapping[str, Any]

    def judgement(self, bed: Bed) -> Judgement:
        """What the audit says, with the policy of a project that says nothing else."""
        tables = {"experiment": EXPERIMENT, "claim": [self.claim], **self.policy}
        policy = policy_of(tables, bed.root / "repro.toml")
        return judge(policy.claims[0], bed.remembered, policy)


def expected(
    name: str,
    rules: str,
    make: Callable[[Bed], None],
    verdict: Verdict,
    *findings: str,
    arm: str = "candidate",
    policy: Mapping[str, Any] | None = None,
    **claim: object,
) -> Expected:
    """A line of a table; the claim differs from `CLAIM` in its candidate and in what is given."""
    said = {"name": name, **CLAIM, "candidate": f"tags.arm = '{arm}'", **claim}
    found = frozenset(findings)
    return Expected(name, rules, make, verdict, found, said, policy or {})


def spoken(judgement: Judgement) -> frozenset[str]:
    """Severity and rule of everything that failed, or that is unknown."""
    prefix = {Outcome.FAIL: "", Outcome.UNKNOWN: "unknown "}
    return frozenset(
        f"{prefix[found.outcome]}{found.severity} {found.rule}"
        for found in judgement.findings
        if found.outcome in prefix
    )
