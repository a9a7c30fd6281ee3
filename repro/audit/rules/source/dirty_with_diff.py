"""The work tree had changes; they were kept beside the record, and in no commit.

Why: the code can be brought back, but nobody reviewed it, and the commit that the run shows is
another program.

Fix: commit before the final run.

Wrong when: the run only explores. Untracked files alone, such as notes and outputs, are a note:
what the run imported of them was kept.

Source: Pineau et al. 2021, the reproducibility checklist.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Violation, rule
from repro.facts.code import EXAMPLE, Code


@rule("SRC002", Severity.WARNING, preview=True)
def check(code: Code) -> Iterator[Violation]:
    """The tree was as committed."""
    patches = [f"code.submodules.{one.path}.patch" for one in code.submodules if one.patch]
    patches += ["code.patch"] if code.patch is not None else []
    if code.is_dirty and patches:
        what = "uncommitted changes" if code.n_modified else "untracked files"
        lost = f"; it does not bring them back: {code.not_restorable}"
        yield Violation(
            message=f"{what} were kept as a patch{lost if code.not_restorable else ''}",
            fix="commit, then make the final run",
            points=("code.commit", "code.n_modified", "code.n_untracked", *patches),
            severity=None if code.n_modified or code.not_restorable else Severity.NOTE,
        )


BAD = {"code": EXAMPLE.but(is_dirty=True, n_modified=2, patch="code/ab.patch")}
GOOD = {"code": EXAMPLE}
