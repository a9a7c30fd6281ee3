"""Claims that the rest of the experiment decides about: failed, left out and tried runs."""

import contextlib

from claims.bed import (
    ADAMW,
    BETTER,
    INCONCLUSIVE,
    INVALID,
    NO_REGRESSION,
    SGD,
    Bed,
    expected,
)

TWO = (0, 1)


DECLARED = """
[[claim]]
name = "seeds that were declared"
baseline = "tags.arm = 'baseline'"
candidate = "attributes.run_name != 'candidate-2'"
metric = "test/accuracy"
direction = "higher"
treatment = ["optimizer.*"]
seeds = [0, 1]
"""


def endings(bed: Bed) -> None:
    bed.policy(DECLARED)
    bed.push()
    bed.train("digits.py", "baseline", range(5), **SGD)
    bed.train("digits.py", "twin", lr=0.11)
    bed.train("digits.py", "candidate", **ADAMW)
    bed.train("digits.py", "crashed", optimizer="adamw", lr=0.04)
    bed.train("digits.py", "lost", optimizer="adamw", lr=0.03)
    bed.train("digits.py", "again", optimizer="adamw", lr=0.02)
    bed.train("digits.py", "again", [0], optimizer="adamw", lr=0.02)
    bed.train("digits.py", "other", optimizer="adamw", lr=0.01)
    bed.train("digits.py", "other", [0], optimizer="adamw", lr=0.01, draws_first=True)
    for seed in (3, 4):
        for arm, lr, infra in (("crashed", 0.04, None), ("lost", 0.03, "the node was lost")):
            how = {"optimizer": "adamw", "lr": lr, "crashes": "out of memory", "infra": infra}
            with contextlib.suppress(RuntimeError):
                bed.train("digits.py", arm, [seed], **how)


def altered(bed: Bed) -> None:
    bed.train("digits.py", "baseline", TWO, **SGD)
    bed.train("digits.py", "candidate", TWO, **ADAMW)
    bed.train("digits.py", "altered", TWO, **ADAMW)
    client = bed.history.client
    for run_id in bed.runs("candidate"):
        client.set_tag(run_id, "mlflow.note.content", "the best so far")
    for run_id in bed.runs("altered"):
        client.log_metric(run_id, "test/accuracy", 0.99)


def tuned(bed: Bed) -> None:
    bed.train("digits.py", "baseline", TWO, **SGD)
    bed.train("digits.py", "candidate", TWO, **ADAMW)
    for lr in (0.002, 0.006, 0.06):
        bed.train("digits.py", "trial", [7], optimizer="adamw", lr=lr, scored_on="valid")
    bed.train("digits.py", "trial", [7], **SGD | {"lr": 0.05}, scored_on="valid")


def hidden(bed: Bed) -> None:
    bed.train("digits.py", "baseline", TWO, **SGD)
    bed.train("digits.py", "candidate", TWO, **ADAMW)
    bed.train("digits.py", "candidate", [2], **ADAMW)
    (*_, lost) = bed.runs("candidate")
    bed.history.client.set_tag(lost, "repro.replay_of", bed.runs("candidate")[0])
    for hidden in (12, 14, 15):
        bed.train("digits.py", "width", [7], optimizer="adamw", lr=0.05, hidden=hidden)


def tuned_on_test(bed: Bed) -> None:
    bed.train("digits.py", "baseline", TWO, **SGD)
    bed.train("digits.py", "candidate", TWO, **ADAMW)
    for lr in (0.002, 0.006, 0.06):
        bed.train("digits.py", "trial", [7], optimizer="adamw", lr=lr)


FINISHED = "tags.arm = '{}' and attributes.status = 'FINISHED'"
ALL_BUT_ONE = "tags.arm = 'candidate' and attributes.run_name != 'candidate-2'"
FEW, NOISE = "warning too-few-seeds", "warning within-noise"
NO_LOSS = {"goal": "no-regression", "margin": 0.5}
LOSS = {"metric": "test/loss", "direction": "lower"}
CLAIMS = (
    expected(
        "a run that failed",
        "not-finished",
        endings,
        INVALID,
        "error metric-missing",
        "error not-finished",
        "error undeclared-difference",
        "note undeclared-difference",
        "unknown error eval-transform-differs",
        "unknown error train-budget",
        arm="crashed",
    ),
    expected(
        "failed runs left out",
        "failed-runs-missing",
        endings,
        INVALID,
        "error failed-runs-missing",
        candidate=FINISHED.format("crashed"),
    ),
    expected(
        "runs lost to the machine",
        "failed-runs-missing",
        endings,
        BETTER,
        "note failed-runs-missing",
        candidate=FINISHED.format("lost"),
    ),
    expected("all seeds", "seed-selection, too-few-seeds, within-noise", endings, BETTER),
    expected(
        "a seed left out",
        "seed-selection",
        endings,
        INVALID,
        "error seed-selection",
        candidate=ALL_BUT_ONE,
        replicates=2,
    ),
    expected(
        "seeds that were declared",
        "seed-selection",
        endings,
        NO_REGRESSION,
        "warning seed-selection",
        candidate=ALL_BUT_ONE,
        seeds=[0, 1],
        replicates=2,
        **NO_LOSS,
    ),
    expected(
        "seeds that were declared when their runs were there",
        "seed-selection",
        endings,
        INVALID,
        "error seed-selection",
        seeds=[0, 2],
        replicates=2,
        **NO_LOSS,
    ),
    expected("too few seeds", "too-few-seeds", endings, INCONCLUSIVE, FEW, replicates=5),
    expected("no difference", "within-noise", endings, INCONCLUSIVE, NOISE, arm="twin"),
    expected(
        "a guard that is not shown to hold",
        "guard-regression",
        endings,
        INCONCLUSIVE,
        "warning guard-regression",
        baseline="tags.arm = 'twin'",
        arm="baseline",
        guards=[{**LOSS, "margin": 1e-6}],
        **NO_LOSS,
    ),
    expected(
        "a guard that holds",
        "guard-regression",
        endings,
        NO_REGRESSION,
        arm="twin",
        guards=[{**LOSS, "margin": 5.0}],
        **NO_LOSS,
    ),
    expected(
        "more looks than the budget",
        "test-reuse",
        endings,
        INVALID,
        "error test-reuse",
        policy={"budget": {"test_reads": 3}},
    ),
    expected(
        "an altered metric",
        "altered-after-end",
        altered,
        INVALID,
        "error altered-after-end",
        arm="altered",
    ),
    expected(
        "a note beside a run",
        "altered-after-end",
        altered,
        NO_REGRESSION,
        replicates=2,
        **NO_LOSS,
    ),
    expected(
        "a candidate that was tuned more",
        "tuning-budget",
        tuned,
        INVALID,
        "error tuning-budget",
        nuisance=["optimizer.lr"],
        policy={"budget": {"trials_ratio": 1.5}},
    ),
    expected(
        "trials within the ratio",
        "tuning-budget, selected-on-test",
        tuned,
        NO_REGRESSION,
        nuisance=["optimizer.lr"],
        policy={"budget": {"trials_ratio": 4.0}},
        replicates=2,
        **NO_LOSS,
    ),
    expected(
        "tuned on the test rows",
        "selected-on-test",
        tuned_on_test,
        INVALID,
        "error selected-on-test",
        "warning tuning-budget",
        nuisance=["optimizer.lr"],
    ),
    expected(
        "a run that was tagged as a replay of another, and a width that was tuned",
        "seed-selection, tuning-budget",
        hidden,
        INVALID,
        "error seed-selection",
        "warning tuning-budget",
        replicates=2,
        **NO_LOSS,
    ),
    expected("a seed that ran twice", "rerun-differs", endings, BETTER, arm="again"),
    expected(
        "a seed that ran twice, and otherwise",
        "rerun-differs",
        endings,
        BETTER,
        "warning rerun-differs",
        "warning pairing-not-real",
        arm="other",
    ),
)
