"""Row 2: the learning rate and its schedule, named from what the optimizer really used."""

import math

import pytest
import torch
from torch.optim import lr_scheduler as torch_lr

from repro.facts.fact import Absent
from repro.facts.schedule import Schedule
from repro.observe.technique import Ending
from repro.observe.techniques.schedule import ScheduleObserver
from repro.observe.training import Training

LR = 0.1


@pytest.fixture
def training():
    seen = Training(lambda: True)
    yield seen
    seen.unhook()


def sgd(lr=LR):
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.grad = torch.zeros(2)
    return torch.optim.SGD([parameter], lr=lr)


def schedule(training, n_steps=0):
    return training.audience.facts(Ending(n_steps=n_steps))["schedule"]


def scheduled(training, make, *, n_steps=200, per=1):
    """Train with a scheduler that nobody handed over, stepped every `per` optimizer steps."""
    training.hook_optimizers()
    optimizer = sgd()
    scheduler = make(optimizer)
    for number in range(n_steps):
        optimizer.step()
        if (number + 1) % per == 0:
            needs_value = isinstance(scheduler, torch_lr.ReduceLROnPlateau)
            scheduler.step(1.0) if needs_value else scheduler.step()
    return schedule(training)


def by_hand(training, share, *, n_steps=200):
    training.hook_optimizers()
    optimizer = sgd()
    for number in range(n_steps):
        optimizer.param_groups[0]["lr"] = LR * share(number)
        optimizer.step()
    return schedule(training)


def parameters(fact):
    return {parameter.name: parameter.value for parameter in fact.parameters}


@pytest.mark.parametrize(
    ("make", "shape", "expected"),
    [
        (
            lambda o: torch_lr.StepLR(o, 60),
            "step",
            {"gamma": 0.1, "first_drop": 60, "drop_2": 120, "drop_3": 180},
        ),
        (
            lambda o: torch_lr.MultiStepLR(o, [20, 150]),
            "step",
            {"gamma": 0.1, "first_drop": 20, "drop_2": 150},
        ),
        (lambda o: torch_lr.MultiStepLR(o, [20]), "step", {"gamma": 0.1, "first_drop": 20}),
        (lambda o: torch_lr.ExponentialLR(o, 0.98), "exponential", {"gamma": 0.98}),
        (lambda o: torch_lr.LinearLR(o, 1.0, 0.5, 100), "linear", {"zero_at": 200}),
        (
            lambda o: torch_lr.CosineAnnealingLR(o, 200, eta_min=0.01),
            "cosine",
            {"half_period": 200, "floor": 0.1},
        ),
        (
            lambda o: torch_lr.CosineAnnealingLR(o, 5000),  # the run ends long before
            "cosine",
            {"half_period": 5000, "floor": 0},
        ),
        (
            lambda o: torch_lr.CosineAnnealingWarmRestarts(o, 20, 2, eta_min=0.001),
            "cosine_restarts",
            {"first_period": 20, "multiplier": 2, "floor": 0.01},
        ),
        (
            lambda o: torch_lr.PolynomialLR(o, 200, power=2.0),
            "polynomial",
            {"power": 2, "zero_at": 200},
        ),
        (
            lambda o: torch_lr.PolynomialLR(o, 100, power=0.9),  # zero in the second half
            "polynomial",
            {"power": 0.9, "zero_at": 100},
        ),
        (
            lambda o: torch_lr.PolynomialLR(o, 5000, power=3.0),  # the run ends long before
            "polynomial",
            {"power": 3, "zero_at": 5000},
        ),
        (lambda o: torch_lr.PolynomialLR(o, 200, power=1.0), "linear", {"zero_at": 200}),
        (
            lambda o: torch_lr.LambdaLR(o, lambda t: 1 / math.sqrt(1 + 0.01 * t)),
            "inverse_sqrt",
            {"decay": 0.01},
        ),
    ],
)
def test_technique_02_schedule_of_torch_is_named_without_being_handed_over(
    training, make, shape, expected
):
    fact = scheduled(training, make)
    assert (fact.shape, fact.warm_up, fact.unit) == (shape, 0, "step")
    assert parameters(fact) == pytest.approx(expected, abs=1e-9)
    assert fact.residual < 1e-6


def test_technique_02_schedule_is_constant_without_a_scheduler(training):
    fact = by_hand(training, lambda _: 1)
    assert (fact.shape, fact.parameters, fact.n_levels, fact.final) == ("constant", (), 1, 1)
    assert fact.series == ((0, LR),)


@pytest.mark.parametrize(
    ("share", "shape", "warm_up"),
    [
        (lambda t: (t + 1) / 20 if t < 20 else 1, "constant", 19),
        (lambda t: 0.1 if t < 1 else 1, "constant", 1),
        (lambda t: t / 20 if t < 20 else (200 - t) / 180, "linear", 20),  # the first rate is 0
        (lambda t: min((t + 1) ** -0.5, (t + 1) * 40**-1.5), "inverse_sqrt", 39),
        (
            lambda t: (t + 1) / 5 if t < 4 else (1 + math.cos(math.pi * (t - 4) / 196)) / 2,
            "cosine",
            4,
        ),
        (lambda t: 1 if t < 100 else (200 - t) / 100, "linear", 0),
    ],
)
def test_technique_02_schedule_with_a_warm_up_by_hand(training, share, shape, warm_up):
    fact = by_hand(training, share)
    assert (fact.shape, fact.warm_up, fact.reason) == (shape, warm_up, None)


def test_technique_02_schedule_tells_how_long_the_highest_rate_lasts(training):
    fact = by_hand(training, lambda t: 1 if t < 100 else (200 - t) / 100)
    assert parameters(fact) == {"hold": 100, "zero_at": 100}


def test_technique_02_schedule_in_sequence_is_one(training):
    def warm_then_cosine(optimizer):
        parts = [
            torch_lr.LinearLR(optimizer, 0.1, total_iters=10),
            torch_lr.CosineAnnealingLR(optimizer, 190),
        ]
        return torch_lr.SequentialLR(optimizer, parts, [10])

    fact = scheduled(training, warm_then_cosine, n_steps=400, per=2)
    assert (fact.shape, fact.warm_up, fact.start) == ("cosine", 10, 0.1)
    assert (fact.unit, fact.every) == ("interval", 2)
    assert parameters(fact) == {"half_period": 190, "floor": 0}


@pytest.mark.parametrize("n_steps", [24, 200])
def test_technique_02_schedule_one_cycle_has_its_highest_between_two_steps(training, n_steps):
    fact = scheduled(
        training,
        lambda o: torch_lr.OneCycleLR(o, 0.5, total_steps=n_steps + 1),
        n_steps=n_steps,
    )
    assert fact.shape == "one_cycle"
    assert fact.warm_up == pytest.approx(0.3 * n_steps, abs=1)
    seen = {setting.name: setting.value for setting in training.optimizer().settings}
    assert seen["lr"] == seen["max_lr"] == 0.5


def test_technique_02_schedule_per_epoch_counts_calls_of_the_scheduler(training):
    fact = scheduled(training, lambda o: torch_lr.ExponentialLR(o, 0.9), per=10)
    assert (fact.shape, fact.unit, fact.every) == ("exponential", "interval", 10)
    assert parameters(fact) == {"gamma": 0.9}


def test_technique_02_schedule_on_a_plateau_has_one_shape_whether_it_fell_or_not(training):
    fell = scheduled(training, lambda o: torch_lr.ReduceLROnPlateau(o, patience=3), per=10)
    other = Training(lambda: True)
    try:
        held = scheduled(other, lambda o: torch_lr.ReduceLROnPlateau(o, patience=99), per=10)
    finally:
        other.unhook()
    assert (fell.shape, held.shape) == ("plateau", "plateau")
    assert fell.n_levels > held.n_levels == 1
    compared = [
        {path: value for path, value in fact.flat().items() if not ignored(path)}
        for fact in (fell, held)
    ]
    assert compared[0] == compared[1]


def ignored(path):
    from repro.record import is_compared

    return not is_compared(path)


@pytest.mark.parametrize(
    "share",
    [
        lambda t: 0.5 if t % 2 else 1,
        lambda t: (1, 0.5, 0.75)[t % 3],
        lambda t: ((t * 7919) % 101 + 1) / 101,
        lambda t: 0.1 + 0.9 * (1 - t / 200) ** 2,
        lambda t: (1 - t / 200) ** 11,
        lambda t: 1 / (1 + 0.05 * t),
        lambda t: (1 + math.cos(math.pi * t / 200)) / 2 * (1 + 1e-4 * ((t * 7919) % 101) / 101),
        lambda t: abs((t % 40) / 20 - 1) * 0.9 + 0.1,
    ],
)
def test_technique_02_schedule_that_fits_nothing_stays_unknown(training, share):
    fact = by_hand(training, share)
    assert fact.shape == "unknown"
    assert fact.reason in ("no known shape fits", "it rises in no known way")
    assert (fact.parameters, fact.residual) == ((), None)
    assert fact.digest.startswith("blake3:")


def test_technique_02_schedule_that_is_unknown_twice_is_told_apart(training):
    fact = by_hand(training, lambda t: 0.5 if t % 2 else 1)
    other = Training(lambda: True)
    try:
        assert by_hand(other, lambda t: 0.25 if t % 2 else 1).digest != fact.digest
    finally:
        other.unhook()


def test_technique_02_schedule_of_few_steps_has_no_name(training):
    fact = scheduled(training, lambda o: torch_lr.CosineAnnealingLR(o, 200), n_steps=3)
    assert (fact.shape, fact.reason) == ("unknown", "it took 3 values, too few to name a shape")


@pytest.mark.parametrize(("n_steps", "shape"), [(4, "unknown"), (5, "polynomial")])
def test_technique_02_schedule_of_few_values_is_no_polynomial(training, n_steps, shape):
    """Zero is a value, too."""
    assert scheduled(training, lambda o: torch_lr.PolynomialLR(o, n_steps, 2.0)).shape == shape


def test_technique_02_schedule_that_could_be_two_shapes_has_no_name(training):
    fact = scheduled(training, lambda o: torch_lr.ExponentialLR(o, 0.999999))
    assert (fact.shape, fact.reason) == ("unknown", "linear and exponential cannot be told apart")


def test_technique_02_schedule_survives_steps_that_a_scaler_skips(training):
    """The scheduler goes on without the optimizer: its calls are counted, not the steps."""
    training.hook_optimizers()
    optimizer = sgd()
    scheduler = torch_lr.LambdaLR(optimizer, lambda t: (t + 1) / 20 if t < 20 else (220 - t) / 200)
    for number in range(200):
        if number not in (0, 3, 50):
            optimizer.step()
        scheduler.step()
    fact = schedule(training)
    assert (fact.shape, fact.warm_up) == ("linear", 19)


@pytest.mark.parametrize("warm_up", [0, 101])
def test_technique_02_schedule_of_a_long_run_is_shortened_and_still_named(training, warm_up):
    observer, optimizer = ScheduleObserver(), sgd()
    n = 10_000
    for number in range(-warm_up, n):
        share = (1 + math.cos(math.pi * number / n)) / 2
        rising = 1 + number / (warm_up + 1)
        optimizer.param_groups[0]["lr"] = LR * (rising if number < 0 else share)
        observer.before_step(optimizer, number)
    fact = observer.at_end(Ending(n_steps=n))
    assert (fact.shape, fact.warm_up) == ("cosine", warm_up)
    assert (fact.n_levels, len(fact.series)) == (n + warm_up, 64)
    assert len(observer._seen[0][1].groups[0].rates) <= 4096
    assert parameters(fact)["half_period"] == n


def test_technique_02_schedule_of_a_long_run_tells_its_restarts(training):
    observer, optimizer = ScheduleObserver(), sgd()
    scheduler = torch_lr.CosineAnnealingWarmRestarts(optimizer, 301, 2)
    for number in range(9000):
        observer.before_step(optimizer, number)
        scheduler.step()
    fact = observer.at_end(Ending(n_steps=9000))
    assert fact.shape == "cosine_restarts"
    assert parameters(fact) == {"first_period": 301, "multiplier": 2, "floor": 0}


def test_technique_02_schedule_that_is_told_the_epoch_in_fractions_is_counted_in_steps(training):
    training.hook_optimizers()
    optimizer = sgd()
    scheduler = torch_lr.CosineAnnealingWarmRestarts(optimizer, 4)
    for number in range(200):
        scheduler.step(number / 10)  # ten steps an epoch
        optimizer.step()
    fact = schedule(training)
    assert (fact.shape, fact.unit, fact.every) == ("cosine_restarts", "step", 1)
    assert parameters(fact) == {"first_period": 40, "multiplier": 1, "floor": 0}


def test_technique_02_schedule_that_is_handed_over_is_told_with_what_it_was_made_with(training):
    optimizer = sgd()
    scheduler = torch_lr.StepLR(optimizer, 3, gamma=0.5)
    training.watch(torch.nn.Linear(1, 1), optimizer, scheduler)
    for _ in range(7):
        optimizer.step()
        scheduler.step()
    assert training.optimizer().scheduler == "StepLR(gamma=0.5, step_size=3)"
    fact = schedule(training)
    assert fact.series == ((0, LR), (3, LR / 2), (6, LR / 4))
    assert (fact.start, fact.final, fact.n_levels) == (1, 0.25, 3)


def test_technique_02_schedule_of_a_rate_in_a_tensor_is_read_at_sampled_steps(training):
    training.hook_optimizers()
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.grad = torch.zeros(2)
    optimizer = torch.optim.Adam([parameter], lr=torch.tensor(LR, dtype=torch.float64))
    scheduler = torch_lr.CosineAnnealingLR(optimizer, 300)
    for _ in range(300):
        optimizer.step()
        scheduler.step()
    fact = schedule(training)
    assert (fact.shape, fact.n_levels) == ("cosine", 20)


def test_technique_02_schedule_of_a_group_that_goes_another_way_is_told(training):
    training.hook_optimizers()
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in (0.1, 0.2, 0.3)]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    scheduler = torch_lr.LambdaLR(
        optimizer, [lambda t: 0.9**t, lambda t: 0.9**t, lambda t: 1 - t / 100]
    )
    for _ in range(50):
        optimizer.step()
        scheduler.step()
    fact = schedule(training)
    assert fact.shape == "exponential"
    assert [(group.index, group.shape) for group in fact.groups] == [(2, "linear")]


def test_technique_02_schedule_and_optimizer_do_not_contradict_each_other(training):
    by_hand(training, lambda t: t / 20 if t < 20 else (200 - t) / 180)
    settings = {setting.name: setting.value for setting in training.optimizer().settings}
    assert settings["lr"] == LR  # not 0, the rate of the first step
    assert schedule(training).start == 0


def test_technique_02_schedule_without_any_step_does_not_apply(training):
    assert schedule(training) == Absent(
        reason="no torch optimizer stepped in this run", kind="not_applicable"
    )


def test_technique_02_schedule_is_equal_for_two_learning_rates(training):
    """The rate is `optimizer.lr`; told here again, one change would be two differences."""
    make = lambda o: torch_lr.CosineAnnealingLR(o, 200)  # noqa: E731
    first = scheduled(training, make)
    other = Training(lambda: True)
    try:
        other.hook_optimizers()
        optimizer = sgd(lr=0.7)
        scheduler = make(optimizer)
        for _ in range(200):
            optimizer.step()
            scheduler.step()
        second = schedule(other)
    finally:
        other.unhook()
    assert isinstance(second, Schedule)
    assert (first.shape, first.parameters) == (second.shape, second.parameters)


def test_technique_02_schedule_of_many_steps_tells_the_first_drops_and_their_number(training):
    told = parameters(scheduled(training, lambda o: torch_lr.StepLR(o, 5, gamma=0.9)))
    assert (told["first_drop"], told["drop_16"], told["n_drops"]) == (5, 80, 39)
    assert "drop_17" not in told


@pytest.mark.parametrize("gamma", [0.99, 0.999])
def test_technique_02_schedule_of_a_further_group_has_parameters(training, gamma):
    training.hook_optimizers()
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))]} for _ in range(2)]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    scheduler = torch_lr.LambdaLR(optimizer, [lambda t: 1.0, lambda t: gamma**t])
    for _ in range(50):
        optimizer.step()
        scheduler.step()
    fact = schedule(training)
    assert fact.flat()["schedule.groups.1.parameters.gamma"] == gamma
