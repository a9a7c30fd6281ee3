import io
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from mlflow import MlflowClient
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, fbeta_score
from sklearn.model_selection import KFold
from torch.utils.data import TensorDataset

import repro
from repro.digest import digest_bytes
from repro.errors import UsageError
from repro.facts.architecture import Architecture
from repro.facts.batching import Batching
from repro.facts.budget import Budget
from repro.facts.fact import Absent
from repro.facts.optimizer import Optimizer
from repro.facts.outcome import Outcome
from repro.facts.scores import Scores

X = torch.arange(40.0).reshape(20, 2)
Y = (X.sum(1) > 40).float()


def train(run, *, loader, accumulate=1, epochs=2):
    model = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    run.watch(model, optimizer)
    for _ in range(epochs):
        for i, (x, y) in enumerate(loader):
            torch.nn.functional.mse_loss(model(x).squeeze(1), y).backward()
            if (i + 1) % accumulate == 0:
                optimizer.step()
                optimizer.zero_grad()
    return model


def test_batch_accumulation_steps_and_epochs_are_counted_with_our_loader(project):
    with repro.tracked_run(seed=0) as run:
        run.log_data(train=(X, Y), test=(X + 100, Y))
        dataset = TensorDataset(X, Y)
        train(run, loader=run.dataloader(dataset, batch_size=5, shuffle=True), accumulate=2)
    record = project.record(run.run_id)
    batching, budget = record.find(Batching), record.find(Budget)
    assert (batching.micro, batching.accumulation, batching.effective) == (5, 2, 10)
    assert (batching.observed_from, batching.shuffle) == ("loader", True)
    assert (budget.n_steps, budget.n_samples, budget.n_epochs) == (4, 40, 2.0)


def test_batches_of_a_loader_made_elsewhere_are_counted_at_the_forward_of_the_model(project):
    loader = torch.utils.data.DataLoader(TensorDataset(X, Y), batch_size=4)
    with repro.tracked_run(seed=0) as run:
        model = train(run, loader=loader)
        model.eval()
        model(X)
    batching = project.record(run.run_id).find(Batching)
    assert (batching.micro, batching.effective, batching.observed_from) == (4, 4, "forward")


def test_hooks_are_removed_at_the_end(project):
    with repro.tracked_run(seed=0) as run:
        model = train(run, loader=[(X, Y)])
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    steps = run.training.n_steps
    model.train()
    model(X).sum().backward()
    optimizer.step()
    assert run.training.n_steps == steps
    assert not model._forward_pre_hooks


def test_the_optimizer_is_recorded_as_it_was_at_its_first_step(project):
    with repro.tracked_run(seed=0) as run:
        parameter = torch.nn.Parameter(torch.ones(3))
        optimizer = torch.optim.AdamW([parameter], lr=0.1)
        optimizer.param_groups[0]["lr"] = 0.01
        parameter.sum().backward()
        optimizer.step()
        optimizer.param_groups[0]["lr"] = 0.5
    recorded = project.record(run.run_id).find(Optimizer)
    settings = {setting.name: setting.value for setting in recorded.settings}
    assert (recorded.name, settings["lr"], recorded.n_parameters) == ("AdamW", 0.01, 3)


def test_a_model_that_was_not_watched_is_not_recorded_and_a_run_without_torch_has_none(project):
    with repro.tracked_run(seed=0) as trained:
        parameter = torch.nn.Parameter(torch.ones(3))
        optimizer = torch.optim.SGD([parameter], lr=0.1)
        parameter.sum().backward()
        optimizer.step()
    with repro.tracked_run(seed=0) as untrained:
        pass
    absent = project.record(trained.run_id).get(Architecture)
    assert absent == Absent(
        reason="the model was not handed over: run.watch(...)", kind="not_recorded"
    )
    for kind in (Optimizer, Batching):
        assert project.record(untrained.run_id).get(kind).kind == "not_applicable"


def test_without_torch_an_estimator_of_scikit_learn_may_have_been_fitted_unseen(
    project, monkeypatch
):
    def absent():
        with repro.tracked_run(seed=0, quiet=True) as run:
            pass
        return project.record(run.run_id).get(Architecture)

    assert absent().kind == "not_recorded"
    assert absent().reason.endswith("hand it over with run.watch(estimator)")
    monkeypatch.delitem(sys.modules, "sklearn")
    assert absent().kind == "not_applicable"


def test_a_watched_estimator_is_recorded_by_its_parameters(project):
    with repro.tracked_run(seed=0) as run:
        run.watch(LogisticRegression(C=0.5))
    flat = project.record(run.run_id).flat
    assert (flat["architecture.name"], flat["architecture.C"]) == ("LogisticRegression", 0.5)


def test_a_score_is_logged_with_its_definition(project):
    with repro.tracked_run(seed=0) as run:
        value = run.score("test/f2", fbeta_score, [0, 1, 1], [0, 1, 0], on="test", beta=2)
    (score,) = project.record(run.run_id).find(Scores).scored
    assert value == score.value == fbeta_score([0, 1, 1], [0, 1, 0], beta=2)
    assert score.metric == "sklearn.metrics.fbeta_score"
    assert (score.arguments, score.n_rows, score.on) == ('{"beta":2}', 3, "test")
    assert score.library.startswith("scikit-learn ")
    assert MlflowClient(project.uri).get_run(run.run_id).data.metrics == {"test/f2": value}


def test_scores_of_single_rows_are_stored_beside_the_record(project):
    with repro.tracked_run(seed=0) as run:
        run.score("test/acc", accuracy_score, [0, 1, 1], [0, 1, 0], on="test", per_example=True)
    (score,) = project.record(run.run_id).find(Scores).scored
    content = project.history.artifact(run.run_id, score.per_example)
    assert digest_bytes(content) == score.per_example_digest
    assert np.load(io.BytesIO(content)).tolist() == [1, 1, 0]


def test_batches_are_scored_as_one_and_every_look_is_in_the_ledger_and_the_budget(project):
    with repro.tracked_run(seed=0) as run:
        scorer = run.scorer("test/f2", fbeta_score, on="test", beta=2)
        for step in range(2):
            scorer.reset()
            for rows in ([0, 1], [1]):
                scorer.update(rows, [0] * len(rows))
            scorer.compute(step=step)
        whole = run.score("valid/f2", fbeta_score, [0, 1, 1], [0, 0, 0], on="valid", beta=2)
    record = project.record(run.run_id)
    streamed, at_once = record.find(Scores).scored
    assert streamed.value == at_once.value == whole
    assert streamed.rows_digest == at_once.rows_digest
    assert [(r.role, r.n_looks) for r in record.find(Scores).reads] == [("test", 2), ("valid", 1)]
    assert record.find(Budget).n_test_reads == 2
    series = MlflowClient(project.uri).get_metric_history(run.run_id, "test/f2")
    assert [point.step for point in series] == [0, 1]


def test_the_mode_of_the_watched_model_goes_with_the_score(project):
    with repro.tracked_run(seed=0) as run:
        model = train(run, loader=[(X, Y)])
        run.score("test/a", accuracy_score, [0, 1], [0, 1], on="test")
        model.eval()
        run.score("test/b", accuracy_score, [0, 1], [0, 1], on="test")
    scores = project.record(run.run_id).find(Scores)
    assert (scores.score("test/a").training_mode, scores.score("test/b").training_mode) == (
        True,
        False,
    )


def test_a_direction_that_is_not_known_is_said_at_the_end(project, capsys):
    with repro.tracked_run(seed=0) as run:
        for _ in range(2):
            run.score("test/own", lambda y, p: 0.5, [0, 1], [0, 1], on="test")
    record = project.record(run.run_id)
    (note,) = record.find(Outcome).notes
    assert note.startswith("test/own: whether more is better is not known of ")
    assert capsys.readouterr().err.count(f"warning: {note}") == 1
    assert record.find(Scores).score("test/own").greater_is_better is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda run: run.score("a", accuracy_score, [1, 2], [1], on="test"),
            "score('a'): y_true has 2 rows, y_pred has 1. Score every row once.",
        ),
        (
            lambda run: run.score("a", lambda y, p: [1, 2], [1], [1], on="test"),
            "not one number. Pass a metric that averages, or score each value under its own name.",
        ),
        (
            lambda run: run.log_metrics({"loss": "low"}),
            "metric 'loss' is 'low', not one number. Log each value under its own name.",
        ),
        (
            lambda run: run.log_metrics({"loss%": 1.0}),
            "a metric cannot be named 'loss%'. "
            "Use up to 250 letters, digits, spaces and the signs _ - . : /",
        ),
        (
            lambda run: run.log_metrics({"a//b": 1.0}),
            "a metric cannot be named 'a//b'. "
            "Use up to 250 letters, digits, spaces and the signs _ - . : /",
        ),
        (
            lambda run: run.log_metrics({"a": 1.0}, step=2**70),
            f"step={2**70} is no position in a series. Pass a whole number of 64 bits.",
        ),
        (
            lambda run: run.scorer("a%", accuracy_score, on="test"),
            "a metric cannot be named 'a%'. "
            "Use up to 250 letters, digits, spaces and the signs _ - . : /",
        ),
        (
            lambda run: run.scorer("a", accuracy_score, on="train"),
            "score('a', on='train'): rows that the model learned from measure nothing. "
            'Pass on="valid" or on="test", as in log_data.',
        ),
        (
            lambda run: run.score("a", accuracy_score, [1], [1], on="train"),
            "score('a', on='train'): rows that the model learned from measure nothing. "
            'Pass on="valid" or on="test", as in log_data.',
        ),
        (lambda run: run.log_data(), "log_data() got no data. Pass train=, valid= or test=."),
        (
            lambda run: run.log_data(train=pd.DataFrame({"a": [1]}), group="b"),
            "log_data(train=...) has no column 'b'; it has: a. "
            "Name a column, or hand the groups and times to make_plan.",
        ),
        (
            lambda run: run.use_split(repro.make_plan(KFold(3), np.zeros((9, 1)))),
            "use_split(fold=None): the plan has folds 0 to 2. "
            "Name the fold that this run trains on.",
        ),
    ],
    ids=[
        *("lengths", "array", "text", "name", "path", "step", "scorer name", "scorer role"),
        *("role", "no data", "column", "fold"),
    ],
)
def test_wrong_input_is_refused_with_the_value_and_the_fix(project, call, message):
    with repro.tracked_run(seed=0) as run, pytest.raises(UsageError) as caught:
        call(run)
    assert str(caught.value).endswith(message)


def test_named_generators_follow_from_the_seed_and_the_name_alone(project):
    def draws(seed):
        with repro.tracked_run(seed=seed) as run:
            return run.rng("a").random(), torch.rand(1, generator=run.generator("a")).item()

    assert draws(1) == draws(1)
    assert draws(1) != draws(2)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (1, "1"),
        ("resnet18", "'resnet18'"),
        (None, "None"),
        ([torch.nn.Linear(1, 1)], "a list"),
        (torch.nn.Linear, "the class Linear"),
    ],
)
def test_what_is_no_model_is_not_watched(project, model, told):
    with repro.tracked_run(seed=0) as run, pytest.raises(UsageError) as caught:
        run.watch(model)
    assert str(caught.value) == (
        f"run.watch got {told} as the model. "
        "Pass one torch module or estimator, as in run.watch(model, optimizer)."
    )


@pytest.mark.parametrize(
    ("optimizer", "told"),
    [("adam", "'adam'"), (torch.optim.SGD, "the class SGD"), (0.1, "0.1"), ([], "a list")],
)
def test_what_is_no_optimizer_is_not_watched(project, optimizer, told):
    with repro.tracked_run(seed=0) as run, pytest.raises(UsageError) as caught:
        run.watch(torch.nn.Linear(1, 1), optimizer)
    assert str(caught.value) == (
        f"run.watch got {told} as the optimizer. "
        "Pass one, such as torch.optim.Adam(model.parameters()), or leave it out."
    )


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        (3, "3"),
        ("mse", "'mse'"),
        (torch.tensor(0.5), "a Tensor"),
        (torch.nn.MSELoss, "the class MSELoss"),
        ([], "a list"),
        ([torch.nn.MSELoss(), "mse"], "a list"),
        ({"boxes": torch.nn.MSELoss}, "a dict"),
    ],
)
def test_what_is_no_loss_is_not_watched(project, loss, told):
    with repro.tracked_run(seed=0) as run, pytest.raises(UsageError) as caught:
        run.watch(torch.nn.Linear(1, 1), loss=loss)
    assert str(caught.value) == (
        f"run.watch got {told} as the loss. "
        "Pass the module or function that is called, such as torch.nn.CrossEntropyLoss(), "
        "a list or dict of several, or leave it out."
    )


def test_losses_of_every_form_are_watched(project):
    one = torch.nn.MSELoss()
    with repro.tracked_run(seed=0) as run:
        for loss in (one, torch.nn.functional.mse_loss, partial(one), [one, one], {"boxes": one}):
            run.watch(torch.nn.Linear(1, 1), loss=loss)


def test_what_is_no_scheduler_is_not_watched(project):
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with repro.tracked_run(seed=0) as run, pytest.raises(UsageError) as caught:
        run.watch(model, optimizer, 3)
    assert str(caught.value) == (
        "run.watch got 3 as the scheduler. "
        "Pass one, such as torch.optim.lr_scheduler.StepLR(optimizer, 30), or leave it out."
    )
