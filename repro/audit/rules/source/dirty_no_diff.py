"""The work tree had changes that nobody kept: the code that ran is lost.

Why: the commit names another program than the one that made the score.

Fix: commit before you run, or let `tracked_run` keep the patch.

Wrong when: only files changed that the run never read, and that are not ignored by git. Changes
inside a submodule have a patch of their own.

Source: Pineau et al. 2021, the reproducibility checklist.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Violation, rule
from repro.facts.code import EXAMPLE, Code


@rule("SRC001", Severity.ERROR)
def check(code: Code) -> Iterator[Violation]:
    """A dirty tree has a patch, and the patch is complete."""
    patches = (code.patch, *(inner.patch for inner in code.submodules))
    if code.is_dirty and not any(patches):
        yield Violation(
            message=f"{code.n_modified} modified and {code.n_untracked} untracked files, "
            f"and no patch was kept",
            fix="commit, then run again",
            points=("code.commit", "code.n_modified", "code.n_untracked"),
        )
    elif code.skipped:
        yield Violation(
            message=f"too large for the patch: {', '.join(code.skipped)}",
            fix="commit the files, or add them to .gitignore if the run does not read them",
            points=("code.skipped",),
            severity=Severity.WARNING,
        )


BAD = {"code": EXAMPLE.but(is_dirty=True, n_modified=2)}
GOOD = {"code": EXAMPLE.but(is_dirty=True, n_modified=2, patch="code/ab.patch")}
