"""Which run of a replayed script repeats which run."""

from collections.abc import Sequence

from repro.facts.execution import Execution
from repro.facts.params import Params
from repro.record import RunRecord
from repro.replaying import SUFFIX


def counterpart(original: RunRecord, found: Sequence[RunRecord]) -> tuple[RunRecord | None, str]:
    """The run that repeats the original, and how it was chosen; None: it cannot be told which does.

    By seed, fold and params; of several that are alike, by name, or by its number in the script.
    """
    alike = [record for record in found if _traits(record) == _traits(original)]
    among = alike or found
    named = [record for record in among if record.name == original.name + SUFFIX]
    numbered = [record for record in among if _number(record) == _number(original)]
    of = f"of {len(found)} runs of the script"
    if len(alike) == 1:
        return alike[0], f"the one {of} with this seed, fold and params"
    if len(named) == 1:
        return named[0], f"the one {of} with this name"
    if len(numbered) == 1:
        return numbered[0], f"number {_number(original)} {of}"
    if not alike:
        return None, f"none {of} has its seed, fold and params"
    return None, f"{len(alike)} {of} may be meant"


def _traits(record: RunRecord) -> tuple[object, ...]:
    params = record.find(Params)
    return record.replicate, params.declared if params else None


def _number(record: RunRecord) -> int | None:
    execution = record.find(Execution)
    return execution.number if execution else None
