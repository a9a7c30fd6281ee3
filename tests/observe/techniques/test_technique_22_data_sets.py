"""Row 22: the part that every data set plays, and which one each decision read."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import accuracy_score, log_loss
from sklearn.naive_bayes import GaussianNB
from torch.utils.data import DataLoader, TensorDataset

import repro
from repro.facts.budget import Budget
from repro.facts.data import Data
from repro.facts.fact import Absent
from repro.facts.scores import Scores
from repro.observe.data_book import DataBook
from repro.observe.scores import Measure, ScoreBook

X, Y = load_breast_cancer(return_X_y=True)
TRAIN, VALID, TEST = slice(0, 300), slice(300, 400), slice(400, 569)


def told(group=None, time=None, **roles) -> Data | Absent:
    """The data sets of a run that was given these, one call for each."""
    book = DataBook([])
    for role, content in roles.items():
        book.log({role: content}, group=group, time=time)
    return book.at_end()


def three_sets():
    return {
        "train": (X[TRAIN], Y[TRAIN]),
        "valid": (X[VALID], Y[VALID]),
        "test": (X[TEST], Y[TEST]),
    }


def scored_by(*scored) -> ScoreBook:
    """The book after these scores: name, metric, labels, predictions, role, step."""
    book = ScoreBook(lambda metrics, step: None, lambda: None, [])
    for name, metric, y_true, y_pred, on, step in scored:
        book.score(Measure(name, metric, on, None, None, {}), y_true, y_pred, step=step)
    return book


def test_technique_22_every_data_set_is_told_by_its_part():
    data = told(**three_sets())
    assert [(role.role, role.n_rows, role.n_columns) for role in data.roles] == [
        ("train", 300, 31),
        ("valid", 100, 31),
        ("test", 169, 31),
    ]
    assert len({role.digest for role in data.roles}) == 3
    assert {role.reading for role in data.roles} == {"all"}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ((X[TEST], Y[TEST]), "pair"),
        (torch.tensor(X[TEST]), "Tensor"),
        (pd.DataFrame(X[TEST]), "DataFrame"),
        (TensorDataset(torch.tensor(X[TEST]), torch.tensor(Y[TEST])), "TensorDataset"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_technique_22_a_data_set_is_told_whatever_holds_it(content, kind):
    role = told(test=content).role("test")
    assert (role.kind, role.n_rows, role.coverage) == (kind, 169, 1.0)


def test_technique_22_rows_in_another_order_are_the_same_rows_in_another_order():
    one, other = told(test=X[TEST]).roles[0], told(test=X[TEST][::-1]).roles[0]
    assert one.rows_digest == other.rows_digest
    assert one.digest != other.digest


def test_technique_22_rows_that_two_parts_share_are_counted_with_and_without_labels():
    flipped = np.append(Y[290:300], 1 - Y[290:300])
    test = np.concatenate([X[290:300], X[290:300]]), flipped
    (first, second, third) = told(
        train=(X[TRAIN], Y[TRAIN]), valid=(X[VALID], Y[VALID]), test=test
    ).overlaps
    assert (first.roles, first.n_shared, first.n_shared_features) == ("train/valid", 0, 0)
    assert (second.roles, second.n_shared, second.n_shared_features) == ("train/test", 10, 20)
    assert (third.roles, third.n_shared) == ("valid/test", 0)


def test_technique_22_rows_that_two_parts_share_by_chance_are_expected():
    flags = np.random.default_rng(0).integers(0, 2, size=(400, 3))
    (overlap,) = told(train=flags[:300], test=flags[300:]).overlaps
    assert overlap.n_shared == 100
    assert overlap.n_expected == pytest.approx(100, abs=1)


def test_technique_22_groups_and_times_of_train_in_later_parts_are_told():
    frame = pd.DataFrame(
        {"who": list("aabbcc"), "day": pd.date_range("2026-01-01", periods=6), "x": range(6)}
    )
    data = told("who", "day", train=frame[:3], test=frame[3:])
    (overlap,) = data.overlaps
    assert (data.group, data.time, overlap.n_shared_groups) == ("who", "day", 1)
    assert overlap.latest_train == "2026-01-03T00:00:00.000000Z"
    assert overlap.earliest_eval == "2026-01-04T00:00:00.000000Z"


def test_technique_22_the_pool_is_that_of_all_parts_together():
    one = told(train=X[:400], test=X[400:])
    assert one.pool_digest == told(train=X[100:], test=X[:100]).pool_digest
    assert one.pool_digest != told(train=X[:400], test=X[401:]).pool_digest


def test_technique_22_data_that_were_not_handed_over_are_not_recorded():
    assert DataBook([]).at_end() == Absent(
        reason="it was not handed over: run.log_data(...)", kind="not_recorded"
    )


def test_technique_22_every_look_is_entered_with_its_part_metric_rows_and_steps():
    found = scored_by(
        *(("valid/acc", accuracy_score, Y[VALID], Y[VALID], "valid", epoch) for epoch in range(4)),
        ("valid/loss", log_loss, Y[VALID], np.full(100, 0.5), "valid", 3),
        ("test/acc", accuracy_score, Y[TEST], Y[TEST], "test", 9),
        ("test/acc", accuracy_score, Y[TEST][:50], Y[TEST][:50], "test", 9),
    ).reads
    assert [(r.number, r.role, r.metric, r.n_rows, r.n_looks) for r in found] == [
        (1, "valid", "valid/acc", 100, 4),
        (2, "valid", "valid/loss", 100, 1),
        (3, "test", "test/acc", 169, 1),
        (4, "test", "test/acc", 50, 1),
    ]
    assert [(read.first_step, read.last_step) for read in found] == [(0, 3), (3, 3), (9, 9), (9, 9)]
    assert found[0].rows_digest == found[1].rows_digest
    assert len({read.rows_digest for read in found}) == 3
    assert found[0].first_at < found[0].last_at < found[2].first_at


def test_technique_22_a_model_that_is_chosen_by_the_test_set_is_seen_in_the_ledger():
    models = [GaussianNB(var_smoothing=one).fit(X[TRAIN], Y[TRAIN]) for one in (1e-9, 1e-6, 1e-3)]
    on_test = [("acc", accuracy_score, Y[TEST], m.predict(X[TEST]), "test", 0) for m in models]
    found = Scores(reads=scored_by(*on_test).reads)
    assert (found.n_looks("test"), found.n_looks("valid")) == (3, 0)


def test_technique_22_one_metric_of_the_same_rows_in_two_parts_has_two_entries():
    look = ("acc", accuracy_score, Y[TEST], Y[TEST])
    book = scored_by((*look, "valid", 0), (*look, "valid", 1), (*look, "test", 1))
    assert [(read.role, read.n_looks) for read in book.reads] == [("valid", 2), ("test", 1)]
    assert (book.n_looks("valid"), book.n_looks("test")) == (2, 1)


@pytest.mark.slow
def test_technique_22_a_run_tells_which_part_each_score_and_each_loader_read(project):
    sets = {role: tuple(map(torch.tensor, pair)) for role, pair in three_sets().items()}
    with repro.tracked_run(seed=0, quiet=True) as run:
        run.log_data(**sets)
        for role in ("train", "valid"):
            list(run.watch_loader(DataLoader(TensorDataset(*sets[role]), batch_size=50), role=role))
        for epoch in range(3):
            run.score("valid/acc", accuracy_score, Y[VALID], Y[VALID], on="valid", step=epoch)
        run.score("test/acc", accuracy_score, Y[TEST], Y[TEST], on="test", step=2)
    record = project.record(run.run_id)
    scores = record.find(Scores)
    assert [(read.role, read.n_looks, read.last_step) for read in scores.reads] == [
        ("valid", 3, 2),
        ("test", 1, 2),
    ]
    assert [(score.on, score.n_rows) for score in scores.scored] == [("valid", 100), ("test", 169)]
    sizes = {role.role: role.n_rows for role in record.find(Data).roles}
    assert sizes == {"train": 300, "valid": 100, "test": 169}
    assert record.find(Budget).n_test_reads == 1
