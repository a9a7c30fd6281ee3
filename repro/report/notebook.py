"""One run as a page of a laboratory notebook: what came out, of what, made how, with what."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from rich.text import Text

from repro.digest import short
from repro.facts import fact_types
from repro.facts.fact import Absent, Fact, Opaque
from repro.facts.outcome import Outcome
from repro.facts.segments import Segments
from repro.inheritance import Inheritance
from repro.nested_runs import NestedRuns
from repro.record import RunRecord, seal
from repro.record_tags import protocol
from repro.report.fact_entries import FACTS, ending_lines, traceback_lines
from repro.report.kin_entries import ancestor_rows, nested_rows
from repro.report.proof_entries import PROVED
from repro.report.record_text import fact_rows
from repro.report.seal_entries import SEALED
from repro.report.shown import columns, document
from repro.report.technique_entries import TECHNIQUES

ENTRIES = {**FACTS, **TECHNIQUES, **PROVED, **SEALED}
EARLIER = "an earlier version of repro wrote this record"
CHECKS = "Checks"  # nobody has to make them: what was not done is left out


def notebook_page(
    record: RunRecord,
    *,
    ancestors: Sequence[Inheritance] = (),
    nested: NestedRuns | None = None,
    unsealed: str | None = None,
) -> Text:
    """What a person wants to know of a run; every recorded value is in `record_text`.

    What only the history knows, `ancestors` and `nested` runs, stands beside what the run recorded.
    Of a run without a record, `unsealed` says why it has none, once for all that is not known.
    """
    kin = {"Model": list(ancestor_rows(ancestors)), CHECKS: list(nested_rows(nested))}
    lines = [*_head(record, unsealed)]
    for title, keys in _sections().items():
        known = [key for key in keys if not unsealed or isinstance(record.facts.get(key), Fact)]
        block = list(_block(record, title, known, kin.get(title, [])))
        lines += [Text(), Text(title, "bold"), *block] if block else []
    return document([*lines, *_notes(record), Text(), *_next(record)])


def _sections() -> Mapping[str, tuple[str, ...]]:
    """Facts by heading; a fact that no heading names gets one of its own."""
    named = {
        "Result": ("scores",),
        "Data": ("data", "split", "cleaning", "transforms", "sampling"),
        "Model": (
            *("architecture", "initialization", "lineage", "regularization", "normalization"),
            "compression",
        ),
        "Training": (
            *("batching", "loss", "optimizer", "schedule", "gradients", "precision", "topology"),
            *("budget", "segments", "stopping"),
        ),
        CHECKS: ("fit_scope", "capacity", "tuning", "entropy", "checkpoints", "ranks"),
        "Parameters": ("params",),
        "Code": ("code", "execution"),
        "Conditions": ("determinism", "environment", "hardware", "trace"),
        "Seal": ("contents", "integrity"),
    }
    known = {"outcome", *(key for keys in named.values() for key in keys)}
    return {**named, **{key.capitalize(): (key,) for key in fact_types() if key not in known}}


def _block(
    record: RunRecord, title: str, keys: Sequence[str], kin: Sequence[Sequence[str]]
) -> Iterator[Text]:
    """The entries of several facts in one table, then what does not apply or is not known."""
    found = {key: record.facts.get(key) for key in keys}
    recorded = [
        row
        for key, fact in found.items()
        if isinstance(fact, Fact)
        for row in (ENTRIES[key](fact) if key in ENTRIES else fact_rows(key, fact))
    ]
    yield from columns([*recorded, *kin])
    missing = {key: fact for key, fact in found.items() if not isinstance(fact, Fact)}
    unknown: dict[str, list[str]] = {}
    inapplicable: dict[str, list[str]] = {}
    for key, fact in missing.items():
        if fact is None:
            inapplicable.setdefault(EARLIER, []).append(key)
        elif isinstance(fact, Absent) and fact.kind == "not_applicable":
            inapplicable.setdefault(fact.reason, []).append(key)
        elif title != CHECKS or not isinstance(fact, Absent) or fact.kind == "failed":
            unknown.setdefault(_reason(fact), []).append(key)
    for reason, names in unknown.items():
        yield Text(f"  {', '.join(names)} unknown: {reason}", "bold magenta")
    for reason, names in inapplicable.items() if title != CHECKS else ():
        yield Text(f"  no {', '.join(names)}: {reason}", "dim")


def _reason(fact: Absent | Opaque | Fact) -> str:
    return fact.reason if isinstance(fact, Absent) else "a newer version of repro wrote it"


def _head(record: RunRecord, unsealed: str | None) -> Iterator[Text]:
    outcome = record.find(Outcome)
    status = outcome.status if outcome else "status unknown"
    style = "bold green" if status == "FINISHED" else "bold red"
    yield Text.assemble(
        (record.name, "bold"), "  ", _segment(record), (status, style), _duration(outcome)
    )
    started = f"{outcome.started_at:%Y-%m-%d %H:%M:%S} UTC, " if outcome else ""
    yield Text(f"{started}run {record.run_id}, {record.replicate}")
    yield Text(f"not sealed: {unsealed}", "bold red") if unsealed else _seal(record)
    if outcome:
        yield from (Text(line, "red") for line in ending_lines(outcome))


def _seal(record: RunRecord) -> Text:
    group = protocol(record)
    comparable = short(group) if group else "unknown: its runs can be compared with no other"
    return Text(f"seal {short(record.sealed or seal(record))}, comparability group {comparable}")


def _segment(record: RunRecord) -> str:
    """Of a resumed run the one that status, start and duration are of; else nothing."""
    segments = record.find(Segments)
    return f"segment {segments.number}, " if segments and segments.earlier else ""


def _duration(outcome: Outcome | None) -> str:
    if outcome is None or outcome.ended_at is None:
        return ""
    seconds = (outcome.ended_at - outcome.started_at).total_seconds()
    text = f"{seconds:.1f} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))
    return f"  in {text}"


def _notes(record: RunRecord) -> Iterator[Text]:
    outcome = record.find(Outcome)
    if outcome and outcome.traceback:
        yield from (Text(), Text("Traceback", "bold"))
        yield from (Text(line, "dim") for line in traceback_lines(outcome))
    if outcome and outcome.notes:
        yield from (Text(), Text("Notes", "bold"))
        yield from (Text(f"  {note}", "yellow") for note in outcome.notes)


def _next(record: RunRecord) -> Sequence[Text]:
    name = record.run_id[:8]
    return [Text(f"repro show {name} --all    every recorded value", "dim")]
