"""Nothing pins the environment of a run, or a part of it floats.

Why: what is installed tomorrow under the same names is another environment, and a difference to
this run can no longer be told from a difference of packages.

Fix: commit a lock file (`uv lock`, `pip freeze > requirements.txt`), and name commits and images by
their digest.

Wrong when: the lock file lies outside the repository, or the image is pinned by what starts it. The
versions themselves are in the record either way.

Source: PEP 751, lock files; PEP 610, the commit behind an installation.
"""

import re
from collections.abc import Iterator

from repro.audit.own_repository import is_own
from repro.audit.rule import Severity, Unknown, Violation, rule
from repro.facts.code import EXAMPLE as CODE
from repro.facts.code import Code
from repro.facts.environment import EXAMPLE, Environment
from repro.facts.fact import Absent

REPOSITORY = re.compile(r"(^git\+|^ssh://|^git@|\.git$)")
COMMIT = re.compile(r"@[0-9a-f]{7,64}$")


@rule("ENV005", Severity.WARNING, preview=True)
def check(environment: Environment, code: Code | Absent) -> Iterator[Violation | Unknown]:
    """A lock file or an image by its digest, and no package from a moving branch."""
    image = environment.container.image if environment.container else None
    if not environment.locks and not (image and "sha256:" in image):
        if environment.operating_system is None and environment.libc is None:
            yield Unknown(
                message="no lock file is recorded: the version of repro did not look for one",
                fix="run again",
                points=("environment.locks",),
            )
        else:
            yield Violation(
                message="no lock file, and no image that is known by its digest",
                fix="commit a lock file: `uv lock`, or `pip freeze > requirements.txt`",
                points=("environment.locks",),
            )
    floating = dict(_floating(environment, code))
    if floating:
        yield Violation(
            message=f"not pinned: {', '.join(floating.values())}",
            fix="install a release, or a commit by its hash",
            points=tuple(floating),
        )


def _floating(environment: Environment, code: Code | Absent) -> Iterator[tuple[str, str]]:
    """Each package whose files nobody can name, by its path; of this repository the code tells."""
    for origin in environment.origins:
        if REPOSITORY.search(origin.version) and not COMMIT.search(origin.version):
            yield f"environment.origins.{origin.name}", f"{origin.name} from a moving branch"
    for editable in environment.editable:
        if editable.is_dirty is not False and not is_own(editable, code):
            yield (
                f"environment.editable.{editable.name}.is_dirty",
                f"{editable.name} as it is edited",
            )


BAD = {"environment": EXAMPLE.but(locks=(), container=None), "code": CODE}
GOOD = {"environment": EXAMPLE, "code": CODE}
