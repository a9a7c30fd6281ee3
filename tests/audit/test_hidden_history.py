"""What an experiment tells of runs that somebody left out, or that left little."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fake_history import (
    ADAMW,
    CLAIM,
    POLICY,
    SCORES,
    FakeHistory,
    launched,
    outcome,
    score,
    sgd_and_adamw,
    tracked,
    with_facts,
)

import repro.launched
from repro.audit.finding import Finding, Outcome
from repro.audit.rule import Severity
from repro.facts.budget import EXAMPLE as BUDGET
from repro.facts.optimizer import EXAMPLE as SGD
from repro.facts.optimizer import Setting
from repro.facts.outcome import EXAMPLE as OUTCOME
from repro.facts.params import EXAMPLE as PARAMS
from repro.facts.params import Param
from repro.facts.tuning import EXAMPLE as TUNING
from repro.history import COMMIT, PARENT, SOURCE, Launch
from repro.judge import judge
from repro.observe.declared import Declared
from repro.record import SEAL, RunRecord
from repro.record_tags import early_tags

SCRIPT = {SOURCE: "train.py", COMMIT: "4f1f2c9e"}
LONG_AGO = OUTCOME.started_at


class Tagged(FakeHistory):
    """The same, whose runs have MLflow's own tags, too."""

    def launches(self) -> Sequence[Launch]:
        compared = FakeHistory(self.runs).launches()
        return [*(replace(one, tags={**SCRIPT, **one.tags}) for one in compared), *self.others]


def found(rule: str, *others: Launch, claim=CLAIM) -> Finding:
    made = sgd_and_adamw()
    return outcome(judge(claim, Tagged(made.runs, others=others), POLICY), rule)


def begun(seed: int, **tags: str) -> Launch:
    """A run of AdamW that was killed, by what it was opened with."""
    run = tracked(200, seed, 0.5, *ADAMW)
    early = {name: value for name, value in early_tags(run).items() if name != "repro.data"}
    listed = launched(run, status="RUNNING", is_live=False, started_at=LONG_AGO)
    return replace(listed, tags={**SCRIPT, **early, **tags})


def bare(tags: Mapping[str, str], **changes: object) -> Launch:
    """A run of which nothing is known but what MLflow itself writes."""
    listed = launched(tracked(200, 7, 0.5), status="FAILED", started_at=LONG_AGO)
    return replace(listed, tags=tags, **changes)


def test_a_run_that_was_killed_early_may_be_of_the_arm_of_its_parameters_alone() -> None:
    told = found("failed-runs-missing", begun(7))
    assert told.message == (
        "candidate: 1 run may be of its configuration, and left too little to tell: "
        "000000c8 RUNNING"
    )
    assert told.outcome is Outcome.UNKNOWN


def test_with_the_data_of_the_arm_it_is_one_of_it() -> None:
    data = early_tags(tracked(200, 7, 0.5))["repro.data"]
    assert found("failed-runs-missing", begun(7, **{"repro.data": data})).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    "other",
    [
        begun(3),
        begun(7, **{"repro.data": "00000000"}),
        begun(7, **{SOURCE: "other.py"}),
        begun(7, **{"repro.begun": '{"params":"00000000"}'}),
        bare({}),
        bare({SOURCE: "train.py"}),
        bare({SOURCE: "other.py", COMMIT: "4f1f2c9e"}),
        bare({SOURCE: "train.py", COMMIT: "00000000"}),
        bare({**SCRIPT, PARENT: "00"}),
        bare(SCRIPT, status="FINISHED"),
    ],
    ids=[
        *("repeated", "other data", "other script", "other parameters", "nothing", "no commit"),
        *("other script at once", "other commit", "part of another", "not tracked"),
    ],
)
def test_a_killed_run_that_nothing_brings_near_an_arm_is_silent(other: Launch) -> None:
    assert found("failed-runs-missing", other).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("arm", "other", "is_said"),
    [
        ("team_a/train.py", "team_b/train.py", False),  # of one repository
        ("/home/a/digits/train.py", "/home/b/digits/train.py", True),
        ("/home/a/digits/train.py", "train.py", True),
        ("/env/ipykernel_launcher.py", "/env/ipykernel_launcher.py", False),
    ],
)
def test_a_script_is_known_by_its_name_and_folder(arm: str, other: str, *, is_said: bool) -> None:
    class Placed(FakeHistory):
        def launches(self) -> Sequence[Launch]:
            compared = FakeHistory(self.runs).launches()
            tags = {SOURCE: arm, COMMIT: SCRIPT[COMMIT]}
            return [*(replace(one, tags={**tags, **one.tags}) for one in compared), *self.others]

    plain = bare({SOURCE: other, COMMIT: SCRIPT[COMMIT]})
    judgement = judge(CLAIM, Placed(sgd_and_adamw().runs, others=[plain]), POLICY)
    told = {one.outcome for one in judgement.findings if one.rule == "failed-runs-missing"}
    assert told == {Outcome.UNKNOWN if is_said else Outcome.PASS}


@pytest.mark.parametrize("lost", [{"repro.setup"}, {"repro.begun"}, set()])
@pytest.mark.parametrize("forged", [{}, {"repro.replay_of": "0" * 32}, {"repro.seed": "1"}])
def test_a_run_whose_seal_was_deleted_is_not_hidden_by_its_other_tags(
    lost: set[str], forged: dict[str, str]
) -> None:
    run = tracked(200, 7, 0.5, *ADAMW)
    tags = {**SCRIPT, **early_tags(run), **launched(run).tags, **forged}
    kept = {name: value for name, value in tags.items() if name not in lost | {SEAL}}
    other = launched(run, tags=kept, started_at=LONG_AGO)
    told = found("seed-selection", other)
    assert (told.outcome, told.severity) == (Outcome.UNKNOWN, Severity.ERROR)
    assert told.message is not None
    assert told.message.startswith("candidate: runs that came to their end, and may be of its ")
    assert found("seed-selection", replace(other, tags=tags)).outcome is not Outcome.UNKNOWN


def test_a_run_that_left_nothing_may_be_of_both_arms_of_its_script_and_commit() -> None:
    made = sgd_and_adamw()
    judgement = judge(CLAIM, Tagged(made.runs, others=[bare(SCRIPT)]), POLICY)
    told = [one for one in judgement.findings if one.rule == "failed-runs-missing"]
    assert [(one.outcome, one.severity) for one in told] == [
        (Outcome.UNKNOWN, Severity.ERROR),
        (Outcome.UNKNOWN, Severity.ERROR),
    ]


@pytest.mark.parametrize(
    ("age", "is_live", "expected"),
    [
        (timedelta(minutes=5), None, (Outcome.FAIL, Severity.NOTE)),
        (timedelta(days=30), None, (Outcome.UNKNOWN, Severity.WARNING)),
        (timedelta(days=30), True, (Outcome.FAIL, Severity.NOTE)),
        (timedelta(minutes=5), False, (Outcome.FAIL, Severity.WARNING)),
    ],
)
def test_a_run_of_another_machine_is_believed_to_go_on_for_as_long_as_the_others_took(
    age: timedelta, is_live: bool | None, expected: tuple[Outcome, Severity]
) -> None:
    run = launched(tracked(200, 7, 0.5, *ADAMW))
    at = datetime.now(UTC) - age
    runs = sgd_and_adamw(candidate=(0.98, 0.99, 0.985, 0.98, 0.99)).runs  # one more changes nothing
    other = replace(run, status="RUNNING", is_live=is_live, started_at=at)
    told = outcome(judge(CLAIM, FakeHistory(runs, others=[other]), POLICY), "failed-runs-missing")
    assert (told.outcome, told.severity) == expected


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        (Declared(OUTCOME.started_at), Severity.WARNING),
        (Declared(OUTCOME.started_at + timedelta(days=99)), Severity.ERROR),
        (Declared(OUTCOME.started_at + timedelta(days=99), "9d4c3b2a" * 5), Severity.ERROR),
        (
            Declared(
                OUTCOME.started_at + timedelta(days=99), "9d4c3b2a1f0e9d8c7b6a5f4e3d2c1b0a9f8e7d6c"
            ),
            Severity.WARNING,
        ),
        (None, Severity.WARNING),
    ],
    ids=["before", "after", "other tree", "made in the tree of that commit", "nobody knows"],
)
def test_seeds_that_were_declared_when_the_runs_were_there_leave_none_out(
    since: Declared | None, expected: Severity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repro.launched, "declared", lambda file, claim: since)
    claim = CLAIM.model_copy(update={"seeds": (0, 1, 2, 3, 4)})
    told = found("seed-selection", launched(tracked(200, 7, 0.5, *ADAMW)), claim=claim)
    assert (told.outcome, told.severity) == (Outcome.FAIL, expected)
    is_told = "; 1 of them ran before seeds = [0, 1, 2, 3, 4] was committed" in str(told.message)
    assert is_told == (expected is Severity.ERROR)


def wide(width: int, n_steps: int = 55, name: str = "width") -> RunRecord:
    declared = (*ADAMW[1].declared, Param(name=name, value=width))
    made = ADAMW[0], ADAMW[1].but(declared=declared), BUDGET.but(n_steps=n_steps)
    return tracked(200 + width, 0, 0.9, *made)


def tuning(*trials: RunRecord, claim=CLAIM) -> Finding:
    made = sgd_and_adamw()
    made.runs["trials"] = list(trials)
    return outcome(judge(claim, made, POLICY), "tuning-budget")


def test_a_parameter_that_was_tuned_and_that_the_claim_does_not_tell_of_counts() -> None:
    grid = [wide(width) for width in range(6)]
    assert str(tuning(*grid).message).startswith("10 configurations were tried for the candidate")
    treated = CLAIM.model_copy(update={"treatment": (*CLAIM.treatment, "params.*")})
    assert tuning(*grid, claim=treated).outcome is Outcome.PASS


def test_ablations_and_short_tries_of_the_script_are_no_tuning() -> None:
    ablations = [wide(at, name=f"part {at}") for at in range(6)]
    assert tuning(*ablations).outcome is Outcome.PASS
    assert tuning(*[wide(width, n_steps=5) for width in range(6)]).outcome is Outcome.PASS


def test_what_was_tuned_for_the_candidate_alone_is_told() -> None:
    made = sgd_and_adamw()
    untuned = TUNING.but(searches=())
    made.runs = {arm: with_facts(runs, tuning=untuned) for arm, runs in made.runs.items()}
    rate = (SGD.but(name="AdamW", settings=(Setting(name="lr", value=0.02),)), untuned)
    lr = PARAMS.but(declared=(Param(name="lr", value=0.02), PARAMS.declared[1]))
    made.runs["trial"] = [tracked(200, 0, 0.9, *rate, lr)]
    told = outcome(judge(CLAIM, made, POLICY), "tuning-budget")
    assert (told.outcome, told.severity) == (Outcome.FAIL, Severity.WARNING)
    assert told.message == "tuned for the candidate alone: optimizer.lr"
    slower = SGD.but(settings=(Setting(name="lr", value=0.02), *SGD.settings[1:]))
    made.runs["other"] = [tracked(201, 0, 0.9, slower, untuned, lr)]
    assert outcome(judge(CLAIM, made, POLICY), "tuning-budget").outcome is Outcome.PASS


def test_what_the_baseline_does_not_have_could_not_be_tuned_for_it() -> None:
    made = sgd_and_adamw()
    untuned = TUNING.but(searches=())
    made.runs = {arm: with_facts(runs, tuning=untuned) for arm, runs in made.runs.items()}
    damped = ADAMW[0].but(settings=(*ADAMW[0].settings, Setting(name="weight_decay", value=0.1)))
    made.runs["trial"] = [tracked(200, 0, 0.9, damped, ADAMW[1], untuned)]
    claim = CLAIM.model_copy(update={"nuisance": ("optimizer.lr", "optimizer.weight_decay")})
    assert outcome(judge(claim, made, POLICY), "tuning-budget").outcome is Outcome.PASS


def test_runs_without_a_metric_that_nobody_scored_are_not_held_against_an_arm() -> None:
    made = sgd_and_adamw()
    made.runs["others"] = [tracked(200 + seed, seed, 0.9, *ADAMW) for seed in range(100, 109)]
    claim = CLAIM.model_copy(update={"metric": "test/f1"})
    assert outcome(judge(claim, made, POLICY), "seed-selection").outcome is Outcome.PASS


def unscored(*seeds: int) -> Finding:
    """What is said of runs of AdamW that were scored on valid alone."""
    valid = SCORES.but(scored=(score("valid/accuracy", 0.9),))
    made = sgd_and_adamw()
    made.runs["tuned"] = [tracked(200 + seed, seed, 0.0, *ADAMW, valid) for seed in seeds]
    return outcome(judge(CLAIM, made, POLICY), "seed-selection")


def test_runs_that_tuned_on_validation_rows_were_not_left_out_for_their_score() -> None:
    told = unscored(100)
    assert (told.outcome, told.severity) == (Outcome.FAIL, Severity.NOTE)
    assert told.message == (
        "candidate: 1 more run of its configuration has no test/accuracy: 0000012c (seed 100)"
    )


def test_as_many_as_are_compared_may_have_been_seeds_to_choose_from() -> None:
    assert unscored(*range(100, 105)).severity is Severity.WARNING


def test_records_that_were_too_many_to_read_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repro.launched, "MAX_READ", 2)
    made = sgd_and_adamw()
    made.runs["trials"] = [wide(width) for width in range(6)]
    told = outcome(judge(CLAIM, made, POLICY), "seed-selection")
    assert (told.outcome, told.severity) == (Outcome.UNKNOWN, Severity.WARNING)
    assert told.message == (
        "the records of 4 older runs were not read: there are too many runs of an arm's code"
    )
