"""One run as a page of a laboratory notebook: what came out, of what, made how, with what."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from rich.text import Text

from repro.digest import short
from repro.facts import fact_types
from repro.facts.architecture import Architecture
from repro.facts.batching import Batching
from repro.facts.budget import Budget
from repro.facts.code import Code
from repro.facts.data import Data, Overlap
from repro.facts.determinism import Determinism
from repro.facts.environment import Environment
from repro.facts.fact import Absent, Fact, Opaque
from repro.facts.hardware import Hardware
from repro.facts.optimizer import Optimizer, Setting
from repro.facts.outcome import Outcome
from repro.facts.params import Params
from repro.facts.scores import Score, Scores
from repro.facts.split import Split
from repro.record import RunRecord, protocol, seal
from repro.report.record_text import fact_rows
from repro.report.shown import columns, document, shown

Row = list[str]
MAX_ROWS = 15  # of one kind; `repro show --all` has all of them
MAIN_PACKAGES = ("torch", "numpy", "scikit-learn", "pandas", "scipy", "xgboost", "lightgbm")


def notebook_page(record: RunRecord) -> Text:
    """What a person wants to know of a run; every recorded value is in `record_text`."""
    lines = [*_head(record)]
    for title, keys in _sections().items():
        lines += [Text(), Text(title, "bold"), *_block(record, keys)]
    return document([*lines, *_notes(record), Text(), *_next(record)])


def _sections() -> Mapping[str, tuple[str, ...]]:
    """Facts by heading; a fact that no heading names gets one of its own."""
    named = {
        "Result": ("scores",),
        "Data": ("data", "split"),
        "Model": ("architecture",),
        "Training": ("optimizer", "batching", "budget"),
        "Parameters": ("params",),
        "Code": ("code",),
        "Conditions": ("determinism", "environment", "hardware"),
    }
    known = {"outcome", *(key for keys in named.values() for key in keys)}
    return {**named, **{key.capitalize(): (key,) for key in fact_types() if key not in known}}


def _block(record: RunRecord, keys: Sequence[str]) -> Iterator[Text]:
    """The entries of several facts in one table, then what is not known."""
    found = {key: record.facts.get(key) for key in keys}
    rows = [
        row
        for key, fact in found.items()
        if isinstance(fact, Fact)
        for row in (WRITERS[key](fact) if key in WRITERS else fact_rows(key, fact))
    ]
    yield from columns(rows)
    for key, fact in found.items():
        if not isinstance(fact, Fact):
            yield _missing(key, fact)


def _missing(key: str, fact: Absent | Opaque | None) -> Text:
    if isinstance(fact, Opaque):
        return Text(f"  {key} unknown: a newer version of repro wrote it", "bold magenta")
    if fact is not None and fact.kind == "not_applicable":
        return Text(f"  {key}: none, {fact.reason}", "dim")
    reason = fact.reason if fact else "it is not in the record"
    return Text(f"  {key} unknown: {reason}", "bold magenta")


def _head(record: RunRecord) -> Iterator[Text]:
    outcome, group = record.find(Outcome), protocol(record)
    status = outcome.status if outcome else "status unknown"
    style = "bold green" if status == "FINISHED" else "bold red"
    yield Text.assemble((record.name, "bold"), "  ", (status, style), _duration(outcome))
    started = f"{outcome.started_at:%Y-%m-%d %H:%M:%S} UTC, " if outcome else ""
    yield Text(f"{started}run {record.run_id}, {record.replicate}")
    comparable = short(group) if group else "unknown: its runs can be compared with no other"
    yield Text(f"seal {short(seal(record))}, comparability group {comparable}")
    if outcome and outcome.error:
        yield Text(f"error: {outcome.error}", "red")


def _duration(outcome: Outcome | None) -> str:
    if outcome is None or outcome.ended_at is None:
        return ""
    seconds = (outcome.ended_at - outcome.started_at).total_seconds()
    text = f"{seconds:.1f} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))
    return f"  in {text}"


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
    return f"{name} of {score.n_rows:,} {score.on} rows, {direction}"


def _data(data: Data) -> Iterator[Row]:
    for role in data.roles:
        size = f"{role.n_rows:,} rows x {role.n_columns}"
        coverage = "" if role.coverage == 1.0 else f", {role.coverage:.1%} of it read"
        yield [role.role, f"{size}, {role.kind} {short(role.rows_digest)}{coverage}"]
    for overlap in data.overlaps:
        yield [overlap.roles, f"{_shared(overlap)} in common"]


def _shared(overlap: Overlap) -> str:
    text = f"{overlap.n_shared_features:,} rows"
    if overlap.n_shared_features != overlap.n_shared:
        text += f", {overlap.n_shared:,} with their labels"
    if overlap.n_shared_groups is not None:
        text += f", {overlap.n_shared_groups:,} groups"
    return text


def _split(split: Split) -> Iterator[Row]:
    if split.source == "data":
        yield ["split", f"{split.n_train:,} and {split.n_test:,} rows, no plan: nothing is proved"]
        return
    parameters = ", ".join(f"{p.name}={shown(p.value)}" for p in split.parameters)
    fold = "" if split.n_splits == 1 else f", fold {split.fold} of {split.n_splits}"
    proof = {"proved": "proved not to leak", "violated": "LEAKS", "unknown": "not proved"}
    verdict = proof[split.verdict or "unknown"]
    yield ["split", f"{split.splitter}({parameters}){fold}: {verdict}"]
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
        size = f"{layer.n_parameters:,}" if layer.n_parameters else ""
        yield [f"{indent}{layer.path.rpartition('.')[2]}", layer.kind, size]
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
        yield ["changes", f"{code.n_modified} files modified, {code.n_untracked} untracked"]
    yield ["restorable", "yes, proved when it ran" if code.restore_verified else "no"]
    if code.changed_during_run:
        yield ["edited while it ran", ", ".join(code.changed_during_run[:MAX_ROWS])]
    yield ["imported", f"{len(code.modules)} files of the repository"]


def _determinism(determinism: Determinism) -> Iterator[Row]:
    seeded = ", ".join(determinism.seeded) or "nothing"
    yield ["seed", f"{determinism.seed} ({determinism.seed_source}): {seeded}"]
    hashes = ", text hashes are random" if determinism.hash_randomization else ""
    yield ["deterministic", f"{determinism.mode}{hashes}"]
    if determinism.drifted:
        yield ["changed by someone", ", ".join(determinism.drifted)]


def _environment(environment: Environment) -> Iterator[Row]:
    versions = {package.name: package.version for package in environment.imported}
    main = [f"{name} {versions[name]}" for name in MAIN_PACKAGES if name in versions]
    yield ["software", f"{environment.implementation} {environment.python}, {', '.join(main)}"]
    others = len(versions) - len(main)
    yield ["", f"{others} more packages imported, {len(environment.installed)} only installed"]


def _hardware(hardware: Hardware) -> Iterator[Row]:
    memory = f", {hardware.memory_bytes / 2**30:.0f} GiB" if hardware.memory_bytes else ""
    yield ["machine", f"{hardware.system}, {hardware.cpu}, {hardware.n_cores} cores{memory}"]
    yield ["accelerators", ", ".join(hardware.accelerators) or "none"]


def _rest(count: int, what: str) -> Iterator[Row]:
    if count > MAX_ROWS:
        yield [f"and {count - MAX_ROWS} more {what}"]


def _notes(record: RunRecord) -> Iterator[Text]:
    outcome = record.find(Outcome)
    if outcome and outcome.notes:
        yield from (Text(), Text("Notes", "bold"))
        yield from (Text(f"  {note}", "yellow") for note in outcome.notes)


def _next(record: RunRecord) -> Sequence[Text]:
    name = record.run_id[:8]
    return [Text(f"repro show {name} --all    every recorded value", "dim")]


WRITERS: Mapping[str, Callable[[Any], Iterator[Row]]] = {
    "architecture": _architecture,
    "batching": _batching,
    "budget": _budget,
    "code": _code,
    "data": _data,
    "determinism": _determinism,
    "environment": _environment,
    "hardware": _hardware,
    "optimizer": _optimizer,
    "params": _params,
    "scores": _scores,
    "split": _split,
}
