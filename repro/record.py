"""All facts of one run; how they are stored, sealed, and put side by side."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache, cached_property
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from repro.digest import canonical_json, digest_bytes
from repro.errors import RecordCorrupt
from repro.facts import fact_types
from repro.facts.determinism import Determinism
from repro.facts.fact import Absent, Fact, Opaque, Scalar
from repro.facts.split import Split

FORMAT = "repro.record/1"
SEAL = "repro.record"  # the tag that holds the digest of the record

# Last names of parameters that say where a run was, and where it wrote; what it read is not here.
INCIDENTAL = (
    *("arm", "exp_name", "experiment_name", "job_id", "run_id", "run_name", "timestamp"),
    *("host", "hostname", "local_rank", "master_addr", "master_port", "port", "rdzv_endpoint"),
    *("log_dir", "log_level", "logging_dir", "out_dir", "output_dir", "save_dir", "verbose"),
)

F = TypeVar("F", bound=Fact)
T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, order=True)
class Replicate:
    """What makes two runs of two arms a pair: the same seed, the same fold, or both."""

    seed: int | None
    fold: int | None
    task: str | None = None  # of claims over several tasks

    def __str__(self) -> str:
        named = (("task", self.task), ("seed", self.seed), ("fold", self.fold))
        return " ".join(f"{name} {value}" for name, value in named if value is not None) or "-"


@dataclass(frozen=True)
class RunRecord:
    """Everything known about one run: for each fact its value, or why there is none."""

    run_id: str
    name: str
    facts: Mapping[str, Fact | Absent | Opaque]
    sealed: str | None = field(default=None, compare=False)  # digest of the text it was read from

    def get(self, kind: type[F]) -> F | Absent | Opaque:
        """The fact, or why it is missing."""
        found = self.facts.get(kind.key())
        if found is None:
            return Absent(reason="the record does not mention it", kind="not_recorded")
        if isinstance(found, kind | Absent | Opaque):
            return found
        raise RecordCorrupt(f"run {self.run_id[:8]}: fact {kind.key()!r} is a {type(found)}")

    def find(self, kind: type[F]) -> F | None:
        """The fact, or None."""
        found = self.get(kind)
        return found if isinstance(found, kind) else None

    @cached_property
    def flat(self) -> Mapping[str, Scalar]:
        """Every recorded value under its dotted path."""
        pairs: dict[str, Scalar] = {}
        for fact in self.facts.values():
            if isinstance(fact, Fact):
                pairs.update(fact.flat())
        return pairs

    @property
    def replicate(self) -> Replicate:
        """Seed and fold, as recorded."""
        determinism, split = self.find(Determinism), self.find(Split)
        return Replicate(
            seed=determinism.seed if determinism else None, fold=split.fold if split else None
        )


@dataclass(frozen=True)
class Arms(Generic[T]):
    """One thing of every run of a claim, on both sides.

    `pairs` holds positions (baseline, candidate) of runs that are each other's counterpart.
    """

    baseline: tuple[T, ...]
    candidate: tuple[T, ...]
    pairs: tuple[tuple[int, int], ...] = field(default=())

    @classmethod
    def of(cls, baseline: T, candidate: T) -> "Arms[T]":
        """One run on each side, paired."""
        return cls((baseline,), (candidate,), ((0, 0),))

    def contrasts(self) -> Iterator[tuple[T, T]]:
        """Every pair; without any, every run of one side against the first of the other."""
        if self.pairs:
            yield from ((self.baseline[i], self.candidate[j]) for i, j in self.pairs)
        elif self.baseline and self.candidate:
            yield from ((self.baseline[0], other) for other in self.candidate)
            yield from ((other, self.candidate[0]) for other in self.baseline[1:])

    def sides(self) -> tuple[tuple[str, tuple[T, ...]], tuple[str, tuple[T, ...]]]:
        """Both sides with their names."""
        return ("baseline", self.baseline), ("candidate", self.candidate)

    def every(self) -> tuple[T, ...]:
        """All runs of both sides."""
        return self.baseline + self.candidate

    def with_values(self, baseline: Sequence[U], candidate: Sequence[U]) -> "Arms[U]":
        """Other things of the same runs."""
        return Arms(tuple(baseline), tuple(candidate), self.pairs)


@cache
def is_compared(path: str) -> bool:
    """Whether a difference at this path gates a comparison."""
    kind = fact_types().get(path.partition(".")[0])
    return kind is not None and not any(fnmatchcase(path, glob) for glob in kind.IGNORED)


def is_incidental(path: str) -> bool:
    """Whether a parameter says where a run was or wrote, by its last name."""
    return path.startswith("params.") and path.rpartition(".")[2].casefold() in INCIDENTAL


@cache
def is_per_replicate(path: str) -> bool:
    """Whether a value may differ between the seeds or folds of one arm."""
    kind = fact_types().get(path.partition(".")[0])
    return kind is not None and any(fnmatchcase(path, glob) for glob in kind.PER_REPLICATE)


def dump(record: RunRecord) -> str:
    """The record as canonical JSON."""
    facts = dump_facts(record.facts)
    head = {"format": FORMAT, "run_id": record.run_id, "name": record.name}
    return canonical_json({**head, "facts": facts})


def dump_facts(facts: Mapping[str, Fact | Absent | Opaque]) -> dict[str, Any]:
    """Facts as JSON values, by key."""
    return {key: _dump_fact(fact) for key, fact in facts.items()}


def load_facts(data: Mapping[str, Any]) -> dict[str, Fact | Absent | Opaque]:
    """The facts that `dump_facts` wrote; those of a newer version stay opaque."""
    return {key: _load_fact(key, entry) for key, entry in data.items()}


def _dump_fact(fact: Fact | Absent | Opaque) -> dict[str, Any]:
    if isinstance(fact, Absent):
        return {"absent": fact.model_dump(mode="json")}
    if isinstance(fact, Opaque):
        return {"version": fact.version, "data": fact.data}
    return {"version": fact.VERSION, "data": _finite(fact.model_dump(mode="json"))}


def _finite(value: Any) -> Any:
    """The JSON value with numbers that JSON does not know as text, which pydantic reads back."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    is_known = not isinstance(value, float) or math.isfinite(value)
    return value if is_known else str(value)


def load(text: str) -> RunRecord:
    """The record that `dump` wrote; facts of a newer version stay opaque.

    Raises
    ------
    RecordCorrupt
        The text is not a record, or a fact does not fit its own version.
    """
    try:
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise RecordCorrupt(
                f"the record says {data['format']!r}; this version reads {FORMAT!r}."
            )
        facts = load_facts(data["facts"])
        return RunRecord(data["run_id"], data["name"], facts, digest_bytes(text.encode()))
    except ValidationError as error:
        where, why = error.errors()[0]["loc"], error.errors()[0]["msg"]
        path = ".".join(map(str, (error.title, *where)))
        raise RecordCorrupt(f"the record cannot be read: {path}: {why}.") from error
    except KeyError as error:
        raise RecordCorrupt(f"the record cannot be read: it has no {error}.") from error
    except (TypeError, AttributeError, NotImplementedError, json.JSONDecodeError) as error:
        raise RecordCorrupt(f"the record cannot be read: {error}.") from error


def _load_fact(key: str, entry: dict[str, Any]) -> Fact | Absent | Opaque:
    if "absent" in entry:
        return Absent.model_validate(entry["absent"])
    version, data = entry["version"], entry["data"]
    kind = fact_types().get(key)
    if kind is None or version > kind.VERSION:
        return Opaque(version=version, data=data)
    return kind.model_validate(data if version == kind.VERSION else kind.upgrade(version, data))


def seal(record: RunRecord) -> str:
    """Digest of the whole record."""
    return digest_bytes(dump(record).encode())
