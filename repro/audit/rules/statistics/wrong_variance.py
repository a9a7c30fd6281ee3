"""The claim takes its replicates for another kind than they are.

Why: folds share training rows. Taken as independent, 36 of 54 published comparisons of two
classifiers are significant; with the overlap counted, 19 are.

Fix: remove `replicate` from the claim, and the kind that was recorded decides; or run seeds on one
split.

Wrong when: never: which rows a run was scored on is recorded.

Source: Nadeau and Bengio 2003; Benavoli et al. 2017 for the 54 data sets.
"""

from collections.abc import Iterator

from repro.audit.example import example_record
from repro.audit.rule import NotApplicable, Severity, Unknown, Violation, rule
from repro.audit.scored_arms import is_resplit
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.split import EXAMPLE as SPLIT
from repro.facts.split import Split
from repro.record import Arms, RunRecord


@rule("STA005", Severity.ERROR, preview=True)
def check(claim: Claim, runs: Arms[RunRecord]) -> Iterator[Violation | Unknown | NotApplicable]:
    """`replicate`, where it is declared, is what the recorded rows show."""
    splits = [record.find(Split) for record in runs.every()]
    if len(splits) > len(runs.sides()) and None in splits:
        yield Unknown(
            message="the rows that some runs were scored on are not recorded: "
            "seeds on one split, or folds, cannot be told",
            fix="run.use_split(plan, fold), or run.log_data(train=..., test=...)",
            points=("split",),
        )
    elif claim.replicate is None:
        yield NotApplicable("the recorded rows say what a replicate is")
    elif claim.replicate != _kind(runs):
        yield Violation(
            message=f'the claim says replicate = "{claim.replicate}", and the runs of an arm '
            f"{'differ' if is_resplit(runs) else 'do not differ'} in the rows they were scored on",
            fix="remove `replicate` from the claim",
            points=("split.test_digest",),
        )


def _kind(runs: Arms[RunRecord]) -> str:
    return "fold" if is_resplit(runs) else "seed"


_RUN, _FOLD = example_record(), example_record(SPLIT.but(fold=1, test_digest="blake3:f1"))
BAD = {
    "claim": CLAIM.model_copy(update={"replicate": "seed"}),
    "runs": Arms((_RUN, _FOLD), (_RUN, _FOLD), ((0, 0), (1, 1))),
}
GOOD = {
    "claim": CLAIM.model_copy(update={"replicate": "fold"}),
    "runs": Arms((_RUN, _FOLD), (_RUN, _FOLD), ((0, 0), (1, 1))),
}
