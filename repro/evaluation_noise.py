"""How much of a difference the choice of the evaluation rows could explain."""

import io
import math
from collections.abc import Sequence

import numpy as np

from repro.audit.case import EvaluationNoise
from repro.audit.scored_arms import score_of
from repro.errors import RecordCorrupt
from repro.facts.scores import Score
from repro.history import History
from repro.record import Arms, RunRecord
from repro.stats.sample import FloatArray

SHARES = ("accuracy_score", "zero_one_loss", "hamming_loss")  # means of one number a row, 0 to 1


def evaluation_noise(arms: Arms[RunRecord], metric: str, history: History) -> EvaluationNoise:
    """Standard error of the mean difference over evaluation rows, the trained models held fixed.

    Paired where all pairs kept what each row scored: sd(d) / sqrt(n), d being a row's difference,
    averaged over the pairs. Else, for a metric that is a share of rows, the error of two
    independent shares, which is larger. Of no known size otherwise.
    """
    pairs = [(arms.baseline[i], arms.candidate[j]) for i, j in arms.pairs]
    told = [score for pair in pairs for run in pair if (score := score_of(run, metric))]
    if len({score.rows_digest for score in told}) > 1:
        return EvaluationNoise()  # folds: other rows in every pair
    of_rows = [_row_differences(left, right, metric, history) for left, right in pairs]
    known = [rows for rows in of_rows if rows is not None]
    is_one_set = len({rows.size for rows in known}) == 1 and len(known) == len(pairs)
    if is_one_set and known[0].size > 1:
        mean = np.mean(known, axis=0)
        error = float(np.std(mean, ddof=1) / math.sqrt(mean.size))
        return EvaluationNoise(error, mean.size, is_paired=True)
    return _of_shares(told) if len(told) == 2 * len(pairs) else EvaluationNoise()


def _row_differences(
    left: RunRecord, right: RunRecord, metric: str, history: History
) -> FloatArray | None:
    """Candidate minus baseline for each row; None if one did not keep them, or of other rows."""
    one, other = score_of(left, metric), score_of(right, metric)
    if one is None or other is None or one.rows_digest != other.rows_digest:
        return None
    values = [_values(run, score, history) for run, score in ((left, one), (right, other))]
    if values[0] is None or values[1] is None or values[0].shape != values[1].shape:
        return None
    return values[1] - values[0]


def _values(run: RunRecord, score: Score, history: History) -> FloatArray | None:
    if score.per_example is None:
        return None
    try:
        content = history.artifact(run.run_id, score.per_example)
        return np.asarray(np.load(io.BytesIO(content), allow_pickle=False), dtype=np.float64)
    except (RecordCorrupt, ValueError, OSError):
        return None


def _of_shares(scores: Sequence[Score]) -> EvaluationNoise:
    """sqrt(2 p (1 - p) / n), p being the mean of all shares."""
    are_shares = all(
        score.metric.rpartition(".")[2] in SHARES and 0 <= score.value <= 1 for score in scores
    )
    if not scores or not are_shares:
        return EvaluationNoise()
    n = min(score.n_rows for score in scores)
    share = float(np.mean([score.value for score in scores]))
    return EvaluationNoise(math.sqrt(max(0.0, 2 * share * (1 - share)) / n), n)
