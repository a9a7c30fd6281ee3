"""Another draw of evaluation rows could as well have shown no difference.

Why: seeds tell how far training is luck; that the evaluation rows are a sample, too, they do not
tell. On 450 rows a share of .95 has a standard error of one point.

Fix: score on more rows, and keep what each row scored: `run.score(..., per_example=True)`.

Wrong when: read as "there is no difference"; and without the scores of each row the error is that
of two independent samples, which is larger than that of pairs.

Source: Dietterich 1998; Card et al. 2020. Seeds and rows are different noise: both are reported.
"""

from collections.abc import Iterator

from repro.audit.case import EvaluationNoise
from repro.audit.example import example_comparison
from repro.audit.rule import NotApplicable, Severity, Violation, rule
from repro.stats.comparison import Comparison

QUANTILE = 1.96  # of the normal distribution, two-sided 5 %


@rule("STA012", Severity.WARNING, preview=True)
def check(comparison: Comparison, noise: EvaluationNoise) -> Iterator[Violation | NotApplicable]:
    """The difference exceeds 1.96 standard errors over evaluation rows."""
    if noise.standard_error is None:
        yield NotApplicable("no run kept what each row scored, and the metric is no share of rows")
        return
    bound = QUANTILE * noise.standard_error
    if 0 < abs(comparison.difference) < bound:
        how = "row by row" if noise.is_paired else "by the shares alone"
        yield Violation(
            message=f"the difference of {comparison.difference:.3g} is within {bound:.3g}, "
            f"1.96 standard errors over {noise.n_rows} evaluation rows, {how}",
            fix="score on more rows, with per_example=True",
            points=(),
        )


_COMPARISON = example_comparison(n_pairs=5, difference=0.02, standard_error=0.001)
BAD = {"comparison": _COMPARISON, "noise": EvaluationNoise(0.015, 450, is_paired=True)}
GOOD = {"comparison": _COMPARISON, "noise": EvaluationNoise(0.005, 4_500, is_paired=True)}
