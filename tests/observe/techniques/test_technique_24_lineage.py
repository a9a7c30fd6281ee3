"""Row 24: transfer learning."""

from pickle import UnpicklingError
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from watched_training import facts, seen, step, watching

import repro
from repro.digest import digest_file
from repro.facts.fact import Absent
from repro.facts.lineage import Lineage
from repro.observe import loaded_file

X = torch.ones(4, 6)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        return self.head(self.backbone(x))


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1)


def lineage(model, **options) -> Lineage:
    return seen(model, X, **options)["lineage"]


def read(training, path, *, parent=None, **options):
    file = loaded_file.read(path, parent, options)
    training.audience.tell("loaded", file)
    return file.content


@pytest.fixture
def checkpoint(tmp_path):
    """Weights of another model, as a training script keeps them."""
    path = tmp_path / "stage1.pt"
    torch.save({"model": Model().state_dict(), "epoch": 3}, path)
    return path


def test_technique_24_a_model_from_nothing_has_no_lineage():
    assert lineage(Model()) == Lineage()


def test_technique_24_a_file_is_recognised_in_the_model_even_if_it_was_set_before_watch(checkpoint):
    model = Model()
    with watching() as training:
        state = read(training, checkpoint, parent="1f2e")
        assert set(state) == {"model", "epoch"}
        model.backbone.load_state_dict(
            {k[9:]: v for k, v in state["model"].items() if k.startswith("backbone")}
        )
        training.watch(model, sgd(model), None)
        step(model, sgd(model), X)
        fact = facts(training)["lineage"]
    (file,) = fact.loaded
    n_backbone, n_all = 84, 98
    assert file.model_share == round(n_backbone / n_all, 4)
    assert (file.digest, file.file, file.parent) == (digest_file(checkpoint), "stage1.pt", "1f2e")
    assert (file.weights_only, fact.is_set_from_state, fact.loaded_later) == (True, False, ())


def test_technique_24_a_file_that_was_read_and_not_used_has_no_share(checkpoint):
    with watching() as training:
        read(training, checkpoint)
        model = Model()
        training.watch(model, sgd(model), None)
        step(model, sgd(model), X)
        assert facts(training)["lineage"].loaded[0].model_share == 0.0


def test_technique_24_values_that_every_model_begins_with_are_no_proof_of_a_file(tmp_path):
    path = tmp_path / "norms.pt"
    torch.save(nn.BatchNorm1d(6).state_dict(), path)
    with watching() as training:
        read(training, path)
        model = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6))
        training.watch(model, sgd(model), None)
        step(model, sgd(model), X)
        assert facts(training)["lineage"].loaded[0].model_share == 0.0


def test_technique_24_files_are_numbered_and_secrets_in_their_names_masked(checkpoint, tmp_path):
    token = "ghp_" + "a1B2" * 9
    with watching() as training:
        read(training, checkpoint)
        read(training, checkpoint.rename(tmp_path / f"{token}.pt"))
        loaded = facts(training)["lineage"].loaded
    assert [file.index for file in loaded] == [1, 2]
    assert not any(token in file.file for file in loaded)


def test_technique_24_a_state_that_is_set_after_watch_is_seen_with_what_it_left_out():
    model = Model()
    optimizer = sgd(model)
    state = {k: v for k, v in Model().state_dict().items() if k.startswith("backbone")}
    with watching() as training:
        training.watch(model, optimizer, None)
        model.load_state_dict(state, strict=False)
        step(model, optimizer, X)
        fact = facts(training)["lineage"]
    assert (fact.is_set_from_state, fact.n_left_out) == (True, 2)
    assert not model._load_state_dict_post_hooks
    assert not model.head._load_state_dict_post_hooks


def test_technique_24_a_state_of_a_child_is_seen():
    model = Model()
    optimizer = sgd(model)
    with watching() as training:
        training.watch(model, optimizer, None)
        model.backbone.load_state_dict(Model().backbone.state_dict())
        step(model, optimizer, X)
        fact = facts(training)["lineage"]
    assert (fact.is_set_from_state, fact.n_left_out) == (True, 0)


def test_technique_24_the_best_checkpoint_that_is_read_to_be_scored_is_no_lineage(checkpoint):
    model = Model()
    optimizer = sgd(model)
    with watching() as training:
        training.watch(model, optimizer, None)
        step(model, optimizer, X)
        model.load_state_dict(read(training, checkpoint)["model"])
        fact = facts(training)["lineage"]
    assert (fact.loaded, fact.is_set_from_state, len(fact.loaded_later)) == ((), False, 1)
    assert fact.loaded_later[0].model_share is None


def test_technique_24_a_file_that_can_run_code_is_marked(tmp_path):
    torch.save(Model(), tmp_path / "whole.pt")
    with watching() as training:
        assert isinstance(read(training, tmp_path / "whole.pt", weights_only=False), Model)
        assert facts(training)["lineage"].loaded[0].weights_only is False


def test_technique_24_code_in_a_file_is_not_run_unless_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # where nobody says anything
    torch.save(Model(), tmp_path / "whole.pt")
    with pytest.raises(UnpicklingError, match="Weights only load failed"):
        loaded_file.read(tmp_path / "whole.pt")


def test_technique_24_a_model_of_which_nothing_learns_is_frozen_as_a_whole():
    model = Model().requires_grad_(False)
    optimizer = sgd(model)
    with watching() as training:
        training.watch(model, optimizer, None)
        optimizer.step()
        assert facts(training)["lineage"].frozen == ("the whole model",)


@pytest.mark.parametrize(
    "held",
    [lambda model: model, lambda model: [model.state_dict()], lambda model: {"a": {"b": model}}],
    ids=["module", "list", "dicts"],
)
def test_technique_24_weights_are_recognised_however_a_file_holds_them(held, tmp_path):
    path, model = tmp_path / "any.pt", Model()
    torch.save(held(model), path)
    with watching() as training:
        read(training, path, weights_only=False)
        training.watch(model, sgd(model), None)
        step(model, sgd(model), X)
        assert facts(training)["lineage"].loaded[0].model_share == 1.0


def test_technique_24_frozen_modules_are_told_by_the_outermost_path():
    model = Model()
    model.backbone.requires_grad_(False)
    model.head.bias.requires_grad_(False)
    fact = lineage(model)
    assert (fact.frozen, fact.frozen_end) == (("backbone", "head.bias"), None)
    assert fact.flat()["lineage.frozen"] == '["backbone","head.bias"]'


def test_technique_24_what_thaws_later_is_told():
    model = Model()
    model.backbone.requires_grad_(False)
    fact = lineage(model, between=lambda: model.backbone.requires_grad_(True))
    assert (fact.frozen, fact.frozen_end) == (("backbone",), ())


def test_technique_24_the_origin_of_a_pretrained_model_is_told_and_a_folder_is_not(tmp_path):
    model = Model()
    model.config = SimpleNamespace(_name_or_path="bert-base-uncased", _commit_hash="86b5")
    fact = lineage(model)
    assert (fact.pretrained, fact.revision) == ("bert-base-uncased", "86b5")
    model.config = SimpleNamespace(_name_or_path=str(tmp_path))
    assert lineage(model).pretrained == "a folder of this machine"
    model.config = SimpleNamespace(_name_or_path="")
    assert lineage(model).pretrained is None


def test_technique_24_without_a_model_and_a_file_it_does_not_apply():
    with watching() as training:
        assert facts(training)["lineage"] == Absent(
            reason="no torch optimizer stepped in this run", kind="not_applicable"
        )


@pytest.mark.slow
def test_technique_24_a_run_reads_weights_and_returns_them_as_they_are(checkpoint, project):
    with repro.tracked_run("transfer", seed=0, quiet=True) as run:
        state = run.load(checkpoint)["model"]
        model = Model()
        model.load_state_dict(state)
        run.watch(model, sgd(model))
        step(model, sgd(model), X)
    assert torch.equal(state["head.bias"], torch.load(checkpoint)["model"]["head.bias"])
    assert project.record(run.run_id).find(Lineage).loaded[0].model_share == 1.0
