"""What is settled before a run is opened: its seed, its name, its place, who trains with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from repro.determinism import Controlled, Mode, isolated
from repro.facts.entropy import EntropyMode
from repro.facts.execution import Execution
from repro.facts.fact import Absent
from repro.facts.params import Param, Params
from repro.observations import CODE_SECONDS
from repro.observe import execution, params
from repro.observe.background import Background
from repro.observe.code import CodeState
from repro.observe.determinism import SeedSource
from repro.observe.observer import observed
from repro.observe.rank_contract import contract
from repro.observe.redaction import masked_record
from repro.program import code_state, default_name, resolve_seed, resolve_trace, run_number
from repro.ranks import Gang, join
from repro.record import RunRecord
from repro.record_tags import SEED, early_tags
from repro.replaying import orders, placed, replay_name, replay_tags
from repro.resuming import Asked, Resumed, resumed
from repro.store.location import Location, locate
from repro.store.mlflow import OpenRun, attach, open_run
from repro.trace.format import Level
from repro.trace.pace import Tracing


@dataclass(frozen=True)
class Arguments:
    """Those of `tracked_run`."""

    name: str | None = None
    experiment: str | None = None
    seed: int | None = None
    params: object = None
    mode: Mode = "strict"
    tags: Mapping[str, str] = field(default_factory=dict)
    tracking_uri: str | None = None
    is_quiet: bool = False
    resume: str | None = None
    trace: Level = "light"
    entropy: EntropyMode = "record"
    inside: str | None = None


@dataclass(frozen=True)
class Opening:
    """What is known before the run is opened."""

    arguments: Arguments
    location: Location
    name: str
    controlled: Controlled
    seed_source: SeedSource
    declared: tuple[Param, ...]
    code_state: Background[CodeState]
    nested_in: str | None  # id of the tracked run around it
    tags: Mapping[str, str]
    execution: Execution | Absent
    resumed: Resumed | None
    gang: Gang | None  # of the processes that train together
    tracing: Tracing
    notes: list[str]

    def open(self) -> OpenRun:
        """The run in MLflow; of several processes that train together, rank 0 opens it."""
        with isolated():
            return self._open() if self.gang is None else self.gang.opened(self._open)

    def _open(self) -> OpenRun:
        if self.resumed is not None:
            return self.resumed.open(self.arguments.tags)
        attached = attach(self.tags) if self.nested_in is None else None
        if attached is not None:
            return attached
        return open_run(
            self.location,
            experiment=self.arguments.experiment,
            name=self.name,
            tags=self.tags,
            around=self.nested_in,
        )


def prepare(arguments: Arguments, script: str, nested_in: str | None) -> Opening:
    """Settle everything; `script` is the file that asks for the run.

    Raises
    ------
    UsageError
        An argument or a variable cannot be used.
    RanksDisagree
        The processes that train together do not have the same contract.
    """
    number, repeated = run_number(), orders()
    replay_of = repeated.run_id if repeated else None
    drawn = repeated.seeds.get(number) if repeated else None
    seed, source = resolve_seed(arguments.seed, drawn)
    declared = params.declared(arguments.params)
    location = placed(locate(arguments.tracking_uri), repeated)
    named = arguments.resume, arguments.name, arguments.experiment
    asked = Asked(*named, (seed, source), declared)
    notes: list[str] = []
    gang, earlier = join(notes), None
    with isolated():
        if gang is None or gang.is_first:
            earlier = resumed(location, asked, is_nested=nested_in is not None)
    if earlier is not None:
        (seed, source), declared = earlier.seed, earlier.declared
    code = Background(partial(code_state, script), "code")
    name = earlier.name if earlier else replay_name(arguments.name or default_name(), repeated)
    if gang is not None:
        mine = contract(code.result(CODE_SECONDS), asked.declared, arguments.mode, asked.seed)
        seed, source, name = gang.agree(mine, [seed, source, name])
    return Opening(
        arguments,
        location,
        name=name,
        controlled=Controlled(seed, arguments.mode, rank=gang.rank if gang else 0),
        seed_source=source,
        declared=declared,
        code_state=code,
        nested_in=nested_in,
        tags={**arguments.tags, **replay_tags(repeated), **_opening_tags(seed, declared)},
        execution=observed(execution.at_start, number, replay_of),
        resumed=earlier,
        gang=gang,
        tracing=resolve_trace(arguments.trace),
        notes=notes,
    )


def _opening_tags(seed: int, declared: tuple[Param, ...]) -> dict[str, str]:
    """Parameters and seed: they say of which arm a run was that is killed before it tells more."""
    record = masked_record(RunRecord("", "", {Params.key(): Params(declared=declared)}))
    return {**early_tags(record), SEED: str(seed)}
