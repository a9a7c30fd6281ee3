"""The evaluation rows were not prepared in one way, or not in the same way twice.

Why: another resolution, crop or normalization makes another test set of the same rows; a random
step makes the score a draw.

Fix: give the evaluation loaders of both arms one transform, without random steps.

Wrong when: the preparation is the treatment, or averaging over random views is meant: declare
"transforms.test.*". Where a step is not called random, and its code names what draws, it may draw
for training rows only: a warning. What `forward` does to a sample, or a prompt in the code, is not
seen here.

Source: Touvron et al. 2019: the test resolution alone moves ImageNet accuracy by some points.
"""

import re
from collections.abc import Iterator

from repro.audit.configuration import is_declared
from repro.audit.equality import same
from repro.audit.rule import Answer, NotApplicable, Severity, Unknown, Violation, rule
from repro.audit.scored_roles import scored_roles
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.fact import Absent
from repro.facts.scores import EXAMPLE as SCORES
from repro.facts.scores import Scores
from repro.facts.transforms import EXAMPLE, Role, Step, Transforms
from repro.record import Arms, is_compared, is_per_replicate

TRAIN = "train"
CALLED_RANDOM = re.compile(r"(?:^|/)_?(?:Rand|\w+Augment|ColorJitter|MixUp|CutMix|AugMix)")
TRAINING_ROWS = ("data.train.rows_digest", "data.train.n_rows")


@rule("PRT014", Severity.ERROR)
def check(
    claim: Claim, transforms: Arms[Transforms | Absent], scores: Arms[Scores | Absent]
) -> Iterator[Answer]:
    """Loaders of evaluation rows do the same in every pair, and nothing random in any run.

    Where no loader was seen on one side or both, undeclared-difference says so.
    """
    known = [one for one in transforms.every() if isinstance(one, Transforms)]
    if len(known) < len(transforms.every()):
        yield NotApplicable("no loader was seen in some runs")
    yield from _random(claim, known)
    roles = {role for one in scores.every() for role in scored_roles(claim, one)}
    for left, right in transforms.contrasts():
        if isinstance(left, Transforms) and isinstance(right, Transforms):
            answers = list(_differing(claim, left, right, bool(transforms.pairs)))
            answers += _one_sided(left, right, roles)
            yield from answers
            if answers:
                return


def _evaluation(transforms: Transforms) -> dict[str, Role]:
    """What is not of training rows: `train-2` is the second loader of train."""
    return {one.role: one for one in transforms.roles if one.role.partition("-")[0] != TRAIN}


def _random(claim: Claim, known: list[Transforms]) -> Iterator[Violation]:
    """A random step in any run, be it in all of them."""
    found: dict[str, Step] = {}
    for transforms in known:
        for name, role in _evaluation(transforms).items():
            for step in role.steps:
                path = f"transforms.{name}.steps.{step.name}"
                if step.is_random and not is_declared(claim, f"{path}.is_random"):
                    found[path] = step
    for path, step in found.items():
        yield Violation(
            message=f"{step.name} is random, and active on {path.split('.')[1]} rows",
            fix="leave random steps to the transform of the training rows",
            points=(f"{path}.is_random",),
            severity=Severity.ERROR if CALLED_RANDOM.search(step.name) else Severity.WARNING,
        )


def _differing(
    claim: Claim, left: Transforms, right: Transforms, is_pair: bool
) -> Iterator[Answer]:
    """Where two runs are no pair, what a replicate may change says nothing."""
    sides = _evaluation(left), _evaluation(right)
    for role in sorted(sides[0].keys() & sides[1].keys()):
        points = [
            path
            for path in _paths(role, left, right)
            if not _is_meant(claim, path) and (is_pair or not is_per_replicate(path))
        ]
        if points:
            yield Violation(
                message=f"{role} rows are not prepared alike in both arms",
                fix=f'give both arms one transform, or declare "transforms.{role}.*"',
                points=tuple(points),
            )


def _one_sided(left: Transforms, right: Transforms, scored: set[str]) -> Iterator[Answer]:
    sides = _evaluation(left), _evaluation(right)
    for role in sorted((sides[0].keys() ^ sides[1].keys()) & scored):
        yield Unknown(
            message=f"how {role} rows are prepared is recorded in one arm only",
            fix=f'loader = run.watch_loader(loader, role="{role}") in both arms',
            points=(f"transforms.{role}.order",),
            consequences=(f"transforms.{role}.*",),
        )


def _paths(role: str, left: Transforms, right: Transforms) -> Iterator[str]:
    """Compared values of the role that are not the same; one that is on one side only, too."""
    a, b = left.flat(), right.flat()
    for path in sorted(a.keys() | b.keys()):
        if path.startswith(f"transforms.{role}.") and is_compared(path):
            is_empty = path == f"transforms.{role}.steps"  # an empty list has a path of its own
            if not same(a.get(path), b.get(path)) and not is_empty:
                yield path


def _is_meant(claim: Claim, path: str) -> bool:
    """Declared; or a mean of training rows that are declared to differ."""
    is_fitted = path.endswith(".fitted")
    return is_declared(claim, path) or (is_fitted and is_declared(claim, *TRAINING_ROWS))


_TEST = EXAMPLE.roles[0].model_copy(
    update={
        "role": "test",
        "order": "Resize > Normalize",
        "steps": (
            Step(name="Resize", settings="size=32", is_random=False),
            EXAMPLE.roles[0].steps[1],
        ),
        "is_random": False,
    }
)
_LARGER = _TEST.model_copy(
    update={"steps": (Step(name="Resize", settings="size=48", is_random=False), _TEST.steps[1])}
)
_SEEN, _OTHER = (EXAMPLE.but(roles=(EXAMPLE.roles[0], test)) for test in (_TEST, _LARGER))
_SCORES = Arms.of(SCORES, SCORES)
BAD = {"claim": CLAIM, "transforms": Arms.of(_SEEN, _OTHER), "scores": _SCORES}
GOOD = {"claim": CLAIM, "transforms": Arms.of(_SEEN, _SEEN), "scores": _SCORES}
