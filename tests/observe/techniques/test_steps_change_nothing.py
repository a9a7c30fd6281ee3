"""What listens to the steps changes no weight, and seeds of one configuration agree."""

import pytest
import torch

from repro.observe.audience import Audience
from repro.observe.technique import Ending
from repro.observe.techniques.gradients import GradientsObserver
from repro.observe.techniques.precision import PrecisionObserver
from repro.observe.techniques.schedule import ScheduleObserver
from repro.observe.techniques.stopping import StoppingObserver
from repro.observe.training import Training
from repro.record import is_compared, is_per_replicate

KINDS = (GradientsObserver, PrecisionObserver, ScheduleObserver, StoppingObserver)


class Recurrent(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(4, 6, batch_first=True)
        self.head = torch.nn.Linear(6, 2)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


def convolutional():
    return torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, 5)),
        torch.nn.Conv2d(1, 3, 2),
        torch.nn.BatchNorm2d(3),
        torch.nn.Dropout(0.3),
        torch.nn.Flatten(),
        torch.nn.Linear(36, 2),
    )


def attentive():
    block = torch.nn.TransformerEncoderLayer(4, 2, 8, dropout=0.2, batch_first=True)
    return torch.nn.Sequential(block, torch.nn.Flatten(), torch.nn.Linear(20, 2))


def weights_after(make, *, is_watched, seed=0, kind=torch.optim.Adam, dtype=None, **settings):
    torch.manual_seed(seed)
    model = make()
    optimizer = kind(model.parameters(), lr=0.01, **settings)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 12)
    seen = Training(lambda: True)
    seen.audience = Audience([kind() for kind in KINDS])
    if is_watched:
        seen.watch(model, optimizer, scheduler)
    for _ in range(12):
        x, y = torch.randn(6, 5, 4), torch.randint(0, 2, (6,))

        def closure(x=x, y=y):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype, enabled=dtype is not None):
                loss = torch.nn.functional.cross_entropy(model(x).float(), y)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            return loss

        if kind is torch.optim.LBFGS:
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()
        scheduler.step()
    seen.unhook()
    facts = seen.audience.facts(Ending(n_steps=seen.n_steps)) if is_watched else {}
    return [one.detach().clone() for one in model.state_dict().values()], facts


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "options"),
    [
        (convolutional, {}),
        (attentive, {}),
        (attentive, {"dtype": torch.bfloat16}),
        (Recurrent, {}),
        (Recurrent, {"kind": torch.optim.LBFGS, "max_iter": 3}),
        (convolutional, {"kind": torch.optim.AdamW, "fused": True}),
    ],
)
def test_weights_are_equal_bit_for_bit_with_and_without_watching(make, options):
    plain, _ = weights_after(make, is_watched=False, **options)
    watched, facts = weights_after(make, is_watched=True, **options)
    assert all(torch.equal(*pair) for pair in zip(plain, watched, strict=True))
    assert {"gradients", "precision", "schedule", "stopping"} == facts.keys()
    assert not any(hasattr(fact, "reason") and hasattr(fact, "kind") for fact in facts.values())


@pytest.mark.slow
def test_twenty_seeds_of_one_configuration_do_not_differ():
    flats = []
    for seed in range(20):
        _, facts = weights_after(convolutional, is_watched=True, seed=seed)
        flat = {path: value for fact in facts.values() for path, value in fact.flat().items()}
        flats.append({p: v for p, v in flat.items() if is_compared(p) and not is_per_replicate(p)})
    assert all(flat == flats[0] for flat in flats)
    assert flats[0]["schedule.shape"] == "cosine"
    assert flats[0]["gradients.rewritten"] is True
    assert flats[0]["precision.autocast.train"] == "none"


def test_no_batch_and_no_output_is_kept_alive():
    import gc
    import weakref

    seen = Training(lambda: True)
    seen.audience = Audience([kind() for kind in KINDS])
    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    seen.watch(model, optimizer, None)
    x = torch.ones(3, 4)
    out = model(x)
    output = weakref.ref(out)
    out.sum().backward()
    optimizer.step()
    batch = weakref.ref(x)
    del x, out
    gc.collect()
    assert (output(), batch()) == (None, None)
    seen.unhook()
