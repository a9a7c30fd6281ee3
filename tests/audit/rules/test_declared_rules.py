"""What was declared against what was observed: it fires, and it knows when to be silent."""

import pytest
from fake_history import tracked

from repro.audit.rule import NotApplicable, Severity, Violation
from repro.audit.rules.declaration import declared_not_effective
from repro.facts.architecture import EXAMPLE as ARCHITECTURE
from repro.facts.architecture import Hyperparameter
from repro.facts.batching import EXAMPLE as BATCHING
from repro.facts.budget import EXAMPLE as BUDGET
from repro.facts.determinism import EXAMPLE as DETERMINISM
from repro.facts.fact import Absent, Fact
from repro.facts.gradients import EXAMPLE as GRADIENTS
from repro.facts.loss import EXAMPLE as LOSS
from repro.facts.loss import Setting as LossSetting
from repro.facts.optimizer import EXAMPLE as SGD
from repro.facts.optimizer import Group, Setting
from repro.facts.outcome import EXAMPLE as OUTCOME
from repro.facts.params import EXAMPLE as PARAMS
from repro.facts.params import Param
from repro.facts.precision import EXAMPLE as PRECISION
from repro.facts.precision import Phase
from repro.facts.regularization import EXAMPLE as REGULARIZATION
from repro.facts.regularization import Dropout
from repro.facts.schedule import EXAMPLE as CONSTANT
from repro.facts.split import EXAMPLE as SPLIT
from repro.facts.stopping import EXAMPLE as STOPPING

DOES_NOT_APPLY = Absent(reason="nothing is trained", kind="not_applicable")
COSINE = CONSTANT.but(shape="cosine", n_levels=50, final=0.0)
LONG = BUDGET.but(n_epochs=20.0, n_batches=220)
PATIENT = STOPPING.but(patience=None, patience_by=None)
FULL = PRECISION.but(autocast=(Phase(phase="train", dtype="none"),))
SLOW_GROUP = Group(index=1, settings=(Setting(name="lr", value=0.01),))
UNCLIPPED = GRADIENTS.but(rewritten=False, clipping=None, largest=9.0)
CROSS_ENTROPY = LOSS.but(terms=())


def sgd(name: str = "SGD", **settings: object) -> Fact:
    pairs = tuple(Setting(name=key, value=value) for key, value in settings.items())
    return SGD.but(name=name, settings=pairs)


def drops(*rates: float) -> Fact:
    modules = tuple(
        Dropout(path=f"drop.{at}", kind="Dropout", p=rate) for at, rate in enumerate(rates)
    )
    return REGULARIZATION.but(dropout=modules, config=())


def found(
    declared: dict[str, object], *facts: Fact, **absent: Absent
) -> list[Violation | NotApplicable]:
    params = PARAMS.but(declared=tuple(Param(name=k, value=v) for k, v in declared.items()))
    run = tracked(1, 0, 0.9, params, CONSTANT.but(series=()), *facts, **absent)
    return list(declared_not_effective.check.check(params, run))


@pytest.mark.parametrize(
    ("declared", "facts", "observed"),
    [
        ({"lr": 0.01}, (), "optimizer.lr"),
        ({"train.learning_rate": "0.01"}, (), "optimizer.lr"),
        ({"optimizer.lr": 0.5}, (), "optimizer.lr"),
        ({"optimizer": "adamw"}, (), "optimizer.name"),
        ({"optimizer.name": "torch.optim.RMSprop"}, (), "optimizer.name"),
        ({"optimizer": "adam"}, (sgd("AdamW", weight_decay=0.01),), "optimizer.name"),
        ({"weight_decay": 1e-4}, (sgd(lr=0.1, weight_decay=0.0),), "optimizer.weight_decay"),
        ({"optimizer.momentum": 0.5}, (), "optimizer.momentum"),
        ({"batch_size": 256}, (), "batching.micro"),
        ({"gradient_accumulation_steps": 4}, (LONG,), "batching.accumulation"),
        ({"dropout": 0.5}, (drops(0.1, 0.1),), "regularization.dropout.drop.0.p"),
        ({"dropout": 0}, (drops(0.1),), "regularization.dropout.drop.0.p"),
        ({"label_smoothing": 0.3}, (CROSS_ENTROPY,), "loss.label_smoothing"),
        ({"loss": "mse"}, (CROSS_ENTROPY,), "loss.name"),
        ({"scheduler": "cosine"}, (LONG,), "schedule.shape"),
        ({"scheduler": None}, (LONG, COSINE), "schedule.shape"),
        ({"scheduler": "step"}, (LONG, COSINE), "schedule.shape"),
        ({"seed": 7}, (), "determinism.seed"),
        ({"amp": True}, (FULL,), "precision.autocast.train"),
        ({"precision": "16-mixed"}, (FULL,), "precision.autocast.train"),
        ({"max_grad_norm": 1.0}, (UNCLIPPED,), "gradients.largest"),
    ],
)
def test_a_setting_that_did_not_arrive_is_an_error_that_quotes_both(
    declared: dict[str, object], facts: tuple[Fact, ...], observed: str
) -> None:
    (answer,) = found(declared, *facts)
    (name,) = declared
    assert isinstance(answer, Violation)
    assert answer.points == (f"params.{name}", observed)
    assert answer.message == f"params.{name} did not take effect: {observed} is another"
    assert answer.severity is Severity.ERROR


@pytest.mark.parametrize(
    ("said", "seen", "is_told"),
    [
        ("cuda", "cpu", True),
        ("cuda:1", "cpu", True),
        ("gpu", "cpu", True),
        ("cpu", "cuda", True),
        ("cuda:1", "cuda", False),
        ("gpu", "mps", False),
        ("auto", "cpu", False),
        ("cuda", None, False),
    ],
)
def test_another_device_than_was_declared_is_a_warning(
    said: str, seen: str | None, *, is_told: bool
) -> None:
    answers = found({"device": said}, PRECISION.but(device=seen))
    told = [one.severity for one in answers if isinstance(one, Violation)]
    assert told == [Severity.WARNING] * is_told


@pytest.mark.parametrize(
    ("declared", "facts"),
    [
        ({"lr": 0.1}, ()),
        ({"lr": "1e-1"}, ()),
        ({"lr": 0.099}, ()),  # the peak lies between two steps
        ({"lr": "auto"}, ()),
        ({"lr": 0.01, "optimizer.lr": 0.1}, ()),  # one of them took effect
        ({"lr": 0.05}, (BATCHING.but(world=2),)),  # scaled with the processes
        ({"lr": 0.2}, (BATCHING.but(effective=128),)),  # of a batch of 256
        ({"lr": 0.01}, (CONSTANT.but(series=((0, 0.01), (9, 0.1))),)),  # where the warm-up began
        ({"lr": 1.0}, (CONSTANT.but(start=0.1, final=1.0, series=()),)),  # never warmed up
        ({"lr": 0.01}, (SGD.but(groups=(SLOW_GROUP,)),)),
        ({"lr": 0.01}, (SGD.but(name="SGD+Adam"),)),
        ({"lr_decay": 0.5, "head.lr": 0.5, "min_lr": 0.5}, ()),
        ({"optimizer": "sgd"}, ()),
        ({"optimizer": "lookahead"}, ()),
        ({"optimizer": "adam"}, (SGD.but(name="Adam+SGD"),)),
        ({"optimizer": "adam"}, (sgd("AdamW", weight_decay=0.0),)),
        ({"optimizer": "adamw"}, (sgd("Adam", weight_decay=0.1, decoupled_weight_decay=True),)),
        ({"optimizer": "adamw"}, (SGD.but(name="Lookahead"),)),
        ({"weight_decay": 0.01}, (sgd(lr=0.1, weight_decay=0.1),)),  # times the rate
        ({"weight_decay": 0.01}, (sgd(lr=0.1),)),  # an optimizer that knows none
        ({"momentum": 0.999}, ()),  # of a moving average, maybe
        ({"optimizer.momentum": 0.5}, (CONSTANT.but(shape="one_cycle"),)),
        ({"batch_size": 128}, ()),
        ({"batch_size": 256}, (BATCHING.but(world=2, effective=256),)),
        ({"batch_size": 64}, (BATCHING.but(micro=448, accumulation=2, effective=896),)),
        ({"batch_size": 1024}, ()),  # two whole batches do not fit into the training rows
        ({"batch_size": 256}, (BATCHING.but(observed_from="forward"),)),
        ({"gradient_accumulation_steps": 1}, (LONG, BATCHING.but(accumulation=2))),
        ({"gradient_accumulation_steps": 8}, ()),  # eleven batches in an epoch
        ({"dropout": 0.3}, (drops(0.1, 0.3),)),
        ({"dropout": 0.3}, (drops(0.1, 0.2),)),
        ({"dropout": 0.3}, (drops(),)),  # a function in `forward`, maybe
        ({"dropout": 0.3}, (REGULARIZATION,)),  # the model brings a configuration
        ({"attention_dropout": 0.3}, (drops(0.1),)),
        ({"label_smoothing": 0.1}, (CROSS_ENTROPY,)),
        ({"label_smoothing": 0.1}, (CROSS_ENTROPY.but(settings=()),)),
        ({"loss": "cross_entropy"}, (CROSS_ENTROPY,)),
        ({"loss": "mine"}, (CROSS_ENTROPY,)),
        ({"loss": "mse"}, (LOSS,)),  # of several terms
        ({"scheduler": "cosine"}, (BUDGET.but(n_epochs=1.0),)),  # stepped by epochs
        ({"scheduler": "cosine"}, (LONG, COSINE)),
        ({"scheduler": "step"}, (LONG,)),  # its first drop is still to come
        ({"scheduler": "cosine"}, (LONG, CONSTANT.but(shape="step", n_levels=2))),
        ({"scheduler": "cosine"}, (LONG, CONSTANT.but(shape="unknown"))),
        ({"scheduler": "mine"}, (LONG,)),
        ({"seed": 0}, ()),
        ({"seed": 7}, (DETERMINISM.but(seed_source="drawn"),)),
        ({"seed": 1}, (DETERMINISM.but(seed=4), SPLIT.but(fold=3))),
        ({"data.seed": 7}, ()),
        ({"amp": False}, (FULL,)),
        ({"amp": True}, ()),
        ({"amp": True}, (FULL.but(parameters="bfloat16"),)),
        ({"max_grad_norm": 1.0}, ()),
        ({"max_grad_norm": 10.0}, (UNCLIPPED,)),  # never reached
        ({"max_grad_norm": 0}, (UNCLIPPED,)),
        ({"max_grad_norm": 1.0}, (UNCLIPPED.but(rewritten=None),)),
    ],
)  # fmt: skip
def test_what_may_be_the_same_in_other_words_is_silent(
    declared: dict[str, object], facts: tuple[Fact, ...]
) -> None:
    assert [one for one in found(declared, *facts) if isinstance(one, Violation)] == []


def test_labels_may_be_smoothed_before_the_loss() -> None:
    plain = CROSS_ENTROPY.but(settings=(LossSetting(name="label_smoothing", value=0.0),))
    (answer,) = found({"label_smoothing": 0.1}, plain)
    assert answer.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("done", "facts", "fires"),
    [
        (5.0, (PATIENT,), True),
        (20.0, (PATIENT,), False),
        (19.0, (PATIENT,), False),  # the last batch of each epoch was dropped
        (5.5, (PATIENT, BATCHING.but(effective=2)), False),  # its epochs are none of these
        (5.0, (STOPPING,), False),  # a patience ended it
        (5.0, (PATIENT, OUTCOME.but(status="KILLED")), False),  # another rule says so
    ],
)
def test_other_epochs_are_a_warning_unless_something_ended_them(
    done: float, facts: tuple[Fact, ...], fires: bool
) -> None:
    answers = [
        one
        for one in found({"epochs": 20}, BUDGET.but(n_epochs=done), *facts)
        if isinstance(one, Violation)
    ]
    assert [(one.points, one.severity) for one in answers] == (
        [(("params.epochs", "budget.n_epochs"), Severity.WARNING)] if fires else []
    )


def estimator(name: str = "Pipeline") -> Fact:
    values = {"clf__C": 10.0, "clf__penalty": "l2", "clf__random_state": 3}
    return ARCHITECTURE.but(
        name=name,
        hyperparameters=tuple(Hyperparameter(name=k, value=v) for k, v in values.items()),
    )


def test_an_estimator_has_the_numbers_that_were_declared() -> None:
    assert found({"clf__C": 10}, estimator()) == []
    (answer,) = found({"clf__C": "1.0"}, estimator())
    assert answer.points == ("params.clf__C", "architecture.clf__C")


@pytest.mark.parametrize("name", ["C", "clf__penalty", "clf__random_state"])
def test_of_an_estimator_only_numbers_under_their_full_name_are_compared(name: str) -> None:
    answers = found({name: 1.0}, estimator())
    assert [one for one in answers if isinstance(one, Violation)] == []


def test_a_search_chooses_its_own() -> None:
    (answer,) = found({"clf__C": 1.0}, estimator("GridSearchCV"))
    assert isinstance(answer, NotApplicable)


def test_where_nothing_was_observed_the_rule_has_nothing_to_say() -> None:
    (answer,) = found({"lr": 0.01}, optimizer=DOES_NOT_APPLY)
    assert answer == NotApplicable("nothing that was declared was observed, too")
    (answer,) = found({"title": "first try"})
    assert isinstance(answer, NotApplicable)
