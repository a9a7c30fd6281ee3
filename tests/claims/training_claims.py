"""Claims of networks whose runs change one thing more than the optimizer, declared or not."""

from functools import partial

import torch
from claims.bed import ADAMW, ARM, INVALID, NO_REGRESSION, SGD, Bed, expected
from torch import nn

TWO = (0, 1)
DECLARED = {"optimizer": "adamw", "lr": 0.5, "batch_size": 64, "epochs": 3, "hidden": 16}


def changes(bed: Bed) -> None:
    bed.train("digits.py", "baseline", TWO, **SGD)
    for arm, settings in {
        "candidate": ADAMW,
        "dropout": {**ADAMW, "dropout": 0.2},
        "fewer-rows": {**ADAMW, "n_rows": 250},
        "longer": {**ADAMW, "epochs": 5},
        "accumulated": {**ADAMW, "batch_size": 32, "steps_in_one": 2},
        "noisy-train": {**ADAMW, "noisy": "train"},
        "diverged": {"lr": 1e38},
        "same": SGD,
        "not-passed-on": {**ADAMW, "params": DECLARED},
        "copied": {**ADAMW, "n_copied": 30},
        "small-batch": {**ADAMW, "batch_size": 32},
        "noisy-test": {**ADAMW, "noisy": "test"},
    }.items():
        bed.train("digits.py", arm, TWO, **settings)


def alone(arm: str, change: dict[str, object], bed: Bed) -> None:
    """Beside a candidate of the same parameters, its runs would be repetitions of it."""
    bed.train("digits.py", "baseline", TWO, **SGD)
    bed.train("digits.py", arm, TWO, **ADAMW, **change)


resplit = partial(alone, "resplit", {"split_seed": 1})
partly_scored = partial(alone, "partly-scored", {"n_scored": 150})
weighted = partial(alone, "weighted", {"average": "weighted"})
draws_first = partial(alone, "draws-first", {"draws_first": True})


def pretrained(weights: str, bed: Bed) -> None:
    for seed, name in enumerate(("first.pt", "second.pt")):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Dropout(0.0), nn.Linear(16, 10))
        torch.save(model.state_dict(), bed.root / "mlruns" / name)
    bed.train("digits.py", "baseline", TWO, pretrained="mlruns/first.pt", **SGD)
    bed.train("digits.py", "candidate", TWO, pretrained=f"mlruns/{weights}", **ADAMW)


one_file = partial(pretrained, "first.pt")
other_file = partial(pretrained, "second.pt")


def checkpoints(bed: Bed) -> None:
    bed.train("digits.py", "baseline", TWO, **SGD)
    bed.train("digits.py", "baseline-best", TWO, chosen_on="valid", lr=0.3)
    bed.train("digits.py", "candidate-best", TWO, chosen_on="valid", **ADAMW)


def chosen_by_test(bed: Bed) -> None:
    bed.train("digits.py", "baseline", TWO, chosen_on="test", **SGD)
    bed.train("digits.py", "candidate", TWO, chosen_on="test", **ADAMW)


NO_LOSS = {"goal": "no-regression", "margin": 0.5, "replicates": 2}
OPTIMIZER = "optimizer.*"
CLAIMS = (
    expected("an optimizer", "all", changes, NO_REGRESSION, **NO_LOSS),
    expected(
        "undeclared dropout",
        "undeclared-difference",
        changes,
        INVALID,
        "error undeclared-difference",
        arm="dropout",
    ),
    expected(
        "declared dropout",
        "undeclared-difference",
        changes,
        NO_REGRESSION,
        arm="dropout",
        treatment=[OPTIMIZER, "regularization.*"],
        **NO_LOSS,
    ),
    expected(
        "a treatment that never came",
        "treatment-absent",
        changes,
        INVALID,
        "error treatment-absent",
        arm="same",
    ),
    expected(
        "a rate that was not passed on",
        "declared-not-effective",
        changes,
        INVALID,
        "error declared-not-effective",
        "error undeclared-difference",
        arm="not-passed-on",
    ),
    expected(
        "fewer training rows",
        "data-differs",
        changes,
        INVALID,
        "error data-differs",
        arm="fewer-rows",
    ),
    expected(
        "fewer training rows, declared",
        "data-differs, train-budget",
        changes,
        NO_REGRESSION,
        arm="fewer-rows",
        treatment=[OPTIMIZER, "data.train.*"],
        **NO_LOSS,
    ),
    expected(
        "test rows to learn from",
        "exact-overlap",
        changes,
        INVALID,
        "error data-differs",
        "error exact-overlap",
        arm="copied",
    ),
    expected(
        "another split",
        "split-differs",
        resplit,
        INVALID,
        "error split-differs",
        arm="resplit",
    ),
    expected(
        "half of the test rows",
        "eval-size-differs",
        partly_scored,
        INVALID,
        "error eval-size-differs",
        "note undeclared-difference",
        arm="partly-scored",
    ),
    expected(
        "another average",
        "metric-definition",
        weighted,
        INVALID,
        "error metric-definition",
        arm="weighted",
        metric="test/f1",
    ),
    expected(
        "another average of another metric",
        "metric-definition",
        weighted,
        NO_REGRESSION,
        "note undeclared-difference",
        arm="weighted",
        **NO_LOSS,
    ),
    expected(
        "the wrong direction",
        "metric-direction",
        changes,
        INVALID,
        "error metric-direction",
        direction="lower",
    ),
    expected(
        "the direction of a loss",
        "metric-direction",
        changes,
        NO_REGRESSION,
        metric="test/loss",
        direction="lower",
        goal="no-regression",
        margin=5.0,
        replicates=2,
    ),
    expected(
        "a longer training",
        "train-budget",
        changes,
        INVALID,
        "error train-budget",
        arm="longer",
    ),
    expected(
        "a longer training, declared",
        "train-budget",
        changes,
        NO_REGRESSION,
        arm="longer",
        treatment=[OPTIMIZER, "budget.*", "params.epochs"],
        **NO_LOSS,
    ),
    expected(
        "a smaller batch",
        "effective-batch",
        changes,
        INVALID,
        "error effective-batch",
        arm="small-batch",
    ),
    expected(
        "a batch that is accumulated",
        "effective-batch",
        changes,
        NO_REGRESSION,
        arm="accumulated",
        treatment=[OPTIMIZER, "batching.micro", "batching.accumulation"],
        **NO_LOSS,
    ),
    expected(
        "noise on test rows",
        "eval-transform-differs",
        changes,
        INVALID,
        "error eval-transform-differs",
        arm="noisy-test",
    ),
    expected(
        "noise on training rows",
        "eval-transform-differs",
        changes,
        NO_REGRESSION,
        arm="noisy-train",
        treatment=[OPTIMIZER, "transforms.train.*"],
        **NO_LOSS,
    ),
    expected(
        "other first weights",
        "pairing-not-real",
        draws_first,
        NO_REGRESSION,
        "warning pairing-not-real",
        arm="draws-first",
        **NO_LOSS,
    ),
    expected(
        "a loss that is no number",
        "non-finite",
        changes,
        INVALID,
        "error non-finite",
        arm="diverged",
        metric="test/loss",
        direction="lower",
    ),
    expected(
        "a loss that nobody claims",
        "non-finite",
        changes,
        NO_REGRESSION,
        "warning non-finite",
        arm="diverged",
        **NO_LOSS,
    ),
    expected(
        "a metric that nobody took",
        "metric-missing",
        changes,
        INVALID,
        "error metric-missing",
        metric="test/auc",
    ),
    expected(
        "other weights to start from",
        "init-weights-differ",
        other_file,
        INVALID,
        "error init-weights-differ",
    ),
    expected(
        "one file to start from",
        "init-weights-differ",
        one_file,
        NO_REGRESSION,
        **NO_LOSS,
    ),
    expected(
        "the best epoch against the last",
        "checkpoint-policy",
        checkpoints,
        INVALID,
        "error checkpoint-policy",
        "note undeclared-difference",
        arm="candidate-best",
    ),
    expected(
        "the best epochs by validation rows",
        "checkpoint-policy",
        checkpoints,
        NO_REGRESSION,
        arm="candidate-best",
        baseline=ARM.format("baseline-best"),
        **NO_LOSS,
    ),
    expected(
        "the best epochs by test rows",
        "checkpoint-policy, selected-on-test",
        chosen_by_test,
        INVALID,
        "error selected-on-test",
        "warning checkpoint-policy",
        **NO_LOSS,
    ),
)
