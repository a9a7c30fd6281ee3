"""Looks at what MLflow holds of a run at its end, to be sealed with the record."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

from repro.digest import digest_bytes
from repro.facts.contents import Contents, FileContent, ParamContent, SeriesContent, TagContent
from repro.facts.params import Param, Params
from repro.facts.scores import Score, Series
from repro.observe.redaction import masked_value
from repro.observe.secret_shapes import MASK
from repro.record import SEAL, RunRecord
from repro.record_tags import short_tags
from repro.store.held import Held
from repro.store.params import param_text
from repro.store.point import Point
from repro.store.series_digest import SeriesDigests

READ_POINTS = 5_000  # read back at the end of a run, which waits for it
QUERY_POINTS = 100  # take as long as one query does
SYSTEM = "system/"  # MLflow's own measurements of the machine, taken until the very end
# By commands of ours, later; and where a run is stored instead, which is not true of its copy.
WRITTEN_LATER = (
    "repro.verified",
    "repro.audit",
    "repro.audit.*",
    "repro.infra",
    "repro.heartbeat",
    "repro.instead_of",
    "repro.copied_*",
)

UNKNOWN = (None, None)  # number and digest
Read = Callable[[str, int], list[Point] | None]  # a series, unless it has more than so many values
Sent = Mapping[str, tuple[int, str | None]]  # number and digest of the values of each series


def logged_past(
    held: Held | None, declared: Iterable[Param], scored: Iterable[Score]
) -> tuple[tuple[Param, ...], tuple[Series, ...]]:
    """Params and metrics that reached MLflow by other ways: `mlflow.log_*` and autolog."""
    if held is None:
        return (), ()
    ours, ids = {param.name for param in declared}, {score.name for score in scored}
    theirs = {k: masked_value(k, v) for k, v in sorted(held.params.items()) if k not in ours}
    return (
        tuple(Param(name=k, value=str(v)) for k, v in theirs.items()),
        tuple(series for name, series in held.series.items() if name not in ids),
    )


def with_held(record: RunRecord, held: Held | None) -> RunRecord:
    """The record, whose contents tell of params and tags, too: as MLflow holds, or will hold, them.

    `held` is None where MLflow was silent. Nothing else of the record may change afterwards.
    """
    contents = record.find(Contents)
    if contents is None:
        return record
    tags = sorted({**_held_tags(held), **short_tags(record)}.items())
    told = contents.but(
        is_read_back=held is not None,
        params=tuple(_unlike(record, held.params)) if held else (),
        tags=tuple(TagContent(name=name, value=value) for name, value in tags if name != SEAL),
    )
    return replace(record, facts={**record.facts, Contents.key(): told})


def file_contents(files: Mapping[str, bytes]) -> tuple[FileContent, ...]:
    """Digests of artifacts, by path."""
    return tuple(
        FileContent(path=path, digest=digest_bytes(content))
        for path, content in sorted(files.items())
    )


def series_at_end(sent: Sent, held: Held | None, read: Read) -> Iterator[SeriesContent]:
    """The series that we sent, and those of others, read back where that is cheap.

    Another logger may have used the names of ours, which only their history in MLflow tells.
    """
    last = held.series if held else {}
    left = READ_POINTS
    for name in sorted(sent.keys() | last.keys(), key=lambda name: _length(name, sent, last)):
        found = None
        is_ours = name in sent or not name.startswith(SYSTEM)
        if name in last and is_ours and left > QUERY_POINTS:
            found = read(name, left)
            left -= QUERY_POINTS + (left if found is None else len(found))
        yield _content(name, sent.get(name), last.get(name), found)


def series_read(name: str, found: Iterable[Point], last: Series | None = None) -> SeriesContent:
    """A series by all its values in MLflow."""
    digests = SeriesDigests()
    for point in sorted(found, key=lambda point: point.timestamp_ms):
        digests.add(point)
    return _told(name, digests.found().get(name, (0, None)), last, is_read_back=True)


def is_of_seal(tag: str) -> bool:
    """Whether a tag is ours, and nobody's to change later."""
    later = any(fnmatchcase(tag, pattern) for pattern in WRITTEN_LATER)
    return tag.startswith("repro.") and not later


def recorded_params(params: Params | None) -> dict[str, str]:
    """The params as MLflow shows them, if it holds what the record says."""
    every = (*params.declared, *params.logged) if params else ()
    return {param.name: param_text(param.value) for param in every}


def _content(
    name: str, sent: tuple[int, str | None] | None, last: Series | None, found: list[Point] | None
) -> SeriesContent:
    known = sent or UNKNOWN
    n_sent, _ = known
    # Fewer than we sent, or others: then they were altered already, and must not be sealed.
    if found is not None and (n_sent is None or len(found) > n_sent):
        if not name.startswith(SYSTEM):
            return series_read(name, found, last)
        known = UNKNOWN  # MLflow measures it, too
    return _told(name, known, last, is_read_back=found is not None)


def _told(
    name: str, known: tuple[int | None, str | None], last: Series | None, *, is_read_back: bool
) -> SeriesContent:
    """A series by number and digest of its values, and by the one that MLflow shows."""
    n_points, digest = known
    return SeriesContent(
        name=name,
        n_points=n_points,
        digest=digest,
        last=last.last if last else None,
        last_step=last.last_step if last else None,
        is_read_back=is_read_back,
    )


def _length(name: str, sent: Sent, last: Mapping[str, Series]) -> tuple[int, str]:
    """How many values a series may have: the shortest are read first."""
    n_points = sent[name][0] if name in sent else 0
    return max(n_points, abs(last[name].last_step) if name in last else 0), name


def _unlike(record: RunRecord, params: Mapping[str, str]) -> Iterator[ParamContent]:
    for name, text in sorted(recorded_params(record.find(Params)).items()):
        value = params.get(name)
        if MASK not in text and value != text:
            shown = None if value is None else str(masked_value(name, value))
            yield ParamContent(name=name, value=shown)


def _held_tags(held: Held | None) -> dict[str, str]:
    return {name: value for name, value in held.tags.items() if is_of_seal(name)} if held else {}
