"""`tracked_run`: makes a block of training code reproducible, and records it in MLflow."""

import contextlib
import functools
import inspect
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, TypeVar

from repro.closing import finish
from repro.console import end_lines, say, start_lines
from repro.determinism import Controlled, Mode, explain, isolated
from repro.determinism.arrival import Arrivals, is_imported
from repro.early_facts import EarlyFacts
from repro.ending import ending_of
from repro.errors import SeedConflict, UsageError
from repro.facts.fact import Absent
from repro.facts.params import Param
from repro.observations import Observations
from repro.observe import code, params
from repro.observe.background import Background
from repro.observe.code import CodeState
from repro.observe.determinism import SeedSource
from repro.observe.redaction import masked_text, masked_value
from repro.observe.training import Training
from repro.run import Run
from repro.store.journal import Journal
from repro.store.location import Location, locate
from repro.store.mlflow import OpenRun, attach, open_run
from repro.store.shipper import Shipper

P = ParamSpec("P")
R = TypeVar("R")

TYPED = "the program was typed (notebook, -c or standard input); put it into a file under git"
SEED_BITS = 31  # a drawn seed is short enough to be typed

_ACTIVE: ContextVar[tuple[Run, ...]] = ContextVar("repro_active", default=())


def active_run() -> Run | None:
    """The innermost tracked run around this line, if there is one."""
    return next(reversed(_ACTIVE.get()), None)


@dataclass
class _Entered:
    """What one `with` block has to give back."""

    run: Run
    journal: Journal
    arrivals: Arrivals
    token: Token[tuple[Run, ...]]
    process: int  # that entered


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

    Raises
    ------
    UsageError
        An argument cannot be used; `SeedConflict` if `seed` and `REPRO_SEED` differ.
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
    ) -> None:
        if name is not None and (not isinstance(name, str) or not name.strip()):
            raise UsageError(f"name={name!r} names no run. Pass some text, or leave it out.")
        self._name = None if name is None else masked_text(name)
        self._experiment = experiment
        self._seed = seed
        self._params = params
        self._mode: Mode = deterministic
        self._tags = {str(k): str(masked_value(str(k), v)) for k, v in (tags or {}).items()}
        self._tracking_uri = tracking_uri
        self._quiet = quiet
        self._entered: list[_Entered] = []

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Make each call of the function a run."""
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            raise UsageError(
                f"{function.__qualname__} returns before its body has run: it cannot be decorated. "
                f"Use `with repro.tracked_run(...)` inside it."
            )

        @functools.wraps(function)
        def tracked(*args: P.args, **kwargs: P.kwargs) -> R:
            with tracked_run(
                self._name or function.__name__,
                experiment=self._experiment,
                seed=self._seed,
                params=self._params,
                deterministic=self._mode,
                tags=self._tags,
                tracking_uri=self._tracking_uri,
                quiet=self._quiet,
            ):
                return function(*args, **kwargs)

        return tracked

    def __enter__(self) -> Run:
        seed, source = resolve_seed(self._seed)
        controlled = Controlled(seed, self._mode)
        declared = params.declared(self._params)
        name = self._name or _default_name()
        location = locate(self._tracking_uri)
        code_state = Background(functools.partial(_code_state, _caller()), "code")
        with isolated():
            opened = self._open(location, name)
        try:
            return self._begin(location, opened, name, controlled, source, declared, code_state)
        except BaseException:
            opened.end("FAILED")
            raise

    def _open(self, location: Location, name: str) -> OpenRun:
        is_nested = active_run() is not None
        attached = None if is_nested else attach()
        if attached is not None:
            return attached
        return open_run(
            location,
            experiment=self._experiment,
            name=name,
            tags=self._tags,
            nested=is_nested,
        )

    def _begin(
        self,
        location: Location,
        opened: OpenRun,
        name: str,
        controlled: Controlled,
        source: SeedSource,
        declared: tuple[Param, ...],
        code_state: Background[CodeState],
    ) -> Run:
        journal = Journal(location.journals(opened.tracking_uri) / opened.run_id)
        around = active_run()
        training = Training(lambda: active_run() in (None, run))
        shipper = Shipper(opened.as_store, journal)
        seen = Observations(
            controlled=controlled,
            seed_source=source,
            code_state=code_state,
            declared=declared,
            training=training,
            ship=shipper.log,
            notes=[],
            nested_in=None if around is None else around.run_id,
        )
        run = Run(name, opened, shipper, seen)
        shipper.start(EarlyFacts(run, journal).write)
        if opened.instead_of:
            run.notes.append(f"another store was used instead of {opened.instead_of}")
        with run.noted("params were not logged"):
            opened.log_params(declared)
        arrivals = Arrivals({} if is_imported("torch") else {"torch": training.hook_optimizers})
        if is_imported("torch"):
            training.hook_optimizers()
        arrivals.__enter__()
        self._say(start_lines(run))
        token = _ACTIVE.set((*_ACTIVE.get(), run))
        self._entered.append(_Entered(run, journal, arrivals, token, os.getpid()))
        controlled.enter()
        return run

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        entered = self._entered.pop()
        if os.getpid() != entered.process:
            return  # a forked child that left the block by itself: the run is its parent's
        run = entered.run
        _ACTIVE.reset(entered.token)
        try:
            advice = explain(error) if error is not None else None
            if error is not None and advice:
                error.add_note(advice)
            entered.arrivals.__exit__(None, None, None)
            run.training.unhook()
            ending = ending_of(error)
            record = finish(run, entered.journal, ending)
            self._say(end_lines(run, record, ending.status, entered.journal.folder))
        finally:
            run.seen.controlled.exit()
            entered.journal.close()
            run.shipper.close()

    def _say(self, lines: list[str]) -> None:
        if not self._quiet:
            say(lines)


def resolve_seed(seed: int | None) -> tuple[int, SeedSource]:
    """The seed by the rules of precedence, and where it is from.

    Raises
    ------
    SeedConflict
        `seed` and `REPRO_SEED` are both given and differ.
    """
    if isinstance(seed, bool):
        raise UsageError(f"seed={seed} is no seed. Pass a whole number, such as seed=0.")
    text = os.environ.get("REPRO_SEED")
    if text is None:
        return (secrets.randbits(SEED_BITS), "drawn") if seed is None else (seed, "argument")
    if not text.isdecimal():
        raise UsageError(f"REPRO_SEED={text!r} is no seed. Set it to a whole number, or unset it.")
    if seed is not None and seed != int(text):
        raise SeedConflict(
            f"tracked_run(seed={seed}) and REPRO_SEED={text} ask for two seeds. "
            f"Leave seed= out to follow REPRO_SEED, or unset REPRO_SEED."
        )
    return int(text), "REPRO_SEED"


def _caller() -> str:
    """Name of the file that holds the block; of a typed program a name that is no file."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename in (__file__, contextlib.__file__):
        frame = frame.f_back
    return frame.f_code.co_filename


def _default_name() -> str:
    """Name of the script, and six digits that no generator of the training gave."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    return f"{Path(main).stem if main else 'run'}-{secrets.token_hex(3)}"


def _code_state(caller: str) -> CodeState | Absent:
    """The repository around the script; of a program that is installed, around the work folder."""
    if not Path(caller).is_file():
        return Absent(reason=TYPED, kind="not_recorded")
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    folder = Path(main).resolve().parent if main else Path.cwd()
    if folder.is_relative_to(Path(sys.prefix).resolve()):
        folder = Path.cwd()
    return code.at_start(folder)
