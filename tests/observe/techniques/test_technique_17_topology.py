"""Row 17: distributed training."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import two_processes
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset
from watched_training import facts, seen, step, watching

from repro.observe.feed import connect
from repro.observe.loader import CountedLoader
from repro.observe.technique import Ending
from repro.observe.techniques import topology
from repro.observe.techniques.topology import TopologyObserver

X = torch.arange(24.0).reshape(12, 2)


@pytest.fixture
def group(tmp_path):
    """A process group of one."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1
    )
    yield
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def distributed_loader(**options):
    sampler = DistributedSampler(range(12), num_replicas=2, rank=0, **options)
    return CountedLoader(TensorDataset(X), batch_size=2, sampler=sampler), sampler


def test_technique_17_topology_of_one_process_is_one(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    told = seen(nn.Linear(2, 1), X)["topology"]
    assert (told.world, told.rank, told.backend, told.spread_by) == (1, 0, None, ())
    assert (told.n_devices, told.sampler, told.sets_epoch) == (1, None, None)
    assert told.local_rank is None  # nobody launched it


def test_technique_17_topology_of_a_group_is_that_of_the_training_even_if_it_ended_since(group):
    model = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
    with watching() as training:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        training.watch(model, optimizer, None)
        step(model, optimizer, X)
        torch.distributed.destroy_process_group()
        told = facts(training)["topology"]
    assert (told.world, told.rank, told.backend) == (1, 0, "gloo")
    assert told.spread_by == ("DistributedDataParallel",)


def test_technique_17_topology_sees_a_module_that_is_sharded_inside_of_the_model():
    class FSDPModule:
        """As torch's `fully_shard` mixes it in."""

    class FSDPLinear(FSDPModule, nn.Linear):
        pass

    told = seen(nn.Sequential(FSDPLinear(2, 2), nn.Linear(2, 1)), X)["topology"]
    assert told.spread_by == ("FSDPModule",)


def test_technique_17_topology_counts_devices_that_hold_parameters():
    observer = TopologyObserver()
    observer.watched(nn.Linear(2, 1), None, None, None)
    observer.watched(nn.Linear(2, 1, device="meta"), None, None, None)
    assert observer.at_end(Ending(n_steps=1)).n_devices == 2
    assert seen(nn.LazyLinear(1), X)["topology"].n_devices == 1


def test_technique_17_topology_counts_the_copies_of_data_parallel():
    model = nn.DataParallel(nn.Linear(2, 1))
    model.device_ids = [0, 1, 2]
    observer = TopologyObserver()
    observer.watched(model, None, None, None)
    told = observer.at_end(Ending(n_steps=1))
    assert (told.n_devices, told.spread_by) == (3, ("DataParallel",))


@pytest.mark.parametrize("is_set", [True, False])
def test_technique_17_topology_tells_whether_the_epoch_of_the_sampler_is_set(is_set):
    with watching() as training:
        loader, sampler = distributed_loader()
        connect(loader, "train", training, None)
        for epoch in range(3):
            if is_set:
                sampler.set_epoch(epoch)
            list(loader)
        training.n_steps = 1
        told = facts(training)["topology"]
    assert (told.sampler, told.sets_epoch) == ("DistributedSampler", is_set)


def test_technique_17_topology_asks_no_sampler_that_is_not_distributed_or_does_not_train():
    observer = TopologyObserver()
    observer.began(DataLoader(TensorDataset(X), shuffle=True), "train")
    observer.began(distributed_loader()[0], "test")
    assert observer.at_end(Ending(n_steps=1)).sampler is None


def test_technique_17_topology_measures_the_pace(monkeypatch):
    now = iter([0.0, 5.0, 5.5, 6.0, 6.5])  # the first step compiled something
    monkeypatch.setattr(topology.time, "perf_counter", lambda: next(now))
    observer = TopologyObserver()
    for number in range(5):
        observer.after_step(None, number)
        observer.after_step("second optimizer", number)
    told = observer.at_end(Ending(n_steps=5, batch_sizes={8: 9, 4: 2}))
    assert told.seconds_per_step == 0.5
    assert told.samples_per_second == 32.0


def test_technique_17_topology_of_too_few_steps_has_no_pace():
    told = seen(nn.Linear(2, 1), X, n_steps=2)["topology"]
    assert (told.seconds_per_step, told.samples_per_second) == (None, None)


def test_technique_17_topology_differs_from_run_to_run_in_what_is_not_compared_only():
    runs = [seen(nn.Linear(2, 1), X, n_steps=4)["topology"] for _ in range(2)]
    one, other = (run.but(seconds_per_step=None, samples_per_second=None) for run in runs)
    assert one == other


def test_technique_17_topology_of_no_training_does_not_apply():
    assert TopologyObserver().at_end(Ending(n_steps=0)).kind == "not_applicable"


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What each of two connected processes saw of its training."""
    folder = tmp_path_factory.mktemp("ranks")
    started = [
        subprocess.Popen(
            [sys.executable, two_processes.__file__, str(folder), str(rank)],
            env={**os.environ, "LOCAL_RANK": str(rank), "PYTHONPATH": os.pathsep.join(sys.path)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(two_processes.WORLD)
    ]
    try:
        errors = [process.communicate(timeout=60)[1] for process in started]
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [0, 0], "\n".join(errors)
    return [json.loads(Path(folder, f"{rank}.json").read_text()) for rank in range(len(started))]


@pytest.mark.slow
def test_technique_17_topology_of_two_processes_is_told_by_each(ranks):
    for rank, found in enumerate(ranks):
        told = found["seen"]["topology"]
        assert (told["world"], told["backend"], told["rank"]) == (2, "gloo", rank)
        assert (told["local_rank"], told["n_devices"]) == (rank, 1)
        assert told["spread_by"] == ["DistributedDataParallel"]
        assert (told["sampler"], told["sets_epoch"]) == ("DistributedSampler", True)
        together = two_processes.WORLD * two_processes.BATCH / told["seconds_per_step"]
        assert told["samples_per_second"] == pytest.approx(together, rel=1e-3)


@pytest.mark.slow
def test_technique_17_topology_of_two_processes_makes_one_step_of_both_batches(ranks):
    for found in ranks:
        batching, budget = found["seen"]["batching"], found["seen"]["budget"]
        assert (batching["micro"], batching["accumulation"], batching["backwards"]) == (4, 1, 1)
        assert (batching["world"], batching["effective"]) == (2, 8)
        assert (budget["n_steps"], budget["n_samples"], budget["n_epochs"]) == (6, 48, 2.0)


@pytest.mark.slow
def test_technique_17_topology_of_two_processes_has_an_order_of_rows_in_each(ranks):
    orders = [found["seen"]["sampling"]["roles"][0] for found in ranks]
    assert len({order[name] for order in orders for name in ("first_order", "second_order")}) == 4
    assert [order["reorders"] for order in orders] == [True, True]


@pytest.mark.slow
def test_technique_17_topology_of_two_processes_leaves_open_who_wrote_to_the_gradients(ranks):
    """To sum them over the processes is to write to them, as clipping does."""
    for found in ranks:
        for name in ("seen", "seen_clipped"):
            gradients = found[name]["gradients"]
            assert (gradients["rewritten"], gradients["clipping"]) == (None, None)
    plain, clipped = ([one[k]["gradients"] for one in ranks] for k in ("seen", "seen_clipped"))
    assert plain[0]["series"] == plain[1]["series"]  # of the sum: the same everywhere
    assert [one["largest"] for one in clipped] == [two_processes.CLIP] * 2


@pytest.mark.slow
def test_technique_17_topology_of_two_processes_is_watched_without_a_trace(ranks):
    for found in ranks:
        assert found["is_same"] == {"plain": True, "one rank watches": True, "clipped": True}
        assert found["n_hooks"] == [0, 0, 0]
