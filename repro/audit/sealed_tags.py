"""The tags of a run that is not compared, as its sealed record tells them."""

from dataclasses import replace

from repro.facts.contents import Contents
from repro.facts.outcome import Outcome
from repro.history import CROSS_VALIDATION, REPLAY_OF, SEGMENT, Launch
from repro.record import RunRecord
from repro.record_tags import DATA, SEED, SETUP, TEST

PLACING = (SETUP, SEED, DATA, TEST)  # a run counts, or does not, by these
EXCUSING = (REPLAY_OF, CROSS_VALIDATION)  # a run that has one is no replicate
STATUS = "status"


def as_sealed(launch: Launch, record: RunRecord) -> Launch:
    """The launch as it was when it was sealed, with the names of what was altered since.

    What the record does not tell is believed: an older version sealed no tags.
    """
    contents = record.find(Contents)
    if contents is None:
        return launch
    sealed = {tag.name: tag.value for tag in contents.tags}
    names = (*PLACING, *(EXCUSING if contents.is_read_back else ()))
    altered = [name for name in names if launch.tags.get(name) != sealed.get(name)]
    others = {name: value for name, value in launch.tags.items() if name not in altered}
    restored = {name: sealed[name] for name in altered if name in sealed}
    status = _status(launch, record, is_later=launch.tags.get(SEGMENT) != sealed.get(SEGMENT))
    if status != launch.status:
        altered.append(STATUS)
    if not altered:
        return launch
    tags = {**others, **restored}
    return replace(launch, status=status, tags=tags, altered=tuple(altered))


def _status(launch: Launch, record: RunRecord, *, is_later: bool) -> str:
    """A run that came to its end does not fail afterwards, unless it was resumed."""
    outcome = record.find(Outcome)
    if outcome is None or outcome.is_attached or is_later or launch.status == "RUNNING":
        return launch.status
    return "FINISHED" if outcome.status == "FINISHED" else launch.status
