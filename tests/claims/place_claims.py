"""Claims of runs from other code, other packages and other data than the other arm's."""

from claims.bed import ADAMW, ARM, INCONCLUSIVE, INVALID, NO_REGRESSION, NO_ROWS, SGD, Bed, expected

from repro.facts.code import Code
from repro.facts.determinism import Determinism
from repro.facts.environment import Environment, Package
from repro.record import RunRecord

TWO = (0, 1)


def code(bed: Bed) -> None:
    bed.train("digits.py", "baseline", TWO, **SGD)
    bed.train("digits.py", "pushed", TWO, **ADAMW)
    (bed.root / "notes.txt").write_text("lr 0.05 looks good\n")
    bed.train("digits.py", "dirty", TWO, **ADAMW)
    bed.train("digits.py", "lost", TWO, **ADAMW)
    for run_id in bed.runs("lost"):
        bed.rewrite(run_id, without_patch)
    bed.commit()  # on this disk only
    bed.train("digits.py", "unpushed", TWO, **ADAMW)
    bed.edit("scoring.py", "return sum(hits) / len(hits)", "return sum(hits[1:]) / len(hits[1:])")
    bed.git("reset", "-q", "--mixed", "origin/main")
    bed.push()
    bed.train("digits.py", "other-metric", TWO, **ADAMW)


def without_patch(record: RunRecord) -> Code:
    return record.find(Code).but(patch=None, patch_digest=None)


def packages(bed: Bed) -> None:
    bed.train("digits.py", "baseline", TWO, **SGD)
    changes = {
        "candidate": [metrics("1.8.1")],
        "other-torch": [metrics("1.8.1"), other_torch],
        "other-metrics": [metrics("1.6.0")],
        "other-tool": [metrics("1.8.1"), other_tool],
    }
    for arm in changes:
        bed.train("digits.py", arm, TWO, **ADAMW)
    for arm, done in {"baseline": [metrics("1.8.1")], **changes}.items():
        for run_id in bed.runs(arm):
            for change in done:
                bed.rewrite(run_id, change)


def metrics(version: str):
    """A package of metrics that every run imported."""

    def change(record: RunRecord) -> Environment:
        seen = record.find(Environment)
        return seen.but(imported=(*seen.imported, Package(name="torchmetrics", version=version)))

    return change


def _with_version(record: RunRecord, name: str, version: str) -> Environment:
    seen = record.find(Environment)
    others = (package for package in seen.imported if package.name != name)
    return seen.but(imported=(*others, Package(name=name, version=version)))


def other_torch(record: RunRecord) -> Environment:
    return _with_version(record, "torch", "2.11.0")


def other_tool(record: RunRecord) -> Environment:
    return _with_version(record, "mlflow", "3.16.0")


def nothing_seeded(bed: Bed) -> None:
    bed.train("digits.py", "baseline", TWO, **SGD)
    bed.train("digits.py", "candidate", TWO, **ADAMW)
    for run_id in bed.runs("candidate"):
        bed.rewrite(run_id, unseeded)


def unseeded(record: RunRecord) -> Determinism:
    return record.find(Determinism).but(seed=None, seed_source="none", seeded=())


def _tables(bed: Bed, kinds: dict[str, dict[str, object]]) -> None:
    for kind, settings in kinds.items():
        bed.train("table.py", f"{kind}-tree", TWO, **settings)
        bed.train("table.py", f"{kind}-logistic", TWO, model="logistic", **settings)


def leaking_tables(bed: Bed) -> None:
    kinds = {
        "straddling": {"declares": "group"},
        "shuffled": {"declares": "time"},
        "selected": {"n_noise": 20, "leak": "select"},
        "overlapping": {"plan": "overlapping"},
    }
    _tables(bed, kinds)


def tables(bed: Bed) -> None:
    kinds = {
        "apart": {"declares": "group", "split": "group"},
        "forward": {"declares": "time", "split": "time"},
        "piped": {"n_noise": 20},
        "proved": {"plan": "proved"},
    }
    _tables(bed, kinds)


def both(kind: str) -> dict[str, object]:
    return {
        "baseline": ARM.format(f"{kind}-tree"),
        "arm": f"{kind}-logistic",
        "treatment": ["architecture.*", "params.model"],
        "replicates": 2,
    }


FEW, NOISE = "warning too-few-seeds", "warning within-noise"
NO_LOSS = {"goal": "no-regression", "margin": 0.5, "replicates": 2}
OTHER_TREE = "warning undeclared-difference"
CI = {"profile": "ci"}
CLAIMS = (
    expected(
        "a change that is kept",
        "dirty-no-diff",
        code,
        NO_REGRESSION,
        OTHER_TREE,
        arm="dirty",
        **NO_LOSS,
    ),
    expected(
        "a change that is lost",
        "dirty-no-diff",
        code,
        INVALID,
        "error dirty-no-diff",
        OTHER_TREE,
        arm="lost",
    ),
    expected(
        "code that was pushed",
        "unreachable-commit",
        code,
        NO_REGRESSION,
        arm="pushed",
        policy=CI,
        **NO_LOSS,
    ),
    expected(
        "code that is nowhere else",
        "unreachable-commit",
        code,
        INVALID,
        "error unreachable-commit",
        OTHER_TREE,
        arm="unpushed",
        policy=CI,
    ),
    expected(
        "another evaluation",
        "eval-code-changed",
        code,
        INVALID,
        "error eval-code-changed",
        "error metric-definition",
        arm="other-metric",
    ),
    expected(
        "the same packages",
        "framework-differs, package-drift",
        packages,
        NO_REGRESSION,
        **NO_LOSS,
    ),
    expected(
        "another torch",
        "framework-differs",
        packages,
        INVALID,
        "error framework-differs",
        arm="other-torch",
    ),
    expected(
        "another torch, declared",
        "framework-differs",
        packages,
        NO_REGRESSION,
        arm="other-torch",
        treatment=["optimizer.*", "environment.torch"],
        **NO_LOSS,
    ),
    expected(
        "other metrics",
        "package-drift",
        packages,
        INVALID,
        "error package-drift",
        arm="other-metrics",
    ),
    expected(
        "another tracker",
        "package-drift",
        packages,
        NO_REGRESSION,
        "note package-drift",
        arm="other-tool",
        **NO_LOSS,
    ),
    expected(
        "nothing was seeded",
        "seed-missing",
        nothing_seeded,
        INVALID,
        "error seed-missing",
    ),
    expected(
        "patients on both sides",
        "group-straddle",
        leaking_tables,
        INVALID,
        NO_ROWS,
        "error group-straddle",
        **both("straddling"),
    ),
    expected(
        "patients apart",
        "group-straddle",
        tables,
        INCONCLUSIVE,
        NO_ROWS,
        FEW,
        NOISE,
        **both("apart"),
    ),
    expected(
        "days in any order",
        "temporal-leak",
        leaking_tables,
        INVALID,
        NO_ROWS,
        "error temporal-leak",
        **both("shuffled"),
    ),
    expected(
        "days in their order",
        "temporal-leak",
        tables,
        INCONCLUSIVE,
        NO_ROWS,
        FEW,
        NOISE,
        **both("forward"),
    ),
    expected(
        "columns selected on all rows",
        "label-using-fit-on-eval",
        leaking_tables,
        INVALID,
        NO_ROWS,
        "error label-using-fit-on-eval",
        **both("selected"),
    ),
    expected(
        "columns selected in a pipeline",
        "label-using-fit-on-eval",
        tables,
        INCONCLUSIVE,
        FEW,
        NOISE,
        **both("piped"),
    ),
    expected(
        "rows on both sides of a split",
        "split-leaks",
        leaking_tables,
        INVALID,
        "error split-leaks",
        "error exact-overlap",
        **both("overlapping"),
    ),
    expected(
        "a split that is proved",
        "split-leaks, exact-overlap",
        tables,
        INCONCLUSIVE,
        FEW,
        NOISE,
        **both("proved"),
    ),
)
