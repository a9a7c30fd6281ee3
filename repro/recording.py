"""Makes the record of a run: all that was observed, and what MLflow holds of it."""

from repro.continuation import Sent
from repro.facts.contents import Contents
from repro.facts.fact import Absent, Fact, Opaque
from repro.facts.outcome import Outcome
from repro.facts.params import Params
from repro.facts.segments import Segments
from repro.observe.observer import observed
from repro.observe.redaction import masked_record
from repro.record import RunRecord
from repro.run import Run
from repro.store.contents import file_contents, logged_past, series_at_end, with_held
from repro.store.held import Held

Facts = dict[str, Fact | Absent | Opaque]


def final(run: Run, outcome: Outcome) -> RunRecord:
    """The record of a run that ends like this."""
    seen, held = run.seen, _read_back(run)
    params, series = logged_past(held, seen.declared, seen.book.scored)
    facts: Facts = {
        "params": Params(declared=seen.declared, logged=params),
        **seen.facts(series),
        "checkpoints": observed(run.checkpoints.fact),
        "segments": Segments(),
        "contents": observed(_contents, run, held),
        "outcome": outcome,
    }
    if run.earlier is not None:
        facts = run.earlier.continued(facts)
    return with_held(masked_record(RunRecord(run.run_id, run.name, facts)), held)


def early(run: Run) -> RunRecord:
    """What a killed run should leave: the facts that cost little, as they stand now."""
    facts: Facts = {
        "params": Params(declared=run.seen.declared),
        **run.seen.early(),
        "checkpoints": observed(run.checkpoints.fact),
        "segments": Segments(),
    }
    if run.earlier is not None:
        facts = run.earlier.early(facts)
    return masked_record(RunRecord(run.run_id, run.name, facts))


def _contents(run: Run, held: Held | None) -> Contents:
    sent: Sent = run.shipper.series()
    if run.earlier is not None:
        sent = run.earlier.sent(sent)
    series = series_at_end(sent, held, run.opened.values)
    return Contents(series=tuple(series), files=file_contents(run.seen.evidence()))


def _read_back(run: Run) -> Held | None:
    if run.shipper.n_left:
        run.notes.append("what MLflow holds was not read back: some values are still to come")
        return None
    held: Held | None = None
    with run.noted("what MLflow holds was not read back"):
        held = run.opened.read_back()
    return held
