"""Two records, path by path."""

from dataclasses import dataclass

from repro.audit.configuration import differing, is_known, same
from repro.audit.finding import Evidence, evidence_at
from repro.facts import fact_types
from repro.record import RunRecord, is_compared


@dataclass(frozen=True)
class RecordDiff:
    """Where two runs differ; evidence names the first `baseline`, the second `candidate`."""

    left: RunRecord
    right: RunRecord
    compared: tuple[Evidence, ...]  # a claim would have to declare these
    ignored: tuple[Evidence, ...]  # these gate nothing
    unknown: tuple[str, ...]  # facts that at least one of the runs does not have recorded

    @property
    def exit_code(self) -> int:
        """0 equal, 1 different, 3 cannot be told."""
        if self.compared:
            return 1
        return 3 if self.unknown else 0


def diff_records(left: RunRecord, right: RunRecord) -> RecordDiff:
    """Every path at which two runs differ, and every fact that cannot be told."""
    runs = (("baseline", left), ("candidate", right))
    compared = differing(left, right)
    others = {path for path in left.flat.keys() | right.flat.keys() if not is_compared(path)}
    ignored = {path for path in others if not same(left.flat.get(path), right.flat.get(path))}
    return RecordDiff(
        left=left,
        right=right,
        compared=tuple(evidence_at(path, runs) for path in sorted(compared)),
        ignored=tuple(evidence_at(path, runs) for path in sorted(ignored)),
        unknown=tuple(key for key in sorted(fact_types()) if _is_unknown(key, left, right)),
    )


def _is_unknown(key: str, left: RunRecord, right: RunRecord) -> bool:
    return not all(is_known(record.facts.get(key)) for record in (left, right))
