"""Worlds without an effect for whole claims: guards, families, looks, and the scored rows."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from fake_history import CLAIM, FakeHistory, score, tracked
from null_worlds import CONTRAST, WIDE, Erred, Noise, compared, misses, moved

from repro.audit.case import GuardResult
from repro.audit.judgement import Judgement
from repro.audit.verdict import Verdict
from repro.claims import Goal, Guard
from repro.evaluation_noise import evaluation_noise
from repro.facts.scores import EXAMPLE as SCORES
from repro.families import holm_level
from repro.record import Arms, RunRecord
from repro.stats.comparison import ALPHA, Comparison
from repro.stats.decision import decide, guard_outcome
from repro.stats.paired import paired_t
from repro.stats.sequential import Spending, confidence_at, linear, obrien_fleming, pocock

HOLDS = {
    "improve": Verdict.BETTER,
    "no-regression": Verdict.NO_REGRESSION,
    "equivalent": Verdict.EQUIVALENT,
}
LOOKS = {3: (2, 3), 5: (3, 5), 10: (5, 10), 20: (5, 10, 15, 20)}
SPENDINGS = {"linear": linear, "Pocock": pocock, "O'Brien-Fleming": obrien_fleming}
N_EXAMPLES = 300
SHARE = 0.9
TEMPLATE = compared((0.0, 1.0), (0.0, 1.0), kind="seed")


def guards(noise: Noise, n: int) -> Iterator[Erred]:
    """Claims with three guards, every metric with noise of its own; n pairs."""
    while True:
        primary, *others = (of_pairs(noise.draw(n)) for _ in range(4))
        safe = [moved(guard, WIDE) for guard in others]
        lost = [moved(guard, -WIDE) for guard in others]
        gain = moved(primary, WIDE)
        yield {
            "three safe guards and no gain: BETTER": guarded(primary, safe) == "BETTER",
            "a gain, one of three guards at a loss of its margin: BETTER": (
                guarded(gain, [lost[0], *safe[1:]]) == "BETTER"
            ),
            "a gain, all three at a loss of their margin: BETTER": guarded(gain, lost) == "BETTER",
            "a gain, all three at a loss of their margin: WORSE": guarded(gain, lost) == "WORSE",
        }


def guarded(primary: Comparison, others: Sequence[Comparison]) -> str:
    outcomes = [guard_outcome(guard, WIDE, min_replicates=2) for guard in others]
    return decide("improve", primary, min_replicates=2, guards=outcomes)


def families(noise: Noise, n: int) -> Iterator[Erred]:
    """Three claims of one family, one of each goal with a guard each; n pairs."""
    while True:
        false, true, by_guard = members(noise, n)
        beside = [true[0], *false[1:]]
        yield {
            "Holm, three false claims: any holds": any(held(false)),
            "Holm, two false claims beside a true one: any holds": any(held(beside)[1:]),
            "Holm, three claims that a guard makes false: any holds": any(held(by_guard)),
            f"{CONTRAST}: three false claims, each at .05": any(
                holds_at(one, ALPHA) for one in false
            ),
        }


def members(noise: Noise, n: int) -> tuple[list[Judgement], list[Judgement], list[Judgement]]:
    """Three claims on the edge of being true; all of them true; true, but for a guard."""
    primary, guard = ({goal: of_pairs(noise.draw(n)) for goal in HOLDS} for _ in range(2))

    def moved_by(truth: Mapping[Goal, float], of_guard: float) -> list[Judgement]:
        return [
            judged(goal, moved(primary[goal], by), moved(guard[goal], of_guard))
            for goal, by in truth.items()
        ]

    edge = {"improve": 0.0, "no-regression": -WIDE, "equivalent": WIDE}
    inside = {"improve": WIDE, "no-regression": WIDE, "equivalent": 0.0}
    return moved_by(edge, WIDE), moved_by(inside, WIDE), moved_by(inside, -WIDE)


GUARD = Guard(metric="test/loss", direction="lower", margin=WIDE)
CLAIMS = {
    goal: CLAIM.model_copy(
        update={
            "name": goal,
            "goal": goal,
            "margin": None if goal == "improve" else WIDE,
            "guards": (GUARD,),
            "replicates": 2,
        }
    )
    for goal in HOLDS
}


def judged(goal: Goal, primary: Comparison, guard: Comparison) -> Judgement:
    """As far as a family reads it."""
    return Judgement(
        claim=CLAIMS[goal],
        verdict=Verdict.INCONCLUSIVE,
        findings=(),
        differences=(),
        runs=(),
        superseded=(),
        not_asked=(),
        in_preview=(),
        unused_waivers=(),
        expired_waivers=(),
        comparison=primary,
        guards=(GuardResult(GUARD, outcome="unclear", comparison=guard),),
    )


def held(family: Sequence[Judgement]) -> list[bool]:
    """Which claims hold, each at the level that Holm leaves to it."""
    return [
        holds_at(one, holm_level(one, [other for other in family if other is not one]))
        for one in family
    ]


def holds_at(judgement: Judgement, alpha: float) -> bool:
    claim = judgement.claim
    outcomes = [
        guard_outcome(replace(one.comparison, alpha=alpha), one.guard.margin, min_replicates=2)
        for one in judgement.guards
    ]
    primary = replace(judgement.comparison, alpha=alpha)
    found = decide(claim.goal, primary, margin=claim.margin, min_replicates=2, guards=outcomes)
    return Verdict(found) is HOLDS[claim.goal]


def looks(noise: Noise, n: int) -> Iterator[Erred]:
    """Declared looks at 2 and 3, 3 and 5, 5 and 10, or 5, 10, 15 and 20 pairs."""
    declared = LOOKS[n]
    while True:
        d = noise.draw(n)
        yield {
            "looks, linear: NO_REGRESSION at a loss of the margin": (
                "NO_REGRESSION" in seen(d - WIDE, declared, "no-regression")
            ),
            "looks, linear: EQUIVALENT at a gain of the margin": (
                "EQUIVALENT" in seen(d + WIDE, declared, "equivalent")
            ),
            **{
                f"looks, {name}: BETTER or WORSE": bool(
                    {"BETTER", "WORSE"} & seen(d, declared, "improve", spending)
                )
                for name, spending in SPENDINGS.items()
            },
            f"{CONTRAST}: a look at .05 after every pair": any(
                misses(paired_t(d[:k]).interval(), 0) for k in range(2, n + 1)
            ),
        }


def seen(d, declared: Sequence[int], goal: Goal, spending: Spending = linear) -> set[str]:
    """The verdicts at all looks, each at its share of alpha."""
    alphas = {k: 1 - confidence_at(k, declared, spending=spending) for k in declared}
    at_looks = [replace(of_pairs(d[:k]), alpha=alpha) for k, alpha in alphas.items()]
    return {decide(goal, one, margin=WIDE, min_replicates=2) for one in at_looks}


def rows(noise: Noise, n: int) -> Iterator[Erred]:
    """n pairs scored on the same 300 rows, where neither arm is better on rows of that kind."""
    while True:
        of_rows = noise.draw(N_EXAMPLES) + noise.draw(n, N_EXAMPLES)
        seeds = of_rows.mean(axis=1)
        right = noise.rng.random((2, N_EXAMPLES)) < SHARE
        shares = right.mean(axis=1)
        yield {
            "1.96 errors over rows, row by row": is_beyond(seeds.mean(), *of_kept(of_rows)),
            "1.96 errors over rows, by the shares": is_beyond(
                shares[1] - shares[0], *of_shares(*shares)
            ),
            f"{CONTRAST}: paired t over seeds, read as of new rows": misses(
                paired_t(seeds).interval(), 0
            ),
        }


def is_beyond(difference: float, arms: Arms, history: FakeHistory) -> bool:
    """Whether more than the rows is needed to explain it, as `eval-sampling-noise` asks."""
    noise = evaluation_noise(arms, "test/accuracy", history)
    return abs(difference) >= 1.96 * noise.standard_error


def of_kept(differences) -> tuple[Arms, FakeHistory]:
    """Runs that kept what each row scored: the baseline always 0."""
    numbers = range(len(differences))
    kept = {f"candidate {i}": differences[i] for i in numbers}
    kept["baseline"] = np.zeros(N_EXAMPLES)
    baseline = [scored(per_example="baseline") for _ in numbers]
    candidate = [scored(per_example=f"candidate {i}") for i in numbers]
    return Arms(baseline, candidate, tuple((i, i) for i in numbers)), Kept(kept)


def of_shares(baseline: float, candidate: float) -> tuple[Arms, FakeHistory]:
    """One run of each arm that kept nothing but its accuracy."""
    runs = [[scored(value=float(share))] for share in (baseline, candidate)]
    return Arms(*runs, ((0, 0),)), FakeHistory({})


RUN = tracked(1, 0, SHARE)


def scored(**changes: object) -> RunRecord:
    of = score("test/accuracy", SHARE).model_copy(update={"n_rows": N_EXAMPLES, **changes})
    return replace(RUN, facts={**RUN.facts, SCORES.key(): SCORES.but(scored=(of,))})


class Kept(FakeHistory):
    """Rows by the artifact that holds them."""

    def artifact(self, run_id: str, path: str) -> bytes:
        content = io.BytesIO()
        np.save(content, self.runs[path])
        return content.getvalue()


def of_pairs(differences) -> Comparison:
    return replace(TEMPLATE, estimate=paired_t(differences), n_pairs=len(differences))
