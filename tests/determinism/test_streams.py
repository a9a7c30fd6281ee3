import random

import numpy as np
import torch

from repro.determinism.streams import isolated, numpy_rng, torch_generator


def test_a_stream_depends_on_its_seed_and_its_name_only():
    torch.rand(3), np.random.random(3)
    assert numpy_rng(1, "augment").random() == numpy_rng(1, "augment").random()
    assert numpy_rng(1, "augment").random() != numpy_rng(1, "mixup").random()
    assert numpy_rng(1, "augment").random() != numpy_rng(2, "augment").random()
    first, again, other = (
        torch.rand(4, generator=torch_generator(1, name)) for name in ("a", "a", "b")
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_streams_leave_the_global_generators_alone():
    state = torch.get_rng_state()
    torch.rand(2, generator=torch_generator(1, "a"))
    assert torch.equal(torch.get_rng_state(), state)


def test_evaluating_more_often_changes_no_training():
    def train(n_evaluations):
        random.seed(0), np.random.seed(0), torch.manual_seed(0)
        steps = []
        for _ in range(3):
            steps.append((random.random(), np.random.normal(), torch.randn(1).item()))
            for _ in range(n_evaluations):
                with isolated():
                    # Even an unshuffled loader draws from the global generator.
                    list(torch.utils.data.DataLoader(torch.arange(3)))
                    random.random(), np.random.normal()
        return steps

    assert train(0) == train(1) == train(2)
