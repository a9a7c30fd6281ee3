"""What became another one between two segments of a run, as far as their facts tell."""

from repro.facts.budget import Budget
from repro.facts.checkpoints import Checkpoints
from repro.facts.code import Code
from repro.facts.compression import Compression
from repro.facts.environment import Environment
from repro.facts.initialization import Initialization
from repro.facts.lineage import Lineage
from repro.record import RunRecord

BEGUN_ANEW = "weights: begun anew"
NOT_LOADED = "weights: not seen to be loaded"


def is_code_changed(before: Code | None, now: Code | None) -> bool | None:
    """Whether a file that both imported differs, or each imported some that the other did not.

    What a killed process imported may be unknown; then the commit and its tracked files count.
    """
    if before is None or now is None:
        return None
    if before.tree is not None and before.tree == now.tree:
        return False
    old = {module.path: module.digest for module in before.modules}
    new = {module.path: module.digest for module in now.modules}
    if not old or not new:
        return _is_tracked_changed(before, now)
    is_edited = any(new.get(path, digest) != digest for path, digest in old.items())
    return is_edited or bool(old.keys() - new.keys() and new.keys() - old.keys())


def _is_tracked_changed(before: Code, now: Code) -> bool | None:
    """Whether the commit or a tracked file is another one; the trees hold untracked files, too."""
    if (before.commit, before.n_modified) != (now.commit, now.n_modified):
        return True
    if before.n_modified == 0:
        return False
    is_all_tracked = before.n_untracked == now.n_untracked == 0
    return True if is_all_tracked and None not in (before.tree, now.tree) else None


def is_environment_changed(before: Environment | None, now: Environment | None) -> bool | None:
    """Whether Python, a package that both imported, or a variable differs."""
    if before is None or now is None:
        return None
    old, new = (
        {package.name: package.version for package in one.imported} for one in (before, now)
    )
    is_python = (before.python, before.implementation) != (now.python, now.implementation)
    is_package = any(new.get(name, version) != version for name, version in old.items())
    return is_python or is_package or set(before.variables) != set(now.variables)


def weights_change(before: RunRecord, now: RunRecord, n_steps: int | None) -> str | None:
    """What is wrong with the weights that a torch model began with; empty: nothing, None: unknown.

    `before` tells the first weights of the run, and the last ones of the segment before; `n_steps`
    were made by then. Weights that were set before `run.watch` are known by nothing but that they
    are those last ones.
    """
    budget, first = now.find(Budget), now.find(Initialization)
    if budget is None:  # killed
        return "" if before.find(Initialization) is None else None
    if first is None or not budget.n_steps:
        return ""
    if _goes_on(before.find(Compression), now.find(Compression)):
        return ""
    known, checkpoints = before.find(Initialization), now.find(Checkpoints)
    if n_steps == 0 or (checkpoints and checkpoints.read):
        return ""
    if known is not None and known.digest == first.digest:
        return BEGUN_ANEW
    lineage = now.find(Lineage)
    if first.changed_after_watch or (lineage and (lineage.loaded or lineage.is_set_from_state)):
        return ""
    if n_steps is None:
        return None
    return "" if known is None else NOT_LOADED


def _goes_on(before: Compression | None, now: Compression | None) -> bool:
    last = before.digest_after if before else None
    return last is not None and now is not None and last == now.digest_before
