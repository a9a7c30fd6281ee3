"""Short digests of a record: what the run list shows, and what finds runs of one configuration."""

import re
from collections.abc import Mapping

from repro.digest import canonical_json, digest_json, short
from repro.facts.code import Code
from repro.facts.data import Data
from repro.facts.determinism import Determinism
from repro.facts.fact import Fact, Scalar
from repro.facts.params import Params
from repro.facts.scores import Score, Scores
from repro.facts.split import Split
from repro.record import SEAL, RunRecord, is_compared, is_incidental, is_per_replicate, seal

DATA, SEED = "repro.data", "repro.seed"
SETUP = "repro.setup"  # tag: a digest of each fact that was settled before the training
BEGUN = "repro.begun"  # tag: the same of what is known when it begins; a killed run has no other
TEST = "repro.test"  # tag: short digest of the test rows, of a run that looked at them
TEST_ROLE = "test"

# What was chosen for a run, as opposed to what came of it or where it ran.
CHOSEN = ("architecture", "code", "lineage", "loss", "optimizer", "params", "split", "tuning")
# The same, as observed over the whole training: a run that broke off may show less.
OBSERVED = (
    "batching",
    "compression",
    "gradients",
    "initialization",
    "normalization",
    "precision",
    "regularization",
    "sampling",
    "schedule",
    "transforms",
)
TREE = "code.tree"
SEEDS = ("seed", "fold")  # last words of parameters that tell replicates apart


def protocol(record: RunRecord) -> str | None:
    """The comparability group: equal for two runs whose scores may be compared.

    Digest of the evaluation data, of the split plan (not of the fold) and of the definition of
    every score. None when one of them is not recorded: unknown groups with nothing.
    """
    data, split, scores = record.find(Data), record.find(Split), record.find(Scores)
    if data is None or split is None or scores is None or not scores.scored:
        return None
    plan = split.fingerprint or split.test_digest
    definitions = {
        (score.name, score.on, *_defined(score), score.arguments) for score in scores.scored
    }
    return digest_json([data.pool_digest, plan, sorted(definitions)])


def _defined(score: Score) -> tuple[str, str]:
    """What the function is; a refactoring of own code does not change it."""
    if score.definition_digest:
        return "", score.definition_digest
    return score.metric, score.source_digest or ""


def short_tags(record: RunRecord) -> dict[str, str]:
    """Short digests for the run list, by tag name; what is unknown is left out."""
    determinism, code = record.find(Determinism), record.find(Code)
    data, split = record.find(Data), record.find(Split)
    group, chosen = protocol(record), setup(record)
    tags = {
        SEAL: seal(record),
        "repro.code": _code_tag(code) if code else None,
        DATA: short(data.pool_digest) if data else None,
        "repro.split": short(split.fingerprint or split.test_digest) if split else None,
        "repro.protocol": short(group) if group else None,
        SEED: str(determinism.seed) if determinism else None,
        SETUP: canonical_json(chosen) if chosen else None,
        TEST: _tested(record),
    }
    return {name: value for name, value in tags.items() if value}


def early_tags(record: RunRecord) -> dict[str, str]:
    """Those of `short_tags` that say what a run is, as far as it has got, and what it began as."""
    determinism, data, known = record.find(Determinism), record.find(Data), begun(record)
    tags = {
        DATA: short(data.pool_digest) if data else None,
        SEED: str(determinism.seed) if determinism else None,
        BEGUN: canonical_json(known) if known else None,
    }
    return {name: value for name, value in tags.items() if value}


def begun(record: RunRecord) -> Mapping[str, str]:
    """Digests of what was declared and of the tree of the code: at the end they are the same."""
    params, tree = record.find(Params), record.flat.get(TREE)
    declared = {"params": _digest_of(Params(declared=params.declared))} if params else {}
    return {**declared, "tree": _digest(tree)} if tree else declared


def setup(record: RunRecord) -> Mapping[str, str]:
    """A short digest for each fact that was chosen for the run; equal for its seeds and folds.

    The code has two: of the imported files (`code`) and of the whole tree (`tree`). One process
    imports more than another, so that runs are of one code if either is equal.
    """
    found: dict[str, str] = {}
    for key in (*CHOSEN, *OBSERVED):
        fact = record.facts.get(key)
        if isinstance(fact, Fact):
            found[key] = _digest_of(fact)
    tree = record.flat.get(TREE)
    return {**found, "tree": _digest(tree)} if tree else found


def tree_digest(tree: str) -> str:
    """What `setup` says of code whose tree has this id."""
    return _digest(tree)


def _digest_of(fact: Fact) -> str:
    flat = fact.flat()
    return _digest({path: flat[path] for path in flat if _is_chosen(path)})


def _is_chosen(path: str) -> bool:
    """Whether a value is the same for every replicate; a parameter that holds the seed is not."""
    last = re.split(r"[._]", path)[-1]
    is_seed = path.startswith("params.") and (last in SEEDS or path.endswith("random_state"))
    is_aside = is_seed or is_incidental(path) or is_per_replicate(path)
    return path != TREE and is_compared(path) and not is_aside


def _digest(value: Mapping[str, Scalar] | Scalar) -> str:
    return digest_json(value).rpartition(":")[2][:8]


def _tested(record: RunRecord) -> str | None:
    """The test rows, if the run looked at them: by a score, or by a metric that is named so."""
    data, scores = record.find(Data), record.find(Scores)
    role = data.role(TEST_ROLE) if data else None
    if role is None or scores is None:
        return None
    is_logged = any(series.name.startswith(TEST_ROLE) for series in scores.logged)
    is_looked_at = scores.n_looks(TEST_ROLE) or is_logged
    return short(role.rows_digest) if is_looked_at else None


def _code_tag(code: Code) -> str:
    commit = code.commit[:8] if code.commit else "no commit"
    return f"{commit} dirty" if code.is_dirty else commit
