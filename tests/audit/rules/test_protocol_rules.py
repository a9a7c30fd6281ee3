import pytest
from fake_history import CLAIM, score

from repro.audit.rule import Unknown, Violation
from repro.audit.rules.protocol import (
    effective_batch,
    eval_size_differs,
    metric_definition,
    metric_direction,
    split_differs,
)
from repro.claims import Claim
from repro.facts.batching import EXAMPLE as BATCHING
from repro.facts.batching import Batching
from repro.facts.data import EXAMPLE as DATA
from repro.facts.data import Data
from repro.facts.fact import Absent
from repro.facts.scores import Score, Scores, Series
from repro.facts.split import EXAMPLE as SPLIT
from repro.facts.split import Split
from repro.record import Arms

NOT_RECORDED = Absent(reason="nobody looked", kind="not_recorded")
OTHER_TEST = SPLIT.but(test_digest="blake3:b1")
OTHER_TRAIN = SPLIT.but(train_digest="blake3:a1")


def splits(
    left: Split,
    right: Split,
    data: Arms[Data | Absent] | None = None,
    claim: Claim = CLAIM,
) -> list[Violation | Unknown]:
    data = data or Arms.of(NOT_RECORDED, NOT_RECORDED)
    return list(split_differs.check.check(claim, Arms.of(left, right), data))


def cut(train: str, test: str) -> Data:
    """The example data, cut into these rows."""
    roles = tuple(
        role.model_copy(update={"rows_digest": digest})
        for role, digest in zip(DATA.roles, (train, test), strict=True)
    )
    return DATA.but(roles=roles)


def test_other_test_rows_are_named() -> None:
    (found,) = splits(SPLIT, OTHER_TEST)
    assert (found.message, found.fix, found.points) == (
        "baseline was scored on rows bb, candidate on rows b1",
        "score both sides on one stored split",
        ("split.test_digest",),
    )


def test_other_training_rows_are_named() -> None:
    (found,) = splits(SPLIT, OTHER_TRAIN)
    assert (found.message, found.points) == (
        "baseline was trained on rows aa, candidate on rows a1",
        ("split.train_digest",),
    )


def test_both_sides_of_a_split_are_one_finding() -> None:
    (found,) = splits(SPLIT, SPLIT.but(test_digest="blake3:b1", train_digest="blake3:a1"))
    assert found.points == ("split.test_digest", "split.train_digest")


def test_the_pairs_that_differ_are_counted() -> None:
    arms = Arms((SPLIT, SPLIT), (SPLIT, OTHER_TEST), ((0, 0), (1, 1)))
    data = arms.with_values((NOT_RECORDED,) * 2, (NOT_RECORDED,) * 2)
    (found,) = split_differs.check.check(CLAIM, arms, data)
    assert found.message.endswith("(1 of 2 pairs)")


def test_logged_rows_decide_whatever_the_order_that_the_split_digests() -> None:
    data = Arms.of(cut("blake3:aa", "blake3:bb"), cut("blake3:aa", "blake3:bb"))
    assert splits(SPLIT, OTHER_TEST, data) == []
    data = Arms.of(cut("blake3:aa", "blake3:bb"), cut("blake3:aa", "blake3:b1"))
    (found,) = splits(SPLIT, OTHER_TEST, data)
    assert found.message == "baseline was scored on rows bb, candidate on rows b1"


def unpaired(*tests: str) -> list[Violation | Unknown]:
    """Two folds under one seed, against these under another one."""
    sides = [tuple(SPLIT.but(test_digest=rows) for rows in side) for side in ("ab", tests)]
    arms = Arms(sides[0], sides[1], ())
    nobody = arms.with_values(*([NOT_RECORDED] * len(side) for side in sides))
    return list(split_differs.check.check(CLAIM, arms, nobody))


def test_arms_without_pairs_may_hold_one_set_of_folds_in_any_order() -> None:
    assert unpaired("b", "a") == []
    assert len(unpaired("a", "c")) == 1
    assert len(unpaired("a")) == 1


def test_the_split_of_other_data_is_the_business_of_another_rule() -> None:
    data = Arms.of(DATA, DATA.but(pool_digest="blake3:c1"))
    assert splits(SPLIT, OTHER_TEST, data) == []


def test_a_role_that_one_arm_did_not_log_is_compared_by_the_split() -> None:
    data = Arms.of(DATA, DATA.but(roles=DATA.roles[:1]))
    assert splits(SPLIT, SPLIT, data) == []
    assert len(splits(SPLIT, OTHER_TEST, data)) == 1


def test_rows_that_one_arm_did_not_log_are_unknown() -> None:
    (found,) = splits(SPLIT, OTHER_TEST, Arms.of(DATA, NOT_RECORDED))
    assert isinstance(found, Unknown)
    assert found.message == "one arm did not log its data: its rows cannot be compared"


@pytest.mark.parametrize("glob", ["data.train.*", "split.train_digest", "data.*", "split.*"])
def test_declared_training_rows_may_differ_and_test_rows_may_not(glob: str) -> None:
    claim = CLAIM.model_copy(update={"treatment": (glob,)})
    assert splits(SPLIT, OTHER_TRAIN, claim=claim) == []
    assert splits(SPLIT, OTHER_TEST, claim=claim) != []


def batches(left: Batching, right: Batching, claim: Claim = CLAIM) -> list[Violation]:
    return list(effective_batch.check.check(claim, Arms.of(left, right)))


LARGER = BATCHING.but(micro=256, effective=256)


def test_another_effective_batch_is_named_with_the_accumulation_that_evens_it_out() -> None:
    (found,) = batches(BATCHING, LARGER)
    assert (found.message, found.fix) == (
        "candidate trained on batches of 256, baseline on 128",
        'accumulate 2 batches in the baseline, or declare "batching.*" as treatment',
    )
    (found,) = batches(LARGER, BATCHING)
    assert found.fix.startswith("accumulate 2 batches in the candidate,")
    (found,) = batches(BATCHING, BATCHING.but(effective=200))
    assert found.fix.startswith("train both arms on one batch size,")


@pytest.mark.parametrize("key", ["treatment", "nuisance"])
def test_a_declared_batch_may_differ(key: str) -> None:
    claim = CLAIM.model_copy(update={key: ("batching.*",)})
    assert batches(BATCHING, LARGER, claim) == []


def test_a_batch_that_is_accumulated_is_the_same_batch() -> None:
    assert batches(BATCHING, BATCHING.but(micro=64, accumulation=2)) == []


def definitions(*arms: Scores) -> list[Violation | Unknown]:
    left, right = arms
    return list(metric_definition.check.check(CLAIM, Arms.of(left, right)))


ACCURACY, LOSS = score("test/accuracy", 0.9), score("test/loss", 0.1)
BOTH = Scores(scored=(ACCURACY, LOSS))


def changed(score: Score, **changes: object) -> Score:
    return score.model_copy(update=changes)


def test_metrics_defined_alike_pass_whatever_their_value() -> None:
    assert definitions(BOTH, Scores(scored=(changed(ACCURACY, value=0.5), LOSS))) == []


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("metric", "mine.accuracy"),
        ("arguments", '{"normalize":false}'),
        ("greater_is_better", False),
        ("on", "valid"),
    ],
)
def test_a_metric_with_another_definition_is_another_metric(part: str, value: object) -> None:
    (found,) = definitions(BOTH, Scores(scored=(changed(ACCURACY, **{part: value}), LOSS)))
    assert isinstance(found, Violation)
    assert found.message == f"test/accuracy is not one metric in all runs: {part} differ"
    assert found.points == (f"scores.test/accuracy.{part}",)


@pytest.mark.parametrize("library", ["scikit-learn 1.9.1", None])
def test_another_source_is_another_metric_whatever_library_is_named(library: str | None) -> None:
    own = Scores(scored=(changed(ACCURACY, library=library), LOSS))
    other = Scores(scored=(changed(ACCURACY, library=library, source_digest="blake3:0"), LOSS))
    (found,) = definitions(own, other)
    assert found.points == ("scores.test/accuracy.source_digest",)


def test_an_own_metric_that_moved_or_whose_variables_were_renamed_is_one_metric() -> None:
    own = {"library": None, "definition_digest": "blake3:d"}
    moved = {"metric": "measures.f1", "source_digest": "blake3:0", "helpers_digest": "blake3:1"}
    one, other = changed(ACCURACY, **own), changed(ACCURACY, **own, **moved)
    assert definitions(Scores(scored=(one, LOSS)), Scores(scored=(other, LOSS))) == []
    (found,) = definitions(
        Scores(scored=(one, LOSS)), Scores(scored=(changed(one, definition_digest="b:e"), LOSS))
    )
    assert found.points == ("scores.test/accuracy.definition_digest",)  # an import of another thing
    (found,) = definitions(
        Scores(scored=(one, LOSS)), Scores(scored=(changed(other, definition_digest="b:e"), LOSS))
    )
    assert found.points == tuple(
        f"scores.test/accuracy.{part}" for part in ("metric", "source_digest", "helpers_digest")
    )


@pytest.mark.parametrize(
    ("part", "one", "two"),
    [
        ("defaults", '{"average":"binary"}', '{"average":"macro"}'),
        ("constants", '{"CUT":0.5}', "{}"),
        ("helpers_digest", "blake3:1", "blake3:2"),
    ],
)
def test_what_an_older_version_did_not_record_contradicts_nothing_and_otherwise_it_does(
    part: str, one: str, two: str
) -> None:
    left, right = (
        Scores(scored=(changed(ACCURACY, **{part: value}), LOSS)) for value in (one, two)
    )
    (found,) = definitions(left, right)
    assert found.points == (f"scores.test/accuracy.{part}",)
    assert definitions(left, Scores(scored=(changed(ACCURACY, **{part: None}), LOSS))) == []


def test_a_direction_that_one_run_does_not_say_contradicts_nothing() -> None:
    assert definitions(BOTH, Scores(scored=(changed(ACCURACY, greater_is_better=None), LOSS))) == []


def test_a_metric_that_was_only_logged_is_unknown() -> None:
    logged = Scores(scored=(ACCURACY,), logged=(Series(name="test/loss", last=0.1, last_step=4),))
    (found,) = definitions(logged, logged)
    assert isinstance(found, Unknown)
    assert (found.message, found.fix, found.points) == (
        "test/loss was logged, not scored: its definition is not recorded",
        'run.score("test/loss", ...)',
        ("scores.logged.test/loss.last",),
    )
    (found,) = definitions(BOTH, logged)
    assert found.message == (
        "test/loss was logged, not scored in 1 of 2 runs: its definition is not recorded"
    )


def test_a_metric_that_is_missing_is_another_rules_business() -> None:
    assert definitions(BOTH, Scores(scored=(ACCURACY,))) == []


def test_a_direction_that_contradicts_the_score_is_named() -> None:
    scores = Scores(scored=(ACCURACY, changed(LOSS, greater_is_better=True)))
    (found,) = metric_direction.check.check(CLAIM, scores)
    assert found.message == "the claim says that lower test/loss is better, the score does not"


def test_a_score_without_direction_contradicts_nothing() -> None:
    scores = Scores(scored=(changed(ACCURACY, greater_is_better=None), LOSS))
    assert list(metric_direction.check.check(CLAIM, scores)) == []


def sizes(left: Scores, right: Scores, data: Data | Absent = DATA) -> list[Violation | Unknown]:
    return list(eval_size_differs.check.check(CLAIM, Arms.of(left, right), Arms.of(data, data)))


PART = Scores(scored=(changed(ACCURACY, n_rows=384), LOSS))


def test_a_score_of_every_row_of_its_role_passes() -> None:
    assert sizes(BOTH, BOTH) == []


def test_a_score_of_a_part_of_the_test_rows_is_an_error_even_in_both_arms() -> None:
    (found,) = sizes(PART, PART)
    assert isinstance(found, Violation)
    assert (found.message, found.points) == (
        "test/accuracy covers 384 rows; test has 450",
        ("scores.test/accuracy.n_rows", "data.test.n_rows"),
    )
    assert found.consequences == ("scores.test/accuracy.rows_digest",)  # not told twice


def test_where_one_arm_did_not_log_its_data_the_arms_must_score_as_many_rows() -> None:
    for data in (Arms.of(DATA, NOT_RECORDED), Arms.of(NOT_RECORDED, DATA)):
        scores = Arms.of(BOTH, PART) if data.baseline[0] is DATA else Arms.of(PART, BOTH)
        (found,) = eval_size_differs.check.check(CLAIM, scores, data)
        assert found.points == ("scores.test/accuracy.n_rows",)


@pytest.mark.parametrize(("n_rows", "n_found"), [((450, 384), 0), ((450, 450), 1)])
def test_folds_of_arms_without_pairs_may_differ_by_a_row(
    n_rows: tuple[int, int], n_found: int
) -> None:
    sides = [
        tuple(Scores(scored=(changed(ACCURACY, n_rows=n), LOSS)) for n in side)
        for side in ((384, 450), n_rows)
    ]
    scores = Arms(sides[0], sides[1], ())
    data = Arms((NOT_RECORDED,) * 2, (NOT_RECORDED,) * 2, ())
    assert len(list(eval_size_differs.check.check(CLAIM, scores, data))) == n_found


def test_a_score_on_a_role_that_was_not_logged_is_unknown() -> None:
    (found, _) = sizes(BOTH, BOTH, DATA.but(roles=DATA.roles[:1], overlaps=()))
    assert isinstance(found, Unknown)
    assert (found.message, found.fix) == (
        "test/accuracy was scored on 'test', and no such data were logged",
        "run.log_data(test=...)",
    )


def test_without_data_the_arms_must_still_score_as_many_rows() -> None:
    assert sizes(PART, PART, NOT_RECORDED) == []
    (found,) = sizes(BOTH, PART, NOT_RECORDED)
    assert found.message == "test/accuracy covers 450 rows in baseline, 384 in candidate"
