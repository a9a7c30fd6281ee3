"""What a rule answers where a fact should be and is not."""

from collections.abc import Mapping

from repro.audit.rule import NotApplicable, Unknown
from repro.facts.fact import Absent, Fact, Opaque
from repro.record import RunRecord

TRACKED = "run inside repro.tracked_run(...)"

# How a fact gets into the record, where the script has a say in it.
HOW_TO_RECORD: Mapping[str, str] = {
    "architecture": "run.watch(model, optimizer)",
    "batching": "run.watch(model, optimizer), or train from run.dataloader(dataset)",
    "capacity": "repro.overfit_probe(model, batch, loss_fn)",
    "cleaning": "run.log_data(train=..., test=...)",
    "code": "run the script from its git repository",
    "compression": "run.watch(model, optimizer)",
    "data": "run.log_data(train=..., test=...)",
    "fit_scope": "run it again: what scikit-learn fits inside a run is seen",
    "gradients": "run.watch(model, optimizer)",
    "initialization": "run.watch(model, optimizer), before the first step",
    "integrity": "wait for the end of the run, or `repro recover RUN`",
    "lineage": "run.watch(model, optimizer)",
    "loss": "run.watch(model, optimizer, loss=loss_fn)",
    "normalization": "run.watch(model, optimizer)",
    "optimizer": "run.watch(model, optimizer)",
    "precision": "run.watch(model, optimizer)",
    "reachability": "judge the claim in a clone of the run's repository",
    "regularization": "run.watch(model, optimizer)",
    "sampling": "run.dataloader(dataset), or loader = run.watch_loader(loader)",
    "schedule": "run.watch(model, optimizer)",
    "scores": 'run.score("test/accuracy", ...)',
    "split": "run.use_split(plan, fold), or run.log_data(train=..., test=...)",
    "topology": "run.watch(model, optimizer)",
    "transforms": "run.dataloader(dataset), or loader = run.watch_loader(loader)",
    "tuning": "run.watch(search), or run.watch(study)",
}


def unrecorded(key: str, absent: Absent) -> Unknown | NotApplicable:
    """Why the fact is missing, and how it gets into the record."""
    if absent.kind == "not_applicable":
        return NotApplicable(f"{key} does not apply: {absent.reason}")
    if absent.kind == "failed":
        message = f"{key} could not be observed: {absent.reason}"
        return Unknown(message, "remove the cause and run again", (key,))
    fix = HOW_TO_RECORD.get(key, TRACKED)
    return Unknown(f"{key} is not recorded: {absent.reason}", fix, (key,))


def look_up(record: RunRecord, kind: type[Fact]) -> Fact | Absent:
    """The fact as rules see it: one of a newer version is not recorded for them."""
    found = record.get(kind)
    if isinstance(found, Opaque):
        reason = f"a newer version of repro wrote it (version {found.version}); upgrade to read it"
        return Absent(reason=reason, kind="not_recorded")
    return found
