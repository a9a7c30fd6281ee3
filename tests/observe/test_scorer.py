import numpy as np
import pandas as pd
import pytest
import torch
import torchmetrics
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from torchmetrics import functional

from repro.errors import UsageError
from repro.observe.scorer import Scorer
from repro.observe.scores import Measure, ScoreBook

RNG = np.random.default_rng(1)
TRUE = RNG.integers(0, 2, size=23)
CHANCES = RNG.random(23)
PREDICTED = (CHANCES > 0.5).astype(int)
BATCHES = [slice(0, 8), slice(8, 16), slice(16, 23)]
STEP = 4


def measure(metric, **asked):
    given = {"name": "valid/metric", "on": "valid", "greater_is_better": True, "per_example": None}
    return Measure(metric=metric, **given | {"arguments": {}} | asked)


def new_book(mode=None):
    return ScoreBook(lambda metrics, step: None, training_mode=lambda: mode, notes=[])


def scorer(metric, **asked):
    book = new_book()
    return Scorer(book, measure(metric, **asked)), book


def as_frame(values):
    return pd.DataFrame({"y": values})


KINDS = [np.array, torch.tensor, list, pd.Series, as_frame]


@pytest.mark.parametrize("kind", KINDS, ids=["array", "tensor", "list", "series", "frame"])
@pytest.mark.parametrize(
    ("metric", "y_pred"),
    [(f1_score, PREDICTED), (roc_auc_score, CHANCES)],
    ids=["f1", "auc"],
)
def test_batches_give_the_record_of_all_rows_at_once(kind, metric, y_pred):
    streamed, book = scorer(metric)
    for rows in BATCHES:
        streamed.update(kind(TRUE[rows]), kind(y_pred[rows]))
    value = streamed.compute(step=STEP)
    whole = new_book()
    assert value == whole.score(measure(metric), kind(TRUE), kind(y_pred), step=STEP)
    assert book.scored == whole.scored


@pytest.mark.parametrize("kind", [np.array, torch.tensor, list], ids=["array", "tensor", "list"])
@pytest.mark.parametrize(
    ("metric", "arguments"),
    [
        (torchmetrics.classification.BinaryAUROC(), {}),
        (torchmetrics.MeanSquaredError(), {}),
        (functional.auroc, {"task": "binary"}),
    ],
    ids=["auroc", "mse", "function"],
)
def test_torchmetrics_gives_the_record_of_all_rows_at_once(kind, metric, arguments):
    streamed, book = scorer(metric, arguments=arguments)
    for rows in BATCHES:
        streamed.update(kind(TRUE[rows]), kind(CHANCES[rows]))
    value = streamed.compute(step=STEP)
    whole = new_book()
    asked = measure(metric, arguments=arguments)
    assert value == pytest.approx(whole.score(asked, kind(TRUE), kind(CHANCES), step=STEP))
    (one,), (other,) = book.scored, whole.scored
    assert one.model_copy(update={"value": other.value}) == other


def test_batches_of_several_kinds_are_pooled_as_arrays():
    streamed, _ = scorer(accuracy_score)
    streamed.update(torch.tensor([0, 1]), [0, 1])
    streamed.update([1, 1], np.array([0, 1]))
    assert streamed.compute() == 0.75


def test_a_mean_of_batches_is_another_metric():
    streamed, _ = scorer(f1_score)
    for rows in BATCHES:
        streamed.update(TRUE[rows], PREDICTED[rows])
    mean = np.mean([f1_score(TRUE[rows], PREDICTED[rows]) for rows in BATCHES])
    assert streamed.compute() == f1_score(TRUE, PREDICTED) != pytest.approx(mean)


@pytest.mark.parametrize("kind", [np.array, torch.tensor, list, pd.Series])
def test_what_is_done_to_a_batch_afterwards_does_not_matter(kind):
    streamed, _ = scorer(accuracy_score)
    y_true, y_pred = kind([0, 1, 1, 0]), kind([0, 1, 0, 0])
    streamed.update(y_true, y_pred)
    y_pred[0] = y_pred[1] = y_pred[3] = 7
    y_true[0] = 9
    assert streamed.compute() == 0.75


def test_rows_of_lists_are_copied_too():
    streamed, _ = scorer(lambda t, p: float(np.sum(p)))
    rows = [[1, 2], [3, 4]]
    streamed.update([0, 1], rows)
    rows[0][0] = 100
    assert streamed.compute() == 10


def test_predictions_may_carry_a_gradient_and_keep_it():
    streamed, _ = scorer(lambda t, p: float(p.sum()))
    predictions = torch.tensor([0.5, 1.5], requires_grad=True)
    streamed.update(torch.tensor([0, 1]), predictions)
    assert streamed.compute() == 2.0
    assert predictions.requires_grad


def test_texts_are_scored_too():
    streamed, book = scorer(accuracy_score)
    streamed.update(["cat", "dog"], ["cat", "cat"])
    streamed.update(["dog"], ["dog"])
    assert streamed.compute() == pytest.approx(2 / 3)
    whole = new_book()
    whole.score(measure(accuracy_score), ["cat", "dog", "dog"], ["cat", "cat", "dog"])
    assert book.scored[0].rows_digest == whole.scored[0].rows_digest


def test_the_rows_pile_up_until_they_are_forgotten():
    for metric in (accuracy_score, torchmetrics.Accuracy(task="binary")):
        streamed, book = scorer(metric)
        streamed.update([1, 1], [1, 0])
        assert (streamed.compute(), streamed.n_rows) == (0.5, 2)
        streamed.update([1, 1], [1, 1])
        assert (streamed.compute(), streamed.n_rows) == (0.75, 4)
        streamed.reset()
        streamed.update([1], [1])
        assert (streamed.compute(), streamed.n_rows) == (1.0, 1)
        assert [read.n_rows for read in book.reads] == [2, 4, 1]
        assert book.scored[-1].n_rows == 1


def test_an_object_of_the_user_is_not_touched():
    metric = torchmetrics.Accuracy(task="binary")
    streamed, _ = scorer(metric)
    streamed.update([1, 1], [1, 0])
    assert streamed.compute() == 0.5
    assert metric.update_count == 0


def test_of_an_object_no_rows_are_held_unless_single_rows_are_scored():
    streamed, _ = scorer(torchmetrics.MeanSquaredError())
    streamed.update([1.0], [0.0])
    assert (streamed._true, streamed._predicted) == ([], [])
    asked, book = scorer(torchmetrics.MeanSquaredError(), per_example=lambda t, p: np.square(p))
    asked.update([1.0, 1.0], [0.0, 3.0])
    asked.compute()
    assert len(book.evidence()) == 1


def test_scores_of_single_rows_are_those_of_all_rows_at_once():
    streamed, book = scorer(accuracy_score, per_example=True)
    for rows in BATCHES:
        streamed.update(TRUE[rows], PREDICTED[rows])
    streamed.compute()
    whole = new_book()
    whole.score(measure(accuracy_score, per_example=True), TRUE, PREDICTED)
    assert book.evidence() == whole.evidence()


def test_ids_come_with_every_batch():
    streamed, book = scorer(accuracy_score)
    streamed.update([1, 0], [1, 0], rows=["a", "b"])
    streamed.update([1], [1], rows=["c"])
    streamed.compute()
    whole = new_book()
    whole.score(measure(accuracy_score), [1, 0, 1], [1, 0, 1], rows=["a", "b", "c"])
    assert book.scored == whole.scored


def test_training_mode_in_one_batch_is_training_mode():
    modes = iter([False, True, False])
    book = ScoreBook(lambda metrics, step: None, training_mode=lambda: next(modes), notes=[])
    streamed = Scorer(book, measure(accuracy_score))
    for _ in range(3):
        streamed.update([1], [1])
    streamed.compute()
    assert book.scored[0].training_mode is True


def test_without_a_model_there_is_no_mode():
    streamed, book = scorer(accuracy_score)
    streamed.update([1], [1])
    streamed.compute()
    assert book.scored[0].training_mode is None


def test_an_empty_batch_changes_nothing():
    streamed, _ = scorer(accuracy_score)
    streamed.update([1, 0], [1, 1])
    streamed.update([], [])
    assert streamed.compute() == 0.5


def test_one_epoch_is_one_look():
    streamed, book = scorer(accuracy_score)
    for step in range(3):
        streamed.reset()
        for rows in BATCHES:
            streamed.update(TRUE[rows], PREDICTED[rows])
        streamed.compute(step=step)
    (read,) = book.reads
    assert (read.n_looks, read.first_step, read.last_step, book.n_looks("valid")) == (3, 0, 2, 3)


def test_a_metric_may_draw_random_numbers_and_the_training_does_not_notice():
    streamed, _ = scorer(lambda t, p: float(torch.rand(1)))
    state = torch.get_rng_state()
    streamed.update([1], [1])
    streamed.compute()
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (
            lambda s: s.compute(),
            "scorer('valid/metric') has no rows to score. "
            "Call update(y_true, y_pred) for every batch.",
        ),
        (
            lambda s: s.update([1, 0], [1]),
            "score('valid/metric'): y_true has 2 rows, y_pred has 1. Score every row once.",
        ),
        (
            lambda s: (s.update([1], [1], rows=["a"]), s.update([1], [1])),
            "scorer('valid/metric'): some batches have ids and some have none. "
            "Pass rows= in every batch, or in none.",
        ),
        (
            lambda s: (s.update([1], [1]), s.update([1], [1], rows=["a"])),
            "scorer('valid/metric'): some batches have ids and some have none. "
            "Pass rows= in every batch, or in none.",
        ),
    ],
    ids=["empty", "lengths", "ids missing", "ids late"],
)
def test_what_cannot_be_scored_is_refused(act, message):
    streamed, book = scorer(accuracy_score)
    with pytest.raises(UsageError) as caught:
        act(streamed)
    assert str(caught.value) == message
    assert book.scored == ()


def test_scores_of_rows_that_are_not_known_yet_are_refused_at_once():
    with pytest.raises(UsageError) as caught:
        scorer(accuracy_score, per_example=[1.0])
    assert str(caught.value) == (
        "scorer('valid/metric'): per_example is list; the rows are not known yet. "
        "Pass a function(y_true, y_pred)."
    )
    with pytest.raises(UsageError, match="is not known"):
        scorer(f1_score, per_example=True)
