import pytest
import torch

from repro.observe import rank_look
from repro.observe.rank_look import differing, look_at

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64, torch.int8)


def accelerated(tensor):
    """The digest that a tensor on an accelerator gets."""
    return int(rank_look._weighted_sum(tensor))


def values(dtype, n=48):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(-100, 100, (n,), generator=generator).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("digest", [lambda t: look_at([("w", t)]).tensors["w"], accelerated])
def test_one_bit_two_swapped_values_and_a_pair_of_signs_each_change_the_digest(dtype, digest):
    tensor = values(dtype)
    flipped, swapped, negated = tensor.clone(), tensor.clone(), tensor.clone()
    flipped.view(torch.uint8)[-1] ^= 1
    swapped[[3, 17]] = tensor[[17, 3]]
    negated[[3, 17]] *= -1
    assert len({digest(t) for t in (tensor, flipped, swapped, negated)}) == 4
    assert digest(tensor) == digest(tensor.clone())


def test_the_digest_of_an_accelerator_is_that_of_all_chunks(monkeypatch):
    tensor = values(torch.float32)
    whole = accelerated(tensor)
    monkeypatch.setattr(rank_look, "CHUNK_VALUES", 10)
    assert accelerated(tensor) == whole


def test_layout_in_memory_does_not_count():
    tensor = values(torch.float32).reshape(6, 8)
    looks = [look_at([("w", t)]) for t in (tensor, tensor.T.contiguous().T, tensor[:, :])]
    assert len({look.tensors["w"] for look in looks}) == 1


def test_a_shard_is_left_out_and_counted():
    class DTensor(torch.Tensor):
        pass

    marked = torch.nn.Parameter(torch.zeros(2))
    marked.ds_id = 0
    shard = torch.zeros(2).as_subclass(DTensor)
    look = look_at([("whole", torch.zeros(2)), ("shard", shard), ("marked", marked)])
    assert (list(look.tensors), look.n_sharded) == (["whole"], 2)


def test_a_look_draws_nothing_and_changes_nothing():
    parameter = torch.nn.Parameter(torch.ones(3))
    state = torch.get_rng_state()
    first = look_at([("w", parameter)])
    assert torch.equal(torch.get_rng_state(), state)
    assert parameter.grad is None
    torch.rand(1)
    assert look_at([("w", parameter)]).generators != first.generators


def test_tensors_that_only_one_side_has_are_not_compared():
    mine = look_at([("a", torch.zeros(1)), ("b", torch.ones(1)), ("mine", torch.ones(1))])
    theirs = look_at([("a", torch.zeros(1)), ("b", torch.zeros(1)), ("theirs", torch.ones(1))])
    assert differing(mine, theirs) == ["b"]
