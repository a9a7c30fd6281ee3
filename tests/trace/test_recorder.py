"""What the trace of a training holds, whatever way it is trained."""

import random
from collections import defaultdict

import numpy as np
import pytest
import torch
from traced_training import fact_of, model_of_two_layers, nothing, recorder, traced, yes

from repro.facts.fact import Absent
from repro.observe.training import Training
from repro.trace import first_difference, read
from repro.trace.format import ALL


@pytest.fixture
def kept():
    """A recorder that listens to a training; both are gone at the end."""
    made = recorder()
    made.training = Training(yes, [made])
    made.training.hook_optimizers()
    yield made
    made.training.unhook()


def events(kept, kind="step"):
    return [event for event in read(kept.file.content()).events if event.kind == kind]


def components(event):
    return [look.component for look in event.looks if look.component not in ("switches", "rng")]


def loss_of(model, scale=1.0):
    return (model(torch.ones(2, 8)) * scale).square().mean()


def test_a_plain_loop_is_traced_without_a_word_of_the_user(kept):
    model = model_of_two_layers()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        loss_of(model).backward()
        optimizer.step()
    first, second = events(kept)
    assert components(first) == ["loss", "parameters", "gradients", "settings", "updated"]
    assert components(second) == ["parameters", "loss", "gradients", "settings", "updated"]
    assert list(second.looks[-1].items) == [f"param_groups[0][{i}]" for i in range(4)]


def test_a_closure_is_traced_with_all_its_losses_and_gradients(kept):
    model = model_of_two_layers()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)
    kept.training.watch(model, optimizer, None)

    def closure():
        optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        return loss

    optimizer.step(closure)
    (event,) = events(kept)
    seen = components(event)
    assert seen.count("loss") == 3
    assert seen.count("gradients") == 4  # those that were there before it, and each loss's
    assert seen[-2:] == ["gradients", "updated"]


def test_several_optimizers_have_events_of_their_own(kept):
    models = [model_of_two_layers() for _ in range(2)]
    optimizers = [torch.optim.SGD(model.parameters(), lr=0.1) for model in models]
    for _ in range(3):
        for model, optimizer in zip(models, optimizers, strict=True):
            loss_of(model).backward()
            optimizer.step()
    assert [(event.step, event.optimizer) for event in events(kept)] == [
        *((0, 0), (1, 1)),  # what comes after a step of the first one belongs to the next
        *((1, 0), (2, 1)),
        *((2, 0), (3, 1)),
    ]


def test_steps_are_counted_by_the_optimizer_that_goes_on(kept):
    model = model_of_two_layers()
    for number in range(2):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1 + number)
        for _ in range(3):
            loss_of(model).backward()
            optimizer.step()
    assert [event.step for event in events(kept)] == [0, 1, 2, 3, 3, 4]


def test_accumulated_batches_are_one_step_of_several_losses(kept):
    model = model_of_two_layers()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    kept.training.watch(model, optimizer, None)
    for part in range(4):
        loss_of(model, scale=part + 1.0).backward()
        if part % 2:
            optimizer.step()
    assert [components(event).count("loss") for event in events(kept)] == [2, 2]
    assert [components(event).count("batch") for event in events(kept)] == [2, 2]


def test_a_step_that_the_scaler_skips_is_seen_by_its_loss(kept):
    model = model_of_two_layers()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    kept.training.watch(model, optimizer, None)
    for scale in (1.0, float("inf"), 1.0):
        optimizer.zero_grad()
        scaler.scale(loss_of(model, scale)).backward()
        scaler.step(optimizer)
        scaler.update()
    assert [components(event).count("loss") for event in events(kept)] == [1, 2]


def test_light_has_one_digest_of_all_weights_that_a_full_trace_can_be_compared_with():
    light, full = traced(level="light"), traced(level="full")
    updated = [
        look for event in light.events for look in event.looks if look.component == "updated"
    ]
    assert updated
    assert all(list(look.items) == [ALL] for look in updated)
    assert first_difference(light, full) is None
    other = traced(lambda loop: loop.model[0].weight.data.add_(1), when="step", level="full")
    found = first_difference(light, other)
    assert (found.step, found.component, found.tensor) == (5, "updated", None)


def test_the_end_holds_what_an_estimator_learned_and_scores_what_they_were_taken_from():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def fitted(label):
        kept = recorder("light")
        training = Training(yes, [kept])
        x = np.arange(40.0).reshape(20, 2) ** 1.5
        y = np.arange(20) % 2
        y[3] = label
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5))
        training.watch(model, None, None)
        model.fit(x, y)
        training.audience.tell("scored", "accuracy", 0.5, y[:3], model.predict(x[:3]))
        training.unhook()
        assert fact_of(kept, 0).components == ("final", "score")
        return read(kept.file.content())

    assert first_difference(fitted(0), fitted(0)) is None
    found = first_difference(fitted(0), fitted(1))
    assert (found.kind, found.component) == ("final", "final")
    assert found.tensor == "Pipeline.logisticregression.coef_"


def test_a_trace_that_saw_nothing_says_so(kept):
    kept.training.unhook()
    fact = fact_of(kept, 0)
    assert isinstance(fact, Absent)
    assert fact.reason == (
        "neither an optimizer of torch's stepped, nor was a model watched, nor anything scored"
    )
    assert kept.file.evidence() == {}


def test_what_cannot_be_read_is_named_and_stops_nothing(kept):
    class Odd(defaultdict):
        def items(self):
            raise RuntimeError("nobody looks at this")

    model = model_of_two_layers()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    optimizer.state = Odd(dict)
    kept.training.watch(model, optimizer, None)
    loss_of(model).backward()
    optimizer.step()
    kept.training.unhook()
    (fact,) = (kept.training.audience._failed[kept],)
    assert fact.reason == "RuntimeError: nobody looks at this"
    assert read(kept.file.content()).end is None


def test_a_replay_ends_after_the_step_it_was_asked_for():
    with pytest.raises(SystemExit) as ended:
        traced(until=4)
    assert ended.value.code == 0


def test_everything_is_given_back_after_an_interrupt():
    original = torch.autograd.backward

    def interrupt(loop):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        traced(interrupt)
    assert torch.autograd.backward is original


def test_a_trace_inside_a_trace_leaves_the_outer_one_listening(kept):
    model = model_of_two_layers()
    kept.training.watch(model, None, None)
    traced(nothing)
    assert len(torch.autograd.backward.witnesses) == 1
    before = random.getstate()
    kept.training.unhook()
    assert not hasattr(torch.autograd.backward, "witnesses")
    assert random.getstate() == before
