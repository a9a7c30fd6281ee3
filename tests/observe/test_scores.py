import io
import math

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, fbeta_score, log_loss

from repro.digest import ordered_digest, row_hashes, table
from repro.errors import UnsupportedData, UsageError
from repro.facts.scores import Score, Scores
from repro.observe.scores import MAX_DEFINITIONS, Measure, ScoreBook

TRUE, PREDICTED = [0, 1, 1, 0], [0, 1, 0, 0]


class Book(ScoreBook):
    """A book that keeps what it would log, and what it has to say."""

    def __init__(self, mode=None):
        self.logged, self.notes = [], []
        super().__init__(self.write, training_mode=lambda: mode, notes=self.notes)

    def write(self, metrics, step):
        self.logged.append((metrics, step))

    def take(self, metric, y_true=TRUE, y_pred=PREDICTED, *, rows=None, step=3, **asked):
        given = {"name": "test/metric", "on": "test", "greater_is_better": True}
        given |= {"per_example": None, "arguments": {}} | asked
        return self.score(Measure(metric=metric, **given), y_true, y_pred, rows=rows, step=step)


def score(metric, y_true=TRUE, y_pred=PREDICTED, *, mode=None, **asked) -> Score:
    book = Book(mode)
    book.take(metric, y_true, y_pred, **asked)
    (taken,) = book.scored
    return taken


def own(y_true, y_pred):
    return 0.5


@pytest.mark.slow
def test_a_score_holds_its_value_its_definition_and_its_rows():
    found = score(fbeta_score, arguments={"beta": 2})
    assert found.value == fbeta_score(TRUE, PREDICTED, beta=2)
    assert (found.metric, found.arguments) == ("sklearn.metrics.fbeta_score", '{"beta":2}')
    assert found.library.startswith("scikit-learn ")
    assert found.source_digest.startswith("blake3:")
    assert (found.on, found.n_rows, found.step, found.greater_is_better) == ("test", 4, 3, True)
    assert found.rows_digest == ordered_digest(row_hashes(table(TRUE).features))
    assert (found.ids_digest, found.n_ids, found.per_example) == (None, None, None)


def test_the_value_is_returned_logged_and_looked_up_in_the_ledger():
    book = Book()
    assert book.take(accuracy_score) == 0.75
    assert book.logged == [({"test/metric": 0.75}, 3)]
    (read,) = book.reads
    assert (read.role, read.metric, read.n_rows, read.n_looks) == ("test", "test/metric", 4, 1)
    assert read.rows_digest == book.scored[0].rows_digest
    assert (book.n_looks("test"), book.n_looks("valid")) == (1, 0)


def test_many_epochs_are_one_score_the_last_and_all_their_looks():
    book = Book()
    for step in range(5):
        book.take(accuracy_score, y_pred=[step, 1, 1, 0], step=step)
    (found,) = book.scored
    assert (found.step, found.value) == (4, 0.75)
    assert book.n_looks("test") == 5


def test_another_definition_under_the_same_name_is_kept_and_the_last_taken_stands_last():
    book = Book()
    for beta in (1, 2, 1):
        book.take(fbeta_score, arguments={"beta": beta})
    assert [found.arguments for found in book.scored] == ['{"beta":2}', '{"beta":1}']


def test_a_definition_that_changes_every_time_does_not_grow_the_record():
    book = Book()
    for beta in range(1, MAX_DEFINITIONS + 10):
        book.take(fbeta_score, arguments={"beta": beta})
    assert len(book.scored) == MAX_DEFINITIONS
    assert book.scored[-1].arguments == f'{{"beta":{MAX_DEFINITIONS + 9}}}'


@pytest.mark.parametrize(
    ("y_true", "y_pred"),
    [
        (np.array(TRUE), np.array(PREDICTED)),
        (torch.tensor(TRUE), torch.tensor(PREDICTED)),
        (pd.Series(TRUE), pd.Series(PREDICTED)),
        (pd.DataFrame({"y": TRUE}), pd.DataFrame({"y": PREDICTED})),
        (tuple(TRUE), tuple(PREDICTED)),
    ],
    ids=["array", "tensor", "series", "frame", "tuple"],
)
def test_the_rows_are_the_same_whatever_they_come_in(y_true, y_pred):
    found = score(accuracy_score, y_true, y_pred)
    assert (found.value, found.rows_digest) == (0.75, score(accuracy_score).rows_digest)


def test_two_rows_in_a_tuple_are_no_pair_of_features_and_labels():
    assert score(accuracy_score, (0, 1), (0, 1)).rows_digest == (
        score(accuracy_score, [0, 1], [0, 1]).rows_digest
    )


def test_other_rows_or_another_order_of_them_have_another_digest():
    orders = (TRUE, [0, 0, 1, 1], [0, 1, 1, 1])
    assert len({score(accuracy_score, rows).rows_digest for rows in orders}) == 3


def test_a_score_that_is_not_a_number_is_kept_as_such():
    assert math.isnan(score(lambda t, p: math.nan).value)


@pytest.mark.parametrize("mode", [True, False, None])
def test_the_mode_of_the_watched_model_is_recorded(mode):
    assert score(accuracy_score, mode=mode).training_mode is mode


def test_a_look_at_the_model_that_fails_costs_nothing_but_the_mode():
    def broken():
        raise RuntimeError("no model")

    book = ScoreBook(lambda metrics, step: None, training_mode=broken, notes=[])
    book.score(Measure("m", accuracy_score, "test", None, None, {}), TRUE, PREDICTED)
    assert book.scored[0].training_mode is None


def test_ids_of_rows_are_recorded_as_a_digest_in_their_order():
    found = score(accuracy_score, rows=["a", "b", "c", "d"])
    assert found.n_ids == 4
    assert found.ids_digest == score(accuracy_score, rows=("a", "b", "c", "d")).ids_digest
    assert found.ids_digest != score(accuracy_score, rows=["b", "a", "c", "d"]).ids_digest


def test_ids_that_repeat_are_counted_once_and_noted():
    book = Book()
    book.take(accuracy_score, rows=[7, 8, 8, 7])
    assert book.scored[0].n_ids == 2
    assert book.notes == ["test/metric: 4 rows have 2 ids: some count twice"]


def test_ids_of_several_columns_are_one_each():
    assert score(accuracy_score, rows=[("a", 1), ("a", 2), ("b", 1), ("b", 2)]).n_ids == 4


def test_scores_of_single_rows_are_an_artifact_named_by_its_digest():
    book = Book()
    book.take(accuracy_score, per_example=True)
    (found,) = book.scored
    ((path, content),) = book.evidence().items()
    assert path == found.per_example == f"repro/{found.per_example_digest[7:19]}.npy"
    assert np.load(io.BytesIO(content)).tolist() == [1, 1, 0, 1]


def test_only_what_the_record_refers_to_is_kept_in_memory():
    book = Book()
    for step in range(5):
        book.take(accuracy_score, per_example=[step, 0, 0, 0], step=step)
    assert list(book.evidence()) == [book.scored[0].per_example]


def test_a_direction_is_the_librarys_unless_something_was_said():
    assert score(log_loss, greater_is_better=None).greater_is_better is False
    assert score(own, greater_is_better=False).greater_is_better is False


def test_a_direction_that_nobody_knows_is_asked_for_once_and_recorded_as_unknown():
    book = Book()
    for step in range(3):
        book.take(own, greater_is_better=None, step=step)
    assert book.scored[0].greater_is_better is None
    assert book.notes == [
        f"test/metric: whether more is better is not known of {__name__}.own; "
        "say greater_is_better=True or False"
    ]


def test_what_was_said_against_the_library_is_recorded_and_noted():
    book = Book()
    book.take(log_loss)
    assert book.scored[0].greater_is_better is True
    assert book.notes == [
        "test/metric: greater_is_better=True was said, sklearn.metrics.log_loss is known for False"
    ]


def test_a_value_whose_definition_cannot_be_read_is_logged_and_never_lost():
    class Odd:
        def __call__(self, y_true, y_pred):
            return 0.5

        @property
        def __dict__(self):
            raise RuntimeError("look away")

    book = Book()
    assert book.take(Odd()) == 0.5
    assert (book.scored, book.logged) == ((), [({"test/metric": 0.5}, 3)])
    assert book.notes == ["test/metric was logged, not scored: RuntimeError: look away"]
    assert book.n_looks("test") == 1


def test_rows_that_cannot_be_digested_cost_the_definition_not_the_value():
    book = Book()
    assert book.take(own, y_true={"a": 1, "b": 2}, y_pred=[0, 1]) == 0.5
    (note,) = book.notes
    assert note.startswith("test/metric was logged, not scored: UnsupportedData: ")
    assert (book.scored, book.reads[0].rows_digest) == ((), None)


def test_a_metric_may_draw_random_numbers_and_the_training_does_not_notice():
    before = np.random.get_state()[1].copy()
    score(lambda t, p: float(np.random.rand()))
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize(
    ("metric", "asked", "message"),
    [
        (
            accuracy_score,
            {"y_pred": [1]},
            "score('test/metric'): y_true has 4 rows, y_pred has 1. Score every row once.",
        ),
        (
            accuracy_score,
            {"rows": [1, 2]},
            "score('test/metric'): rows has 2 ids for 4 rows. "
            "Pass the id of each row, in the order of y_true.",
        ),
        (
            accuracy_score,
            {"y_true": torch.tensor(1.0)},
            "score('test/metric'): y_true is Tensor, which has no rows. "
            "Pass an array, a tensor, a series or a list with one entry for each row.",
        ),
        (
            lambda t, p: [0.5, 1.0],
            {},
            f"score('test/metric'): {__name__}.<lambda> returned [0.5, 1.0], not one number. "
            "Pass a metric that averages, or score each value under its own name.",
        ),
        (
            lambda t, p: torch.tensor([0.5, 1.0]),
            {},
            f"score('test/metric'): {__name__}.<lambda> returned tensor([0.5000, 1.0000]), "
            "not one number. "
            "Pass a metric that averages, or score each value under its own name.",
        ),
        (
            lambda t, p: 10**400,
            {},
            f"score('test/metric'): {__name__}.<lambda> returned {10**400}, not one number. "
            "Pass a metric that averages, or score each value under its own name.",
        ),
        (
            lambda t, p: None,
            {},
            f"score('test/metric'): {__name__}.<lambda> returned None, not one number. "
            "Pass a metric that averages, or score each value under its own name.",
        ),
        (
            accuracy_score,
            {"on": "train"},
            "score('test/metric', on='train'): rows that the model learned from measure nothing. "
            'Pass on="valid" or on="test", as in log_data.',
        ),
    ],
    ids=["lengths", "ids", "no rows", "list", "tensor", "huge", "none", "role"],
)
def test_what_is_no_score_is_refused_with_the_whole_story(metric, asked, message):
    book = Book()
    with pytest.raises(UsageError) as caught:
        book.take(metric, **asked)
    assert str(caught.value) == message
    assert (book.logged, book.scored, book.reads) == ([], (), ())


def test_ids_that_cannot_be_read_are_refused():
    with pytest.raises(UnsupportedData):
        score(accuracy_score, rows={1, 2, 3, 4})


def test_an_error_of_the_metric_itself_is_the_users_to_see():
    with pytest.raises(TypeError):
        score(accuracy_score, arguments={"beta": 2})
    with pytest.raises(UsageError, match="not one number"):
        score(confusion_matrix)


def test_looks_are_counted_by_role():
    book = Book()
    for role in ("test", "valid", "test"):
        book.take(accuracy_score, on=role, name=f"{role}/accuracy")
    fact = Scores(scored=book.scored, reads=book.reads)
    assert (fact.n_looks("test"), fact.n_looks("valid")) == (2, 1)
