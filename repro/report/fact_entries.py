"""What a notebook page says of each fact but the techniques: a label, and one line."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from repro.digest import short
from repro.facts.architecture import Architecture
from repro.facts.batching import Batching
from repro.facts.budget import Budget
from repro.facts.code import Code
from repro.facts.data import Data, Overlap
from repro.facts.determinism import Determinism
from repro.facts.entropy import Entropy
from repro.facts.environment import Environment
from repro.facts.execution import Execution
from repro.facts.hardware import Hardware
from repro.facts.optimizer import Optimizer, Setting
from repro.facts.outcome import Outcome
from repro.facts.params import Params
from repro.facts.scores import Score, Scores
from repro.facts.segments import Segments
from repro.facts.split import Split
from repro.report.shown import listed, shown

Row = list[str]
MAX_ROWS = 15  # of one kind; `repro show --all` has all of them
MAIN_PACKAGES = ("torch", "numpy", "scikit-learn", "pandas", "scipy", "xgboost", "lightgbm")


def _scores(scores: Scores) -> Iterator[Row]:
    for score in scores.scored[:MAX_ROWS]:
        yield [score.name, f"{score.value:.6g}", _definition(score)]
    yield from _rest(len(scores.scored), "scores")
    for series in scores.logged[:MAX_ROWS]:
        yield [series.name, f"{series.last:.6g}", f"logged, last at step {series.last_step}"]
    yield from _rest(len(scores.logged), "logged metrics")


def _definition(score: Score) -> str:
    directions = {True: "higher is better", False: "lower is better", None: "direction unknown"}
    name = score.metric.rpartition(".")[2]
    direction = directions[score.greater_is_better]
    mode = ", IN TRAINING MODE" if score.training_mode else ""
    return f"{name} of {score.n_rows:,} {score.on} rows, {direction}{mode}"


def _data(data: Data) -> Iterator[Row]:
    for role in data.roles:
        size = f"{counted(role.n_rows, 'row')} x {role.n_columns}"
        how = {"all": "", "sample": f", {role.coverage:.1%} of it read", "seen": ", as handed out"}
        yield [role.role, f"{size}, {role.kind} {short(role.rows_digest)}{how[role.reading]}"]
    for overlap in data.overlaps:
        yield [overlap.roles, _shared(overlap)]


def _shared(overlap: Overlap) -> str:
    rows, groups = overlap.n_shared_features, overlap.n_shared_groups
    if not rows and not groups:
        return "no row in common" if groups is None else "no row and no group in common"
    text = f"{counted(rows, 'row')} IN COMMON"
    if rows != overlap.n_shared:
        text += f", {overlap.n_shared:,} with the same labels"
    return text if groups is None else f"{text}, {counted(groups, 'group')}"


def counted(number: int, what: str) -> str:
    """How many there are of something.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _folds(split: Split) -> str:
    if split.n_splits == 1:
        return ""
    n = split.n_splits
    return f", all {n} folds" if split.fold is None else f", fold {split.fold} of {n}"


def _split(split: Split) -> Iterator[Row]:
    if split.source == "data":
        yield ["split", f"{split.n_train:,} and {split.n_test:,} rows, no plan: nothing is proved"]
        return
    parameters = ", ".join(f"{p.name}={shown(p.value)}" for p in split.parameters)
    proof = {"proved": "proved not to leak", "violated": "LEAKS", "unknown": "not proved"}
    verdict = proof[split.verdict or "unknown"]
    yield ["split", f"{split.splitter}({parameters}){_folds(split)}: {verdict}"]
    for condition in split.proof:
        if condition.outcome == "VIOLATED":
            yield ["", f"{condition.id} is violated: {condition.detail}"]


def _architecture(model: Architecture) -> Iterator[Row]:
    if model.hyperparameters:
        yield [model.name]
        yield from ([f"  {p.name}", shown(p.value)] for p in model.hyperparameters[:MAX_ROWS])
        yield from _rest(len(model.hyperparameters), "hyperparameters")
        return
    frozen = model.n_parameters - model.n_trainable
    how = f", {frozen:,} of them frozen" if frozen else ""
    yield [model.name, f"{model.n_parameters:,} parameters{how}"]
    for layer in model.layers[:MAX_ROWS]:
        indent = "  " * (1 + layer.path.count("."))
        settings = f"({layer.settings})" if layer.settings else ""
        yield [f"{indent}{layer.path.rpartition('.')[2]}", f"{layer.kind}{settings}"]
    yield from _rest(len(model.layers), "modules")


def _optimizer(optimizer: Optimizer) -> Iterator[Row]:
    chosen = [s for s in optimizer.settings if s.value is not None and s.value is not False]
    yield ["optimizer", f"{optimizer.name}: {_settings(chosen)}"]
    for group in optimizer.groups:
        yield ["", f"group {group.index}: {_settings(group.settings)}"]
    if optimizer.scheduler:
        yield ["scheduler", optimizer.scheduler]


def _settings(settings: Sequence[Setting]) -> str:
    """The learning rate first: it is looked for most often."""
    ordered = sorted(settings, key=lambda setting: setting.name != "lr")
    return ", ".join(f"{setting.name} {shown(setting.value)}" for setting in ordered)


def _batching(batching: Batching) -> Iterator[Row]:
    parts = [f"{batching.micro} samples"]
    if batching.accumulation > 1:
        parts.append(f"{batching.accumulation} to a step")
    if batching.world > 1:
        parts.append(f"on {batching.world} processes")
    order = {True: ", shuffled", False: ", in order", None: ""}
    yield ["batches", f"{', '.join(parts)}{order[batching.shuffle]}"]


def _budget(budget: Budget) -> Iterator[Row]:
    counted = [
        (budget.n_epochs, "epochs"),
        (budget.n_steps, "steps"),
        (budget.n_samples, "samples"),
    ]
    parts = [f"{count:,.6g} {name}" for count, name in counted if count is not None]
    yield ["length", f"{', '.join(parts) or 'not counted'} in {budget.wall_seconds:,.1f} s"]
    times = "once" if budget.n_test_reads == 1 else f"{budget.n_test_reads:,} times"
    yield ["test set", f"looked at {times}"]


def _segments(segments: Segments) -> Iterator[Row]:
    """Nothing for a run that was never resumed."""
    for one in segments.earlier:
        steps = "steps unknown" if one.n_steps is None else counted(one.n_steps, "step")
        why = f": {shown(one.reason)}" if one.reason else ""
        when = f"{one.started_at:%Y-%m-%d %H:%M:%S} UTC, " if one.started_at else ""
        yield [f"segment {one.index}", f"{when}{steps}, {one.status}{why}"]
    if segments.earlier:
        yield [f"segment {segments.number}", "the last one"]
        told = (
            ("changed", segments.changed),
            ("not known", segments.unknown),
            ("ALTERED before", segments.altered),
        )
        yield from ([what, listed(names)] for what, names in told if names)
        if not segments.changed and not segments.unknown:
            yield ["changed", "nothing between the segments"]


def _params(params: Params) -> Iterator[Row]:
    for param in (*params.declared, *params.logged)[:MAX_ROWS]:
        yield [param.name, shown(param.value)]
    yield from _rest(len(params.declared) + len(params.logged), "parameters")


def _code(code: Code) -> Iterator[Row]:
    yield ["program", " ".join((code.entry_point or "unknown", *code.argv[1:]))]
    commit = code.commit[:8] if code.commit else "nothing committed"
    where = f"on {code.branch}" if code.branch else "detached"
    yield ["commit", f"{commit} {where}, {code.remote or 'no remote'}"]
    if code.is_dirty:
        modified = counted(code.n_modified, "file")
        yield ["changes", f"{modified} modified, {code.n_untracked} untracked"]
    for inner in code.submodules:
        state = "" if inner.restore_verified else f": {inner.not_restorable}"
        yield [inner.path, f"{inner.commit[:8] if inner.commit else 'no commit'}{state}"]
    proved = (
        f"yes, proved when it ran; the commit is {'kept here' if code.bundle else 'on the remote'}"
    )
    yield ["restorable", proved if code.restore_verified else f"no: {code.not_restorable}"]
    if code.changed_during_run:
        yield ["edited while it ran", ", ".join(code.changed_during_run[:MAX_ROWS])]
    yield ["imported", f"{counted(len(code.modules), 'file')} of the repository"]


def _determinism(determinism: Determinism) -> Iterator[Row]:
    seeded = ", ".join(determinism.seeded) or "nothing"
    yield ["seed", f"{determinism.seed} ({determinism.seed_source}): {seeded}"]
    hashes = ", text hashes are random" if determinism.hash_randomization else ""
    yield ["deterministic", f"{determinism.mode}{hashes}"]
    if determinism.drifted:
        yield ["changed by someone", ", ".join(determinism.drifted)]
    for seen in determinism.drift[:MAX_ROWS]:
        when = "in the end" if seen.step is None else f"at step {seen.step}"
        yield ["", f"{seen.switch}: {seen.before} became {seen.after}, seen {when}"]


def _entropy(entropy: Entropy) -> Iterator[Row]:
    """Nothing where nothing was found."""
    for one in entropy.found[:MAX_ROWS]:
        times = "" if one.n_times == 1 else f", {one.n_times:,} times"
        kind = one.kind.replace("_", " ") if one in entropy.loose() else "seeded by the run"
        yield [kind, f"{one.what} {one.where}".rstrip() + times]
    yield from _rest(len(entropy.found) + entropy.n_left_out, "sources of randomness")


def _environment(environment: Environment) -> Iterator[Row]:
    versions = {package.name: package.version for package in environment.imported}
    main = [f"{name} {versions[name]}" for name in MAIN_PACKAGES if name in versions]
    yield ["software", f"{environment.implementation} {environment.python}, {', '.join(main)}"]
    others = len(versions) - len(main)
    yield ["", f"{others} more packages imported, {len(environment.installed)} only installed"]
    if environment.locks:
        yield ["locked by", ", ".join(lock.path for lock in environment.locks)]


def _hardware(hardware: Hardware) -> Iterator[Row]:
    memory = f", {hardware.memory_bytes / 2**30:.0f} GiB" if hardware.memory_bytes else ""
    yield ["machine", f"{hardware.system}, {hardware.cpu}, {hardware.n_cores} cores{memory}"]
    yield ["accelerators", ", ".join(hardware.accelerators) or "none"]


def ending_lines(outcome: Outcome) -> Iterator[str]:
    """Why a run did not finish."""
    if outcome.reason:
        later = ", closed later by `repro recover`" if outcome.is_recovered else ""
        yield f"reason: {outcome.reason}{later}"
    if outcome.error:
        yield f"error: {outcome.error}"


def traceback_lines(outcome: Outcome) -> Iterator[str]:
    """Where in the program that was: the last lines, which are the innermost calls."""
    lines = (outcome.traceback or "").splitlines()
    if len(lines) > MAX_ROWS:
        yield f"  {counted(len(lines) - MAX_ROWS, 'line')} above, see --all"
    yield from (f"  {line}" for line in lines[-MAX_ROWS:])


def _execution(execution: Execution) -> Iterator[Row]:
    yield ["started", f"python {' '.join(execution.command)}", f"in {execution.folder}"]
    if execution.number > 1:
        yield ["number", f"run {execution.number} of its process"]
    if execution.replay_of:
        yield ["replay of", execution.replay_of[:8]]


def _rest(count: int, what: str) -> Iterator[Row]:
    if count > MAX_ROWS:
        yield [f"and {count - MAX_ROWS} more {what}"]


FACTS: Mapping[str, Callable[[Any], Iterator[Row]]] = {
    "architecture": _architecture,
    "batching": _batching,
    "budget": _budget,
    "code": _code,
    "data": _data,
    "determinism": _determinism,
    "entropy": _entropy,
    "environment": _environment,
    "execution": _execution,
    "hardware": _hardware,
    "optimizer": _optimizer,
    "params": _params,
    "scores": _scores,
    "segments": _segments,
    "split": _split,
}
