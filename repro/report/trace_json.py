"""Where the traces of two runs part, for machines."""

import json
from dataclasses import asdict

from repro.trace.pair import TracePair


def trace_json(pair: TracePair) -> str:
    """The first difference, and how it spread; null: there is none, or, untold, it was not seen."""
    first = pair.first
    found = {
        "format": "repro.trace_diff/1",
        "runs": [pair.a.run_id, pair.b.run_id],
        "n_steps": pair.n_steps,
        "is_complete": all(one.trace.end is not None for one in (pair.a, pair.b)),
        "untold": pair.untold,
        "first": None if first is None else asdict(first),
        "spread": [asdict(one) for one in pair.spread if one.n_different],
    }
    return json.dumps(found, indent=2)
