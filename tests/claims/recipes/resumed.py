"""The digits recipe in two halves: the second goes on with the run of the first.

python resumed.py '{"arm": "baseline", "seed": 0}'
"""

import json
import sys
from dataclasses import asdict

import torch
from digits import DECLARED, Images, Settings, fit, load, make_model, make_optimizer, score
from torch.utils.data import TensorDataset

import repro


def half(settings, run, epochs, is_second):
    """Half of the epochs; the score after the second half."""
    data = load(settings)
    run.log_data(train=TensorDataset(*data["train"]), test=data["test"])
    model = make_model(settings, run)
    optimizer = make_optimizer(settings, model)
    run.watch(model, optimizer, loss=torch.nn.functional.cross_entropy)
    loader = run.dataloader(Images(*data["train"]), batch_size=settings.batch_size, shuffle=True)
    if is_second:
        run.load_checkpoint("mlruns/half.pt", model=model, optimizer=optimizer)
    for _ in range(epochs):
        fit(model, optimizer, loader, 1)
    if is_second:
        score(settings, run, model, *data["test"])
    else:
        run.checkpoint("mlruns/half.pt", model=model, optimizer=optimizer)


def main(settings):
    torch.set_num_threads(1)
    epochs = settings.epochs // 2
    declared = {name: asdict(settings)[name] for name in DECLARED}
    tags = {"arm": settings.arm}
    name = f"{settings.arm}-{settings.seed}"
    with repro.tracked_run(name, seed=settings.seed, params=declared, tags=tags, quiet=True) as run:
        half(settings, run, epochs, is_second=False)
    with repro.tracked_run(resume=run.run_id, quiet=True) as again:
        half(settings, again, epochs, is_second=True)


if __name__ == "__main__":
    main(Settings(**json.loads(sys.argv[1])))
