"""A history of runs in memory that logged real data, for tests of what two runs share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from repro.errors import RecordCorrupt, UnknownRun
from repro.facts.lineage import Lineage, Loaded
from repro.facts.scores import Scores
from repro.observe.data_book import DataBook
from repro.observe.ledger import Ledger
from repro.record import RunRecord


@dataclass
class Store:
    """Runs that logged data, and what they left."""

    records: dict[str, RunRecord] = field(default_factory=dict)
    artifacts: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def add(
        self,
        run_id: str,
        *,
        parents: Sequence[str] = (),
        looks: Sequence[tuple[str, str | None]] = (),
        **roles: Any,
    ) -> RunRecord:
        """A run with these data sets, parents, and looks: role and digest of the labels."""
        book, ledger = DataBook([]), Ledger()
        if roles:
            book.log(roles, group=None, time=None)
        for role, digest in looks:
            ledger.look(role, f"{role}/f1", 8, digest, step=0)
        loaded = tuple(
            Loaded(index=i, digest=None, file="w.pt", weights_only=True, parent=parent)
            for i, parent in enumerate(parents, 1)
        )
        facts = {
            "data": book.at_end(),
            "lineage": Lineage(loaded=loaded),
            "scores": Scores(reads=ledger.reads),
        }
        self.records[run_id] = RunRecord(run_id, f"run {run_id}", facts)
        self.artifacts[run_id] = book.evidence()
        return self.records[run_id]

    def find_runs(self, query: str) -> Sequence[str]:
        """Every run."""
        return list(self.records)

    def record(self, run_id: str) -> RunRecord:
        """The record of one run."""
        if run_id not in self.records:
            raise UnknownRun(f"the store has no run {run_id!r}")
        return self.records[run_id]

    def artifact(self, run_id: str, path: str) -> bytes:
        """What a run left."""
        if path not in self.artifacts[run_id]:
            raise RecordCorrupt(f"{path} of run {run_id[:8]} cannot be fetched: not there")
        return self.artifacts[run_id][path]
