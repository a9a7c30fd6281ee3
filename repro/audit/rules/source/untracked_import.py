"""The run imported a file that is in no commit and that nobody kept.

Why: without it the program does not start, or does something else.

Fix: `git add` the file; write generated modules before the run starts, or import them before
`tracked_run` looks at the tree.

Wrong when: the file is written by a program that is itself kept: a module that came into being
during the run, and names that generators give (`_version.py`, `*_pb2.py`), are a warning. Folders
without `__init__.py` are no files and never meant.

Source: the imported modules that lie below the root of the repository, against commit and patch.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from repro.audit.listing import listed
from repro.audit.rule import Severity, Unknown, Violation, rule
from repro.facts.code import EXAMPLE, Code

GENERATED = ("*_pb2.py", "*_pb2_grpc.py", "*_version.py", "*/version.py")
SHOWN = 3


@rule("SRC004", Severity.ERROR, preview=True)
def check(code: Code) -> Iterator[Violation | Unknown]:
    """Every imported file is in the commit or in the patch."""
    if code.unkept is None:
        if not code.restore_verified:
            yield Unknown(
                message="imported files that were not kept are not recorded",
                fix="run again: the version of repro did not list them",
                points=("code.not_restorable",),
            )
        return
    made = [path for path in code.unkept if _is_generated(path, code)]
    own = [path for path in code.unkept if path not in made]
    for paths, severity in ((own, None), (made, Severity.WARNING)):
        if paths:
            yield Violation(
                message=f"imported, and in neither commit nor patch: {listed(paths, SHOWN)}",
                fix=f"git add {' '.join(paths[:SHOWN])}, then run again",
                points=("code.unkept",),
                severity=severity,
            )


def _is_generated(path: str, code: Code) -> bool:
    return path in code.created_during_run or any(fnmatchcase(path, glob) for glob in GENERATED)


BAD = {"code": EXAMPLE.but(unkept=("pkg/late.py",))}
GOOD = {"code": EXAMPLE}
