import json
import math
from dataclasses import replace
from typing import Any

import pytest

from repro.audit.example import example_record
from repro.digest import short
from repro.errors import RecordCorrupt
from repro.facts import fact_types
from repro.facts.code import EXAMPLE as CODE
from repro.facts.code import Code
from repro.facts.data import EXAMPLE as DATA
from repro.facts.determinism import EXAMPLE as DETERMINISM
from repro.facts.fact import Absent, Fact, Opaque
from repro.facts.outcome import EXAMPLE as OUTCOME
from repro.facts.params import Param, Params
from repro.facts.scores import EXAMPLE as SCORES
from repro.facts.scores import Scores
from repro.facts.split import EXAMPLE as SPLIT
from repro.record import Arms, Replicate, RunRecord, dump, load, seal
from repro.record_tags import protocol, short_tags

RECORD = example_record()


def stored(*facts: Fact, **others: Absent | Opaque) -> RunRecord:
    """The example record with these facts in place of its own."""
    return replace(RECORD, facts={**RECORD.facts, **{f.key(): f for f in facts}, **others})


def document(**facts: Any) -> str:
    head = {"format": "repro.record/1", "run_id": "0" * 32, "name": "run"}
    return json.dumps({**head, "facts": facts})


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Path of every scalar in a JSON document."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [leaf for key, inner in items for leaf in leaves(inner, (*path, key))]
    return [path]


def changed(text: str, path: tuple[Any, ...]) -> str:
    """The document with another value at one path."""
    document = json.loads(text)
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    value = parent[path[-1]]
    if isinstance(value, bool):
        parent[path[-1]] = not value
    else:
        parent[path[-1]] = value + 1 if isinstance(value, int | float) else f"{value or ''}x"
    return json.dumps(document)


def scored(**changes: object) -> Scores:
    return SCORES.but(scored=(SCORES.scored[0].model_copy(update=changes),))


def test_a_record_survives_storage():
    assert load(dump(RECORD)) == RECORD
    assert seal(load(dump(RECORD))) == seal(RECORD)


def test_every_fact_is_part_of_it():
    assert RECORD.facts.keys() == fact_types().keys()


def test_scores_that_are_no_finite_numbers_survive():
    for value in (math.nan, math.inf, -math.inf):
        text = dump(stored(scored(value=value)))
        again = load(text)
        assert str(again.find(Scores).scored[0].value) == str(value)
        assert dump(again) == text
        json.loads(text, parse_constant=pytest.fail)  # strict readers know no NaN


@pytest.mark.parametrize("value", [1, 1.0, True, "1", None, "nan", 10**30, -0.0, ""])
def test_a_parameter_keeps_its_type(value):
    again = load(dump(stored(Params(declared=(Param(name="x", value=value),)))))
    (param,) = again.find(Params).declared
    assert (param.value, type(param.value)) == (value, type(value))


def test_text_that_is_no_utf_8_is_stored_and_sealed():
    record = stored(CODE.but(argv=(b"caf\xe9".decode("utf-8", "surrogateescape"),)))
    assert load(dump(record).encode().decode()) == record
    assert seal(record).startswith("blake3:")


def test_what_is_missing_is_kept_with_its_reason():
    absent = Absent(reason="nobody looked", kind="not_recorded")
    record = load(dump(stored(code=absent)))
    assert record.get(Code) == absent
    assert record.find(Code) is None


def test_a_fact_that_the_record_does_not_mention_is_not_recorded():
    record = RunRecord("0" * 32, "run", {})
    assert record.get(Code) == Absent(reason="the record does not mention it", kind="not_recorded")


def test_a_fact_of_a_newer_version_is_opaque_and_kept_byte_for_byte():
    data = {"b": [1, 2.5, "é", None], "a": {"nan": "NaN"}}
    text = dump(load(document(code={"version": 99, "data": data}, nova={"version": 1, "data": {}})))
    record = load(text)
    assert record.get(Code) == Opaque(version=99, data=data)
    assert record.find(Code) is None
    assert dump(record) == text
    assert not any(path.startswith(("code.", "nova.")) for path in record.flat)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the record cannot be read: Expecting value: line 1 column 1 (char 0)."),
        ("{}", "the record cannot be read: it has no 'format'."),
        (
            "[]",
            "the record cannot be read: list indices must be integers or slices, not str.",
        ),
        (
            '{"format": "repro.record/2"}',
            "the record says 'repro.record/2'; this version reads 'repro.record/1'.",
        ),
        (
            document(code={"data": {}}),
            "the record cannot be read: it has no 'version'.",
        ),
        (
            document(params={"version": 0, "data": {}}),
            "the record cannot be read: Params 0 has no upgrade to 1.",
        ),
        (
            document(budget={"version": 1, "data": {"wall_seconds": "soon"}}),
            "the record cannot be read: Budget.wall_seconds: "
            "Input should be a valid number, unable to parse string as a number.",
        ),
        (
            document(budget={"version": 1, "data": {"wall_seconds": 1.0, "novelty": 1}}),
            "the record cannot be read: Budget.novelty: Extra inputs are not permitted.",
        ),
        (
            document(code={"absent": {"reason": "x", "kind": "lost"}}),
            "the record cannot be read: Absent.kind: "
            "Input should be 'not_applicable', 'not_recorded' or 'failed'.",
        ),
    ],
)
def test_what_is_no_record_is_refused_with_the_whole_story(text, message):
    with pytest.raises(RecordCorrupt) as caught:
        load(text)
    assert str(caught.value) == message


def test_a_torn_record_is_refused():
    text = dump(RECORD)
    for length in range(0, len(text), 97):
        with pytest.raises(RecordCorrupt):
            load(text[:length])


def test_the_seal_is_broken_by_a_change_of_any_value():
    text = dump(RECORD)
    unsealed = []
    for path in leaves(json.loads(text)):
        try:
            assert seal(load(changed(text, path))) != seal(RECORD), path
        except RecordCorrupt:
            unsealed.append(path)
    assert len(unsealed) < len(leaves(json.loads(text))) / 4


def test_the_seal_does_not_depend_on_the_order_of_the_facts():
    turned = replace(RECORD, facts=dict(reversed(RECORD.facts.items())))
    assert seal(turned) == seal(RECORD)


def test_every_value_has_a_path_of_its_own():
    paths = [path for fact in RECORD.facts.values() for path in fact.flat()]
    assert len(set(paths)) == len(paths) == len(RECORD.flat)


@pytest.mark.parametrize(
    "other",
    [
        stored(DETERMINISM.but(seed=7)),
        stored(SPLIT.but(fold=3, test_digest="blake3:other", n_test=1)),
        stored(scored(value=0.1, n_rows=3, rows_digest="blake3:other", library="other 1.0")),
        stored(SCORES.but(scored=SCORES.scored * 2)),
        stored(OUTCOME.but(status="FAILED")),
        stored(CODE.but(is_dirty=True)),
    ],
    ids=["seed", "fold", "value", "scored twice", "outcome", "code"],
)
def test_runs_on_the_same_data_plan_and_metric_are_of_one_group(other):
    assert protocol(other) == protocol(RECORD)


@pytest.mark.parametrize(
    "other",
    [
        stored(DATA.but(pool_digest="blake3:other")),
        stored(SPLIT.but(fingerprint="split/1:other")),
        stored(SPLIT.but(fingerprint=None)),
        stored(scored(name="test/f1")),
        stored(scored(on="valid")),
        stored(scored(metric="sklearn.metrics.f1_score")),
        stored(scored(source_digest="blake3:other")),
        stored(scored(arguments='{"beta":2}')),
        stored(
            SCORES.but(scored=(*SCORES.scored, SCORES.scored[0].model_copy(update={"name": "b"})))
        ),
    ],
    ids=["data", "plan", "no plan", "name", "role", "metric", "source", "arguments", "one more"],
)
def test_other_data_another_plan_or_another_metric_is_another_group(other):
    assert protocol(other) not in (None, protocol(RECORD))


def test_an_own_metric_that_was_only_refactored_is_of_the_group() -> None:
    own = {"library": None, "definition_digest": "blake3:d"}
    one = stored(scored(**own))
    assert protocol(one) == protocol(stored(scored(**own, metric="b.f1", source_digest="b:0")))
    assert protocol(one) != protocol(stored(scored(**{**own, "definition_digest": "b:1"})))


def test_without_a_plan_the_evaluation_rows_are_the_plan():
    left, right = (
        stored(SPLIT.but(source="data", fingerprint=None, test_digest=f"blake3:{rows}"))
        for rows in ("aa", "bb")
    )
    assert protocol(left) != protocol(right)


@pytest.mark.parametrize("key", ["data", "split", "scores"])
def test_without_one_of_them_the_group_is_unknown(key):
    record = stored(**{key: Absent(reason="nobody looked", kind="not_recorded")})
    assert protocol(record) is None
    assert "repro.protocol" not in short_tags(record)


def test_a_score_that_was_only_logged_makes_no_group():
    assert protocol(stored(SCORES.but(scored=()))) is None


def test_tags_are_short_and_what_is_unknown_has_none():
    tags = short_tags(RECORD)
    assert tags == {
        "repro.record": seal(RECORD),
        "repro.code": "4f1f2c9e",
        "repro.data": "cc",
        "repro.split": "ab",
        "repro.protocol": short(protocol(RECORD)),
        "repro.seed": "0",
        "repro.setup": tags["repro.setup"],
        "repro.test": "bb",
    }
    empty = RunRecord("0" * 32, "run", {})
    assert short_tags(empty) == {"repro.record": seal(empty)}


@pytest.mark.parametrize(
    ("changes", "tag"),
    [({"is_dirty": True}, "4f1f2c9e dirty"), ({"commit": None}, "no commit")],
)
def test_the_tag_of_the_code_says_what_it_is(changes, tag):
    assert short_tags(stored(CODE.but(**changes)))["repro.code"] == tag


def test_a_replicate_is_the_seed_and_the_fold():
    assert RECORD.replicate == Replicate(seed=0, fold=0)
    assert str(Replicate(seed=1, fold=None)) == "seed 1"
    assert str(Replicate(seed=1, fold=2)) == "seed 1 fold 2"
    assert str(Replicate(seed=None, fold=None)) == "-"


def test_a_fact_under_the_key_of_another_is_refused():
    with pytest.raises(RecordCorrupt, match=r"run 00000000: fact 'code' is a .*Budget"):
        RunRecord("0" * 32, "run", {"code": RECORD.facts["budget"]}).get(Code)


def test_arms_are_held_against_each_other_in_pairs_or_all_against_the_first():
    paired = Arms(("a", "b"), ("c", "d"), ((0, 1), (1, 0)))
    assert list(paired.contrasts()) == [("a", "d"), ("b", "c")]
    unpaired = Arms(("a", "b"), ("c", "d"))
    assert list(unpaired.contrasts()) == [("a", "c"), ("a", "d"), ("b", "c")]
    assert list(Arms(("a",), ()).contrasts()) == []
    assert paired.every() == ("a", "b", "c", "d")
