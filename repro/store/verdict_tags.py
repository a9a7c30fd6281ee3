"""The tag `repro.audit`: what the last audit said, on every run that took part."""

import sys
from collections import defaultdict
from collections.abc import Iterable

from mlflow.exceptions import MlflowException

from repro.audit.judgement import Judgement
from repro.store.load import MlflowHistory

TAG = "repro.audit"


def write_verdicts(history: MlflowHistory, judgements: Iterable[Judgement]) -> None:
    """Tag each run with the verdicts of its claims; a store that refuses is only reported."""
    verdicts: defaultdict[str, list[str]] = defaultdict(list)
    for judgement in judgements:
        for run in judgement.runs:
            verdicts[run.run_id].append(f"{judgement.verdict.value} {judgement.claim.name}")
    try:
        for run_id, texts in verdicts.items():
            history.client.set_tag(run_id, TAG, "; ".join(texts))
    except MlflowException as error:
        print(f"repro  the verdicts were not written to the runs: {error}", file=sys.stderr)
