"""The weights behind a score: what a glance tells, and that it changes nothing."""

import copy
import warnings

import pytest
import torch
from torch.nn.utils import prune
from watched_training import mlp, step, watching

from repro.audit.example import example_record
from repro.continuation import Earlier
from repro.facts.scores import EXAMPLE as SCORES
from repro.facts.scores import Scores, Weights
from repro.observe.scores import Measure, ScoreBook
from repro.observe.watched_weights import WatchedWeights
from repro.record import dump

X = torch.randn(4, 16, generator=torch.Generator().manual_seed(0))


def looked(model: torch.nn.Module, n_steps: int = 3) -> Weights:
    weights = WatchedWeights()
    weights.watch(model)
    found = weights.look(n_steps)
    assert found is not None
    return found


def test_equal_weights_have_one_digest_and_a_step_gives_another() -> None:
    model = mlp()
    before = looked(model)
    assert looked(copy.deepcopy(model)) == before
    assert (before.form, before.number, before.is_restored) == ("float32", 1, False)
    step(model, torch.optim.SGD(model.parameters(), lr=0.1), X)
    assert looked(model).digest != before.digest


def test_a_mask_that_is_made_permanent_changes_nothing_that_is_told() -> None:
    model = mlp()
    for layer in (model[0], model[2]):
        prune.l1_unstructured(layer, "weight", amount=0.5)
    masked = looked(model)
    assert masked.form.startswith("float32, ")
    assert masked.form.endswith(" % zeros")
    for layer in (model[0], model[2]):
        prune.remove(layer, "weight")
    assert looked(model) == masked


def test_another_dtype_is_another_form() -> None:
    assert looked(mlp().half()).form == "float16"
    assert looked(torch.nn.ReLU()).form == "no parameters"


@pytest.mark.slow
def test_a_quantized_copy_is_a_form_of_its_own() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.ao is deprecated
        converted = torch.ao.quantization.quantize_dynamic(mlp(), {torch.nn.Linear})
    found = looked(converted)
    assert (found.form, found.digest) == ("quantized", None)


def test_an_estimator_and_nothing_at_all_have_no_weights() -> None:
    weights = WatchedWeights()
    assert weights.look(0) is None
    weights.watch(object())
    assert weights.look(0) is None


def test_a_look_leaves_weights_generator_and_mode_as_they_are() -> None:
    model = mlp()
    values, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    looked(model)
    assert all(torch.equal(values[name], one) for name, one in model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert model.training


def test_a_state_that_is_loaded_after_the_last_step_was_brought_back() -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watching() as training:
        training.watch(model, optimizer, None)
        model.load_state_dict(model.state_dict())
        told = [training.weights()]
        step(model, optimizer, X)
        best = copy.deepcopy(model.state_dict())
        step(model, optimizer, X)
        told.append(training.weights())
        model.load_state_dict(best)
        told.append(training.weights())
        step(model, optimizer, X)
        told.append(training.weights())
    assert [(one.n_steps, one.is_restored) for one in told if one] == [
        (0, False),
        (2, False),
        (2, True),
        (3, False),
    ]


def test_a_score_holds_the_weights_that_it_was_taken_with() -> None:
    weights = looked(mlp())
    book = ScoreBook(lambda metrics, step: None, lambda: None, [], weights=lambda: weights)
    measure = Measure("test/mean", lambda y, p: 1.0, "test", True, None, {})
    book.score(measure, [0, 1], [0, 1])
    assert book.scored[0].weights == weights


def test_weights_that_cannot_be_looked_at_cost_no_score() -> None:
    def broken() -> Weights:
        raise RuntimeError("no")

    book = ScoreBook(lambda metrics, step: None, lambda: None, [], weights=broken)
    assert book.score(Measure("test/m", lambda y, p: 1.0, "test", True, None, {}), [0], [0]) == 1.0
    assert book.scored[0].weights is None


def test_a_checkpoint_that_is_read_while_training_brings_back_its_step() -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watching() as training:
        training.watch(model, optimizer, None)
        training.go_on_at(40)
        told = [training.weights()]  # a resumed run: nothing was trained here before
        step(model, optimizer, X)
        training.go_on_at(40)
        told.append(training.weights())
    assert [(one.n_steps, one.is_restored) for one in told if one] == [(40, False), (40, True)]


def test_a_segment_that_watches_nothing_leaves_the_weights_as_they_were() -> None:
    before = example_record()
    earlier = Earlier(before, dump(before).encode())
    found = earlier.continued({**before.facts, "scores": Scores()})["scores"]
    assert isinstance(found, Scores)
    assert found.weights_at_end == SCORES.weights_at_end
