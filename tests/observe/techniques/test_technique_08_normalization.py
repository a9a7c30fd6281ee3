"""Row 8: layer and batch normalization."""

import torch
from torch import nn
from watched_training import facts, seen, step, watching

from repro.facts.fact import Absent
from repro.facts.normalization import Kind, Normalization
from repro.observe.techniques.normalization import NormalizationObserver

IMAGES = torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(0))


def normalization(model, inputs=IMAGES, **options) -> Normalization:
    return seen(model, inputs, **options)["normalization"]


def test_technique_08_norms_are_counted_by_class_and_listed_by_path():
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Sequential(nn.BatchNorm2d(3), nn.GroupNorm(1, 3)))
    fact = normalization(model)
    assert fact.kinds == (
        Kind(kind="BatchNorm2d", n=2, settings="default"),
        Kind(kind="GroupNorm", n=1, settings="num_groups=1"),
    )
    assert [(one.path, one.kind) for one in fact.modules] == [
        ("0", "BatchNorm2d"),
        ("1.0", "BatchNorm2d"),
        ("1.1", "GroupNorm"),
    ]
    assert fact.flat()["normalization.BatchNorm2d.n"] == 2


def test_technique_08_settings_are_told_where_they_are_not_the_default():
    model = nn.Sequential(
        nn.BatchNorm2d(3, momentum=0.01, affine=False), nn.BatchNorm2d(3, eps=0.001)
    )
    (kind,) = normalization(model, optimizer=sgd_of_nothing()).kinds
    assert kind.settings == "eps=0.001 | momentum=0.01, affine=False"
    model = nn.Sequential(nn.LayerNorm([3, 4, 4], bias=False), nn.RMSNorm([3, 4, 4]))
    layer, rms = normalization(model).kinds
    assert (layer.kind, layer.settings) == ("LayerNorm", "bias=False")
    assert (rms.kind, rms.settings) == ("RMSNorm", "default")


def sgd_of_nothing():
    return torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1)


class LlamaRMSNorm(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        return x * self.weight


class PreNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = LlamaRMSNorm(4)

    def forward(self, x):
        return self.norm(x)


def test_technique_08_a_norm_is_known_by_its_name_and_what_holds_one_is_none():
    assert [one.path for one in normalization(PreNorm()).modules] == ["norm"]


def test_technique_08_batch_statistics_are_over_the_batches_that_were_trained_on():
    model = nn.Sequential(nn.BatchNorm2d(3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watching() as training:
        training.watch(model, optimizer, None)
        for batch in (IMAGES[:4], IMAGES[:4], IMAGES[:2]):
            step(model, optimizer, batch)
        fact = facts(training)["normalization"]
    assert (fact.batch, fact.smallest_batch, fact.is_synced) == (4, 2, False)


def test_technique_08_without_batch_statistics_there_is_no_batch():
    fact = normalization(nn.Sequential(nn.GroupNorm(1, 3)))
    assert (fact.batch, fact.smallest_batch, fact.is_synced) == (None, None, None)


def test_technique_08_two_devices_halve_the_batch():
    class DataParallel(nn.Module):  # of torch, without the devices
        def __init__(self, module):
            super().__init__()
            self.module, self.device_ids = module, [0, 1]

        def forward(self, x):
            return self.module(x)

    assert normalization(DataParallel(nn.BatchNorm2d(3))).batch == 3


def test_technique_08_a_synced_norm_is_told():
    model = nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(nn.BatchNorm2d(3)))
    with watching() as training:
        training.watch(model, None, None)
        fact = facts(training)["normalization"]
    assert (fact.is_synced, fact.kinds[0].kind) == (True, "SyncBatchNorm")


def test_technique_08_sequences_are_told_by_the_input_of_a_batch_norm():
    def network():
        return nn.Sequential(nn.BatchNorm1d(3))

    assert normalization(network(), torch.randn(2, 3, 5)).sequence_input is True
    assert normalization(network(), torch.randn(4, 3)).sequence_input is False
    assert normalization(nn.Sequential(nn.BatchNorm2d(3))).sequence_input is None


def test_technique_08_what_is_evaluated_before_the_training_says_nothing_about_sequences():
    model = nn.Sequential(nn.BatchNorm1d(3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watching() as training:
        training.watch(model, optimizer, None)
        model.eval()(torch.randn(2, 3, 5))
        step(model.train(), optimizer, torch.randn(4, 3))
        assert facts(training)["normalization"].sequence_input is False


def test_technique_08_a_norm_that_two_models_share_counts_once():
    shared = nn.BatchNorm2d(3)
    with watching() as training:
        for model in (nn.Sequential(shared), nn.Sequential(nn.Identity(), shared)):
            training.watch(model, None, None)
        fact = facts(training)["normalization"]
    assert (fact.kinds[0].n, [one.path for one in fact.modules]) == (1, ["1"])


def test_technique_08_the_look_at_the_input_is_gone_after_the_first_step():
    model, observer = nn.Sequential(nn.BatchNorm1d(3)), NormalizationObserver()
    observer.watched(model, None, None, None)
    assert model[0]._forward_pre_hooks
    observer.sampled_step(None, 0)
    assert not model[0]._forward_pre_hooks
    with watching() as training:
        training.watch(model, None, None)
    assert not model[0]._forward_pre_hooks


def test_technique_08_the_look_at_the_input_is_gone_even_if_the_observer_has_failed(monkeypatch):
    model = nn.Sequential(nn.BatchNorm1d(3))
    monkeypatch.setattr(NormalizationObserver, "_look", lambda self, model: 1 / 0)
    fact = seen(model, torch.randn(4, 3))["normalization"]
    assert fact == Absent(reason="ZeroDivisionError: division by zero", kind="failed")
    assert not model[0]._forward_pre_hooks


class FrozenBatchNorm2d(nn.Module):
    """As in torchvision: it has no other mode."""

    def __init__(self, size):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(size, 1, 1))

    def forward(self, x):
        return x * self.scale


def test_technique_08_norms_whose_statistics_stand_still_are_counted():
    model = nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3), nn.BatchNorm2d(3))
    model[0].eval()
    assert normalization(model).n_frozen == 1
    assert normalization(FrozenBatchNorm2d(3)).n_frozen == 1
    without = nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False)).eval()
    assert normalization(without).n_frozen == 0


def test_technique_08_lazy_norms_are_told_as_what_they_became():
    fact = normalization(nn.Sequential(nn.LazyConv2d(3, 1), nn.LazyBatchNorm2d()))
    assert [one.kind for one in fact.kinds] == ["BatchNorm2d"]


def test_technique_08_is_equal_for_two_seeds():
    torch.manual_seed(0)
    left = normalization(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)))
    torch.manual_seed(1)
    assert normalization(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))) == left


def test_technique_08_what_normalizes_a_weight_is_no_layer_that_normalizes():
    model = nn.Sequential(
        nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3)),
        nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)),
        nn.LayerNorm(3),
    )
    assert [one.path for one in normalization(model, torch.ones(2, 3)).modules] == ["2"]
