"""Judgements for programs: complete and stable; a changed meaning raises the version."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from repro.audit.case import GuardResult
from repro.audit.judgement import Judgement
from repro.audit.verdict import worst
from repro.claims import Waiver
from repro.stats.comparison import Comparison

FORMAT = "repro.audit/2"


def render(judgements: Sequence[Judgement]) -> str:
    """All judgements as one JSON document."""
    document = {
        "format": FORMAT,
        "exit_code": worst(judgement.exit_code for judgement in judgements),
        "claims": [_judgement(judgement) for judgement in judgements],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)


def _judgement(judgement: Judgement) -> dict[str, Any]:
    comparison = judgement.comparison
    return {
        "claim": judgement.claim.model_dump(mode="json"),
        "verdict": judgement.verdict.value,
        "exit_code": judgement.exit_code,
        "findings": [finding.model_dump(mode="json") for finding in judgement.findings],
        "differences": [asdict(row) for row in judgement.differences],
        "runs": [asdict(run) for run in judgement.runs],
        "superseded": [
            {"arm": one.arm, "run": one.superseded.run_id, "by": one.kept.run_id}
            for one in judgement.superseded
        ],
        "not_asked": list(judgement.not_asked),
        "in_preview": list(judgement.in_preview),
        "unused_waivers": [_waiver(waiver) for waiver in judgement.unused_waivers],
        "expired_waivers": [_waiver(waiver) for waiver in judgement.expired_waivers],
        "comparison": _comparison(comparison) if comparison else None,
        "guards": [_guard(result) for result in judgement.guards],
    }


def _waiver(waiver: Waiver) -> dict[str, Any]:
    return waiver.model_dump(mode="json")


def _guard(result: GuardResult) -> dict[str, Any]:
    return {
        **result.guard.model_dump(mode="json"),
        "outcome": result.outcome,
        "comparison": _comparison(result.comparison) if result.comparison else None,
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    better = comparison.probability_better
    return {
        "method": comparison.method,
        "replicate": comparison.kind,
        "n_baseline": comparison.n_baseline,
        "n_candidate": comparison.n_candidate,
        "n_pairs": comparison.n_pairs,
        "baseline_mean": comparison.baseline_mean,
        "candidate_mean": comparison.candidate_mean,
        "difference": comparison.difference,
        "alpha": comparison.alpha,
        "interval": list(comparison.interval),
        "inner_interval": list(comparison.inner_interval),
        "lower_bound": comparison.lower_bound,
        "p_value": comparison.p_value,
        "p_exact": comparison.p_exact,
        "probability_better": better.share,
        "probability_better_95": list(better.interval) if better.interval else None,
        "sd": comparison.sd,
        "scope": comparison.scope,
        "notes": list(comparison.notes),
    }
