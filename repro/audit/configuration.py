"""The configuration of runs in canonical form: where two arms differ, and what was declared."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, partial
from typing import Literal

from repro.audit.equality import folded, same, same_at
from repro.audit.refactored import MODULES, refactored
from repro.claims import Claim
from repro.facts import fact_types
from repro.facts.architecture import Architecture
from repro.facts.fact import Absent, Fact, Opaque, Scalar
from repro.record import INCIDENTAL, Arms, RunRecord, is_compared, is_incidental, is_per_replicate

# What a declared parameter may be called, by the observed values that it repeats. Any other
# parameter repeats the observed value of its own name: params.nesterov, optimizer.nesterov.
OBSERVED_AS: Mapping[str, tuple[str, ...]] = {
    "batch_size": ("batching.micro", "batching.effective"),
    "dropout": ("regularization.dropout.*.p",),
    "epochs": ("budget.n_epochs",),
    "learning_rate": ("optimizer.lr",),
    "n_parameters": ("architecture.n_trainable",),
    "optimizer": ("optimizer.name",),
    "random_state": ("determinism.seed",),
    "scheduler": ("schedule.shape",),
}
OBSERVED_IN = ("optimizer", "architecture", "batching", "budget", "determinism", "loss")
SEEDED = "architecture.*random_state"  # of an estimator that has one: the other arm's may not
MAY_ECHO = ("optimizer.n_parameters",)

# What is declared to differ changes these too: other training rows, another schedule.
FOLLOWS: Mapping[str, str] = {
    "budget.n_samples": "data.train.n_rows",
    "optimizer.scheduler": "schedule.shape",
    "regularization.decayed_share": "optimizer.weight_decay",
    "regularization.decays_biases": "optimizer.weight_decay",
    "regularization.decays_norms": "optimizer.weight_decay",
    "split.fingerprint": "data.train.rows_digest",
    "split.n_train": "data.train.n_rows",
    "split.train_digest": "data.train.rows_digest",
}

# Another model has other modules, which have values of their own.
MODEL = "architecture.digest"
OF_MODULES = ("compression.", "initialization.", "normalization.", "regularization.")

REPLICATE = ("determinism.seed", "split.fold")  # what makes a run one replicate of many

# A tree id differs when any file does; the imported files are compared one by one.
TREE = "code.tree"
TREES = (TREE, "code.submodules.*.tree")  # what no run imported may differ in them


# Digests of what is compared value by value.
DERIVED: Mapping[str, str] = {
    "data.pool_digest": "not compared: the rows of each role are",
    MODEL: "of an estimator not compared: its hyperparameters are",
}


@dataclass(frozen=True)
class Difference:
    """A path at which the runs of a claim do not agree."""

    path: str
    echoes: tuple[str, ...]  # declared parameters that repeat the observed value
    is_between: bool  # the arms differ
    inside: tuple[str, ...]  # arms whose own runs differ
    is_one_sided: bool = False  # some runs have no such value

    def declared_as(self, claim: Claim) -> Literal["treatment", "nuisance"] | None:
        """What the claim declares it to be, under any of its names."""
        names = (self.path, *self.echoes, *self._causes())
        if any(matches(name, claim.nuisance) for name in names):
            return "nuisance"
        return "treatment" if any(matches(name, claim.treatment) for name in names) else None

    def _causes(self) -> Iterator[str]:
        """Paths that change this one with them."""
        if self.path in FOLLOWS:
            yield FOLLOWS[self.path]
        if self.is_one_sided and self.path.startswith(OF_MODULES):
            yield MODEL


def matches(path: str, globs: Iterable[str]) -> bool:
    """Whether a declared glob means this path; `code:*.py` means imported files, `code:*` any."""
    for glob in globs:
        if glob.startswith("code:"):
            wanted = glob.removeprefix("code:")
            if fnmatchcase(path, MODULES + wanted) or (wanted == "*" and is_tree(path)):
                return True
        elif path == glob or fnmatchcase(path, glob) or glob == f"{path}.*":
            return True
    return False


def is_declared(claim: Claim, *paths: str) -> bool:
    """Whether the claim declares one of these paths as treatment or nuisance."""
    return any(matches(path, claim.treatment + claim.nuisance) for path in paths)


def differences(arms: Arms[RunRecord]) -> tuple[Difference, ...]:
    """Every compared path at which the arms, or the runs of one arm, differ; sorted by path."""
    between = {path for left, right in arms.contrasts() for path in differing(left, right)}
    if not arms.pairs:  # other seeds, other folds: they differ by design
        between = {path for path in between if not _is_by_design(path, arms)}
    inside = {arm: _inside(records) for arm, records in arms.sides()}
    echoes = _echoes(arms.every())
    common = frozenset.intersection(*(frozenset(run.flat) for run in arms.every()))
    return tuple(
        Difference(
            path=path,
            echoes=tuple(name for name, observed in echoes.items() if path in observed),
            is_between=path in between,
            inside=tuple(arm for arm, paths in inside.items() if path in paths),
            is_one_sided=path not in common,
        )
        for path in sorted(between.union(*inside.values()) - echoes.keys())
    )


def differing(left: RunRecord, right: RunRecord) -> frozenset[str]:
    """The compared paths at which two runs differ; a fact that only one of them has, by its key.

    A fact that is not recorded on either side differs from nothing: it is unknown.
    """
    found: set[str] = set()
    for key in fact_types():
        a, b = left.facts.get(key), right.facts.get(key)
        if is_known(a) and is_known(b):
            if isinstance(a, Fact) and isinstance(b, Fact):
                found.update(_unequal(a, b))
            elif (isinstance(a, Fact) or isinstance(b, Fact)) and is_compared(f"{key}.any"):
                found.add(key)
    found -= refactored(found, left, right)
    if any(path.startswith(MODULES) for path in found):
        found = {path for path in found if not is_tree(path)}
    return frozenset(found)


def is_tree(path: str) -> bool:
    """Whether a path names the tree of the repository, or of one inside it."""
    return any(fnmatchcase(path, tree) for tree in TREES)


def is_known(fact: Fact | Absent | Opaque | None) -> bool:
    """Whether a fact was recorded, or is known not to apply."""
    return isinstance(fact, Fact) or (isinstance(fact, Absent) and fact.kind == "not_applicable")


def ignored_paths() -> Iterator[tuple[str, str]]:
    """Globs of what does not gate a comparison, or not by every bit, each with the reason."""
    for kind in fact_types().values():
        meaning = (kind.__doc__ or "").strip().partition("\n")[0]
        yield from ((glob, f"never compared. {meaning}") for glob in kind.IGNORED)
        for glob in kind.PER_REPLICATE:
            yield glob, "may differ between the seeds or folds of one arm"
        for glob, tolerance in kind.TOLERANCE.items():
            yield glob, f"one value up to a relative difference of {tolerance:g}"
    yield from DERIVED.items()
    yield (
        MODULES + "*",
        "not compared where one process only imported the file, and the trees are one; "
        "nor where only names of local variables differ, or where the file lies",
    )
    yield from ((tree, "not compared where an imported file differs") for tree in TREES)
    for name in INCIDENTAL:
        yield f"params.{name}", "not compared, nor below a prefix: a place or a name"


def _unequal(left: Fact, right: Fact) -> Iterator[str]:
    """The compared paths at which two facts of one kind differ."""
    a, b = left.flat(), right.flat()
    is_network = any(
        isinstance(one, Architecture) and not one.hyperparameters for one in (left, right)
    )
    for path in a.keys() | b.keys():
        one, other = a.get(path), b.get(path)
        if type(one) is type(other) and one == other:  # nearly all: asked first, for it is fast
            continue
        follows = path in DERIVED and not (is_network and path == MODEL)
        if is_compared(path) and not follows and not is_incidental(path) and _differ(path, a, b):
            yield path


def _differ(path: str, a: Mapping[str, Scalar], b: Mapping[str, Scalar]) -> bool:
    if path in a and path in b:
        return not (same_at(path, a[path], b[path]) or _cannot_be_told(path, a[path], b[path]))
    if a.get(path, b.get(path)) is None:
        return False  # no value here, no such thing there
    return not _is_empty_list(path, a, b) and not _is_only_imported(path, a, b)


def _cannot_be_told(path: str, left: Scalar, right: Scalar) -> bool:
    """Whether the scheme of small weights was told in one run only: their statistics are few."""
    return path.startswith("initialization.") and "unknown" in (left, right)


def _is_empty_list(path: str, a: Mapping[str, Scalar], b: Mapping[str, Scalar]) -> bool:
    """An empty list has a path of its own; the items on the other side are the difference."""
    value = a.get(path, b.get(path))
    return value == "none" and any(name.startswith(f"{path}.") for name in (*a, *b))


def _is_only_imported(path: str, a: Mapping[str, Scalar], b: Mapping[str, Scalar]) -> bool:
    """A file or package that one process had imported and the other had not, nothing else.

    A second run in one process finds more imported than the first. Files of one tree are the same,
    loaded or not; a package that a run did not import did not take part in it.
    """
    if path.startswith(MODULES):
        return a.get(TREE) is not None and a.get(TREE) == b.get(TREE)
    return path.startswith("environment.") and not path.startswith("environment.variables.")


def _inside(records: Sequence[RunRecord]) -> frozenset[str]:
    """Paths at which the runs of one arm differ, those aside that a replicate may change."""
    found = {path for other in records[1:] for path in differing(records[0], other)}
    return frozenset(path for path in found if not is_per_replicate(path))


def _is_by_design(path: str, arms: Arms[RunRecord]) -> bool:
    """Whether arms without pairs differ here as replicates do: the value varies inside an arm."""
    if path in REPLICATE or not is_per_replicate(path):
        return path in REPLICATE
    values = ([record.flat.get(path) for record in side] for _, side in arms.sides())
    return not all(same_at(path, side[0], value) for side in values for value in side[1:])


def _echoes(records: Sequence[RunRecord]) -> dict[str, tuple[str, ...]]:
    """Parameters that repeat observed values in every run: the same fact, told twice."""
    paths = {path for record in records for path in record.flat}
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted(filter(_may_echo, paths)):
        names = [name for glob in _observed_names(path) for name in _meant(glob, paths)]
        names += _longer_names(path, paths) if _is_telling(path, records) else ()
        told = [name for name in dict.fromkeys(names) if name != path and is_compared(name)]
        found[path] = tuple(name for name in told if _repeats(path, name, records))
    return {path: observed for path, observed in found.items() if observed}


def _may_echo(path: str) -> bool:
    return path.startswith("params.") or path in MAY_ECHO or fnmatchcase(path, SEEDED)


def _meant(glob: str, paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(filter(partial(fnmatchcase, pat=glob), paths)) if "*" in glob else (glob,)


def _observed_names(path: str) -> Iterator[str]:
    name = path.rpartition(".")[2]
    yield from OBSERVED_AS.get(name.rpartition("__")[2], ())  # a step of a pipeline: clf__C
    if path.startswith("params."):
        yield from (f"{key}.{name}" for key in OBSERVED_IN)


def _longer_names(path: str, paths: Iterable[str]) -> Iterator[str]:
    """Observed values whose name has all words of a parameter's: max_depth of params.depth."""
    words = _words(path)
    for name in paths if path.startswith("params.") else ():
        if name.partition(".")[0] in OBSERVED_IN and words < _words(name):
            yield name


@cache
def _words(path: str) -> frozenset[str]:
    return frozenset(path.rpartition(".")[2].casefold().split("_")) - {""}


def _is_telling(path: str, records: Iterable[RunRecord]) -> bool:
    """Whether equal values are hardly chance, as those of switches and counts of one may be."""
    return any(folded(record.flat.get(path)) not in (0, 1, None) for record in records)


def _repeats(path: str, observed: str, records: Sequence[RunRecord]) -> bool:
    if fnmatchcase(path, SEEDED):
        records = [record for record in records if record.flat.get(path) is not None]
    values = [(record.flat.get(path), record.flat.get(observed)) for record in records]
    is_seen = any(path in record.flat and observed in record.flat for record in records)
    return is_seen and all(same(folded(a), folded(b)) for a, b in values)
