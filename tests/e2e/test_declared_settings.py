"""Real loops, declared as people declare them: what did not arrive is told, and nothing else."""

import pytest
import torch
from torch.optim import lr_scheduler as schedulers

import repro
from repro.audit.example import example_record
from repro.audit.rule import Violation
from repro.audit.rules.declaration import declared_not_effective
from repro.facts.params import Params
from repro.record import RunRecord

EPOCHS, ROWS = 4, 240


def record_of(project, params, **settings):
    with repro.tracked_run(seed=0, params=params, quiet=True) as run:
        train(run, **settings)
    return project.record(run.run_id)


def train(
    run, *, make=torch.optim.SGD, batch_size=16, accumulation=1, schedule=None, clip=None,
    dropout=0.1, smoothing=0.0, autocast=False, **arguments,
):  # fmt: skip
    """A loop of some epochs over rows of two classes."""
    rows = torch.randn(ROWS, 6)
    data = torch.utils.data.TensorDataset(rows, (rows[:, 0] > 0).long())
    run.log_data(train=data)
    loader = run.dataloader(data, batch_size=batch_size, shuffle=True)
    model = torch.nn.Sequential(
        torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.Dropout(dropout), torch.nn.Linear(16, 2)
    )
    optimizer = make(model.parameters(), **arguments)
    scheduler = schedule(optimizer) if schedule else None
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)
    run.watch(model, optimizer, scheduler, loss=loss_of)
    for _ in range(EPOCHS):
        for number, (x, y) in enumerate(loader, start=1):
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                loss = loss_of(model(x), y) / accumulation
            loss.backward()
            if clip:
                torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
            if number % accumulation == 0:
                optimizer.step()
                optimizer.zero_grad()
                if scheduler:
                    scheduler.step()


def told(record: RunRecord) -> list[str]:
    answers = declared_not_effective.check.check(record.find(Params), record)
    return [one.points[0] for one in answers if isinstance(one, Violation)]


N_STEPS = EPOCHS * ROWS // 16
PLAIN = {"lr": 0.05, "batch_size": 16, "epochs": EPOCHS, "optimizer": "sgd", "dropout": 0.1}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("params", "settings"),
    [
        (PLAIN, {"lr": 0.05}),
        (
            {**PLAIN, "optimizer": "AdamW", "weight_decay": 0.01, "seed": 0},
            {"make": torch.optim.AdamW, "lr": 0.05},
        ),
        (
            {**PLAIN, "scheduler": "onecycle"},
            {"lr": 0.001, "schedule": lambda one: schedulers.OneCycleLR(one, 0.05, N_STEPS)},
        ),
        (
            {**PLAIN, "scheduler": "cosine"},
            {"lr": 0.05, "schedule": lambda one: schedulers.CosineAnnealingLR(one, N_STEPS)},
        ),
        (
            {**PLAIN, "lr_scheduler_type": "linear"},
            {"lr": 0.05, "schedule": lambda one: schedulers.LambdaLR(
                one, lambda n: min((n + 1) / 6, max(0.0, (N_STEPS - n) / (N_STEPS - 6))))},
        ),
        (
            {**PLAIN, "gradient_accumulation_steps": 3, "max_grad_norm": 0.1},
            {"lr": 0.05, "accumulation": 3, "clip": 0.1},
        ),
        (
            {**PLAIN, "batch_size": 48, "gradient_accumulation_steps": 3},
            {"lr": 0.05, "accumulation": 3},
        ),
        (
            {**PLAIN, "amp": True, "loss": "cross_entropy", "label_smoothing": 0.1},
            {"lr": 0.05, "autocast": True, "smoothing": 0.1},
        ),
    ],
)  # fmt: skip
def test_a_loop_that_does_what_was_declared_is_left_alone(project, params, settings):
    assert told(record_of(project, params, **settings)) == []


@pytest.mark.slow
def test_every_setting_that_did_not_arrive_is_named(project):
    declared = {
        "lr": 0.3,
        "batch_size": 32,
        "optimizer": "adam",
        "scheduler": "cosine",
        "weight_decay": 0.1,
        "dropout": 0.5,
        "label_smoothing": 0.1,
        "max_grad_norm": 0.001,
        "gradient_accumulation_steps": 4,
        "amp": True,
        "epochs": 9,
        "seed": 7,
    }
    record = record_of(project, declared, lr=0.05)
    assert set(told(record)) == {f"params.{name}" for name in declared}


def test_the_example_record_declares_what_it_observed():
    assert told(example_record()) == []
