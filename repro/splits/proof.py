"""What was proved about a split, and what was not: results, witnesses, the proof."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar, Literal, NamedTuple

from repro.errors import LeakFound
from repro.splits.folds import Policy
from repro.splits.parameters import Scalar

SHOWN_FOLDS, SHOWN_WITNESSES = 2, 3  # printed per condition; `table` has all of them

Outcome = Literal["PROVED", "VIOLATED", "NOT_CHECKED"]
Verdict = Literal["proved", "violated", "unknown"]


@dataclass(frozen=True)
class RowView:
    """One row, as far as it is known: where it stands, its label, its span, its group."""

    position: int
    label: Scalar = None
    start: str | None = None
    end: str | None = None
    group: Scalar = None

    def __str__(self) -> str:
        text = f"row {self.position}"
        if self.label is not None:
            text += f" {self.label!r}"
        if self.start is not None:
            text += f" [{self.start}]" if self.end is None else f" [{self.start}, {self.end}]"
        return text if self.group is None else f"{text} of group {self.group!r}"


@dataclass(frozen=True)
class Witness:
    """Rows that violate a condition together."""

    train: RowView | None = None
    test: RowView | None = None
    note: str = ""
    name: str = ""  # of the class, group or label that the note is about; it may be a person's

    def __str__(self) -> str:
        sides = (("train", self.train), ("test", self.test))
        rows = " | ".join(f"{side} {row}" for side, row in sides if row is not None)
        about = " ".join(part for part in (self.name, self.note) if part)
        return ": ".join(part for part in (rows, about) if part)


@dataclass(frozen=True)
class Proved:
    """The condition holds for all rows of the fold."""

    outcome: ClassVar[Outcome] = "PROVED"

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True)
class Violated:
    """The condition fails `count` times; some of them as witnesses."""

    outcome: ClassVar[Outcome] = "VIOLATED"

    count: int
    unit: str  # what is counted: "train rows", "groups"
    witnesses: tuple[Witness, ...] = ()

    def __str__(self) -> str:
        example = f", for example {self.witnesses[0]}" if self.witnesses else ""
        return f"{self.count} {self.unit}{example}"


@dataclass(frozen=True)
class NotChecked:
    """The condition was not looked at; `demanded` if the proof is incomplete without it."""

    outcome: ClassVar[Outcome] = "NOT_CHECKED"

    why: str
    demanded: bool

    def __str__(self) -> str:
        return self.why


Result = Proved | Violated | NotChecked


def worst(results: Sequence[Result]) -> Verdict:
    """What may be said of all results together; `proved` needs all that is demanded."""
    if any(isinstance(result, Violated) for result in results):
        return "violated"
    if any(isinstance(result, NotChecked) and result.demanded for result in results):
        return "unknown"
    return "proved"


def counted(number: int, what: str) -> str:
    """A number of things: 1 fold, 2 folds."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


class Answer(NamedTuple):
    """What is to be said about one condition of one fold."""

    condition: str
    outcome: Outcome
    detail: str  # count and an example, or why it was not checked


@dataclass(frozen=True)
class Meaning:
    """A condition for people: what it says, and what to do when it fails."""

    text: str
    fix: str = ""


@dataclass(frozen=True)
class SplitProof:
    """For every fold and condition: proved, violated with witnesses, or not checked and why."""

    policy: Policy
    n_rows: int
    fingerprint: str | None  # of the plan, if one was checked
    meanings: Mapping[str, Meaning]
    table: tuple[Mapping[str, Result], ...]

    @property
    def verdict(self) -> Verdict:
        """`proved` only if every demanded condition was proved in every fold."""
        return worst([result for fold in self.table for result in fold.values()])

    def raise_if_violated(self) -> None:
        """Raise LeakFound, with witnesses, if any condition is violated in any fold."""
        if self.verdict != "violated":
            return
        violated = [name for name in self.meanings if self._violations(name)]
        raise LeakFound("\n".join([self._headline(), *self._lines(violated)]))

    def fold(self, i: int) -> tuple[Answer, ...]:
        """What is to be said about fold i, one short answer per condition."""
        return tuple(
            Answer(name, result.outcome, str(result)) for name, result in self.table[i].items()
        )

    def to_dict(self) -> dict[str, object]:
        """The proof as plain JSON data."""
        return {
            "format": "proof/1",
            "verdict": self.verdict,
            "policy": self.policy,
            "n_rows": self.n_rows,
            "fingerprint": self.fingerprint,
            "folds": [
                {name: _plain(result) for name, result in fold.items()} for fold in self.table
            ],
        }

    def __str__(self) -> str:
        ranked = sorted(self.meanings, key=self._rank)
        return "\n".join([self._headline(), *self._lines(ranked)])

    def _headline(self) -> str:
        folds = counted(len(self.table), "fold")
        return f"split {self.verdict.upper()}: {folds} of {self.n_rows} rows, policy {self.policy}"

    def _lines(self, names: list[str]) -> Iterator[str]:
        for name in names:
            yield from (
                self._violated_lines(name) if self._violations(name) else self._quiet_lines(name)
            )

    def _violated_lines(self, name: str) -> Iterator[str]:
        violations, meaning = self._violations(name), self.meanings[name]
        yield f"  {name}  violated in {self._share(len(violations))} (must hold: {meaning.text})"
        for number, result in violations[:SHOWN_FOLDS]:
            yield f"      fold {number}: {result.count} {result.unit}"
            yield from (f"        {witness}" for witness in result.witnesses[:SHOWN_WITNESSES])
        if len(violations) > SHOWN_FOLDS:
            yield f"      and {len(violations) - SHOWN_FOLDS} more"
        yield f"      fix: {meaning.fix}"

    def _quiet_lines(self, name: str) -> Iterator[str]:
        results = Counter(fold[name] for fold in self.table)
        for result, count in results.items():
            where = "" if count == len(self.table) else f" in {self._share(count)}"
            if isinstance(result, NotChecked):
                needed = "needed but not checked" if result.demanded else "not checked"
                yield f"  {name}  {needed}{where}: {result.why}"
            else:
                yield f"  {name}  proved{where}: {self.meanings[name].text}"

    def _share(self, count: int) -> str:
        return f"{count} of {len(self.table)} folds"

    def _violations(self, name: str) -> list[tuple[int, Violated]]:
        found = enumerate(fold[name] for fold in self.table)
        return [(number, result) for number, result in found if isinstance(result, Violated)]

    def _rank(self, name: str) -> int:
        results = [fold[name] for fold in self.table]
        if any(isinstance(result, Violated) for result in results):
            return 0
        if any(isinstance(result, NotChecked) and result.demanded for result in results):
            return 1
        return 2 if any(isinstance(result, Proved) for result in results) else 3


def _plain(result: Result) -> dict[str, object]:
    plain: dict[str, object] = {"outcome": result.outcome, **asdict(result)}
    if isinstance(result, Violated):
        plain["witnesses"] = [asdict(witness) for witness in result.witnesses]
    return plain
