"""Row 20: the loss function."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional
from watched_training import facts, step, watching

from repro.facts.fact import Absent
from repro.facts.loss import Loss
from repro.observe.technique import Ending
from repro.observe.techniques.loss import LossObserver

X, Y = torch.ones(4, 3), torch.tensor([0, 1, 2, 1])
SMOOTHED = nn.CrossEntropyLoss(label_smoothing=0.2)
ALPHA = 0.25
SEED, DEVICE = 3, "cuda:1"


def told(*losses, model=None) -> Loss | Absent:
    """The fact, where a step is made after each loss was handed over."""
    observer = LossObserver()
    for number, loss in enumerate(losses):
        observer.watched(model, None, None, loss)
        observer.sampled_step(None, number)
    return observer.at_end(Ending(n_steps=1))


def flat(*losses, **options):
    return told(*losses, **options).flat()


def focal(output, target, gamma=2.0):
    return ((1 - output) ** gamma * functional.cross_entropy(output, target)).mean() * ALPHA


def through_global(output, target):
    return SMOOTHED(output, target)


class Focal(nn.Module):
    def __init__(self, gamma, alpha):
        super().__init__()
        self.gamma = gamma
        self.register_buffer("alpha", alpha)
        self.n_calls = 0
        self.seed = 3

    def forward(self, output, target):
        return functional.cross_entropy(output, target, self.alpha)


class Both(nn.Module):
    def __init__(self, model=None):
        super().__init__()
        self.classes = nn.CrossEntropyLoss()
        self.boxes = nn.SmoothL1Loss(beta=0.5)
        self.share = 0.7
        self.model = model

    def forward(self, output, target):
        return self.classes(output, target)


def test_technique_20_loss_module_is_told_with_what_it_was_made_with():
    found = flat(nn.CrossEntropyLoss(label_smoothing=0.1, reduction="sum", ignore_index=0))
    assert found["loss.name"] == "CrossEntropyLoss"
    assert found["loss.label_smoothing"] == 0.1
    assert (found["loss.reduction"], found["loss.ignore_index"]) == ("sum", 0)
    assert found["loss.source_digest"] is None
    assert "loss.training" not in found


@pytest.mark.parametrize(
    ("loss", "name", "value"),
    [
        (nn.TripletMarginLoss(margin=0.3), "margin", 0.3),
        (nn.SmoothL1Loss(beta=0.5), "beta", 0.5),
        (nn.KLDivLoss(log_target=True), "log_target", True),
        (nn.HuberLoss(delta=2.0), "delta", 2.0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_technique_20_loss_of_each_kind_has_its_own_settings(loss, name, value):
    assert flat(loss)[f"loss.{name}"] == value


def test_technique_20_loss_class_weights_are_told_as_length_and_digest():
    one, same, other = (
        flat(nn.BCEWithLogitsLoss(pos_weight=torch.tensor(values)))
        for values in ([1.0, 2.0], [1.0, 2.0], [1.0, 3.0])
    )
    assert one["loss.weights.pos_weight.n"] == 2
    assert one == same
    assert one["loss.weights.pos_weight.digest"] != other["loss.weights.pos_weight.digest"]
    assert flat(nn.BCEWithLogitsLoss())["loss.weights"] == "none"


def test_technique_20_loss_function_of_a_library_has_its_address_and_bound_arguments():
    assert flat(functional.mse_loss)["loss.name"] == "torch.nn.functional.mse_loss"
    found = flat(partial(functional.cross_entropy, label_smoothing=0.3))
    assert found["loss.name"] == "torch.nn.functional.cross_entropy"
    assert (found["loss.label_smoothing"], found["loss.source_digest"]) == (0.3, None)


def test_technique_20_loss_of_ones_own_is_told_by_its_code_and_constants():
    found = flat(partial(focal, gamma=1.0))
    assert (found["loss.name"], found["loss.gamma"], found["loss.ALPHA"]) == ("focal", 1.0, 0.25)
    assert found["loss.source_digest"] == flat(focal)["loss.source_digest"]
    other = flat(through_global)
    for digest in ("loss.source_digest", "loss.definition_digest"):
        assert found[digest] == flat(focal)[digest] != other[digest] is not None


def test_technique_20_loss_is_not_told_with_what_a_seed_or_a_machine_changes():
    def loss(output, target):
        torch.manual_seed(SEED)
        return functional.mse_loss(output, target).to(DEVICE)

    assert not {"loss.SEED", "loss.DEVICE"} & flat(loss).keys()


def test_technique_20_loss_closures_that_differ_in_what_they_close_over_differ():
    def closing_over(share, weights):
        return lambda output, target: share * functional.cross_entropy(output, target, weights)

    one, other = (flat(closing_over(share, torch.ones(3))) for share in (0.5, 0.9))
    assert (one["loss.share"], other["loss.share"]) == (0.5, 0.9)
    assert one["loss.weights.weights.n"] == 3
    assert one["loss.source_digest"] == other["loss.source_digest"]


def test_technique_20_loss_modules_in_a_closure_or_in_the_file_are_terms():
    margin = nn.TripletMarginLoss(margin=0.3)
    found = flat(lambda output, target: margin(output, target, target))
    assert found["loss.terms.margin.settings.margin"] == 0.3
    assert flat(through_global)["loss.terms.SMOOTHED.settings.label_smoothing"] == 0.2


def test_technique_20_loss_class_of_ones_own_has_settings_buffers_and_code_and_no_state():
    loss = Focal(2.0, torch.tensor([0.1, 0.9]))
    before = flat(loss)
    loss.n_calls, loss.seed = 7, 4
    assert before == flat(loss.train(False))
    assert (before["loss.gamma"], before["loss.weights.alpha.n"]) == (2.0, 2)
    assert before["loss.source_digest"].startswith("blake3:")


def test_technique_20_loss_composites_are_told_by_the_names_of_their_parts():
    found = flat(Both())
    assert (found["loss.name"], found["loss.share"]) == ("Both", 0.7)
    assert found["loss.terms.classes.name"] == "CrossEntropyLoss"
    assert found["loss.terms.boxes.settings.beta"] == 0.5


def test_technique_20_loss_that_holds_the_model_does_not_tell_it_again():
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout())
    loss = told(Both(model), model=model)
    assert [term.path for term in loss.terms] == ["classes", "boxes"]
    assert loss.n_trainable == 0
    teacher = told(Both(nn.Linear(3, 3)), model=model)
    assert [term.path for term in teacher.terms] == ["classes", "boxes", "model"]


def test_technique_20_loss_losses_given_together_are_terms_by_key_or_class():
    named = told({"label": nn.CrossEntropyLoss(), "box": nn.L1Loss()})
    assert named.name == "CrossEntropyLoss+L1Loss"
    assert [term.path for term in named.terms] == ["label", "box"]
    listed = told([nn.L1Loss(), nn.L1Loss(reduction="sum")])
    assert [term.path for term in listed.terms] == ["L1Loss", "L1Loss-2"]


def test_technique_20_loss_parameters_that_can_be_learned_are_counted():
    class Uncertain(nn.Module):
        def __init__(self):
            super().__init__()
            self.log_sigma = nn.Parameter(torch.randn(2))
            self.lazy = nn.LazyLinear(2)
            self.fixed = nn.Parameter(torch.ones(3), requires_grad=False)

    first, second = told(Uncertain()), told(Uncertain())
    assert first.n_trainable == 2
    assert told(Uncertain(), nn.L1Loss(), Uncertain()).n_trainable == 2
    assert first == second  # random values do not make another loss


def test_technique_20_loss_that_is_replaced_in_the_middle_is_told_beside_the_first():
    loss = told(nn.L1Loss(), nn.L1Loss(), nn.MSELoss())
    assert (loss.name, loss.is_replaced) == ("L1Loss+MSELoss", True)
    assert [term.path for term in loss.terms] == ["L1Loss", "MSELoss"]


def test_technique_20_loss_of_two_networks_is_no_replacement():
    observer = LossObserver()
    observer.watched("generator", None, None, nn.L1Loss())
    observer.watched("critic", None, None, nn.MSELoss())
    loss = observer.at_end(Ending(n_steps=1))
    assert (loss.name, loss.is_replaced) == ("L1Loss+MSELoss", False)


@pytest.mark.slow
def test_technique_20_loss_compiled_is_the_loss_itself():
    for loss in (nn.MSELoss(), focal):
        assert flat(torch.compile(loss, backend="eager")) == flat(loss)


def test_technique_20_loss_setting_with_the_name_of_a_field_does_not_hide_it():
    def loss(output, target, name):
        return output.mean()

    found = flat(partial(loss, name="mine"))
    assert found["loss.own.name"] == "mine"
    assert found["loss.name"].endswith("loss")


def test_technique_20_loss_is_read_when_it_is_complete():
    observer, loss = LossObserver(), nn.CrossEntropyLoss()
    observer.watched(None, None, None, loss)
    loss.label_smoothing = 0.1
    observer.sampled_step(None, 0)
    loss.label_smoothing = 0.2
    assert observer.at_end(Ending(n_steps=1)).flat()["loss.label_smoothing"] == 0.1


def test_technique_20_loss_of_a_training_is_the_one_that_was_handed_over():
    model, loss = nn.Linear(3, 3), nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watching() as training:
        training.watch(model, optimizer, None, loss)
        step(model, optimizer, X, lambda output: loss(output, Y))
        found = facts(training)["loss"]
    assert found == told(loss)


def test_technique_20_loss_that_is_only_named_is_not_handed_over():
    assert told("cross entropy").kind == "not_recorded"


def test_technique_20_loss_not_handed_over_says_what_to_call():
    absent = LossObserver().at_end(Ending(n_steps=3))
    assert absent.kind == "not_recorded"
    assert absent.reason == (
        "the loss was not handed over: run.watch(model, optimizer, loss=loss_fn)"
    )
    assert LossObserver().at_end(Ending(n_steps=0)).kind == "not_applicable"
