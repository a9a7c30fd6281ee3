"""How the process of a run was started."""

from typing import ClassVar

from repro.facts.fact import Fact


class Execution(Fact):
    """The command, and where it was given: what a replay repeats."""

    IGNORED: ClassVar = ("execution.*",)

    command: tuple[str, ...]  # the words after `python`, secrets masked: -u train.py --lr 0.1
    folder: str  # absolute, where it was given
    root: str | None = None  # absolute, of the repository; None: there was none, or none was read
    number: int = 1  # of this run among those that its process opened
    replay_of: str | None = None  # id of the run that it repeats


EXAMPLE = Execution(
    command=("train.py", "--epochs", "5"),
    folder="/home/ada/vision",
    root="/home/ada/vision",
)
