"""What `repro restore` brings back of each state that a work tree can be in: `make fidelity`.

Each variant is made, captured and restored in a temporary folder; every file is compared by its
bytes and its mode.
"""

import os
import sys
import tempfile
from pathlib import Path

from repository import exit_code, state_of, work_tree
from worktree_variants import VARIANTS, Variant
from worktrees import first_commit


def outcome(variant: Variant, folder: Path) -> str:
    """`exact`, or the recorded reason; a wrong claim is called by its name."""
    repository = first_commit(folder / "repository")
    root = variant.make(repository) or repository
    fact = state_of(root).fact
    code = exit_code(state_of(root), folder / "again")
    is_same = code == 0 and work_tree(folder / "again") == work_tree(root)
    if fact.restore_verified != is_same:
        return f"WRONG: restore_verified is {fact.restore_verified}, exit code {code}"
    return "exact" if is_same else f"marked: {fact.not_restorable}"


def main() -> int:
    """Print the table; 1 if a record promises more than it keeps."""
    os.environ.update(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_SYSTEM=os.devnull)
    outcomes: dict[str, str] = {}
    for variant in VARIANTS:
        with tempfile.TemporaryDirectory(prefix="fidelity-") as folder:
            outcomes[variant.name] = outcome(variant, Path(folder))
    width = max(map(len, outcomes))
    for name, text in outcomes.items():
        print(f"{name:<{width}}  {text}")
    n_exact = sum(text == "exact" for text in outcomes.values())
    n_marked = sum(text.startswith("marked") for text in outcomes.values())
    print(f"\n{n_exact} exact, {n_marked} marked, of {len(outcomes)}")
    return 0 if n_exact + n_marked == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
