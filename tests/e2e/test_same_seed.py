"""Same script, same seed, twice: every metric and every weight, bit for bit."""

import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from torch.utils.data import Dataset

import repro


class Augmented(Dataset):
    """Adds noise in the workers, from three generators."""

    def __len__(self):
        return 48

    def __getitem__(self, index):
        noise = torch.rand(4) + np.random.rand()
        return torch.full((4,), float(index)) / 48 + 0.1 * noise, index % 2


def train(seed):
    with repro.tracked_run(seed=seed, quiet=True) as run:
        loader = run.dataloader(Augmented(), batch_size=8, shuffle=True, num_workers=2)
        model = torch.nn.Sequential(
            torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(16, 2)
        )
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
        run.watch(model, optimizer)
        step = 0
        for _ in range(2):
            for x, y in loader:
                loss = torch.nn.functional.cross_entropy(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log_metrics({"train/loss": loss}, step=step)
                step += 1
    return run, [parameter.detach().clone() for parameter in model.parameters()]


@pytest.mark.slow
def test_metrics_and_weights_repeat_bit_for_bit_with_dropout_workers_and_shuffling(project):
    (first, weights), (second, weights_again), (other, other_weights) = map(train, (1, 1, 2))
    client = MlflowClient(project.uri)

    def series(run):
        history = client.get_metric_history(run.run_id, "train/loss")
        return sorted((point.step, point.value) for point in history)

    assert len(series(first)) == 12
    assert series(first) == series(second)
    assert all(torch.equal(a, b) for a, b in zip(weights, weights_again, strict=True))
    assert series(first) != series(other)
    assert not any(torch.equal(a, b) for a, b in zip(weights, other_weights, strict=True))
