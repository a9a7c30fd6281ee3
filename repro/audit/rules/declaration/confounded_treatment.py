"""Two declared differences always change together, so that neither can be told to be the cause.

Why: the arms show what both do together. A claim that names them in one breath is often read as
one about the first of them.

Fix: add an arm that changes one of them, tune the other and call it a nuisance, or say that they
belong together: coupled = ["optimizer.lr", "schedule.*"].

Wrong when: the two are one thing under two names that the record cannot connect: declare them as
coupled. What follows from another declared value counts with it: the settings of another optimizer
that one glob declares, the modules of another model, everything that a parameter or a changed file
brings about.

Source: Lipton and Steinhardt 2018 on empirical gains whose source is not identified.
"""

from collections.abc import Iterator, Sequence

from repro.audit.configuration import FOLLOWS, Difference, differences, differing, matches
from repro.audit.example import example_arms
from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.batching import EXAMPLE as BATCHING
from repro.facts.optimizer import EXAMPLE as OPTIMIZER
from repro.record import Arms, RunRecord

# What another one of them brings with it, by the path that tells that it is another one.
KINDS = (
    "optimizer.name",
    "architecture.name",
    "architecture.digest",
    "loss.name",
    "schedule.shape",
)
OF_A_MODEL = (
    *("capacity", "compression", "initialization", "lineage", "normalization"),
    *("regularization", "topology"),
)
SETTINGS = ("architecture", "loss", "optimizer")  # facts with settings that one can change alone
TOGETHER = {"split": "data", "cleaning": "data", "budget": "data"}  # counted with another fact


@rule("DEC003", Severity.WARNING, preview=True)
def check(claim: Claim, runs: Arms[RunRecord]) -> Iterator[Violation]:
    """In every pair only one declared thing changes, with what follows from it."""
    treated = _always_treated(claim, runs)
    causes = _causes(claim, treated)
    if len(causes) > 1:
        points = tuple(group[0] for group in causes)
        yield Violation(
            message=f"{', '.join(points)} change together in every pair",
            fix=f"add an arm that changes one of them, or declare coupled = {_listed(points)}",
            points=points,
        )


def _listed(paths: Sequence[str]) -> str:
    quoted = (f'"{path}"' for path in paths)
    return f"[{', '.join(quoted)}]"


def _always_treated(claim: Claim, runs: Arms[RunRecord]) -> list[Difference]:
    """What is declared as treatment, differs in every pair, and follows from nothing declared."""
    found = [item for item in differences(runs) if item.declared_as(claim) == "treatment"]
    always = frozenset.intersection(*(differing(*pair) for pair in runs.contrasts()))
    return [
        item
        for item in found
        if item.is_between
        and always & {item.path, *item.echoes}
        and not matches(FOLLOWS.get(item.path, ""), claim.treatment)
    ]


def _causes(claim: Claim, treated: Sequence[Difference]) -> list[list[str]]:
    """Groups of paths that can change without each other.

    A parameter sets what is observed, and a changed file sets both: only things of one level are
    counted against each other, on the level that has most.
    """
    kinds = {item.path for item in treated} & {*KINDS}
    levels: dict[str, dict[str, list[str]]] = {}
    for item in treated:
        key = item.path.partition(".")[0]
        level = key if key in ("code", "params") else "observed"
        groups = levels.setdefault(level, {})
        groups.setdefault(_group(item.path, claim, kinds), []).append(item.path)
    return max((list(groups.values()) for groups in levels.values()), key=len, default=[])


def _group(path: str, claim: Claim, kinds: set[str]) -> str:
    """The name of what the path is a part of."""
    if matches(path, claim.coupled):
        return "coupled"
    key = path.partition(".")[0]
    if key in OF_A_MODEL and any(kind.startswith("architecture.") for kind in kinds):
        return "architecture"
    swapped = [kind for kind in kinds if kind.startswith(f"{key}.")]
    if swapped and _is_one_glob(path, swapped[0], claim):
        return key
    is_setting = key == "params" or (key in SETTINGS and not swapped)
    if is_setting or (swapped and path not in swapped):
        return path
    return TOGETHER.get(key, key)


def _is_one_glob(path: str, kind: str, claim: Claim) -> bool:
    """Whether one declaration means both the setting and what it is a setting of."""
    return any(matches(path, [glob]) and matches(kind, [glob]) for glob in claim.treatment)


_BOTH = CLAIM.model_copy(update={"treatment": ("optimizer.*", "batching.*")})
_RUNS = example_arms(OPTIMIZER.but(name="AdamW"), BATCHING.but(micro=256, effective=256))
BAD = {"claim": _BOTH, "runs": _RUNS}
GOOD = {
    "claim": _BOTH.model_copy(update={"coupled": ("optimizer.*", "batching.*")}),
    "runs": _RUNS,
}
