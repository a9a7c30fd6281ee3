"""Row 15: pruning."""

import torch
from torch import nn
from torch.nn.utils import parametrizations, prune
from watched_training import facts, mlp, seen, step, watching

from repro.facts.compression import Compression
from repro.record import is_compared, is_per_replicate

X = torch.randn(4, 16, generator=torch.Generator().manual_seed(0))


def compression(model, inputs=X, **options) -> Compression:
    return seen(model, inputs, **options)["compression"]


def test_technique_15_a_dense_model_is_not_pruned_and_not_quantized():
    fact = compression(mlp())
    assert (fact.pruning, fact.pruned, fact.is_permanent, fact.sparsity) == ("none", *[None] * 3)
    assert (fact.quantization, fact.levels, fact.converted) == ("none", (), ())
    assert fact.bits_per_value == 32.0


def test_technique_15_unstructured_pruning_is_told_by_path_with_its_sparsity():
    model = mlp()
    prune.l1_unstructured(model[0], "weight", amount=0.5)
    fact = compression(model)
    (mask,) = fact.masks
    assert (mask.path, mask.form, mask.sparsity) == ("0.weight", "unstructured", 0.5)
    assert (fact.pruning, fact.is_permanent, fact.sparsity) == ("unstructured", False, 0.4)


def test_technique_15_structured_pruning_of_rows_and_of_columns_is_told():
    for dimension in (0, 1):
        model = mlp()
        prune.ln_structured(model[0], "weight", amount=0.25, n=2, dim=dimension)
        assert compression(model).pruning == "structured"
    prune.random_unstructured(model[2], "weight", amount=0.25)
    assert compression(model).pruning == "mixed"


def test_technique_15_the_time_of_pruning_is_told():
    model = mlp()
    prune.l1_unstructured(model[0], "weight", amount=0.5)
    assert compression(model).pruned == "before training"

    model = mlp()
    later = lambda: prune.l1_unstructured(model[0], "weight", amount=0.5)  # noqa: E731
    assert compression(model, n_steps=3, between=later).pruned == "while training"

    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watching() as training:
        training.watch(model, optimizer, None)
        step(model, optimizer, X)
        prune.l1_unstructured(model[0], "weight", amount=0.5)
        assert facts(training)["compression"].pruned == "at the end"


def test_technique_15_pruning_that_was_made_permanent_is_told_by_its_zeros():
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watching() as training:
        training.watch(model, optimizer, None)
        step(model, optimizer, X)
        prune.l1_unstructured(model[0], "weight", amount=0.5)
        prune.remove(model[0], "weight")
        fact = facts(training)["compression"]
    assert (fact.pruning, fact.pruned, fact.is_permanent) == ("unstructured", "at the end", True)
    assert (fact.sparsity, fact.masks) == (0.4, ())
    assert [one.model_dump() for one in fact.zeros] == [
        {"path": "0.weight", "first": 0.0, "last": 0.5}
    ]


def test_technique_15_pruning_that_was_permanent_before_the_training_is_told():
    model = mlp()
    prune.l1_unstructured(model[0], "weight", amount=0.5)
    prune.remove(model[0], "weight")
    model[0].requires_grad_(False)  # or the training fills the zeros
    fact = compression(model)
    assert (fact.pruning, fact.pruned, fact.is_permanent) == (
        "unstructured",
        "before training",
        True,
    )
    assert [(zero.first, zero.last) for zero in fact.zeros] == [(0.5, 0.5)]


def test_technique_15_pruning_goes_with_the_fine_tuning_after_it():
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watching() as training:
        training.watch(model, optimizer, None)
        step(model, optimizer, X)
        prune.l1_unstructured(model[0], "weight", amount=0.5)
        for _ in range(2):
            step(model, optimizer, X)
        prune.remove(model[0], "weight")
        fact = facts(training)["compression"]
    assert (fact.pruned, fact.is_permanent, fact.sparsity) == ("while training", True, 0.4)


def digests_when(change, *, n_steps=1, model=None) -> tuple[str | None, str | None]:
    """Of a model that is changed after its last step, if it made one."""
    torch.manual_seed(0)
    model = model or mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    with watching() as training:
        training.watch(model, optimizer, None)
        for _ in range(n_steps):
            step(model, optimizer, X)
        change(model)
        fact = facts(training, n_steps=n_steps)["compression"]
    return fact.digest_before, fact.digest_after


def test_technique_15_the_digest_of_the_weights_changes_by_pruning():
    before, kept = digests_when(lambda model: None)
    assert before == kept is not None
    same, pruned = digests_when(lambda model: prune.l1_unstructured(model[0], "weight", amount=0.5))
    assert same == before != pruned
    same, pruned = digests_when(lambda model: prune.l1_unstructured(model[0], "bias", amount=0.5))
    assert same == before != pruned


def test_technique_15_the_digest_before_is_that_of_the_initialization():
    found = seen(mlp(), X)
    assert found["compression"].digest_before == found["initialization"].digest
    assert found["compression"].digest_after != found["initialization"].digest


def test_technique_15_a_mask_that_is_made_permanent_does_not_change_the_digest():
    def masked(model):
        prune.l1_unstructured(model[0], "weight", amount=0.5)

    def permanent(model):
        masked(model)
        prune.remove(model[0], "weight")

    assert digests_when(masked) == digests_when(permanent)


def test_technique_15_the_digest_of_masked_weights_is_of_what_they_leave():
    def change(model):
        with torch.no_grad():
            model[0].weight_orig[model[0].weight_mask == 0] += 1.0

    torch.manual_seed(0)
    model = mlp()
    prune.l1_unstructured(model[0], "weight", amount=0.5)
    before, after = digests_when(change, model=model)
    assert before == after


def test_technique_15_without_a_step_or_parameters_there_is_no_digest():
    before, after = digests_when(lambda model: None, n_steps=0)
    assert before is None
    assert after is not None
    with watching() as training:
        training.watch(nn.Sequential(nn.ReLU()), None, None)
        fact = facts(training)["compression"]
    assert (fact.digest_before, fact.digest_after) == (None, None)


def test_technique_15_parameters_without_values_do_not_keep_the_others_from_a_digest():
    torch.manual_seed(0)
    model = mlp()
    model[1].later = nn.LazyLinear(4)  # never called
    model[1].elsewhere = nn.Parameter(torch.empty(4, device="meta"))
    before, after = digests_when(lambda model: nn.init.zeros_(model[0].bias), model=model)
    assert None not in (before, after)
    assert before != after


def test_technique_15_the_digests_are_of_the_main_model():
    torch.manual_seed(0)
    first, second = mlp(), mlp()
    with watching() as training:
        for model in (first, second):
            optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
            training.watch(model, optimizer, None)
            step(model, optimizer, X)
        nn.init.zeros_(first[0].weight)
        fact = facts(training)["compression"]
    alone = compression(second, optimizer=optimizer)
    assert fact.digest_before == fact.digest_after == alone.digest_after


def test_technique_15_digests_are_not_compared():
    paths = [path for path in compression(mlp()).flat() if "digest" in path]
    assert len(paths) == 2
    assert not any(map(is_compared, paths))


def test_technique_15_pruning_of_a_shared_weight_counts_once():
    model = mlp()
    tied = nn.Linear(16, 16)
    prune.l1_unstructured(model[0], "weight", amount=0.5)
    prune.remove(model[0], "weight")
    tied.weight = model[0].weight
    model.append(tied)
    with watching() as training:
        training.watch(model, None, None)
        fact = facts(training, n_steps=1)["compression"]
    assert [zero.path for zero in fact.zeros] == ["0.weight"]
    assert fact.sparsity == 0.4


def test_technique_15_pruning_of_a_further_model_is_told_under_its_name():
    model, small = mlp(), mlp()
    prune.l1_unstructured(small[0], "weight", amount=0.5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watching() as training:
        training.watch(model, optimizer, None)
        step(model, optimizer, X)
        training.watch(small, None, None)
        (mask,) = facts(training)["compression"].masks
    assert mask.path == "Sequential/0.weight"


def test_technique_15_pruning_by_threshold_differs_between_seeds_in_its_share_alone():
    def flat(seed):
        torch.manual_seed(seed)
        model = mlp()
        prune.custom_from_mask(model[0], "weight", model[0].weight.abs() > 0.1)
        return compression(model).flat()

    one, other = flat(0), flat(1)
    compared = {path for path in one if one[path] != other[path] and is_compared(path)}
    assert compared == {"compression.sparsity"}
    assert is_per_replicate("compression.sparsity")


def test_technique_15_a_weight_that_is_zero_as_a_whole_is_not_pruned():
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watching() as training:
        training.watch(model, optimizer, None)
        step(model, optimizer, X)
        nn.init.zeros_(model[0].weight)
        assert facts(training)["compression"].pruning == "none"


def test_technique_15_zeros_of_a_small_weight_are_no_pruning():
    model = nn.Sequential(nn.Linear(16, 2), nn.Linear(2, 2))
    nn.init.eye_(model[1].weight)
    model[1].requires_grad_(False)
    assert compression(model).pruning == "none"


def test_technique_15_the_same_amount_in_another_seed_is_the_same():
    def compared(seed):
        torch.manual_seed(seed)
        model = mlp()
        layers = [(model[0], "weight"), (model[2], "weight")]
        prune.global_unstructured(layers, prune.L1Unstructured, amount=0.8)
        flat = compression(model).flat()
        return {path: value for path, value in flat.items() if is_compared(path)}

    assert compared(0) == compared(1)
    assert compared(0)["compression.sparsity"] == 0.8


def test_technique_15_a_layer_that_starts_at_zero_and_a_padding_row_are_not_pruned():
    model = nn.Sequential(nn.Embedding(8, 16, padding_idx=0), nn.Linear(16, 16))
    nn.init.zeros_(model[1].weight)
    model.requires_grad_(False)
    model[1].bias.requires_grad_(True)
    assert compression(model, torch.zeros(4, dtype=torch.long)).pruning == "none"


def test_technique_15_parametrizations_are_told():
    model = nn.Sequential(parametrizations.weight_norm(nn.Linear(16, 4)))
    assert compression(model).parametrizations == ("0.weight: _WeightNorm",)


def test_technique_15_zeros_that_no_gradient_has_reached_are_no_pruning():
    model = nn.Linear(16, 16)
    nn.init.zeros_(model.weight)
    inputs = X.clone()
    inputs[:, :6] = 0.0  # features that are always zero
    fact = compression(model, inputs)
    assert (fact.pruning, fact.pruned, fact.sparsity) == ("none", None, None)
    assert [(zero.path, zero.first, zero.last) for zero in fact.zeros] == [("weight", 1.0, 0.375)]


def test_technique_15_zeros_of_tokens_that_never_occur_are_no_pruning():
    embedding = nn.Embedding(20, 8)
    nn.init.zeros_(embedding.weight)
    model = nn.Sequential(embedding, nn.Linear(8, 2))
    assert compression(model, torch.arange(5), n_steps=3).pruning == "none"


def test_technique_15_pruning_of_what_was_initialized_with_zeros_is_told():
    model = nn.Linear(16, 16)
    nn.init.zeros_(model.weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watching() as training:
        training.watch(model, optimizer, None)
        for _ in range(3):
            step(model, optimizer, X)
        prune.l1_unstructured(model, "weight", amount=0.5)
        prune.remove(model, "weight")
        fact = facts(training)["compression"]
    assert (fact.pruning, fact.pruned) == ("unstructured", "at the end")
