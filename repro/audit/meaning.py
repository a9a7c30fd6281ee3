"""What declared hyperparameters mean: the observed values that they may or may not be.

Only names that are unmistakable have a meaning here, and a declared value contradicts an observed
one only where it cannot be the same in other words.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from repro.audit.configuration import OBSERVED_AS
from repro.audit.equality import same
from repro.audit.rule import Severity
from repro.facts.batching import Batching
from repro.facts.budget import Budget
from repro.facts.data import Data
from repro.facts.determinism import Determinism
from repro.facts.fact import Scalar
from repro.facts.gradients import Gradients
from repro.facts.loss import Loss
from repro.facts.optimizer import Optimizer
from repro.facts.outcome import Outcome
from repro.facts.precision import Precision
from repro.facts.regularization import Regularization
from repro.facts.schedule import Schedule
from repro.facts.split import Split
from repro.facts.stopping import Stopping
from repro.record import RunRecord

NEUTRAL = ("train", "training", "trainer", "args", "cfg", "config", "hparams", "hyperparameters")
CLOSE = 0.05  # relative: a peak between two steps is not reached

Floats = tuple[float, ...]


@dataclass(frozen=True)
class Seen:
    """What was observed of a setting."""

    path: str
    contradicts: Callable[[Scalar], bool]  # whether a declared value cannot be meant by this
    severity: Severity = Severity.ERROR


@dataclass(frozen=True)
class Meaning:
    """What a declared parameter means, by its name and those around it: `optimizer.lr`."""

    names: tuple[str, ...]
    homes: tuple[str, ...]
    look: Callable[[RunRecord], Seen | None]  # None: not observed, or it could mean anything
    is_bare: bool = True  # the name says it without a home, too

    def means(self, path: str) -> bool:
        """Whether `params.<...>` is this setting, and nothing else."""
        _, *homes, name = re.split(r"[./]", path.casefold())
        if name in ("name", "type") and homes:  # optimizer.name
            name = homes.pop()
        is_known = name in self.names and all(home in NEUTRAL + self.homes for home in homes)
        return is_known and (self.is_bare or any(home in self.homes for home in homes))


def number_of(value: Scalar) -> float | None:
    """The number that it is, or that it spells, as MLflow keeps parameters."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _is_none_of(numbers: Floats) -> Callable[[Scalar], bool]:
    """Whether a declared number is close to none of these."""

    def contradicts(value: Scalar) -> bool:
        number = number_of(value)
        if number is None or not numbers:
            return False
        return not any(math.isclose(number, one, rel_tol=CLOSE) for one in numbers)

    return contradicts


def _word(value: Scalar) -> str:
    """`torch.optim.AdamW` and `adam_w` are `adamw`; nothing at all is `none`."""
    last = str(value).rpartition(".")[2]
    return re.sub(r"[^a-z0-9]", "", last.casefold()) if value is not False else "none"


def _group_values(run: RunRecord, name: str) -> Floats:
    """A setting of all parameter groups of a single optimizer; none where there are several."""
    optimizer = run.find(Optimizer)
    if optimizer is None or "+" in optimizer.name:
        return ()
    settings = [*optimizer.settings, *(one for group in optimizer.groups for one in group.settings)]
    found = (number_of(one.value) for one in settings if one.name == name)
    return tuple(value for value in found if value is not None)


def _lr(run: RunRecord) -> Seen | None:
    """The highest rate, any rate of the series, or one of these scaled with the batch."""
    rates, schedule, batching = _group_values(run, "lr"), run.find(Schedule), run.find(Batching)
    if not rates:
        return None
    if schedule is not None:
        if schedule.start < schedule.final == 1:  # it was still warming up
            return None
        rates += tuple(rate for _, rate in schedule.series)
    scales = [1.0]
    if batching is not None:
        n_batches = (batching.world, batching.accumulation, batching.world * batching.accumulation)
        scales += [batching.effective / 256, *map(float, n_batches), *map(math.sqrt, n_batches)]
    meant = (rate / scale for rate in rates for scale in scales)
    return Seen("optimizer.lr", _is_none_of(tuple(meant)))


def _weight_decay(run: RunRecord) -> Seen | None:
    decays = _group_values(run, "weight_decay")
    meant = decays + tuple(x * lr for x in decays for lr in _group_values(run, "lr"))
    return Seen("optimizer.weight_decay", _is_none_of(meant)) if decays else None


def _momentum(run: RunRecord) -> Seen | None:
    optimizer, schedule = run.find(Optimizer), run.find(Schedule)
    values = _group_values(run, "momentum")
    is_cycled = schedule is not None and schedule.shape == "one_cycle"
    is_cycled |= optimizer is not None and "Cycl" in (optimizer.scheduler or "")
    return Seen("optimizer.momentum", _is_none_of(values)) if values and not is_cycled else None


OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "adamax", "nadam", "radam")


def _optimizer(run: RunRecord) -> Seen | None:
    optimizer = run.find(Optimizer)
    if optimizer is None:
        return None
    names = {_word(name) for name in optimizer.name.split("+")}
    if not names <= {*OPTIMIZERS, "lbfgs"}:
        return None
    settings = {one.name: one.value for one in optimizer.settings}
    if names & {"adam", "adamw"} and (
        not number_of(settings.get("weight_decay"))
        or settings.get("decoupled_weight_decay") is True
    ):
        names |= {"adam", "adamw"}  # without decay, or with the decoupled one, they are one
    return Seen(
        "optimizer.name",
        lambda value: _word(value) in (*OPTIMIZERS, "lbfgs") and _word(value) not in names,
    )


def _batch(run: RunRecord) -> Seen | None:
    """What a loader gave, in one batch or one step, of one process or all."""
    batching, data = run.find(Batching), run.find(Data)
    if batching is None or batching.observed_from != "loader":
        return None
    train = data.role("train") if data else None
    micro = batching.micro
    sizes = (micro, batching.effective, micro * batching.world, micro * batching.accumulation)

    def contradicts(value: Scalar) -> bool:
        number = number_of(value)
        if number is None or number <= 0 or number in sizes:
            return False
        # A set of few rows has no two whole batches; several loaders take turns in one step.
        is_few = train is None or train.n_rows < 3 * number
        return not is_few and batching.accumulation == 1

    return Seen("batching.micro", contradicts)


def _accumulation(run: RunRecord) -> Seen | None:
    """Fewer batches in a step than declared; more may come from a second loader."""
    batching, budget = run.find(Batching), run.find(Budget)
    if batching is None or budget is None or not budget.n_epochs or not budget.n_batches:
        return None
    n_in_epoch = budget.n_batches / budget.n_epochs
    n_seen = batching.accumulation

    def contradicts(value: Scalar) -> bool:
        number = number_of(value)
        return number is not None and n_seen < number and 2 * number <= n_in_epoch

    return Seen("batching.accumulation", contradicts)


def _epochs(run: RunRecord) -> Seen | None:
    """Whole epochs, of the rows of train, that nothing ended early: a warning all the same."""
    budget, batching, data = run.find(Budget), run.find(Batching), run.find(Data)
    stopping = run.find(Stopping)
    train = data.role("train") if data else None
    if not (budget and budget.n_epochs and batching and train) or train.coverage < 1:
        return None
    outcome = run.find(Outcome)
    is_ended = outcome is not None and outcome.status != "FINISHED"
    if is_ended or stopping is None or stopping.patience is not None:
        return None
    kept = 1 - min(0.5, (batching.effective - 1) / train.n_rows)  # where the last batch is dropped
    done = budget.n_epochs

    def contradicts(value: Scalar) -> bool:
        number = number_of(value)
        if number is None or number < 1 or number * kept <= done <= number + 0.01:
            return False
        return any(n * kept <= done <= n + 0.01 for n in (math.floor(done), math.ceil(done)))

    return Seen("budget.n_epochs", contradicts, Severity.WARNING)


def _dropout(run: RunRecord) -> Seen | None:
    """One rate in all modules of a model that brought none of its own."""
    found = run.find(Regularization)
    if found is None or found.config or not found.dropout:
        return None
    rates = {rate for one in found.dropout for rate in (one.p, one.p_end) if rate is not None}
    if len(rates) > 1:
        return None
    path = f"regularization.dropout.{found.dropout[0].path}.p"
    return Seen(path, _is_none_of(tuple(rates)))


def _label_smoothing(run: RunRecord) -> Seen | None:
    """As an argument of the loss; labels that were smoothed before it are not seen."""
    loss = run.find(Loss)
    settings = {one.name: one.value for one in loss.settings} if loss else {}
    value = number_of(settings.get("label_smoothing"))
    if value is None:
        return None
    severity = Severity.ERROR if value else Severity.WARNING
    return Seen("loss.label_smoothing", _is_none_of((value,)), severity)


LOSSES = {
    **dict.fromkeys(("crossentropy", "ce", "crossentropyloss", "nll", "nllloss"), "ce"),
    **dict.fromkeys(("bce", "bceloss", "bcewithlogits", "bcewithlogitsloss"), "bce"),
    **dict.fromkeys(("mse", "mseloss", "l2", "l2loss"), "mse"),
    **dict.fromkeys(("mae", "l1", "l1loss", "maeloss"), "l1"),
    **dict.fromkeys(("huber", "huberloss", "smoothl1", "smoothl1loss"), "huber"),
}


def _loss(run: RunRecord) -> Seen | None:
    loss = run.find(Loss)
    family = LOSSES.get(_word(loss.name)) if loss and not loss.terms else None
    if family is None:
        return None
    return Seen("loss.name", lambda value: LOSSES.get(_word(value), family) != family)


FEWEST_LEVELS = 4  # of a schedule: fewer may be of any shape
SHAPES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("cosine", "cosineannealing", "cosineannealinglr"), ("cos",)),
    **dict.fromkeys(("onecycle", "onecyclelr"), ("one_cycle", "linear", "cos")),
    **dict.fromkeys(("exponential", "exponentiallr"), ("exponential", "step")),
    **dict.fromkeys(("step", "steplr", "multistep"), ("step", "exponential", "constant")),
    **dict.fromkeys(("none", "constant"), ("constant",)),
    "linear": ("linear",),
    **dict.fromkeys(("poly", "polynomial", "polynomiallr"), ("polynomial", "linear")),
}


def _schedule(run: RunRecord) -> Seen | None:
    """Shapes that were recognised, of one optimizer, over enough epochs to move."""
    schedule, optimizer, budget = run.find(Schedule), run.find(Optimizer), run.find(Budget)
    if (
        schedule is None
        or schedule.shape == "unknown"
        or "+" in (optimizer.name if optimizer else "")
    ):
        return None
    is_short = budget is None or (budget.n_epochs or 0.0) <= 2
    is_flat = schedule.shape == "constant"
    if is_flat and (is_short or schedule.warm_up):  # stepped by epochs it does not move in one
        return None
    if not is_flat and schedule.n_levels < FEWEST_LEVELS:
        return None

    def contradicts(value: Scalar) -> bool:
        shapes = SHAPES.get(_word(value))
        return shapes is not None and not schedule.shape.startswith(shapes)

    return Seen("schedule.shape", contradicts)


def _seed(run: RunRecord) -> Seen | None:
    """A seed that was given; one that we drew may have been replaced by the script's own."""
    determinism, split = run.find(Determinism), run.find(Split)
    if determinism is None or determinism.seed is None:
        return None
    if determinism.seed_source not in ("argument", "REPRO_SEED"):
        return None
    fold = (split.fold or 0) if split else 0
    seeds = (determinism.seed, determinism.seed - fold)
    return Seen(
        "determinism.seed",
        lambda value: number_of(value) is not None and not any(same(value, one) for one in seeds),
    )


HALF = ("true", "fp16", "bf16", "16", "16mixed", "bf16mixed", "float16", "bfloat16", "half")


def _precision(run: RunRecord) -> Seen | None:
    """Half precision was asked for, and everything was computed in float32."""
    precision = run.find(Precision)
    phases = {one.phase: one.dtype for one in precision.autocast} if precision else {}
    if precision is None or phases.get("train") != "none":
        return None
    if {precision.parameters, precision.gradients} != {"float32"}:
        return None
    return Seen("precision.autocast.train", lambda value: _word(value) in HALF)


def _device(run: RunRecord) -> Seen | None:
    """Where the first weights lay; a warning, for they may be kept elsewhere between two steps."""
    precision = run.find(Precision)
    seen = precision.device if precision else None

    def contradicts(value: Scalar) -> bool:
        said = str(value).casefold().partition(":")[0]
        is_other = said in ("cpu", "cuda", "mps") and said != seen
        return is_other or (said == "gpu" and seen == "cpu")

    return Seen("precision.device", contradicts, Severity.WARNING) if seen else None


def _clipping(run: RunRecord) -> Seen | None:
    """The norm was above the bound, and nothing wrote to the gradients."""
    gradients = run.find(Gradients)
    if gradients is None or gradients.rewritten is not False or gradients.largest is None:
        return None
    largest = gradients.largest

    def contradicts(value: Scalar) -> bool:
        number = number_of(value)
        return number is not None and 0 < number * (1 + CLOSE) < largest

    return Seen("gradients.largest", contradicts)


def _names(*observed: str) -> tuple[str, ...]:
    """What these observed values may be called."""
    also = [name for name, paths in OBSERVED_AS.items() if set(paths) & set(observed)]
    return (*(path.rpartition(".")[2] for path in observed), *also)


OPTIMIZER_HOMES = ("optimizer", "optim", "opt")
MEANINGS = (
    Meaning(("optimizer", "optimizer_name", "optim"), (), _optimizer),
    Meaning(_names("optimizer.lr"), OPTIMIZER_HOMES, _lr),
    Meaning((*_names("optimizer.weight_decay"), "wd"), OPTIMIZER_HOMES, _weight_decay),
    Meaning(_names("optimizer.momentum"), OPTIMIZER_HOMES, _momentum, is_bare=False),
    Meaning(("batch_size", "train_batch_size"), ("data", "loader", "dataloader"), _batch),
    Meaning(
        ("gradient_accumulation_steps", "accumulate_grad_batches", "accumulation_steps"),
        (),
        _accumulation,
    ),
    Meaning((*_names("budget.n_epochs"), "num_epochs", "max_epochs"), (), _epochs),
    Meaning(("dropout", "dropout_rate", "dropout_p"), ("model",), _dropout),
    Meaning(_names("loss.label_smoothing"), ("loss", "criterion"), _label_smoothing),
    Meaning(("loss", "criterion", "loss_fn"), (), _loss),
    Meaning(
        ("scheduler", "lr_scheduler", "lr_schedule", "lr_scheduler_type"),
        OPTIMIZER_HOMES,
        _schedule,
    ),
    Meaning(("seed", "random_seed"), (), _seed),
    Meaning(("amp", "fp16", "bf16", "mixed_precision", "precision"), (), _precision),
    Meaning(("device",), (), _device),
    Meaning(("max_grad_norm", "clip_grad_norm", "grad_clip_norm"), OPTIMIZER_HOMES, _clipping),
)
