"""Executes a run again, from its record alone, and compares the bits."""

import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rich.text import Text

from repro.contract import breaches, gating
from repro.errors import CannotReplay, UsageError
from repro.facts.environment import Environment
from repro.facts.outcome import Outcome
from repro.facts.scores import Scores
from repro.fresh_environment import install, packages, path_to_repro
from repro.observe import environment
from repro.record import RunRecord
from repro.replay_folder import folder_of_its_own
from repro.replay_matching import counterpart
from repro.replay_original import Original, find_original
from repro.replay_place import Place, import_paths, make_place, root_here, why_to_ask
from repro.replay_plan import Plan, plan_replay
from repro.replay_verdict import Verdict, worst
from repro.replaying import Orders
from repro.report.shown import columns, document, listed
from repro.rerun import Ended, Progress, rerun
from repro.store.load import MlflowHistory, open_history
from repro.store.location import locate

VERIFIED = "repro.verified"  # tag of the original
OUTPUT = "output.txt"
MISSING = "FileNotFoundError"


@dataclass(frozen=True)
class Wishes:
    """What a replay is asked to do."""

    times: int = 1
    until: int | None = None  # the last step
    has_fresh_environment: bool = False
    data: tuple[Path, ...] = ()  # that git does not hold
    is_shown: bool = False  # what the script prints
    allow: Callable[[str], None] = lambda why: None  # raises if the code must not be executed


@dataclass(frozen=True)
class Attempt:
    """One execution."""

    verdict: Verdict
    run_id: str | None = None  # of the replay
    notes: tuple[str, ...] = ()
    printed: tuple[str, ...] = ()  # the end of what a script that failed has printed


@dataclass(frozen=True)
class Replay:
    """What came of the replays of one run."""

    run_id: str
    name: str
    attempts: tuple[Attempt, ...]
    until: int | None = None

    @property
    def verdict(self) -> Verdict:
        """The worst."""
        return worst([attempt.verdict for attempt in self.attempts])

    @property
    def exit_code(self) -> int:
        """0 identical, 1 diverged, 3 cannot be told."""
        return self.verdict.exit_code

    @property
    def tag(self) -> str:
        """What the original is told to be, by whom and when."""
        verdict = self.verdict
        by = " ".join(attempt.run_id[:8] for attempt in self.attempts if attempt.run_id)
        told = str(verdict) if verdict.kind == "diverged" else verdict.kind  # no text of the script
        return f"{told}{self._up_to} {datetime.now(UTC):%Y-%m-%d} by {by}"

    @property
    def _up_to(self) -> str:
        return "" if self.until is None else f" up to step {self.until}"

    def text(self) -> Text:
        """The verdict first, then what it rests on."""
        heading = Text(f"{self.name} ({self.run_id[:8]}): {self.verdict}{self._up_to}")
        told = list(self.verdict.details)
        several = len(self.attempts) > 1
        for attempt in self.attempts:
            if attempt.run_id:
                verdict = f"  {attempt.verdict}" if several else ""
                told.append(("replay", f"{attempt.run_id[:8]}{verdict}"))
        told += dict.fromkeys(("note", note) for one in self.attempts for note in one.notes)
        again = next((one.run_id for one in self.attempts if one.verdict == self.verdict), None)
        if self.verdict.kind == "diverged" and again:
            told.append(("next", f"repro diff {self.run_id[:8]} {again[:8]} --trace"))
        printed = [Text(f"  | {line}") for line in self.attempts[-1].printed]
        return document([heading, *columns(told), *printed])


def replay_project(
    name: str, wishes: Wishes, *, tracking_uri: str | None, experiment: str | None
) -> Replay:
    """Replay the run with this id, beginning of an id, or name; the original is tagged.

    Raises
    ------
    UsageError
        There is no such run, data are not there, or its code must not be executed.
    """
    location = locate(tracking_uri)
    history = open_history(location, experiment)
    run_id = history.resolve(name)
    original = find_original(history, location, run_id)
    if wishes.until is not None and original.inside:
        raise UsageError(
            f"--until ends the script: of the {len(original.inside)} runs inside "
            f"{original.record.name} only the first would begin. Replay one of them, or all of it."
        )
    attempts = tuple(_attempts(original, wishes))
    done = Replay(run_id, original.record.name, attempts, wishes.until)
    if any(attempt.run_id for attempt in attempts) and not _is_less(done, history, run_id):
        history.client.set_tag(run_id, VERIFIED, done.tag)
    return done


def _is_less(done: Replay, history: MlflowHistory, run_id: str) -> bool:
    """Whether a part is equal of what was proved as a whole before."""
    before = history.client.get_run(run_id).data.tags.get(VERIFIED, "")
    is_whole = before.startswith("identical ") and " up to step " not in before
    return is_whole and done.until is not None and done.verdict.kind == "identical"


def _attempts(original: Original, wishes: Wishes) -> Iterator[Attempt]:
    """One for each time; none further where it cannot be executed."""
    try:
        plan = plan_replay(original.record, original.nested)
    except CannotReplay as error:
        yield Attempt(Verdict("not re-executable", str(error)))
        return
    with folder_of_its_own() as folder:
        for number in range(wishes.times):
            attempt = execute(original, plan, wishes, folder / str(number))
            yield attempt
            wishes = replace(wishes, allow=lambda why: None)  # it was asked once
            if attempt.run_id is None:
                return


def execute(original: Original, plan: Plan, wishes: Wishes, folder: Path) -> Attempt:
    """One execution in a folder of its own, and what the comparison says."""
    record, notes = original.record, plan.notes
    try:
        artifact = partial(original.history.artifact, record.run_id)
        place = make_place(record, artifact, folder, wishes.data)
    except CannotReplay as error:
        return Attempt(Verdict("not re-executable", str(error)))
    user = original.history.client.get_run(record.run_id).data.tags.get("mlflow.user")
    why = why_to_ask(record, place.tree, user)
    if why is not None:
        wishes.allow(why)
    try:
        python, paths = _interpreter(record, wishes, folder)
    except CannotReplay as error:
        return Attempt(Verdict("environment not equivalent", str(error)))
    before = set(original.history.find_replays(record.run_id))
    ended = _rerun(original, plan, wishes, place, python, paths)
    opened = [one for one in original.history.find_replays(record.run_id) if one not in before]
    changed = place.changed()
    if changed:
        notes = (*notes, f"the script changed your data: {listed(list(map(str, changed)))}")
    return _told(original, opened, ended, wishes, notes)


def _told(
    original: Original, opened: Sequence[str], ended: Ended, wishes: Wishes, notes: tuple[str, ...]
) -> Attempt:
    """What the runs that the script has opened say."""
    outcome = original.record.find(Outcome)
    printed = ended.last_lines if ended.exit_code else ()
    if any(MISSING in line for line in printed):
        notes = (*notes, "--data PATH hands over a file or folder that git does not hold")
    has_failed = ended.exit_code != 0 and (outcome is None or outcome.status == "FINISHED")
    if not opened:
        why = ended.reason if ended.exit_code else "the script opened no tracked run"
        return Attempt(Verdict("not re-executable", why), None, notes, printed)
    other, how = counterpart(original.record, [original.history.record(one) for one in opened])
    if other is None:
        return Attempt(Verdict("not re-executable", how), opened[0], notes)
    if len(opened) > 1:
        notes = (*notes, f"{other.run_id[:8]} is {how}")
    verdict = original.verdict(other.run_id, wishes.until)
    if has_failed and verdict.kind == "not re-executable":
        return Attempt(replace(verdict, what=ended.reason), other.run_id, notes, printed)
    return Attempt(verdict, other.run_id, notes)


def _interpreter(record: RunRecord, wishes: Wishes, folder: Path) -> tuple[str, list[str]]:
    """The Python to use, and what it must find besides; after a look at the contract.

    Raises
    ------
    CannotReplay
        It is not what the run had.
    """
    recorded = record.find(Environment)
    if recorded is None:
        raise CannotReplay("the packages of the run are unknown")
    if wishes.has_fresh_environment:
        python = install(packages(recorded), folder / "environment")
        return str(python), [str(path_to_repro(folder / "ours"))]
    here = environment.at_end().but(variables=recorded.variables)
    now = RunRecord("here", platform.node(), {Environment.key(): here})
    broken = gating(breaches(record, now))
    if broken:
        raise CannotReplay(f"{'; '.join(map(str, broken))} (--fresh-env installs what it had)")
    return sys.executable, []


def _rerun(
    original: Original, plan: Plan, wishes: Wishes, place: Place, python: str, paths: list[str]
) -> Ended:
    orders = original.orders(plan.seeds)
    roots = [root for root in (plan.root, root_here()) if root]
    inherited = import_paths(place, roots, os.environ.get("PYTHONPATH", ""))
    variables = {
        **plan.environment(os.environ),
        **orders.variables(),
        **_tracing(original, wishes.until, place.temporary),
        "MLFLOW_TRACKING_URI": orders.tracking_uri,
        "MLFLOW_EXPERIMENT_ID": str(original.history.experiment.experiment_id),
        "PYTHONPATH": os.pathsep.join(filter(None, (*paths, inherited))),
        "TMPDIR": str(place.temporary),
    }
    folder = place.tree / plan.folder
    folder.mkdir(parents=True, exist_ok=True)
    return rerun(
        plan.words(place.tree, python),
        variables,
        folder=folder,
        output=None if wishes.is_shown else place.temporary.parent / OUTPUT,
        progress=_progress(original, orders),
    )


def _tracing(original: Original, until: int | None, folder: Path) -> dict[str, str]:
    """Have the steps traced that were, and no other."""
    found: dict[str, str] = {} if until is None else {"REPRO_TRACE_UNTIL": str(until)}
    seen = original.traces()
    if seen:
        steps = sorted({step for trace in seen for step in trace.steps})
        file = folder.parent / "steps.txt"
        file.write_text("".join(f"{step}\n" for step in steps))
        found |= {"REPRO_TRACE": seen[0].level, "REPRO_TRACE_STEPS": str(file)}
    return found


def _progress(original: Original, orders: Orders) -> Progress:
    scores = original.record.find(Scores)
    steps = [series.last_step for series in (scores.logged if scores else ())]
    journals = original.location.journals(orders.tracking_uri)
    return Progress(journals, f"replaying {original.record.name}", max(steps, default=None))
