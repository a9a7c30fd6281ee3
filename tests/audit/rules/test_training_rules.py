"""Training practice: each rule advises where it should, and is silent where the cause is good."""

import pytest
from fake_history import CLAIM

from repro.audit.rule import NotApplicable, Severity, Unknown, Violation
from repro.audit.rules.training import (
    batch_lr_coupling,
    capacity_not_shown,
    distributed_eval,
    hidden_dropout,
    lr_range,
    no_shuffle,
    norm_choice,
    schedule_missing,
    search_edge,
)
from repro.claims import Claim
from repro.facts.architecture import EXAMPLE as CNN
from repro.facts.architecture import Layer
from repro.facts.batching import EXAMPLE as BATCHING
from repro.facts.batching import Batching
from repro.facts.budget import EXAMPLE as BUDGET
from repro.facts.capacity import EXAMPLE as CAPACITY
from repro.facts.data import EXAMPLE as DATA
from repro.facts.fact import Absent, Fact
from repro.facts.lineage import Lineage
from repro.facts.loss import EXAMPLE as LOSS
from repro.facts.normalization import EXAMPLE as NORMALIZATION
from repro.facts.normalization import Normalization
from repro.facts.optimizer import EXAMPLE as SGD
from repro.facts.optimizer import Optimizer, Setting
from repro.facts.params import EXAMPLE as PARAMS
from repro.facts.params import Param
from repro.facts.regularization import EXAMPLE as REGULARIZATION
from repro.facts.sampling import EXAMPLE as SAMPLING
from repro.facts.schedule import EXAMPLE as CONSTANT
from repro.facts.schedule import Parameter, Schedule
from repro.facts.scores import EXAMPLE as SCORES
from repro.facts.split import EXAMPLE as SPLIT
from repro.facts.stopping import EXAMPLE as STOPPING
from repro.facts.topology import EXAMPLE as TOPOLOGY
from repro.facts.topology import Topology
from repro.facts.tuning import EXAMPLE as TUNING
from repro.record import Arms

NOT_RECORDED = Absent(reason="nobody looked", kind="not_recorded")
NEW = Lineage()
ATTENTION = Layer(path="encoder.0", kind="MultiheadAttention", n_parameters=100)
TRANSFORMER = CNN.but(layers=(ATTENTION,))
PRETRAINED = Lineage(pretrained="bert-base-uncased", revision="86b5e093")

Answers = list[Violation | Unknown | NotApplicable]


def points(answers: Answers) -> list[tuple[str, ...]]:
    assert all(isinstance(one, Violation) for one in answers)
    return [one.points for one in answers if isinstance(one, Violation)]


def probed(**changes: object) -> Answers:
    probe = CAPACITY.probes[0].model_copy(update=changes)
    return list(capacity_not_shown.check.check(CAPACITY.but(probes=(probe,))))


def test_a_model_that_cannot_fit_one_batch_is_a_note() -> None:
    (found,) = probed(reached=False)
    assert found.message == "CNN did not fit one batch"
    assert probed(reached=True) == []


def test_a_probe_that_could_not_tell_is_unknown_not_a_pass() -> None:
    (found,) = probed(reached=None, reason="the loss is not a number")
    assert isinstance(found, Unknown)
    assert found.message == "the probe of CNN says nothing: the loss is not a number"


def stepping(name: str, lr: object) -> Optimizer:
    return SGD.but(name=name, settings=(Setting(name="lr", value=lr),))


@pytest.mark.parametrize(
    ("optimizer", "architecture", "lineage", "n"),
    [
        (stepping("Adam", 1e-3), CNN, NEW, 0),
        (stepping("Adam", 0.1), CNN, NEW, 1),
        (stepping("AdamW", 1e-8), CNN, NEW, 1),
        (stepping("SGD", 0.1), CNN, NEW, 0),
        (stepping("SGD", 50.0), CNN, NEW, 1),
        (stepping("AdamW", 2e-3), TRANSFORMER, NEW, 0),
        (stepping("AdamW", 2e-3), TRANSFORMER, PRETRAINED, 1),
        (stepping("AdamW", 2e-5), TRANSFORMER, PRETRAINED, 0),
        (stepping("AdamW", 2e-3), CNN, PRETRAINED, 0),
        (stepping("AdamW", 2e-3), TRANSFORMER, PRETRAINED.but(frozen=("body",)), 0),  # adapters
        (stepping("AdamW", 2e-3), TRANSFORMER, NOT_RECORDED, 0),
    ],
)
def test_the_usual_rate_depends_on_optimizer_and_origin(
    optimizer: Optimizer, architecture: Fact, lineage: Fact | Absent, n: int
) -> None:
    found = list(lr_range.check.check(optimizer, architecture, lineage))
    assert points(found) == [("optimizer.name", "optimizer.lr")] * n


@pytest.mark.parametrize("optimizer", [stepping("LBFGS", 1.0), stepping("Adam", None)])
def test_of_other_optimizers_no_range_is_known(optimizer: Optimizer) -> None:
    (found,) = lr_range.check.check(optimizer, CNN, NEW)
    assert isinstance(found, NotApplicable)


COSINE = CONSTANT.but(shape="cosine", parameters=(Parameter(name="floor", value=0.3),), final=0.3)


@pytest.mark.parametrize(
    ("schedule", "optimizer", "architecture", "n_steps", "expected"),
    [
        (CONSTANT, SGD, CNN, 55, []),
        (CONSTANT, SGD, CNN, 5000, [("schedule.shape", "budget.n_steps")]),
        (COSINE, SGD, CNN, 5000, []),
        (COSINE.but(final=0.8), SGD, CNN, 5000, [("schedule.final",)]),
        (COSINE.but(shape="polynomial", final=0.8), SGD, CNN, 5000, [("schedule.final",)]),
        (COSINE.but(shape="step", final=0.8), SGD, CNN, 5000, []),
        (COSINE, stepping("AdamW", 1e-3), TRANSFORMER, 5000, [("schedule.warm_up",)]),
        (COSINE.but(warm_up=10), stepping("AdamW", 1e-3), TRANSFORMER, 5000, []),
        (COSINE, SGD, TRANSFORMER, 5000, []),
    ],
)
def test_a_rate_comes_down_and_a_new_transformer_warms_up(
    schedule: Schedule,
    optimizer: Optimizer,
    architecture: Fact,
    n_steps: int,
    expected: list[tuple[str, ...]],
) -> None:
    budget, whole = BUDGET.but(n_steps=n_steps), STOPPING.but(is_short=False)
    found = schedule_missing.check.check(schedule, optimizer, architecture, NEW, budget, whole)
    assert points(list(found)) == expected


def test_a_run_that_was_stopped_may_leave_its_schedule_and_a_pretrained_one_needs_no_warm_up() -> (
    None
):
    adam, cut = stepping("AdamW", 1e-4), COSINE.but(final=0.8)
    short = STOPPING.but(is_short=True)
    found = schedule_missing.check.check(cut, adam, TRANSFORMER, PRETRAINED, BUDGET, short)
    assert list(found) == []


def coupled(left: Batching, right: Batching, *rates: float, claim: Claim = CLAIM) -> Answers:
    one, two = (stepping("SGD", rate) for rate in rates)
    losses = Arms.of(LOSS, LOSS)
    return list(
        batch_lr_coupling.check.check(claim, Arms.of(left, right), Arms.of(one, two), losses)
    )


LARGER = BATCHING.but(micro=512, effective=512)
UNTUNED = CLAIM.model_copy(update={"nuisance": (), "treatment": ("optimizer.*",)})


def test_another_batch_with_the_same_rate_is_a_warning() -> None:
    (found,) = coupled(BATCHING, LARGER, 0.1, 0.1, claim=UNTUNED)
    assert found.message == "batches of 128 and 512 with one learning rate"


@pytest.mark.parametrize(
    ("name", "micro", "n_said"),
    [("NTXentLoss", 255, 2), ("NTXentLoss", 256, 0), ("CrossEntropyLoss", 255, 0)],
)
def test_few_samples_to_contrast_with_are_a_note(name: str, micro: int, n_said: int) -> None:
    small, optimizer = BATCHING.but(micro=micro, effective=1024), stepping("SGD", 0.1)
    losses = Arms.of(LOSS.but(name=name), LOSS.but(name=name))
    found = list(
        batch_lr_coupling.check.check(
            CLAIM, Arms.of(small, small), Arms.of(optimizer, optimizer), losses
        )
    )
    assert [one.severity for one in found] == [Severity.NOTE] * n_said
    if found:
        assert found[0].message == (
            "baseline: a contrastive loss on batches of 255, where a sample is told "
            "from 254 others; accumulation adds none"
        )


@pytest.mark.parametrize(
    ("right", "rate", "claim"),
    [
        (LARGER, 0.4, UNTUNED),
        (BATCHING.but(effective=160), 0.1, UNTUNED),
        (LARGER, 0.1, CLAIM),  # each arm was tuned, and both came to this rate
    ],
)
def test_a_rate_that_was_tuned_or_a_batch_that_is_alike_is_silent(
    right: Batching, rate: float, claim: Claim
) -> None:
    assert coupled(BATCHING, right, 0.1, rate, claim=claim) == []


def dropping(lineage: Fact | Absent, loss: Fact | Absent, *names: str) -> Answers:
    params = PARAMS.but(declared=tuple(Param(name=name, value=0.1) for name in names))
    return list(hidden_dropout.check.check(REGULARIZATION, lineage, loss, params))


RATE = "regularization.dropout.features.3.p"


def test_dropout_that_came_with_a_pretrained_model_is_told_unless_a_parameter_names_it() -> None:
    assert points(dropping(PRETRAINED, LOSS)) == [(RATE,)]
    assert dropping(PRETRAINED, LOSS, "hidden_dropout_prob") == []
    assert dropping(NEW, NOT_RECORDED) == []


def test_dropout_in_a_regression_is_told() -> None:
    squares = LOSS.but(name="MSELoss", terms=())
    assert points(dropping(NEW, squares)) == [(RATE, "loss.name")]


def test_without_dropout_there_is_nothing_to_tell() -> None:
    off = REGULARIZATION.dropout[0].model_copy(update={"p": 0.0})
    still = REGULARIZATION.but(dropout=(off,))
    found = hidden_dropout.check.check(still, PRETRAINED, LOSS.but(name="MSELoss"), PARAMS)
    assert list(found) == []


@pytest.mark.parametrize(
    ("normalization", "expected"),
    [
        (NORMALIZATION, []),
        (NORMALIZATION.but(batch=4), [("normalization.batch", "normalization.is_synced")]),
        (NORMALIZATION.but(batch=4, is_synced=True), []),
        (NORMALIZATION.but(batch=4, n_frozen=2), []),
        (NORMALIZATION.but(sequence_input=True), [("normalization.sequence_input",)]),
        (Normalization(batch=4), []),
    ],
)
def test_batch_statistics_need_rows(
    normalization: Normalization, expected: list[tuple[str, ...]]
) -> None:
    assert points(list(norm_choice.check.check(normalization))) == expected


def ordered(
    topology: Topology | Absent = NOT_RECORDED, *, n_epochs: float = 5.0, **changes: object
) -> Answers:
    sampling = SAMPLING.but(roles=(SAMPLING.roles[0].model_copy(update=changes),))
    budget = BUDGET.but(n_epochs=n_epochs)
    return list(no_shuffle.check.check(sampling, topology, budget, DATA, SPLIT))


def test_rows_sorted_by_label_are_a_warning_and_other_fixed_orders_a_note() -> None:
    (found,) = ordered(reorders=False, first_entropy=0.2, label_entropy=3.3)
    assert found.message == "rows were not shuffled, and came sorted by label"
    (found,) = ordered(reorders=False)
    assert (found.message, found.severity) == (
        "rows came in one order in every epoch",
        Severity.NOTE,
    )
    assert ordered(reorders=False, n_epochs=1.0) == []
    assert ordered(reorders=None) == []
    assert ordered(reorders=False, role="test") == []


def test_a_distributed_sampler_that_was_told_no_epoch_is_a_warning() -> None:
    silent = TOPOLOGY.but(sets_epoch=False)
    assert points(ordered(silent)) == [("topology.sets_epoch",)]
    assert ordered(silent, n_epochs=1.0) == []
    assert ordered(TOPOLOGY) == []


@pytest.mark.parametrize(
    ("data", "split"), [(DATA.but(time="day"), SPLIT), (NOT_RECORDED, SPLIT.but(has_times=True))]
)
def test_rows_with_times_have_an_order(data: Fact | Absent, split: Fact) -> None:
    (found,) = no_shuffle.check.check(SAMPLING, TOPOLOGY, BUDGET, data, split)
    assert isinstance(found, NotApplicable)


@pytest.mark.parametrize(
    ("changes", "n"),
    [
        ({"at_edge": "high"}, 1),
        ({"at_edge": "low"}, 1),
        ({"at_edge": "high", "n_values": None}, 1),
        ({"at_edge": "high", "n_values": 2}, 0),  # of two values one is always at an edge
        ({"at_edge": "low", "low": 0.0}, 0),  # there is nothing below
        ({"at_edge": None}, 0),
    ],
)
def test_a_best_value_at_an_edge_is_a_warning(changes: dict[str, object], n: int) -> None:
    search = TUNING.searches[0]
    dimension = search.dimensions[0].model_copy(update=changes)
    edged = search.model_copy(update={"dimensions": (dimension,)})
    found = list(search_edge.check.check(TUNING.but(searches=(edged,))))
    path = "tuning.GridSearchCV.dimensions.C"
    assert points(found) == [(f"{path}.best", f"{path}.low", f"{path}.high")] * n


@pytest.mark.parametrize(
    ("n_rows", "message"),
    [
        (450, None),
        (225, "test/accuracy covers the rows of one of 2 processes"),
        (100, None),  # another rule speaks about it
    ],
)
def test_a_score_of_one_process_is_a_part(n_rows: int, message: str | None) -> None:
    score = SCORES.scored[0].model_copy(update={"n_rows": n_rows})
    found = list(distributed_eval.check.check(TOPOLOGY, SCORES.but(scored=(score,)), DATA))
    assert [one.message for one in found] == ([message] if message else [])


def test_rows_that_fill_up_the_parts_are_counted_twice() -> None:
    score = SCORES.scored[0].model_copy(update={"n_rows": 452})
    four = TOPOLOGY.but(world=4)
    (found,) = distributed_eval.check.check(four, SCORES.but(scored=(score,)), DATA)
    assert found.message == (
        "test/accuracy counts rows twice that fill up the parts of the processes"
    )


def test_one_process_has_no_parts() -> None:
    (found,) = distributed_eval.check.check(TOPOLOGY.but(world=1), SCORES, DATA)
    assert found == NotApplicable("one process trained")
