"""The tags that an audit leaves on every run that took part: what it said, and when it looked."""

import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from mlflow.exceptions import MlflowException

from repro.audit.judgement import Judgement
from repro.history import LOOKS, Launch
from repro.store.load import MlflowHistory

TAG = "repro.audit"


def write_verdicts(history: MlflowHistory, judgements: Iterable[Judgement]) -> None:
    """Tag each run with the verdicts of its claims; a store that refuses is only reported.

    Where numbers were shown the time is kept, of the first such audit of each claim.
    """
    verdicts: defaultdict[str, list[str]] = defaultdict(list)
    seen: defaultdict[str, list[str]] = defaultdict(list)
    for judgement in judgements:
        for run in judgement.runs:
            verdicts[run.run_id].append(f"{judgement.verdict.value} {judgement.claim.name}")
            if judgement.comparison is not None:
                seen[run.run_id].append(judgement.claim.name)
    try:
        listed = {launch.run_id: launch for launch in history.launches()}
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for run_id, texts in verdicts.items():
            history.client.set_tag(run_id, TAG, "; ".join(texts))
            before = _looks(listed.get(run_id))
            after = {**dict.fromkeys(seen[run_id], now), **before}
            if after != before:
                history.client.set_tag(run_id, LOOKS, json.dumps(after, ensure_ascii=False))
    except MlflowException as error:
        print(f"repro  the verdicts were not written to the runs: {error}", file=sys.stderr)


def _looks(launch: Launch | None) -> dict[str, str]:
    return {name: at.isoformat() for name, at in launch.looks.items()} if launch else {}
