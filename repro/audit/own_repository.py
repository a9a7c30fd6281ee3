"""Whether an editable package is the repository that the run's own code is in."""

from repro.facts.code import Code
from repro.facts.environment import Editable
from repro.facts.fact import Absent


def is_own(editable: Editable, code: Code | Absent) -> bool:
    """Whether both stand at one commit; unknown commits are not one."""
    commit = code.commit if isinstance(code, Code) else None
    return commit is not None and editable.commit == commit
