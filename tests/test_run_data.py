import json

import pandas as pd
import pytest
import torch
from mlflow import MlflowClient
from sklearn.model_selection import KFold

import repro
from repro.errors import UnsupportedData
from repro.facts.data import Data
from repro.facts.split import Split
from repro.overlap import overlap_between

X = torch.arange(40.0).reshape(20, 2)
Y = (X.sum(1) > 40).float()


def test_data_that_cannot_be_read_is_refused(project):
    with repro.tracked_run(seed=0) as run, pytest.raises(UnsupportedData) as caught:
        run.log_data(train="train.csv")
    assert str(caught.value) == (
        "cannot read rows from the text 'train.csv'. "
        "Pass pathlib.Path(...) for a file or folder, or the table that it holds."
    )


def test_the_same_rows_split_in_another_way_have_the_same_pool(project):
    def record(train, test):
        with repro.tracked_run(seed=0) as run:
            run.log_data(train=(X[train], Y[train]), test=(X[test], Y[test]))
        return project.record(run.run_id).find(Data)

    first, second = record(range(15), range(15, 20)), record(range(5, 20), range(5))
    assert first.pool_digest == second.pool_digest
    assert first.role("test").rows_digest != second.role("test").rows_digest


def test_rows_groups_and_times_that_train_shares_with_test_are_counted(project):
    frame = pd.DataFrame(
        {
            "patient": ["a", "a", "b", "c", "c"],
            "day": pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03"] * 2)[:5],
            "x": [1.0, 2.0, 3.0, 4.0, 5.0],
        }
    )
    with repro.tracked_run(seed=0) as run:
        run.log_data(train=frame[:4], test=frame[3:], group="patient", time="day")
    (overlap,) = project.record(run.run_id).find(Data).overlaps
    assert (overlap.n_shared, overlap.n_shared_groups) == (1, 1)
    assert overlap.latest_train == "2026-01-03T00:00:00.000000Z"
    assert overlap.earliest_eval == "2026-01-01T00:00:00.000000Z"


def test_a_plan_is_recorded_with_its_proof_and_the_rows_it_chose(project):
    plan = repro.make_plan(KFold(4), X.numpy())
    rows, held_out = plan.fold(2)
    with repro.tracked_run(seed=0) as run:
        run.use_split(plan, fold=2)
        run.log_data(train=(X[rows], Y[rows]), test=(X[held_out], Y[held_out]))
    record = project.record(run.run_id)
    split, data = record.find(Split), record.find(Data)
    assert (split.splitter, split.fold, split.fingerprint) == ("KFold", 2, plan.fingerprint)
    assert split.condition("B0").outcome == "PROVED"
    assert split.test_digest == data.role("test").rows_digest
    assert record.replicate == repro.record.Replicate(seed=0, fold=2)


def test_dataset_inputs_carry_our_digests(project):
    with repro.tracked_run(seed=0) as run:
        run.log_data(train=(X, Y), test=(X, Y))
    inputs = MlflowClient(project.uri).get_run(run.run_id).inputs.dataset_inputs
    roles = project.record(run.run_id).find(Data).roles
    assert {i.dataset.name: i.dataset.digest for i in inputs} == {
        role.role: role.rows_digest.removeprefix("blake3:")[:8] for role in roles
    }
    (context,) = inputs[0].tags
    assert (context.key, context.value) == ("mlflow.data.context", "train")
    assert json.loads(inputs[0].dataset.profile)["num_rows"] == 20
    assert "mlflow_colspec" in inputs[0].dataset.schema


def test_what_a_loader_hands_out_of_a_stream_is_recorded(project):
    class Lines(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(torch.arange(10.0).reshape(5, 2))

    with repro.tracked_run(seed=0) as run:
        run.log_data(train=Lines(), test=torch.zeros(3, 2))
        for _ in range(2):
            list(run.dataloader(Lines(), batch_size=2))
    data = project.record(run.run_id).find(Data)
    train = data.role("train")
    assert (train.kind, train.reading, train.n_rows, train.coverage) == ("Lines", "seen", 5, 0.0)
    assert [overlap.roles for overlap in data.overlaps] == ["train/test"]


def test_row_hashes_are_left_in_the_store_for_every_role(project):
    with repro.tracked_run(seed=0) as run:
        run.log_data(train=(X, Y), test=(X[:5], Y[:5]))
    history, record = project.history, project.record(run.run_id)
    (shared,) = [
        found
        for found in overlap_between(history, record, record)
        if (found.left, found.right) == ("train", "test")
    ]
    assert (shared.rows.n, shared.features.error) == (5, 0.0)


def test_augmentation_of_a_dataset_is_looked_at_without_drawing_for_the_training(project):
    class Noisy(torch.utils.data.Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            return torch.rand(3), index % 2

    with repro.tracked_run(seed=4) as run:
        run.log_data(train=Noisy())
        drawn = torch.rand(1).item()
    torch.manual_seed(4)
    assert drawn == torch.rand(1).item()
    assert project.record(run.run_id).find(Data).role("train").n_rows == 6
