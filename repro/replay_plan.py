"""What it takes to execute a run again, told by its record alone."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from repro.errors import CannotReplay
from repro.facts.code import Code
from repro.facts.determinism import Determinism
from repro.facts.environment import Environment
from repro.facts.execution import Execution
from repro.facts.fact import Absent, Fact, Opaque
from repro.facts.outcome import Outcome
from repro.facts.segments import Segments
from repro.facts.topology import Topology
from repro.observe.environment import NUMERIC_VARIABLES
from repro.observe.secret_shapes import MASK
from repro.record import RunRecord

F = TypeVar("F", bound=Fact)

OUTSIDE = "it was started outside its repository, and is started at its root"
RANDOM_HASHES = (
    "PYTHONHASHSEED was random: sets of text have another order in each process; start the "
    "training by `repro run -- python train.py`"
)
# They send a run elsewhere, or name one; a replay has a place of its own.
FOREIGN = (
    *("MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID", "REPRO_SEED", "REPRO_TRACE"),
    *("REPRO_TRACE_STEPS", "REPRO_TRACE_UNTIL"),
)


@dataclass(frozen=True)
class Plan:
    """The command, where it is given, and what must be set before."""

    command: tuple[str, ...]  # the words after `python`
    folder: Path  # relative to the root of the repository
    root: Path  # where that was when the run was recorded
    variables: Mapping[str, str]
    seeds: Mapping[int, int]  # that were drawn, by the number of the run in its process
    notes: tuple[str, ...] = ()

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """The variables of the process, of which those that change numbers are as recorded."""
        kept = {k: v for k, v in base.items() if k not in (*NUMERIC_VARIABLES, *FOREIGN)}
        return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **self.variables}

    def words(self, root: Path, python: str) -> list[str]:
        """The command, with another root of the repository and another interpreter."""
        programs = Path(python).parent
        words = [_elsewhere(word, self.root, root) for word in self.command]
        return [python, *(_program(word, programs) for word in words)]


def plan_replay(record: RunRecord, nested: Sequence[RunRecord] = ()) -> Plan:
    """How to execute a run again; `nested` are the runs that were opened inside it.

    Raises
    ------
    CannotReplay
        The record does not tell, or it cannot be done.
    """
    execution, code = _needed(record, Execution), _needed(record, Code)
    reason = next(_obstacles(record, code, execution), None)
    if reason:
        raise CannotReplay(reason)
    root, folder = Path(execution.root or ""), Path(execution.folder)
    is_inside = folder.is_relative_to(root)
    determinism = record.find(Determinism)
    notes = [] if is_inside else [OUTSIDE]
    if determinism is not None and determinism.hash_randomization:
        notes.append(RANDOM_HASHES)
    return Plan(
        command=execution.command,
        folder=folder.relative_to(root) if is_inside else Path(),
        root=root,
        variables=_variables(record),
        seeds=_drawn([record, *nested]),
        notes=tuple(notes),
    )


def _needed(record: RunRecord, kind: type[F]) -> F:
    found = record.get(kind)
    if isinstance(found, Absent):
        what = {Execution: "its command", Code: "its code"}[kind]
        raise CannotReplay(f"{what} is unknown: {found.reason}")
    if isinstance(found, Opaque):
        raise CannotReplay("it was recorded by a newer version of repro")
    return found


def _obstacles(record: RunRecord, code: Code, execution: Execution) -> Iterator[str]:
    """Why it cannot be done, the first reason leading."""
    outcome, segments = record.find(Outcome), record.find(Segments)
    topology = record.find(Topology)
    if execution.replay_of is not None:
        yield f"it is a replay itself: replay run {execution.replay_of[:8]}"
    if outcome is None or outcome.status == "RUNNING":
        yield "it has not ended"
    if not code.restore_verified:
        yield f"its code cannot be brought back: {code.not_restorable}"
    if execution.root is None:
        yield "it ran outside any repository"
    if any(MASK in word for word in execution.command):
        yield "a secret was masked in its command"
    if segments is not None and segments.number > 1:
        yield f"it was resumed: {segments.number} processes made it, from checkpoints"
    if topology is not None and topology.world > 1:
        yield f"it ran on {topology.world} processes, which a launcher started"


def _variables(record: RunRecord) -> dict[str, str]:
    """Those that change numbers, and the seed where the script was given it from outside."""
    environment, determinism = record.find(Environment), record.find(Determinism)
    found = {v.name: v.value for v in (environment.variables if environment else ())}
    if determinism is not None and determinism.seed_source == "REPRO_SEED":
        found["REPRO_SEED"] = str(determinism.seed)
    return found


def _drawn(records: Iterable[RunRecord]) -> dict[int, int]:
    """The seeds that nobody gave."""
    seeds = {}
    for record in records:
        determinism, execution = record.find(Determinism), record.find(Execution)
        if determinism is None or execution is None or determinism.seed_source != "drawn":
            continue
        if determinism.seed is not None:
            seeds[execution.number] = determinism.seed
    return seeds


def _elsewhere(word: str, root: Path, other: Path) -> str:
    """A word of the command with a path below one root moved below another.

    >>> _elsewhere("--out=/home/ada/x", Path("/home/ada"), Path("/tmp/r"))
    '--out=/tmp/r/x'
    """
    return str(other) if word == str(root) else word.replace(f"{root}{os.sep}", f"{other}{os.sep}")


def _program(word: str, programs: Path) -> str:
    """A command that was installed beside another interpreter, beside this one."""
    path = Path(word)
    is_program = path.is_absolute() and path.parent.name == "bin" and not path.exists()
    return str(programs / path.name) if is_program else word
