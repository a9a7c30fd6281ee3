"""Looks at how the process was started."""

import sys
from pathlib import Path

from repro.facts.execution import Execution
from repro.observe.redaction import masked_argv


def at_start(number: int, replay_of: str | None) -> Execution:
    """The command of this process, and the folder that it was given in."""
    return Execution(
        command=masked_argv(sys.orig_argv[1:]),
        folder=str(_folder()),
        number=number,
        replay_of=replay_of,
    )


def _folder() -> Path:
    """Where a script was named by a relative path, whatever `os.chdir` was called since."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    script = next((word for word in sys.orig_argv[1:] if not word.startswith("-")), "")
    if main and script and main.endswith(f"/{script}"):
        return Path(main.removesuffix(script))
    return Path.cwd()
