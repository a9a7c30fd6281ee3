"""A declared hyperparameter is not what was observed.

Why: the claim is about the setting that was asked for, and the scores are of another one: a flag
that is not passed on, a default that wins, a scheduler that nobody steps.

Fix: pass the setting on, or declare what runs.

Wrong when: the parameter means something else than its name says. Only names that are unmistakable
are compared, and only values that cannot be the same in other words: a learning rate scaled with
the batch, a batch that is split over processes or accumulated, Adam without decay for AdamW. The
name of a model, such as resnet18, is not compared: its class has another. Wrappers of models are
looked through, an optimizer of unknown class is not judged. Another device, another number of
epochs, or labels that are smoothed by the script itself are warnings.

Source: observed facts are compared with declared ones; "the configuration" is only what was asked.
"""

from collections.abc import Iterator
from functools import partial

from repro.audit.equality import same
from repro.audit.example import example_record
from repro.audit.meaning import MEANINGS, Seen, number_of
from repro.audit.rule import NotApplicable, Severity, Violation, rule
from repro.facts.architecture import Architecture
from repro.facts.fact import Scalar
from repro.facts.optimizer import EXAMPLE as OPTIMIZER
from repro.facts.optimizer import Setting
from repro.facts.params import EXAMPLE as PARAMS
from repro.facts.params import Param, Params
from repro.facts.schedule import EXAMPLE as SCHEDULE
from repro.record import RunRecord


@rule("DEC005", Severity.ERROR)
def check(params: Params, run: RunRecord) -> Iterator[Violation | NotApplicable]:
    """Every declared value that was observed, too, is the observed one."""
    observed = [*_by_meaning(run), *_by_name(run)]
    if not observed:
        yield NotApplicable("nothing that was declared was observed, too")
    for paths, seen in observed:
        if all(seen.contradicts(run.flat[path]) for path in paths):
            yield Violation(
                message=f"{paths[0]} did not take effect: {seen.path} is another",
                fix="pass the setting on, or declare what runs",
                points=(*paths, seen.path),
                severity=seen.severity,
            )


def _by_meaning(run: RunRecord) -> Iterator[tuple[tuple[str, ...], Seen]]:
    """What was declared of each setting, under all of its names, and what was observed of it."""
    declared = [path for path in run.flat if path.startswith("params.")]
    for meaning in MEANINGS:
        paths = tuple(path for path in declared if meaning.means(path))
        seen = meaning.look(run) if paths else None
        if seen is not None:
            yield paths, seen


def _by_name(run: RunRecord) -> Iterator[tuple[tuple[str, ...], Seen]]:
    """Numbers that an estimator has under the same full name; a search chooses its own."""
    architecture = run.find(Architecture)
    if architecture is None or architecture.name.endswith("SearchCV"):
        return
    for own in architecture.hyperparameters:
        path, observed = f"params.{own.name}", f"architecture.{own.name}"
        is_drawn = own.name.rpartition("__")[2] == "random_state"  # may be derived from the seed
        if path in run.flat and observed in run.flat and not is_drawn:
            yield (path,), Seen(observed, partial(_is_another_number, own.value))


def _is_another_number(observed: Scalar, declared: Scalar) -> bool:
    numbers = number_of(observed), number_of(declared)
    return None not in numbers and not same(*numbers)


_LR = PARAMS.but(declared=(Param(name="lr", value=0.1),))
_OTHER = OPTIMIZER.but(settings=(Setting(name="lr", value=0.003),))
BAD = {"run": example_record(_LR, _OTHER, SCHEDULE.but(series=()))}
GOOD = {"run": example_record(_LR)}
