from dataclasses import replace
from datetime import date

import pytest
from fake_history import (
    ADAMW,
    BASELINE,
    CANDIDATE,
    CLAIM,
    POLICY,
    seeds,
    sgd_and_adamw,
    tracked,
    with_facts,
)
from rich.console import Console

from repro.audit.finding import NOT_SET, Finding, Outcome
from repro.audit.judgement import Row
from repro.audit.rule import Severity
from repro.audit.verdict import Verdict
from repro.claims import Claim, Waiver
from repro.facts.architecture import EXAMPLE as ARCHITECTURE
from repro.facts.architecture import Hyperparameter
from repro.facts.batching import EXAMPLE as BATCHING
from repro.facts.code import EXAMPLE as CODE
from repro.facts.environment import EXAMPLE as ENVIRONMENT
from repro.facts.environment import Package, Variable
from repro.facts.fact import Absent
from repro.facts.scores import EXAMPLE as SCORES
from repro.facts.scores import Series
from repro.facts.split import EXAMPLE as SPLIT
from repro.facts.topology import EXAMPLE as TOPOLOGY
from repro.judge import judge
from repro.record import RunRecord
from repro.report.text import render

EVERY = POLICY.model_copy(update={"preview": True})
OPTIONAL = ("capacity",)  # what no comparison hangs on
LARGER = BATCHING.but(micro=256, effective=256)
PATCHED = ENVIRONMENT.but(
    imported=(ENVIRONMENT.imported[0], Package(name="torch", version="2.13.1"))
)


def only_logged(records: list[RunRecord]) -> list[RunRecord]:
    """The same runs, of which nobody knows how the loss was defined."""
    logged = (Series(name="test/loss", last=0.1, last_step=4),)
    scores = SCORES.but(scored=SCORES.scored, logged=logged)
    return [
        RunRecord(record.run_id, record.name, {**record.facts, "scores": scores})
        for record in records
    ]


def test_the_first_screen_of_an_invalid_claim() -> None:
    history = sgd_and_adamw(LARGER, PATCHED)
    history.runs = {arm: only_logged(runs) for arm, runs in history.runs.items()}
    assert (
        str(render([judge(CLAIM, history, POLICY)]))
        == """\
adamw-beats-sgd    INVALID    1 error - 1 warning - 1 unknown - 30 passed

  differs             baseline  candidate  declared
  optimizer.name      SGD       AdamW      treatment
  optimizer.lr        0.1       0.001      nuisance
  batching.effective  128       256        no         <- effective-batch
  environment.torch   2.13.0    2.13.1     no         <- framework-differs
  declared, in one arm only: optimizer.momentum
  follows from these: batching.micro

  error    effective-batch (PRT011)    candidate trained on batches of 256, baseline on 128
           evidence  batching.effective  128 | 256
           fix       accumulate 2 batches in the baseline, or declare "batching.*" as treatment
  warning  framework-differs (ENV002)  torch 2.13.0 | 2.13.1
           evidence  environment.torch  2.13.0 | 2.13.1
           fix       run both arms in one environment, or declare "environment.torch"
  unknown  metric-definition (PRT003)  test/loss was logged, not scored: its definition is not recorded
           evidence  scores.logged.test/loss.last  0.1 | 0.1
           fix       run.score("test/loss", ...)

  does not apply  group-straddle (DAT005): no groups were declared
  does not apply  temporal-leak (DAT006): no time was declared
  not asked: 51 rules in preview (repro audit --preview)

  No statistics: the comparison is not valid.
"""  # noqa: E501
    )


def test_the_numbers_of_a_valid_claim() -> None:
    text = str(render([judge(CLAIM, sgd_and_adamw(), POLICY)]))
    assert text.startswith("adamw-beats-sgd    BETTER    36 passed\n")
    assert (
        text.partition("(repro audit --preview)\n\n")[2]
        == """\
  test/accuracy: baseline 0.908, candidate 0.938; it gains 0.03 (95 % interval of the gain 0.01758 to 0.04242)
  paired t, 5 pairs of seeds, p = 0.0026, exact p = 0.062, P(candidate better) = 1.00 (0.48 to 1.00)
  paired t on the seeds that both arms have: chosen by design, not by the scores
  holds for this data and this split: only the seed was varied
  guard  test/loss  safe  the gain is above 0.02047; the margin is -0.02
"""  # noqa: E501
    )


def test_what_is_not_known_is_not_measured() -> None:
    history = sgd_and_adamw()
    history.runs = {arm: only_logged(runs) for arm, runs in history.runs.items()}
    text = str(render([judge(CLAIM, history, POLICY)]))
    assert text.splitlines()[0] == "adamw-beats-sgd    UNPROVEN    1 unknown - 32 passed"
    assert text.splitlines()[-2:] == [
        "",
        "  No statistics: what is unknown may make the comparison invalid.",
    ]


def test_advice_that_could_not_be_given_is_one_line_and_counts_as_nothing() -> None:
    missing = {key: Absent(reason="nobody looked", kind="not_recorded") for key in OPTIONAL}
    judgement = judge(CLAIM, sgd_and_adamw(**missing), EVERY)
    assert judgement.verdict is Verdict.BETTER
    (line,) = [
        line
        for line in str(render([judgement])).splitlines()
        if line.startswith("  no advice, for want of facts: ")
    ]
    assert "capacity-not-shown (TRN001)" in line


def test_advice_that_does_not_apply_is_one_line() -> None:
    alone = TOPOLOGY.but(world=1)
    history = sgd_and_adamw()
    history.runs = {arm: with_facts(runs, topology=alone) for arm, runs in history.runs.items()}
    text = str(render([judge(CLAIM, history, EVERY)]))
    (line,) = [line for line in text.splitlines() if "advice that does not apply: " in line]
    assert "distributed-eval (TRN012)" in line


def test_an_unproven_claim_looks_worse_than_one_with_a_note() -> None:
    logged = sgd_and_adamw()
    logged.runs = {arm: only_logged(runs) for arm, runs in logged.runs.items()}
    verdicts = [
        render([judge(CLAIM, history, POLICY)]).spans[0].style
        for history in (sgd_and_adamw(LARGER), logged, sgd_and_adamw())
    ]
    assert verdicts == ["bold white on red", "bold white on magenta", "bold green"]


def test_what_a_level_below_5_percent_is_shared_by() -> None:
    claim = CLAIM.model_copy(update={"looks": (3, 5), "family": "optimizers"})
    text = str(render([judge(claim, sgd_and_adamw(), POLICY)]))
    assert (
        "  decided at a level of 0.02: the looks at 3, 5 replicates and the claims of the family "
        "'optimizers' share the 5 %\n"
    ) in text


def test_rules_that_had_nothing_to_look_at_for_one_reason_are_one_line() -> None:
    reason = "no fold is known"
    found = [
        Finding(
            rule=name,
            code=code,
            outcome=Outcome.NOT_APPLICABLE,
            severity=Severity.ERROR,
            message=reason,
        )
        for name, code in (("group-straddle", "DAT005"), ("temporal-leak", "DAT006"))
    ]
    judgement = replace(judge(CLAIM, sgd_and_adamw(), POLICY), findings=tuple(found))
    line = "  does not apply  group-straddle (DAT005), temporal-leak (DAT006): no fold is known\n"
    assert line in str(render([judgement]))


def test_an_inconclusive_claim_says_how_many_seeds_it_takes() -> None:
    history = sgd_and_adamw(candidate=(0.91, 0.90, 0.92, 0.91, 0.90))
    text = str(render([judge(CLAIM, history, POLICY)]))
    assert "INCONCLUSIVE    1 warning - 35 passed" in text
    assert "  34 seeds in each arm would show a gain of 0.005 in 4 of 5 cases\n" in text
    silent = CLAIM.model_copy(update={"min_effect": None})
    text = str(render([judge(silent, history, POLICY)]))
    assert "declare min_effect in the claim, and this line says how many seeds" in text


@pytest.mark.parametrize(
    ("goal", "line"),
    [
        ("no-regression", "one-sided 95 % bound: the gain is above 0.02047; the margin is -0.01"),
        ("equivalent", "90 % interval 0.02047 to 0.03953; the margin is 0.01 either way"),
    ],
)
def test_a_goal_with_a_margin_shows_the_bound_that_decides_it(goal: str, line: str) -> None:
    claim = Claim(**{**CLAIM.model_dump(), "goal": goal, "margin": 0.01})
    assert f"  {line}\n" in str(render([judge(claim, sgd_and_adamw(), POLICY)]))


def test_with_a_rope_the_posterior_is_told() -> None:
    claim = CLAIM.model_copy(update={"rope": 0.02})
    text = str(render([judge(claim, sgd_and_adamw(), POLICY)]))
    assert (
        "  posterior with a rope of 0.02: worse 0.000, practically equal 0.044, better 0.955\n"
        in text
    )
    assert "posterior" not in str(render([judge(CLAIM, sgd_and_adamw(), POLICY)]))


def test_folds_that_do_not_suffice_ask_for_no_seeds() -> None:
    claim = CLAIM.model_copy(update={"min_effect": None})
    history = sgd_and_adamw(candidate=(0.91, 0.90, 0.92, 0.91, 0.90))
    assert "declare min_effect" in str(render([judge(claim, history, POLICY)]))
    for arm, runs in history.runs.items():
        history.runs[arm] = [
            RunRecord(
                record.run_id,
                record.name,
                {**record.facts, "split": SPLIT.but(fold=fold, test_digest=f"blake3:{fold}")},
            )
            for fold, record in enumerate(runs)
        ]
    text = str(render([judge(claim, history, POLICY)]))
    assert "INCONCLUSIVE" in text
    assert "declare min_effect" not in text


def test_unpaired_arms_are_counted_run_by_run() -> None:
    history = sgd_and_adamw()
    history.runs["adamw"] = [
        tracked(101 + at, 50 + at, value, *ADAMW) for at, value in enumerate(CANDIDATE[:4])
    ]
    text = str(render([judge(CLAIM, history, POLICY)]))
    assert "  Welch t, 5 and 4 unpaired runs, p = " in text


def test_a_loss_is_called_a_loss() -> None:
    history = sgd_and_adamw(candidate=BASELINE)
    history.runs["sgd"] = seeds(1, CANDIDATE)
    text = str(render([judge(CLAIM, history, POLICY)]))
    assert "baseline 0.938, candidate 0.908; it loses 0.03 (95 %" in text


def test_runs_that_a_finding_is_about_are_named() -> None:
    text = str(render([judge(CLAIM, sgd_and_adamw(CODE.but(is_dirty=True)), POLICY)]))
    assert "  runs      00000065, 00000066, 00000067, 00000068, 00000069 (candidate)\n" in text


def test_long_lists_are_cut_and_counted() -> None:
    more = tuple(Variable(name=f"P{at:02d}", value="1") for at in range(14))
    many = ENVIRONMENT.but(variables=(*ENVIRONMENT.variables, *more))
    text = str(render([judge(CLAIM, sgd_and_adamw(many), POLICY)]))
    assert "  and 4 more, not declared\n" in text
    assert f"{'':21}and 4 more\n" in text


def test_what_was_left_out_is_said() -> None:
    history = sgd_and_adamw()
    history.runs["sgd"] += [tracked(200, 0, BASELINE[0]), tracked(201, 9, 0.9)]
    waivers = (
        Waiver(
            rule="seed-missing",
            scope="arm:candidate",
            reason="r",
            owner="@o",
            expires=date(2026, 1, 1),
        ),
        Waiver(
            rule="dirty-no-diff",
            scope="arm:candidate",
            reason="r",
            owner="@o",
            expires=date(2027, 1, 1),
        ),
    )
    policy = POLICY.model_copy(update={"ignore": ("DET007",), "waivers": waivers})
    text = str(render([judge(CLAIM, history, policy, today=date(2026, 11, 1))]))
    assert "  not asked, by the policy: rerun-differs\n" in text
    assert "  without a counterpart: baseline 000000c9 (seed 9 fold 0)\n" in text
    assert "  not counted: baseline 00000001, replaced by 000000c8 (seed 0 fold 0)\n" in text
    assert "  waiver of seed-missing (arm:candidate) expired on 2026-01-01\n" in text
    assert "  waiver of dirty-no-diff (arm:candidate) waives nothing here\n" in text


def test_a_waived_finding_shows_who_answers_for_it() -> None:
    waiver = Waiver(
        rule="SRC001",
        scope="claim:adamw-beats-sgd",
        reason="docs only",
        owner="@vision",
        expires=date(2027, 1, 1),
    )
    policy = POLICY.model_copy(update={"waivers": (waiver,)})
    judgement = judge(
        CLAIM, sgd_and_adamw(CODE.but(is_dirty=True)), policy, today=date(2026, 11, 1)
    )
    text = str(render([judgement]))
    assert "BETTER    1 waived - 35 passed" in text
    assert "  waived   dirty-no-diff (SRC001)" in text
    assert "  waived    until 2027-01-01 by @vision: docs only\n" in text


def test_a_narrow_terminal_does_not_wrap_a_line() -> None:
    text = render([judge(CLAIM, sgd_and_adamw(LARGER), POLICY)])
    console = Console(width=40, force_terminal=False)
    with console.capture() as capture:
        console.print(text, soft_wrap=True)
    assert capture.get() == f"{text}\n"


def test_markup_in_a_value_is_printed_not_interpreted() -> None:
    forest = ARCHITECTURE.but(
        hyperparameters=(Hyperparameter(name="depth", value="[bold]3[/bold]"),)
    )
    assert "[bold]3[/bold]" in str(render([judge(CLAIM, sgd_and_adamw(forest), POLICY)]))


def test_declared_values_that_one_arm_lacks_are_named_in_one_line() -> None:
    both = Row("optimizer.lr", (0.1,), (0.001,), "nuisance", None, False)
    lacking = Row("optimizer.betas", (NOT_SET,), ("(0.9, 0.999)",), "treatment", None, False)
    judgement = judge(CLAIM, sgd_and_adamw(), POLICY)
    text = str(render([replace(judgement, differences=(both, lacking))]))
    assert "  optimizer.lr  0.1       0.001      nuisance" in text
    assert "  declared, in one arm only: optimizer.betas" in text


def test_what_is_unknown_for_one_reason_is_told_once_with_every_rule() -> None:
    untracked = Absent(reason="the run was not tracked", kind="not_recorded")
    history = sgd_and_adamw()
    history.runs["sgd"] = [
        replace(run, facts={**dict.fromkeys(run.facts, untracked), "scores": run.facts["scores"]})
        for run in history.runs["sgd"]
    ]
    judgement = judge(CLAIM, history, POLICY)
    text = str(render([judgement]))
    assert text.count("the run was not tracked") == 1
    unknown = {found.rule for found in judgement.findings if found.outcome is Outcome.UNKNOWN}
    (line,) = [line for line in text.splitlines() if line.startswith("           rules     ")]
    assert all(f"{rule} (" in text for rule in unknown)
    assert line.count("(") > 10
    assert "wait for the end of the run, or `repro recover RUN`\n" in text
