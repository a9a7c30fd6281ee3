"""Training practice: each rule advises where it should, and is silent where the cause is good."""

import pytest
from fake_history import CLAIM

from repro.audit.rule import NotApplicable, Severity, Unknown, Violation
from repro.audit.rules.training import (
    batch_lr_coupling,
    capacity_not_shown,
    distributed_eval,
    divergence,
    hidden_dropout,
    lr_range,
    no_shuffle,
    norm_choice,
    overfit_or_late,
    schedule_missing,
    search_edge,
    stopped_too_early,
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
from repro.facts.gradients import EXAMPLE as GRADIENTS
from repro.facts.gradients import Gradients
from repro.facts.lineage import EXAMPLE as LINEAGE
from repro.facts.lineage import Lineage
from repro.facts.loss import EXAMPLE as LOSS
from repro.facts.normalization import EXAMPLE as NORMALIZATION
from repro.facts.normalization import Normalization
from repro.facts.optimizer import EXAMPLE as SGD
from repro.facts.optimizer import Optimizer, Setting
from repro.facts.params import EXAMPLE as PARAMS
from repro.facts.params import Param
from repro.facts.precision import EXAMPLE as PRECISION
from repro.facts.regularization import EXAMPLE as REGULARIZATION
from repro.facts.sampling import EXAMPLE as SAMPLING
from repro.facts.schedule import EXAMPLE as CONSTANT
from repro.facts.schedule import Parameter, Schedule
from repro.facts.scores import EXAMPLE as SCORES
from repro.facts.split import EXAMPLE as SPLIT
from repro.facts.stopping import EXAMPLE as STOPPING
from repro.facts.stopping import Fitted, Stopping
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
    return list(batch_lr_coupling.check.check(claim, Arms.of(left, right), Arms.of(one, two)))


LARGER = BATCHING.but(micro=512, effective=512)
UNTUNED = CLAIM.model_copy(update={"nuisance": (), "treatment": ("optimizer.*",)})


def test_another_batch_with_the_same_rate_is_a_warning() -> None:
    (found,) = coupled(BATCHING, LARGER, 0.1, 0.1, claim=UNTUNED)
    assert found.message == "batches of 128 and 512 with one learning rate"


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


def curve(**changes: object) -> Stopping:
    rising = {"n_points": 40, "best_at": 1.0, "tail_slope": -0.1, "tail_error": 0.01}
    return STOPPING.but(curves=(STOPPING.curves[0].model_copy(update={**rising, **changes}),))


def early(stopping: Stopping, schedule: Schedule | Absent = CONSTANT) -> Answers:
    return list(stopped_too_early.check.check(stopping, schedule))


def test_a_held_out_curve_that_still_gains_is_a_warning_near_its_end_and_a_note_before() -> None:
    (found,) = early(curve())
    assert (found.message, found.severity) == (
        "valid/loss: still getting better at the end",
        Severity.WARNING,
    )
    (found,) = early(curve(best_at=0.8))
    assert found.severity is Severity.NOTE
    (found,) = early(curve(name="val_acc", greater_is_better=True, tail_slope=0.1))
    assert found.message.startswith("val_acc")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "train/loss"},
        {"n_points": 9},
        {"best_at": 0.5},
        {"best_at": None},
        {"tail_slope": 0.1},  # it gets worse
        {"tail_slope": -0.01},  # it hardly moves
        {"tail_error": 0.05},  # noise
        {"tail_slope": None},
        {"greater_is_better": None},
    ],
)
def test_a_curve_that_is_flat_or_noisy_or_not_held_out_is_silent(
    changes: dict[str, object],
) -> None:
    assert early(curve(**changes)) == []


def test_few_points_need_more_than_many() -> None:
    assert early(curve(tail_error=0.02)) != []
    assert early(curve(tail_error=0.02, n_points=20)) == []


def test_a_run_whose_rate_came_down_is_over_by_plan() -> None:
    assert early(curve(), CONSTANT.but(shape="cosine", final=0.01)) == []
    assert early(curve(), NOT_RECORDED) != []


@pytest.mark.parametrize(
    ("kind", "is_at_limit", "n"),
    [("LogisticRegression", True, 1), ("LogisticRegression", False, 0),
     ("HistGradientBoostingClassifier", True, 0)],
)  # fmt: skip
def test_an_estimator_that_its_limit_stopped_did_not_converge(
    kind: str, is_at_limit: bool, n: int
) -> None:
    fitted = Fitted(
        path="clf", kind=kind, n_iterations=100, limit=100, is_at_limit=is_at_limit,
        stops_early=None, patience=None,
    )  # fmt: skip
    found = early(STOPPING.but(curves=(), estimators=(fitted,)))
    path = "stopping.estimators.clf"
    assert points(found) == [(f"{path}.n_iterations", f"{path}.limit")] * n


def late(stopping: Stopping, lineage: Lineage | Absent = NEW) -> Answers:
    return list(overfit_or_late.check.check(stopping, lineage))


def test_a_held_out_loss_that_rose_again_is_a_warning() -> None:
    (found,) = late(curve(lowest=0.38, last=0.6))
    assert found.message == "valid/loss ended more than 20 % above its lowest"
    (found,) = late(curve(best_at=0.05))
    assert found.message == "valid/loss had its best value in the first tenth of the training"


@pytest.mark.parametrize(
    "changes",
    [
        {"last": 0.45},
        {"name": "train/loss", "last": 0.9},
        {"greater_is_better": True, "last": 0.9},
        {"n_points": 5, "last": 0.9},
        {"lowest": -1.0, "last": 0.9},  # a ratio says nothing
        {"n_points": 9, "best_at": 0.05},
    ],
)
def test_a_loss_that_stays_low_is_silent(changes: dict[str, object]) -> None:
    assert late(curve(**changes)) == []


def test_a_checkpoint_that_was_brought_back_is_what_is_scored() -> None:
    (found,) = late(curve(last=0.9), LINEAGE.but(loaded=(), loaded_later=LINEAGE.loaded))
    assert isinstance(found, NotApplicable)


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


def diverged(
    gradients: Gradients = GRADIENTS,
    stopping: Stopping | Absent = NOT_RECORDED,
    *,
    is_scaled: bool = False,
) -> Answers:
    precision = PRECISION.but(is_scaled=is_scaled)
    return list(divergence.check.check(gradients, precision, stopping))


def test_gradients_that_are_not_finite_are_a_warning_unless_a_scaler_looks_for_them() -> None:
    broken = GRADIENTS.but(n_non_finite=2)
    assert points(diverged(broken)) == [("gradients.n_non_finite",)]
    assert diverged(broken, is_scaled=True) == []


def test_a_norm_that_ends_on_a_spike_is_a_warning_and_one_that_recovers_is_not() -> None:
    calm = [(step, 0.8) for step in range(40)]
    spiked = GRADIENTS.but(series=(*calm[:36], *((step, 50.0) for step in range(36, 40))))
    (found,) = diverged(spiked)
    assert found.message == "the norm of the gradients ended 10 times above its median"
    assert diverged(GRADIENTS.but(series=((0, 50.0), *calm[1:]))) == []
    assert diverged(GRADIENTS.but(series=((0, 0.8), (1, 50.0)))) == []


def test_a_training_loss_that_lost_what_it_had_gained_is_a_warning() -> None:
    falling = {"name": "train/loss", "first": 2.3, "lowest": 0.3, "n_points": 12}
    (found,) = diverged(stopping=curve(**falling, last=2.0))
    assert found.message == "train/loss went back up by more than half of what it had come down"
    assert diverged(stopping=curve(**falling, last=0.5)) == []
    assert diverged(stopping=curve(**{**falling, "name": "valid/loss"}, last=2.0)) == []


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
