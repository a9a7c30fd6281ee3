"""The difference of two runs, for programs: complete."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from repro.audit.record_diff import DiffRow
from repro.audit.run_diff import RunDiff

FORMAT = "repro.diff/2"


def diff_json(diff: RunDiff) -> str:
    """One JSON document."""
    records = diff.records
    document = {
        "format": FORMAT,
        "runs": [records.left.run_id, records.right.run_id],
        "exit_code": records.exit_code,
        "groups": [
            {"title": group.title, "why": group.why, "rows": _rows(group.rows)}
            for group in records.groups
        ],
        "ignored": _rows(records.ignored),
        "unknown": records.unknown,
        "results": [asdict(result) for result in records.results],
        "code": asdict(diff.code),
        "rows": asdict(diff.rows),
        "columns": [asdict(found) for found in diff.columns],
        "ancestors": [[asdict(found) for found in side] for side in diff.ancestors],
        "layers": [asdict(layer) for layer in diff.layers if layer.change != "same"],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, default=_parts)


def _rows(rows: Sequence[DiffRow]) -> list[dict[str, Any]]:
    return [asdict(row) for row in rows]


def _parts(value: Any) -> Any:
    return value.model_dump(mode="json")
