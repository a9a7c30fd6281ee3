"""`tracked_run`: makes a block of training code reproducible, and records it in MLflow."""

import atexit
import contextlib
import functools
import inspect
import os
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Lock
from types import TracebackType
from typing import ParamSpec, TypeVar

from repro.closing import finish, leave
from repro.console import end_lines, interrupted_lines, refused_lines, say, start_lines
from repro.continuation import segment_after
from repro.determinism import Mode, explain
from repro.determinism.arrival import Arrivals, is_imported
from repro.early_facts import EarlyFacts, tell_place
from repro.ending import Ending, Signals, children_held
from repro.errors import UsageError
from repro.facts.entropy import EntropyMode
from repro.facts.scores import Scores
from repro.observations import Observations
from repro.observe.entropy import Sentinel, checked_mode
from repro.observe.observer import observed
from repro.observe.redaction import masked_text, masked_value
from repro.observe.training import Training
from repro.opening import Arguments, Opening, prepare
from repro.program import caller
from repro.ranks import Gang
from repro.run import Run
from repro.store.active_stack import TRACKED, status_of
from repro.store.alive import Alive
from repro.store.journal import Journal
from repro.store.mlflow import OpenRun
from repro.store.shipper import Shipper
from repro.trace.format import Level
from repro.trace.recorder import recorder_for

P = ParamSpec("P")
R = TypeVar("R")

_ACTIVE: ContextVar[tuple[Run, ...]] = ContextVar("repro_active", default=())


def active_run() -> Run | None:
    """The innermost tracked run around this line, if there is one."""
    return next(reversed(_ACTIVE.get()), None)


def _hooks(training: Training) -> Mapping[str, Callable[[], None]]:
    """What is to be done once a module is there."""
    return {"torch": training.hook_optimizers, "sklearn.base": training.hook_fits}


@dataclass(eq=False)
class _Entered:
    """What one `with` block has to give back."""

    block: "tracked_run"
    run: Run
    journal: Journal
    signals: Signals
    arrivals: Arrivals
    gang: Gang | None
    process: int = field(default_factory=os.getpid)  # that entered
    leaving: Lock = field(default_factory=Lock)

    def at_exit(self) -> None:
        """End the block if the interpreter ends before it is left."""
        if os.getpid() == self.process:
            self.block._end(self, self.signals.ending_at_exit())


class tracked_run:  # noqa: N801  # reads as a function, like contextlib.closing
    """Make the training inside a `with` block reproducible, observe it, and record it in MLflow.

    Seeds python, numpy and torch, sets every determinism switch, and gives all of them back at the
    end. Also a decorator: each call of the function is a run of its own. Inside an active MLflow
    run it attaches to it; inside another tracked run it opens a nested one.

    Parameters
    ----------
    name : str, optional
        Name of the run in MLflow.
    experiment : str, optional
        By default that of `mlflow.set_experiment`, then of repro.toml.
    seed : int, optional
        By default `REPRO_SEED`; if that is not set, one is drawn and recorded.
    params : dict, dataclass, pydantic model or argparse namespace, optional
        Hyperparameters; nested ones are joined with dots.
    deterministic : "strict", "warn" or "off"
        Whether torch refuses operations that are not deterministic, warns, or is left alone.
    tags : dict, optional
        Tags of the run, such as `{"arm": "baseline"}`.
    tracking_uri : str, optional
        The store, over `MLFLOW_TRACKING_URI` and repro.toml.
    quiet : bool
        Print nothing to the standard error.
    resume : str, optional
        Id, beginning of an id, or name of a run that has ended, and goes on: with its name, seed
        and params, to which new ones may come. `run.load_checkpoint` restores weights and
        generators.
    trace : "light", "full" or "off"
        What is kept of the training steps, to find the first difference of two runs: "full" has
        every tensor. `REPRO_TRACE` goes first.
    entropy : "record", "derive" or "raise"
        Whether a generator that the script makes without a seed is recorded, gets one derived from
        the run's, or is refused.
    inside : str, optional
        Id of the run that this one is nested in, where another process has that open.

    Raises
    ------
    UsageError
        An argument cannot be used; `SeedConflict` if `seed` and `REPRO_SEED` differ; `UnknownRun`
        if there is none to resume.
    StoreUnavailable
        No store can be written, neither the one asked for nor one on this machine.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        experiment: str | None = None,
        seed: int | None = None,
        params: object = None,
        deterministic: Mode = "strict",
        tags: Mapping[str, str] | None = None,
        tracking_uri: str | None = None,
        quiet: bool = False,
        resume: str | None = None,
        trace: Level = "light",
        entropy: EntropyMode = "record",
        inside: str | None = None,
    ) -> None:
        if name is not None and (not isinstance(name, str) or not name.strip()):
            raise UsageError(f"name={name!r} names no run. Pass some text, or leave it out.")
        self._arguments = Arguments(
            None if name is None else masked_text(name),
            experiment=experiment,
            seed=seed,
            params=params,
            mode=deterministic,
            tags={str(k): str(masked_value(str(k), v)) for k, v in (tags or {}).items()},
            tracking_uri=tracking_uri,
            is_quiet=quiet,
            resume=resume,
            trace=trace,
            entropy=checked_mode(entropy),
            inside=inside,
        )
        self._entered: list[_Entered] = []

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Make each call of the function a run."""
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            raise UsageError(
                f"{function.__qualname__} returns before its body has run: it cannot be decorated. "
                f"Use `with repro.tracked_run(...)` inside it."
            )

        asked = self._arguments
        named = replace(asked, name=asked.name or (None if asked.resume else function.__name__))

        @functools.wraps(function)
        def tracked(*args: P.args, **kwargs: P.kwargs) -> R:
            block = tracked_run()
            block._arguments = named
            with block:
                return function(*args, **kwargs)

        return tracked

    def __enter__(self) -> Run:
        around = active_run()
        script = caller(__file__)
        nested_in = self._arguments.inside if around is None else around.run_id
        opening = prepare(self._arguments, script, nested_in)
        signals = Signals()
        signals.watch()
        try:
            with opening.resumed.claimed() if opening.resumed else contextlib.nullcontext():
                entered = self._entered_run(opening, signals)
        except BaseException:
            signals.give_back()
            raise
        try:
            self._begin(entered)
        except BaseException as error:
            self._end(entered, signals.ending(error))
            raise
        return entered.run

    def _entered_run(self, opening: Opening, signals: Signals) -> _Entered:
        opened: OpenRun | None = None
        try:
            opened = opening.open()
            TRACKED.add(opened.run_id)
            entered = self._entered_as(opening, opened, signals)
        except BaseException as error:
            if opened is not None:  # left open, the next block would attach to it
                resumed = opening.resumed
                with contextlib.suppress(Exception):  # the first error is told
                    opened.end(resumed.status if resumed else status_of(error))
            raise
        self._entered.append(entered)
        atexit.register(entered.at_exit)
        return entered

    def _entered_as(self, opening: Opening, opened: OpenRun, signals: Signals) -> _Entered:
        earlier = opening.resumed.earlier if opening.resumed else None
        folder = opening.location.journals(opened.tracking_uri) / opened.run_id
        if opening.gang is not None:
            folder = opening.gang.journal(folder)
        alive = Alive(folder)  # first: what recovers orphans must not take it for one
        journal = Journal(folder)
        tell_place(journal, opened, opening.name, earlier, datetime.now(UTC))
        shipper = Shipper(opened.as_store, journal, alive)

        def is_current() -> bool:
            return active_run() in (None, run)  # None: on a thread that the script started

        recorder = recorder_for(opening.tracing, is_current, segment_after(earlier))
        training = Training(is_current, [recorder])
        seen = Observations(
            controlled=opening.controlled,
            seed_source=opening.seed_source,
            code_state=opening.code_state,
            declared=opening.declared,
            training=training,
            sentinel=Sentinel(opening.controlled.seed, self._arguments.entropy, is_current),
            ship=shipper.log,
            notes=opening.notes,
            execution=opening.execution,
            trace=recorder.file,
            nested_in=opening.nested_in,
            scores=earlier.record.find(Scores) if earlier else None,
        )
        run = Run(opening.name, opened, shipper, seen, earlier=earlier)
        hooks = _hooks(training)
        awaited = {name: hook for name, hook in hooks.items() if not is_imported(name)}
        if opening.gang is not None:
            training.audience.tell("joined", opening.gang)
        return _Entered(self, run, journal, signals, Arrivals(awaited), opening.gang)

    def _begin(self, entered: _Entered) -> None:
        run, signals = entered.run, entered.signals
        run.shipper.start(EarlyFacts(run, entered.journal, signals).write)
        if run.opened.instead_of:
            run.notes.append(
                f"another store was used instead of {run.opened.instead_of}. "
                f"`repro recover {run.run_id[:8]}` copies the run there when it answers"
            )
        if run.opened.is_attached:  # one of ours was opened with them
            with run.noted("tags were not set"):
                run.opened.set_tags(run.opened.tags)
        with run.noted("params were not logged"):
            run.notes.extend(refused_lines(run.opened.log_params(run.seen.declared)))
        for name, hook in _hooks(run.training).items():
            if is_imported(name):
                hook()
        entered.arrivals.__enter__()
        if entered.gang is None or entered.gang.is_first:
            self._say([*start_lines(run), *filter(None, [signals.unwatched])])
        _ACTIVE.set((*_ACTIVE.get(), run))
        run.seen.sentinel.enter()
        run.seen.controlled.enter()
        signals.release()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        entered = self._left()
        if entered is None or os.getpid() != entered.process:
            return  # a forked child that left the block by itself: the run is its parent's
        with children_held():
            entered.signals.hold()
            advice = observed(explain, error) if error is not None else None
            if error is not None and isinstance(advice, str):
                error.add_note(advice)
            self._end(entered, entered.signals.ending(error))

    def _left(self) -> _Entered | None:
        """The innermost block of this object here; other threads may have entered it, too."""
        here = _ACTIVE.get()
        mine = [entered for entered in self._entered if any(entered.run is run for run in here)]
        return next(reversed(mine or self._entered), None)

    def _end(self, entered: _Entered, ending: Ending) -> None:
        with entered.leaving:  # once: by its thread, or by the interpreter's end
            if entered in self._entered:
                self._entered.remove(entered)
                self._finish(entered, ending)

    def _finish(self, entered: _Entered, ending: Ending) -> None:
        run, folder = entered.run, entered.journal.folder
        entered.signals.hold()
        atexit.unregister(entered.at_exit)
        _ACTIVE.set(tuple(active for active in _ACTIVE.get() if active is not run))
        try:
            entered.arrivals.__exit__(None, None, None)
            run.seen.sentinel.exit()
            run.training.unhook()
            if entered.gang is not None and not entered.gang.end(ending, run.notes):
                leave(run, entered.journal, ending)
                return
            record = finish(run, entered.journal, ending)
            self._say(end_lines(run, record, ending.status, folder))
        except BaseException:
            self._say(interrupted_lines(run, folder))
            raise
        finally:
            run.seen.controlled.exit()
            entered.journal.close()
            run.shipper.close()
            entered.signals.give_back()

    def _say(self, lines: list[str]) -> None:
        if not self._arguments.is_quiet:
            say(lines)
