"""One training on three ranks under torchrun: with two, a sum would hide its order."""

import json
import sys

import pytest
from project import new_project
from training_scripts import Script

from repro.facts.outcome import Outcome
from repro.facts.ranks import Ranks

pytestmark = pytest.mark.long

N_RANKS = 3
GANG = """
import json
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from repro.errors import RanksDisagree

rank = int(os.environ["RANK"])
told = {}

def train(run, model, *, n_steps, flips=()):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    run.watch(model, optimizer)
    for step in range(n_steps):
        if (rank, step) in flips:
            list(model.parameters())[0].data.view(torch.int32)[1, 3] ^= 1
        optimizer.zero_grad()
        model(torch.rand(8, 4)).sum().backward()
        optimizer.step()
        run.log_metrics({"loss": float(rank)}, step)

with repro.tracked_run(params={"lr": 0.1}) as run:
    dist.init_process_group("gloo")
    told["first"] = [run.run_id, run.name, run.seed]
    told["global"] = torch.rand(4).tolist()
    told["named"] = torch.rand(4, generator=run.generator("split")).tolist()
    with run.same_on_all_ranks():
        told["same"] = torch.rand(4).tolist()
    train(run, DistributedDataParallel(torch.nn.Linear(4, 2)), n_steps=6, flips=[(2, 3)])

with repro.tracked_run("reseeded", seed=1) as run:
    torch.manual_seed(0)
    train(run, torch.nn.Linear(4, 2), n_steps=3)

try:
    with repro.tracked_run("refused", seed=1, params={"lr": 0.1 * (rank == 1)}):
        told["refused"] = "no"
except RanksDisagree as error:
    told["refused"] = str(error)

with open(f"rank-{rank}.json", "w") as file:
    json.dump(told, file)
"""


@pytest.fixture(scope="module")
def gang(tmp_path_factory, empty_store):
    """What each rank told, and the records by name."""
    project = new_project(tmp_path_factory.mktemp("gang") / "project", empty_store)
    launcher = ("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={N_RANKS}")
    code, _, warned = Script(project, GANG, wrapper=(sys.executable, *launcher)).ended()
    assert code == 0, warned[-3000:]
    told = [json.loads((project.root / f"rank-{rank}.json").read_text()) for rank in range(N_RANKS)]
    records = [project.record(run_id) for run_id in project.history.find_runs()]
    return told, {record.name: record for record in records}, project


def test_the_ranks_are_one_run_with_the_name_and_the_seed_that_rank_0_drew(gang):
    told, records, _ = gang
    assert told[0]["first"] == told[1]["first"] == told[2]["first"]
    run_id, name, _ = told[0]["first"]
    assert set(records) == {name, "reseeded"}
    assert records[name].run_id == run_id


def test_global_generators_differ_and_named_ones_do_not(gang):
    told, _, _ = gang
    assert len({tuple(rank["global"]) for rank in told}) == N_RANKS
    assert len({tuple(rank["named"]) for rank in told}) == 1
    assert len({tuple(rank["same"]) for rank in told}) == 1


def test_a_flipped_bit_is_named_by_rank_step_and_tensor(gang):
    told, records, _ = gang
    record = records[told[0]["first"][1]]
    ranks = record.find(Ranks)
    (drift,) = ranks.drift
    assert (drift.rank, drift.step, drift.tensor, drift.n_tensors) == (2, 3, "weight", 1)
    assert (ranks.world, ranks.n_looks, ranks.n_compared, ranks.n_tensors) == (3, 6, 6, 2)
    assert [(one.rank, one.status) for one in ranks.endings] == [(1, "FINISHED"), (2, "FINISHED")]
    assert (ranks.twins, ranks.silent) == ((), ())
    assert record.find(Outcome).notes == (
        "the parameters of rank 2 are not those of rank 0, first seen before step 3: weight",
    )


def test_ranks_that_were_reseeded_alike_are_named(gang):
    _, records, _ = gang
    ranks = records["reseeded"].find(Ranks)
    assert [one.rank for one in ranks.twins] == [1, 2]
    assert {one.step for one in ranks.twins} <= {1, 2}  # on a busy machine a first look comes late
    assert ranks.drift == ()


def test_ranks_that_are_not_set_up_alike_are_all_refused(gang):
    told, _, _ = gang
    assert {rank["refused"] for rank in told} == {
        "the ranks are not set up alike: params lr is 0.0 on ranks 0, 2, and 0.1 on rank 1. "
        "One run has one configuration: start every rank with the same."
    }


def test_values_of_other_ranks_are_kept_out_of_the_series(gang):
    told, _, project = gang
    client = project.history.client
    values = client.get_metric_history(told[0]["first"][0], "loss")
    assert [value.value for value in values] == [0.0] * 6
