"""Row 25: the parent run, the data added since, and earlier test sets seen again."""

import json
import re

import pytest
import torch
from click.testing import CliRunner
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from watched_training import facts, step, watching

import repro
from repro.cli.main import main
from repro.digest.row_set import Estimate
from repro.facts.fact import Absent
from repro.facts.lineage import Lineage
from repro.inheritance import Looks, Rows, inheritance
from repro.observe import loaded_file

X, Y = (torch.tensor(part) for part in load_digits(return_X_y=True))
X = X.float()


def rows(start, stop):
    return X[start:stop], Y[start:stop]


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "stage1.pt"
    torch.save(torch.nn.Linear(64, 10).state_dict(), path)
    return path


def read(training, path, parent=None):
    training.audience.tell("loaded", loaded_file.read(path, parent))


def test_technique_25_the_parent_and_the_run_around_are_told(checkpoint):
    with watching() as training:
        read(training, checkpoint, "1f2e")
        fact = facts(training, nested_in="77aa")["lineage"]
    assert (fact.loaded[0].parent, fact.nested_in) == ("1f2e", "77aa")


def test_technique_25_several_parents_are_told_in_the_order_of_reading(checkpoint):
    with watching() as training:
        for parent in ("1f2e", None, "3c4d"):
            read(training, checkpoint, parent)
        fact = facts(training)["lineage"]
    assert [(file.index, file.parent) for file in fact.loaded] == [
        (1, "1f2e"),
        (2, None),
        (3, "3c4d"),
    ]


def test_technique_25_what_is_read_after_the_first_step_makes_no_parent(checkpoint):
    with watching() as training:
        model = torch.nn.Linear(64, 10)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        training.watch(model, optimizer, None)
        step(model, optimizer, X[:4])
        read(training, checkpoint, "1f2e")
        fact = facts(training)["lineage"]
    assert (fact.loaded, fact.loaded_later[0].parent) == ((), "1f2e")


def test_technique_25_which_parent_it_was_gates_no_comparison(checkpoint):
    with watching() as training:
        read(training, checkpoint, "1f2e")
        flat = facts(training)["lineage"].flat()
    gating = {path for path in flat if repro.record.is_compared(path)}
    assert "lineage.loaded.1.parent" in flat.keys() - gating
    assert "lineage.loaded.1.digest" in gating


def stage(name, folder, *, train, test, parent=None, again=None):
    """A run that learns a little, from where its parent stopped; `again` is an earlier test set."""
    with repro.tracked_run(name, seed=0, quiet=True) as run:
        run.log_data(train=train, test=test)
        model = torch.nn.Linear(64, 10)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        if parent is not None:
            model.load_state_dict(run.load(folder / f"{parent}.pt", parent=parent))
        run.watch(model, optimizer)
        step(model, optimizer, train[0])
        for x, y in filter(None, (test, again)):
            run.score("test/acc", accuracy_score, y, model(x).argmax(1).numpy(), on="test")
        torch.save(model.state_dict(), folder / f"{run.run_id}.pt")
    return run.run_id


@pytest.mark.slow
def test_technique_25_a_run_is_told_beside_its_parents_on_its_page_and_in_a_diff(project, tmp_path):
    old = rows(300, 340)
    first = stage("first", tmp_path, train=rows(0, 200), test=old)
    second = stage(
        "second", tmp_path, train=rows(100, 310), test=rows(400, 440), parent=first, again=old
    )
    third = stage("third", tmp_path, train=rows(0, 100), test=old, parent=second)

    (found,) = inheritance(project.history, project.record(second))
    assert (found.parent, found.name, found.generation) == (first, "first", 1)
    assert found.added == Rows(Estimate(110.0), 110 / 210)
    assert found.dropped == Rows(Estimate(100.0), 0.5)
    assert found.leaked == Rows(Estimate(10.0), 0.25)
    assert found.looks == Looks(0, n_alike=1)
    parent, grandparent = inheritance(project.history, project.record(third))
    assert (parent.parent, grandparent.parent, grandparent.generation) == (second, first, 2)
    assert grandparent.looks == Looks(1)

    page = CliRunner().invoke(main, ["show", second]).stdout
    assert re.findall(r"^  (?:parent|  training rows|  its test rows) .*$", page, re.MULTILINE) == [
        f"  parent           first {first[:8]}",
        "    training rows  110 (52.4%) added, 100 (50.0%) dropped",
        "    its test rows  10 (25.0%) LEARNED FROM; labels like theirs looked at once",
    ]
    diff = CliRunner().invoke(main, ["diff", first, second]).stdout
    assert f"lineage  of second\n  parent           first {first[:8]}\n" in diff
    assert "lineage  of first" not in diff
    document = json.loads(CliRunner().invoke(main, ["diff", first, second, "--json"]).stdout)
    assert [len(side) for side in document["ancestors"]] == [0, 1]
    assert document["ancestors"][1][0]["added"]["n"] == {"n": 110.0, "error": 0.0}


@pytest.mark.slow
def test_technique_25_a_parent_that_the_store_does_not_hold_is_unknown(project, checkpoint):
    with repro.tracked_run("orphan", seed=0, quiet=True) as run:
        run.log_data(train=rows(0, 20))
        run.load(checkpoint, parent="0" * 32)
    assert isinstance(project.record(run.run_id).find(Lineage), Lineage)
    (found,) = inheritance(project.history, project.record(run.run_id))
    assert (found.name, found.added.n) == (None, None)
    assert found.added.unknown.startswith(f"the store has no run {'0' * 32!r}: ")
    page = CliRunner().invoke(main, ["show", run.run_id]).stdout
    assert f"  parent  00000000 unknown: the store has no run {'0' * 32!r}" in page


def test_technique_25_a_run_that_read_no_file_has_no_parent():
    with watching() as training:
        assert isinstance(facts(training)["lineage"], Absent)
