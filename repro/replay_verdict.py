"""Whether a replay gave the same bits: the contract first, then what was seen, in causal order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from repro.contract import breaches, gating
from repro.errors import TracesIncomparable
from repro.facts import trace
from repro.facts.code import Code
from repro.facts.data import Data
from repro.facts.entropy import Entropy
from repro.facts.fact import Scalar
from repro.facts.outcome import Outcome
from repro.facts.scores import Score, Scores
from repro.record import RunRecord
from repro.replay_series import Points, Unlike, measures_time, unlike
from repro.report.shown import listed, shown
from repro.trace import Difference, Trace, first_difference

Kind = Literal[
    "identical",
    "diverged",
    "environment not equivalent",
    "not re-executable",
    "incomplete trace",
]
EXIT_CODES: Mapping[Kind, int] = {
    "identical": 0,
    "diverged": 1,
    "environment not equivalent": 3,
    "not re-executable": 3,
    "incomplete trace": 3,
}
WORST_FIRST: tuple[Kind, ...] = (
    "diverged",
    "not re-executable",
    "environment not equivalent",
    "incomplete trace",
    "identical",
)
WEIGHTS = ("parameters", "updated")
SHOWN = 10  # differences of the contract
SUSPECTS = 5


@dataclass(frozen=True)
class Verdict:
    """One of the five, and what it is about."""

    kind: Kind
    what: str = ""
    details: tuple[tuple[str, str], ...] = ()  # what is told beside it: a word, and the rest

    @property
    def exit_code(self) -> int:
        """0 identical, 1 diverged, 3 cannot be told."""
        return EXIT_CODES[self.kind]

    def __str__(self) -> str:
        return f"{self.kind}({self.what})" if self.what else self.kind


@dataclass(frozen=True)
class Left:
    """What a run has left that can be compared bit for bit."""

    record: RunRecord
    trace: Trace | None = None
    why_no_trace: str = "it left none"
    series: Mapping[str, Points] = field(default_factory=dict)


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The one that says the most against the run.

    >>> worst([Verdict("identical"), Verdict("diverged"), Verdict("incomplete trace")]).kind
    'diverged'
    """
    return min(verdicts, key=lambda verdict: WORST_FIRST.index(verdict.kind))


def compared(original: Left, replay: Left, *, until: int | None = None) -> Verdict:
    """The verdict on a replay that was executed; up to a step, if it ended after that."""
    broken = gating(breaches(original.record, replay.record))
    if broken:
        return Verdict(
            "environment not equivalent",
            listed([breach.what for breach in broken]),
            tuple(("differs", str(breach)) for breach in broken[:SHOWN]),
        )
    stopped = _other_program(original.record, replay.record, until)
    if stopped:
        return Verdict("not re-executable", stopped)
    found = next(_differences(original, replay, until), None)
    if found is not None:
        return replace(found, details=(*found.details, *_suspects(replay.record)))
    proof = _proved(original, replay, until)
    if until is not None or not ended_by_itself(original.record):
        return proof
    others = unlike(original.series, replay.series)
    verdict = _other_series(others, proof) or proof
    return replace(verdict, details=(*verdict.details, *_times(others)))


def _suspects(record: RunRecord) -> Iterator[tuple[str, str]]:
    """Randomness that the seed does not hold, with its line."""
    entropy = record.find(Entropy)
    found = entropy.loose() if entropy else ()
    for one in found[:SUSPECTS]:
        yield "suspect", f"{one.where} {one.kind.replace('_', ' ')}: {one.what}".strip()


def _other_program(original: RunRecord, replay: RunRecord, until: int | None) -> str | None:
    """Why the replay is not the same program, or did not come as far."""
    code, again = original.find(Code), replay.find(Code)
    if code is not None and again is not None:
        digests = {module.path: module.digest for module in again.modules}
        others = [m.path for m in code.modules if digests.get(m.path, m.digest) != m.digest]
        if others:
            return f"it imported other code: {listed(others)}"
    before, after = original.find(Outcome), replay.find(Outcome)
    if before is None or after is None or before.status == after.status or until is not None:
        return None
    if before.status in ("KILLED", "RUNNING"):
        return None
    return (
        f"the replay ended as {after.status}: {after.error or after.reason or 'nobody knows why'}"
    )


def _differences(original: Left, replay: Left, until: int | None) -> Iterator[Verdict]:
    """Every kind of difference, what comes first in a training leading."""
    if until is None:
        yield from _data_differences(original.record, replay.record)
    if original.trace is not None and replay.trace is not None:
        try:
            found = first_difference(original.trace, replay.trace)
        except TracesIncomparable:
            found = None
        if found is not None:
            yield _diverged(found)
    if until is None and ended_by_itself(original.record):
        yield from _score_differences(original.record, replay.record)


def ended_by_itself(record: RunRecord) -> bool:
    """Whether a run came to its end, so that its record holds all there is."""
    outcome = record.find(Outcome)
    return outcome is not None and outcome.status in ("FINISHED", "FAILED")


def _diverged(found: Difference) -> Verdict:
    where = {"step": f"step {found.step}", "score": f"score {found.step}", "final": "the end"}
    what = ", ".join(filter(None, (where[found.kind], found.component, found.tensor)))
    details = [
        ("recorded", _side(found.a, found.heads[0])),
        ("now", _side(found.b, found.heads[1])),
    ]
    if found.since is not None:
        details.append(("equal up to", f"step {found.since}"))
    return Verdict("diverged", what, tuple(details))


def _side(value: str | None, head: str | None) -> str:
    return " ".join(filter(None, (shown(value) if value else "nothing", head)))


def _data_differences(original: RunRecord, replay: RunRecord) -> Iterator[Verdict]:
    before, after = original.find(Data), replay.find(Data)
    for role in before.roles if before else ():
        again = after.role(role.role) if after else None
        if again is None or again.digest != role.digest:
            why = "the data are others now, or the script draws them without a seed"
            told = (("recorded", role.digest), ("now", again.digest if again else "nothing"))
            yield Verdict("diverged", f"data, {role.role}", (*told, ("hint", why)))


def _score_differences(original: RunRecord, replay: RunRecord) -> Iterator[Verdict]:
    before, after = original.find(Scores), replay.find(Scores)
    again = {(score.name, score.step): score for score in (after.scored if after else ())}
    for score in before.scored if before else ():
        other = again.get((score.name, score.step))
        for field_name in ("rows_digest", "per_example_digest", "value"):
            told = _field(score, field_name), _field(other, field_name)
            if told[0] != told[1]:
                where = f"step {score.step}, score, {score.name}"
                yield Verdict("diverged", where, _sides(field_name, *told))


def _field(score: Score | None, name: str) -> Scalar:
    """A value of a score; the shortest text of a number is the number, to the bit."""
    found: Scalar = getattr(score, name, None)
    return repr(found) if isinstance(found, float) else found


def _sides(name: str, before: Scalar, after: Scalar) -> tuple[tuple[str, str], ...]:
    told = [shown(side) if side is not None else "nothing" for side in (before, after)]
    return (("recorded", f"{name} {told[0]}"), ("now", f"{name} {told[1]}"))


def _other_series(found: Sequence[Unlike], proof: Verdict) -> Verdict | None:
    """Series that a proof does not reach: what measures time is told, anything else counts."""
    counted = [one for one in found if not measures_time(one.name)]
    if not counted:
        return None
    first, names = counted[0], [one.name for one in counted]
    told = [*_sides("value", first.before, first.after), ("series", listed(names))]
    if proof.kind == "identical":
        told.append(("weights", "equal at the end, bit for bit: only what was logged differs"))
    return Verdict("diverged", f"step {first.step}, metric, {first.name}", tuple(told))


def _times(found: Sequence[Unlike]) -> tuple[tuple[str, str], ...]:
    names = [one.name for one in found if measures_time(one.name)]
    return (("differs", f"{listed(names)}: measured time, not compared"),) if names else ()


def _proved(original: Left, replay: Left, until: int | None) -> Verdict:
    """Nothing differs: is what was compared a proof?"""
    for side, left in (("the run", original), ("the replay", replay)):
        if left.trace is None:
            return Verdict("incomplete trace", f"{side} has no trace: {left.why_no_trace}")
        if not _shows_weights(left.trace, until):
            return Verdict("incomplete trace", f"{side} shows no weights: call run.watch(model)")
        if left.trace.unread:
            return Verdict("incomplete trace", f"{listed(left.trace.unread)} cannot be read")
    if not ended_by_itself(original.record):
        return Verdict("incomplete trace", "the run did not come to its end")
    assert original.trace is not None
    assert replay.trace is not None
    common = set(original.trace.steps) & set(replay.trace.steps)
    if until is not None:
        common = {step for step in common if step <= until}
        if not common:
            return Verdict("incomplete trace", f"no step up to {until} was traced in both")
        if original.trace.end is None or replay.trace.end is None:
            unseen = _unseen_weights(original.trace, replay.trace, until)
            if unseen is not None:
                return Verdict("incomplete trace", unseen)
    return Verdict("identical", "", _counted(original, common, until))


def _shows_weights(trace: Trace, until: int | None) -> bool:
    """Whether the weights at the end were seen; up to a step, whether any were."""
    if until is None:
        return trace.end is not None and any(look.items for look in trace.end.looks)
    return any(look.component in WEIGHTS for event in trace.events for look in event.looks)


def _unseen_weights(one: Trace, other: Trace, until: int) -> str | None:
    """Why steps without a look at the weights leave them open; None: the last one had it.

    Each optimizer has weights of its own, and is looked at when it steps.
    """
    here, there = _weighed(one, until), _weighed(other, until)
    traced: dict[int, int] = {}
    weighed: dict[int, int] = {}
    for optimizer, step in sorted(here.keys() & there.keys()):
        traced[optimizer] = step
        if here[optimizer, step] and there[optimizer, step]:
            weighed[optimizer] = step
    if weighed == traced:
        return None
    if len(weighed) < len(traced):
        return f"weights were compared at no step, losses up to step {max(traced.values())}"
    last = min(weighed[one] for one in traced if weighed[one] < traced[one])
    return (
        f"weights were last compared at step {last}, losses at step {max(traced.values())}: "
        f"--until {last} can be proved"
    )


def _weighed(trace: Trace, until: int) -> dict[tuple[int, int], bool]:
    """Whether the last event of each optimizer at each step has a look at the weights."""
    return {
        (event.optimizer, event.step): any(look.component in WEIGHTS for look in event.looks)
        for event in trace.events
        if event.kind == "step" and event.step <= until
    }


def _counted(left: Left, steps: set[int], until: int | None) -> tuple[tuple[str, str], ...]:
    """What was compared."""
    scores = left.record.find(Scores)
    n_scores = len(scores.scored) if scores else 0
    traced = left.record.find(trace.Trace)
    of = f" of {traced.n_steps:,}" if traced and until is None else ""
    told = [f"{len(steps):,}{of} steps" if steps else ""]
    if until is None:
        told += ["the weights at the end", _number_of(n_scores, "score")]
        told.append(_number_of(sum(not measures_time(name) for name in left.series), "metric"))
    return (("compared", ", ".join(filter(None, told))),)


def _number_of(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}" if n else ""
