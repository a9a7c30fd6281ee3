"""The learning rate did not come down by the end of the training.

Why: the last steps of a decaying schedule give a good part of the score; a schedule that is longer
or shorter than the training ends at a high rate. A transformer that learns from scratch with an
adaptive optimizer and without a warm-up may not recover from its first steps.

Fix: let the schedule end with the training; warm up over the first per cent of the steps.

Wrong when: the run is a short study, or weights are averaged instead of the rate being lowered.

Source: Loshchilov and Hutter 2017; Xiong et al. 2020 on warm-up and the place of normalization.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Violation, rule
from repro.facts.architecture import EXAMPLE as ARCHITECTURE
from repro.facts.architecture import Architecture
from repro.facts.budget import EXAMPLE as BUDGET
from repro.facts.budget import Budget
from repro.facts.fact import Absent
from repro.facts.lineage import EXAMPLE as LINEAGE
from repro.facts.lineage import Lineage
from repro.facts.optimizer import EXAMPLE as OPTIMIZER
from repro.facts.optimizer import Optimizer
from repro.facts.schedule import EXAMPLE, Parameter, Schedule
from repro.facts.stopping import EXAMPLE as STOPPING
from repro.facts.stopping import Stopping

FEW_STEPS = 1_000  # a study, whose learning rate may be constant
HIGH = 0.2  # of the highest, above the floor of the schedule
ENDING = ("cosine", "linear", "one_cycle", "polynomial")  # made for a number of steps


@rule("TRN003", Severity.NOTE, preview=True)
def check(
    schedule: Schedule,
    optimizer: Optimizer | Absent,
    architecture: Architecture | Absent,
    lineage: Lineage | Absent,
    budget: Budget | Absent,
    stopping: Stopping | Absent,
) -> Iterator[Violation]:
    """A long training lowers its rate to the end; a new transformer warms up."""
    n_steps = 0 if isinstance(budget, Absent) else budget.n_steps or 0
    is_stopped = not isinstance(stopping, Absent) and stopping.is_short is True
    is_new = _is_adaptive(optimizer) and _is_new_transformer(architecture, lineage)
    if is_new and schedule.warm_up == 0:
        yield Violation(
            message="a transformer learned from scratch without a warm-up",
            fix="raise the learning rate over the first per cent of the steps",
            points=("schedule.warm_up",),
        )
    if schedule.shape == "constant" and n_steps >= FEW_STEPS:
        yield Violation(
            message="the learning rate was constant to the last step",
            fix="lower it towards the end, by a cosine for example",
            points=("schedule.shape", "budget.n_steps"),
        )
    elif schedule.shape in ENDING and schedule.final > _floor(schedule) + HIGH and not is_stopped:
        yield Violation(
            message=f"the {schedule.shape.replace('_', ' ')} schedule does not end with the "
            f"training: its last learning rate is {schedule.final:.0%} of the highest",
            fix="give the schedule as many steps as are made",
            points=("schedule.final",),
        )


def _is_adaptive(optimizer: Optimizer | Absent) -> bool:
    return isinstance(optimizer, Optimizer) and "Adam" in optimizer.name


def _is_new_transformer(architecture: Architecture | Absent, lineage: Lineage | Absent) -> bool:
    if isinstance(architecture, Absent) or isinstance(lineage, Absent):
        return False
    is_new = not (lineage.loaded or lineage.is_set_from_state or lineage.pretrained)
    return is_new and any("Attention" in layer.kind for layer in architecture.layers)


def _floor(schedule: Schedule) -> float:
    return next((one.value for one in schedule.parameters if one.name == "floor"), 0.0)


_OTHERS = {
    "optimizer": OPTIMIZER,
    "architecture": ARCHITECTURE,
    "lineage": LINEAGE,
    "budget": BUDGET,
    "stopping": STOPPING.but(is_short=False),
}
_COSINE = EXAMPLE.but(shape="cosine", parameters=(Parameter(name="floor", value=0.0),), final=0.5)
BAD = {"schedule": _COSINE, **_OTHERS}
GOOD = {"schedule": _COSINE.but(final=0.001), **_OTHERS}
