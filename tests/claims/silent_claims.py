"""Claims that must stay silent: what differs in their histories is no reason to doubt them."""

import contextlib

from claims.bed import ADAMW, ARM, BETTER, INCONCLUSIVE, NO_ROWS, SGD, Bed, expected

from repro.facts.execution import Execution
from repro.facts.hardware import Hardware
from repro.record import RunRecord


def two_arms(bed: Bed) -> None:
    bed.train("digits.py", "baseline", **SGD)
    bed.train("digits.py", "candidate", **ADAMW)
    bed.train("digits.py", "elsewhere", **ADAMW)
    bed.train("digits.py", "reordered", **ADAMW, reordered=1)
    for run_id in bed.runs("elsewhere"):
        bed.rewrite(run_id, another_machine)
        bed.rewrite(run_id, another_folder)
    with contextlib.suppress(RuntimeError):
        bed.train("digits.py", "crashed", [0], **ADAMW, crashes="out of memory")
    bed.train("digits.py", "crashed", **ADAMW)


def another_machine(record: RunRecord) -> Hardware:
    seen = record.find(Hardware)
    return seen.but(
        system="Linux 5.15", cpu="AMD EPYC 9654", n_cores=96, n_usable_cores=96, memory_bytes=2**38
    )


def another_folder(record: RunRecord) -> Execution:
    return record.find(Execution).but(folder="/home/else/digits", root="/home/else/digits")


def other_code(bed: Bed) -> None:
    bed.train("digits.py", "baseline", **SGD)
    bed.edit("scoring.py", '"""The share of', '# As a share, not in percent.\n    """The share of')
    bed.push()
    bed.train("digits.py", "comment", **ADAMW)
    bed.edit("scoring.py", "# As a share, not in percent.\n    ", "")
    bed.git("mv", "unused.py", "spare.py")
    bed.push()
    bed.train("digits.py", "layout", **ADAMW)
    bed.git("mv", "scoring.py", "measures.py")
    bed.edit("digits.py", "from scoring import", "from measures import")
    bed.push()
    bed.train("digits.py", "moved", **ADAMW)
    bed.git("revert", "--no-edit", "HEAD")
    scoring = bed.root / "scoring.py"
    scoring.write_text(scoring.read_text().replace("hits", "right"))
    bed.push()
    bed.train("digits.py", "renamed", **ADAMW)


def resumed(bed: Bed) -> None:
    bed.train("resumed.py", "baseline", epochs=4, **SGD)
    bed.train("resumed.py", "candidate", epochs=4, **ADAMW)


def tables(bed: Bed) -> None:
    for kind, settings in {
        "scaled": {"leak": "scale", "is_resplit": True},
        "coarse": {"is_coarse": True, "is_resplit": True},
        "fixed": {},
    }.items():
        bed.train("table.py", f"{kind}-tree", **settings)
        bed.train("table.py", f"{kind}-logistic", model="logistic", **settings)


def both(kind: str) -> dict[str, object]:
    return {
        "baseline": ARM.format(f"{kind}-tree"),
        "arm": f"{kind}-logistic",
        "treatment": ["architecture.*", "params.model"],
    }


RULES = "eval-code-changed, metric-definition"
OTHER_HARDWARE = OTHER_TREE = "warning undeclared-difference"
CLAIMS = (
    expected("seeds only", "all", two_arms, BETTER),
    expected("two hosts", "all", two_arms, BETTER, OTHER_HARDWARE, arm="elsewhere"),
    expected(
        "reordered rows",
        "data-differs",
        two_arms,
        BETTER,
        "note data-differs",
        arm="reordered",
    ),
    expected(
        "rerun after a crash",
        "not-finished, failed-runs-missing",
        two_arms,
        BETTER,
        arm="crashed",
    ),
    expected("a comment in the metric", RULES, other_code, BETTER, OTHER_TREE, arm="comment"),
    expected("an unused file moved", RULES, other_code, BETTER, OTHER_TREE, arm="layout"),
    expected(
        "a variable of the metric renamed",
        RULES,
        other_code,
        BETTER,
        OTHER_TREE,
        arm="renamed",
    ),
    expected(
        "the metric moved to another file",
        RULES,
        other_code,
        BETTER,
        OTHER_TREE,
        arm="moved",
    ),
    expected("a resumed run", "train-budget, checkpoint-policy", resumed, BETTER),
    expected(
        "a scaler fitted on all rows",
        "label-using-fit-on-eval",
        tables,
        BETTER,
        NO_ROWS,
        **both("scaled"),
    ),
    expected(
        "a scaler fitted on all rows, in preview",
        "unsupervised-fit-on-eval",
        tables,
        BETTER,
        NO_ROWS,
        "warning unsupervised-fit-on-eval",
        "warning confounded-treatment",
        "warning unpinned-environment",
        policy={"preview": True},
        **both("scaled"),
    ),
    expected(
        "duplicates in a table of few values",
        "exact-overlap",
        tables,
        INCONCLUSIVE,
        "note exact-overlap",
        "warning within-noise",
        **both("coarse"),
    ),
    expected(
        "deterministic learners",
        "too-few-seeds, seed-missing",
        tables,
        INCONCLUSIVE,
        "warning too-few-seeds",
        "warning within-noise",
        **both("fixed"),
    ),
)
