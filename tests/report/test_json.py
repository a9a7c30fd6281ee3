import json
from typing import Any

from fake_history import CLAIM, POLICY, sgd_and_adamw, tracked

from repro.facts.batching import EXAMPLE as BATCHING
from repro.judge import judge
from repro.report.json import FORMAT, render

LARGER = BATCHING.but(micro=256, effective=256)


def parsed(*facts: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(render([judge(CLAIM, sgd_and_adamw(*facts), POLICY)]))
    return document


def test_the_document_names_its_version_and_its_exit_code() -> None:
    document = parsed(LARGER)
    assert (document["format"], document["exit_code"]) == (FORMAT, 1)
    assert list(document) == ["format", "exit_code", "claims"]
    assert json.loads(render([]))["exit_code"] == 0


def test_a_claim_has_these_keys_in_this_order() -> None:
    (claim,) = parsed()["claims"]
    assert list(claim) == [
        "claim",
        "verdict",
        "exit_code",
        "findings",
        "differences",
        "runs",
        "superseded",
        "not_asked",
        "in_preview",
        "unused_waivers",
        "expired_waivers",
        "comparison",
        "guards",
    ]


def test_every_rule_that_was_asked_is_in_it_with_its_outcome() -> None:
    (claim,) = parsed()["claims"]
    outcomes = {found["code"]: found["outcome"] for found in claim["findings"]}
    assert outcomes["DAT005"] == "NOT_APPLICABLE"
    assert outcomes["STA003"] == "PASS"
    assert len(outcomes) == 38


def test_a_finding_is_complete() -> None:
    (claim,) = parsed(LARGER)["claims"]
    (found,) = [found for found in claim["findings"] if found["outcome"] == "FAIL"]
    assert found == {
        "rule": "effective-batch",
        "code": "PRT011",
        "outcome": "FAIL",
        "severity": "error",
        "message": "candidate trained on batches of 256, baseline on 128",
        "fix": 'accumulate 2 batches in the baseline, or declare "batching.*" as treatment',
        "evidence": [{"path": "batching.effective", "baseline": [128], "candidate": [256]}],
        "consequences": ["batching.micro"],
        "arms": [],
        "runs": [],
        "waiver": None,
        "is_advice": False,
    }


def test_an_invalid_claim_has_no_numbers_in_it() -> None:
    (claim,) = parsed(LARGER)["claims"]
    assert (claim["comparison"], claim["guards"]) == (None, [])


def test_the_numbers_of_a_valid_claim_are_all_there() -> None:
    (claim,) = parsed()["claims"]
    comparison = claim["comparison"]
    assert (comparison["method"], comparison["replicate"]) == ("paired t", "seed")
    assert [comparison["n_baseline"], comparison["n_candidate"], comparison["n_pairs"]] == [5] * 3
    assert round(comparison["difference"], 6) == 0.03
    assert [round(bound, 5) for bound in comparison["interval"]] == [0.01758, 0.04242]
    assert comparison["p_exact"] == 0.0625
    assert claim["guards"][0]["outcome"] == "safe"
    assert claim["guards"][0]["comparison"]["method"] == "paired t"


def test_runs_and_those_that_do_not_count_are_listed() -> None:
    history = sgd_and_adamw()
    history.runs["sgd"].append(tracked(200, 0, 0.9))
    (claim,) = json.loads(render([judge(CLAIM, history, POLICY)]))["claims"]
    assert len(claim["runs"]) == 10
    assert claim["runs"][0] == {
        "arm": "baseline",
        "run_id": "000000c8" + "0" * 24,
        "name": "run 200",
        "replicate": {"seed": 0, "fold": 0, "task": None},
        "is_paired": True,
    }
    assert claim["superseded"] == [
        {"arm": "baseline", "run": "00000001" + "0" * 24, "by": "000000c8" + "0" * 24}
    ]
