"""Number formats, pretrained weights and the mode of evaluation."""

import pytest
from fake_history import CLAIM, score

from repro.audit.rule import Severity, Violation
from repro.audit.rules.protocol import eval_mode, init_weights_differ, precision_differs
from repro.claims import Claim
from repro.facts.compression import EXAMPLE as COMPRESSION
from repro.facts.fact import Absent, Fact
from repro.facts.lineage import EXAMPLE as LOADED
from repro.facts.lineage import Lineage
from repro.facts.normalization import EXAMPLE as NORMALIZATION
from repro.facts.normalization import Normalization
from repro.facts.precision import EXAMPLE as HALF
from repro.facts.precision import Phase, Precision
from repro.facts.regularization import EXAMPLE as REGULARIZATION
from repro.facts.regularization import Regularization
from repro.facts.scores import Scores
from repro.record import Arms

NOT_RECORDED = Absent(reason="nobody looked", kind="not_recorded")
WHOLE = HALF.but(autocast=(Phase(phase="train", dtype="none"),))


def declaring(*globs: str) -> Claim:
    return CLAIM.model_copy(update={"treatment": globs})


def formats(
    left: Precision,
    right: Precision,
    *compression: Fact | Absent,
    claim: Claim = CLAIM,
) -> list[Violation]:
    one, two = compression or (NOT_RECORDED, NOT_RECORDED)
    arms = Arms.of(left, right), Arms.of(one, two)
    return list(precision_differs.check.check(claim, *arms))


def test_another_format_while_training_is_a_warning() -> None:
    (found,) = formats(WHOLE, HALF.but(gradients="bfloat16"))
    assert (found.message, found.severity) == (
        "the arms computed in other number formats",
        Severity.WARNING,
    )
    assert found.points == ("precision.autocast.train", "precision.gradients")


def test_what_gates_no_comparison_is_no_other_format() -> None:
    assert formats(HALF, HALF.but(device="cuda", n_skipped=3)) == []


def test_another_quantization_is_an_error_and_another_sparsity_is_not_its_business() -> None:
    aware = COMPRESSION.but(quantization="aware", quantized=())
    (found,) = formats(HALF, HALF, COMPRESSION, aware)
    assert (found.message, found.severity) == (
        "the arms were quantized in other ways",
        Severity.ERROR,
    )
    assert "compression.quantization" in found.points
    assert formats(HALF, HALF, COMPRESSION, COMPRESSION.but(sparsity=0.1)) == []
    assert formats(HALF, HALF, COMPRESSION, NOT_RECORDED) == []


def test_a_declared_format_may_differ() -> None:
    assert formats(WHOLE, HALF, claim=declaring("precision.*")) == []
    other = COMPRESSION.but(quantization="aware")
    assert formats(HALF, HALF, COMPRESSION, other, claim=declaring("compression.*")) == []


def weights(left: Lineage, right: Lineage, claim: Claim = CLAIM) -> list[Violation]:
    return list(init_weights_differ.check.check(claim, Arms.of(left, right)))


BERT = Lineage(pretrained="bert-base-uncased", revision="86b5e093")
OTHER_FILE = LOADED.loaded[0].model_copy(update={"digest": "blake3:0", "model_share": 0.2})


@pytest.mark.parametrize(
    ("left", "right", "points"),
    [
        (LOADED, LOADED.but(loaded=(OTHER_FILE,)), ("lineage.loaded.1.digest",)),
        (LOADED, LOADED.but(loaded=()), ("lineage.loaded.1.digest",)),
        (LOADED.but(loaded=()), LOADED, ("lineage.loaded.1.digest",)),
        (BERT, BERT.but(revision="0"), ("lineage.revision",)),
        (BERT, BERT.but(pretrained="roberta-base"), ("lineage.pretrained",)),
        (Lineage(), Lineage(is_set_from_state=True), ("lineage.is_set_from_state",)),
    ],
)
def test_other_pretrained_weights_are_an_error(
    left: Lineage, right: Lineage, points: tuple[str, ...]
) -> None:
    (found,) = weights(left, right)
    assert (found.message, found.points, found.severity) == (
        "the arms started from other pretrained weights",
        points,
        None,
    )
    assert weights(left, right, declaring("lineage.*")) == []


def test_the_same_file_under_another_name_is_the_same_weights() -> None:
    renamed = LOADED.loaded[0].model_copy(update={"file": "copy.pt"})
    assert weights(LOADED, LOADED.but(loaded=(renamed,))) == []


def test_each_seed_may_go_on_from_its_own_file_if_its_partner_does() -> None:
    other = LOADED.but(loaded=(OTHER_FILE,))
    paired = Arms((LOADED, other), (LOADED, other), ((0, 0), (1, 1)))
    assert list(init_weights_differ.check.check(CLAIM, paired)) == []


def test_a_hub_model_of_unknown_revision_is_a_warning() -> None:
    floating = BERT.but(revision=None)
    (found,) = weights(floating, floating)
    assert (found.message, found.severity) == (
        "the revision of bert-base-uncased is not known",
        Severity.WARNING,
    )
    assert weights(BERT, BERT) == []
    local = Lineage(pretrained="a folder of this machine")
    assert weights(local, local) == []


def scored(
    regularization: Fact | Absent = REGULARIZATION,
    normalization: Fact | Absent = NORMALIZATION,
    *,
    training: bool | None = True,
    claim: Claim = CLAIM,
    name: str = "test/accuracy",
) -> list[Violation]:
    taken = score(name, 0.9).model_copy(update={"training_mode": training})
    check = eval_mode.check.check
    return list(check(claim, Scores(scored=(taken,)), regularization, normalization))


def test_a_metric_that_was_scored_in_training_mode_is_an_error() -> None:
    (found,) = scored()
    assert (found.message, found.severity, found.points) == (
        "test/accuracy was scored while the model was in training mode",
        Severity.ERROR,
        ("scores.test/accuracy.training_mode",),
    )
    assert scored(training=False) == []
    assert scored(training=None) == []


def test_a_metric_that_the_claim_does_not_use_may_be_taken_while_training() -> None:
    assert scored(name="train/accuracy") == []


def test_dropout_that_is_meant_to_draw_is_declared() -> None:
    assert scored(claim=declaring("scores.test/accuracy.training_mode")) == []


@pytest.mark.parametrize(
    ("regularization", "normalization", "severity"),
    [
        (Regularization(), Normalization(), Severity.WARNING),
        (Regularization(), NORMALIZATION, Severity.ERROR),
        (REGULARIZATION, Normalization(), Severity.ERROR),
        (NOT_RECORDED, Normalization(), Severity.ERROR),
        (Regularization(), NOT_RECORDED, Severity.ERROR),
    ],
)
def test_only_a_model_known_to_have_no_such_module_is_a_warning(
    regularization: Fact | Absent, normalization: Fact | Absent, severity: Severity
) -> None:
    (found,) = scored(regularization, normalization)
    assert found.severity is severity
