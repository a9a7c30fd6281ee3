import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from repro.determinism.controlled import Controlled
from repro.determinism.loader import seeded_loader

N_WORDS = 50


class NoisyRows(Dataset):
    """Word, noisy features and target; the noise is drawn in the worker."""

    def __len__(self):
        return 64

    def __getitem__(self, row):
        return torch.tensor(row % N_WORDS), torch.randn(8) + row, torch.tensor([float(row % 3)])


def train(seed, mode="strict"):
    """All parameters and moments after two epochs, and the losses."""
    with Controlled(seed, mode):
        table = nn.Parameter(torch.randn(N_WORDS, 8))
        head = nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.3), nn.ReLU(), nn.Linear(16, 1))
        optimizer = torch.optim.AdamW([table, *head.parameters()], lr=0.01)
        loader = seeded_loader(
            NoisyRows(), seed=seed, role="train", batch_size=16, shuffle=True, num_workers=2
        )
        losses = []
        for _ in range(2):
            for words, features, target in loader:
                # The gradient of table[...] with repeated rows depends on the order of threads.
                repeated = table[words.repeat(40)].view(40, len(words), 8).mean(0)
                loss = nn.functional.mse_loss(head(repeated + features), target)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.detach())
        moments = [state["exp_avg_sq"] for state in optimizer.state.values()]
        return [table, *head.parameters(), *moments, *losses]


@pytest.mark.slow
def test_training_twice_gives_the_same_bits_in_every_tensor_and_another_seed_gives_others():
    first, again, other = train(3), train(3), train(4)
    assert len(first) == 5 + 5 + 8
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))
