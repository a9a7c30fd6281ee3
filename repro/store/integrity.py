"""Compares what MLflow holds of a run with what was sealed at its end."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from repro.digest import digest_bytes, short
from repro.errors import RecordCorrupt
from repro.facts.contents import Contents, SeriesContent
from repro.facts.fact import Absent, Opaque
from repro.facts.integrity import Alteration, Integrity
from repro.facts.outcome import Outcome
from repro.facts.params import Params
from repro.facts.scores import Series
from repro.observe.redaction import masked_value
from repro.observe.secret_shapes import MASK
from repro.record import SEAL, RunRecord
from repro.store.contents import SYSTEM, is_of_seal, recorded_params, series_read
from repro.store.held import Held
from repro.store.point import Point

NOTHING = "nothing"
LISTED = 5
TEXT_CHARACTERS = 60
FEW = 3  # values of a series are shown one by one
CLOCK_SECONDS = 5.0  # that the clock of another logger may be ahead

LAST_ONLY = "the last value alone was compared; `repro verify` reads all of them"
UNREAD = "another logger's, and too many values to be sealed: the last one alone was compared"
MACHINE = "MLflow measures it, until the end of the run"
SECRET = "it was masked in the record"
SHARED = "it has more values than we sent; others may have logged them before the end"
UNSHIPPED = "MLflow was silent at the end and may never have got it; see `repro status`"
UNKNOWN = "MLflow was silent at the end: what others had logged by then is not known"
OWNER = "whoever opened the MLflow run may have logged it after our block"


@dataclass(frozen=True)
class Now:
    """What MLflow holds now, and how to ask it for more."""

    held: Held
    content_of: Callable[[str], bytes | None]  # of an artifact; None: it is not there
    values: Callable[[str], list[Point]] | None = None  # of a series; None: do not read them
    status: str | None = None  # None: that of a later process, which has left no record


@dataclass
class _Found:
    """What was found so far, by its kind and name."""

    altered: list[Alteration] = field(default_factory=list)
    undecided: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    unsealed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def compare(self, what: str, was: str | None, now: str | None) -> None:
        """What MLflow holds now may be a secret; None is nothing at all."""
        if was != now:
            shown = None if now is None else str(masked_value(what, now))
            self.altered.append(Alteration(what=what, was=_brief(was), now=_brief(shown)))


def integrity(record: RunRecord, now: Now) -> Integrity | Absent:
    """Every alteration since the record was sealed; why there is no telling, where there is none.

    The record itself has been proved by its digest.
    """
    contents, outcome = record.get(Contents), record.find(Outcome)
    if isinstance(contents, Opaque):
        return Absent(reason="a newer version of repro sealed it", kind="not_recorded")
    if isinstance(contents, Absent):
        is_older = Contents.key() not in record.facts
        reason = "an older version of repro sealed the record, and nothing beside it"
        return Absent(reason=reason, kind="not_applicable") if is_older else contents
    found = _Found()
    may_grow = _why_it_may_grow(contents, outcome)
    _compare_status(found, outcome, now.status)
    _compare_params(found, record, contents, now.held, may_grow)
    _compare_series(found, contents, now, outcome, may_grow)
    _compare_tags(found, record, contents, now.held)
    _compare_files(found, contents, now)
    return Integrity(
        altered=tuple(found.altered),
        undecided=tuple(_sentences(found.undecided)),
        unsealed=tuple(_sentences(found.unsealed)),
    )


def _brief(text: str | None) -> str:
    """A value on part of a line; two that differ stay two."""
    if text is None or len(text) <= TEXT_CHARACTERS:
        return NOTHING if text is None else text
    return f"{text[: TEXT_CHARACTERS // 2]}... ({short(digest_bytes(text.encode()))})"


def _why_it_may_grow(contents: Contents, outcome: Outcome | None) -> str | None:
    """Why names that were not sealed are no alteration."""
    if outcome is not None and outcome.is_attached:
        return OWNER
    return None if contents.is_read_back else UNKNOWN


def _compare_status(found: _Found, outcome: Outcome | None, now: str | None) -> None:
    """That of an attached run is its owner's to set."""
    if outcome is not None and not outcome.is_attached and now is not None:
        found.compare("status", outcome.status, now)


def _compare_params(
    found: _Found, record: RunRecord, contents: Contents, held: Held, may_grow: str | None
) -> None:
    unlike = {param.name: param.value for param in contents.params}
    sealed = {**recorded_params(record.find(Params)), **unlike}
    for name in sorted(sealed.keys() | held.params.keys()):
        what, was, now = f"param {name}", sealed.get(name), held.params.get(name)
        if was is None and now is not None and name not in sealed and may_grow:
            found.unsealed[may_grow].append(what)
        elif was is not None and MASK in was and now is not None:
            found.unsealed[SECRET].append(what)
        elif was is not None and now is None and not contents.is_read_back:
            found.undecided[UNSHIPPED].append(what)
        else:
            found.compare(what, was, now)


def _compare_series(
    found: _Found, contents: Contents, now: Now, outcome: Outcome | None, may_grow: str | None
) -> None:
    ended_at = outcome.ended_at if outcome else None
    is_attached = outcome is not None and outcome.is_attached
    for sealed in contents.series:
        what, last = f"metric {sealed.name}", now.held.series.get(sealed.name)
        if sealed.name.startswith(SYSTEM) and sealed.digest is None:
            found.unsealed[MACHINE].append(what)
        elif last is None and not contents.is_read_back:
            found.undecided[UNSHIPPED].append(what)
        elif last is None:
            found.compare(what, _counted(sealed), None)
        elif now.values is None or sealed.digest is None:
            _compare_last(found, sealed, last, is_attached=is_attached)
        else:
            until = ended_at if is_attached else None
            _compare_values(found, contents, sealed, now.values(sealed.name), until, ended_at)
            if not is_attached:
                _compare_shown(found, sealed, last)
    names = {sealed.name for sealed in contents.series}
    for name in sorted(now.held.series.keys() - names):
        if name.startswith(SYSTEM) or may_grow:
            found.unsealed[may_grow or MACHINE].append(f"metric {name}")
        else:
            found.compare(f"metric {name}", None, _value(now.held.series[name]))


def _compare_last(found: _Found, sealed: SeriesContent, now: Series, *, is_attached: bool) -> None:
    """What MLflow shows; the owner of an attached run may have logged more."""
    what = f"metric {sealed.name}"
    is_behind = sealed.last_step is not None and now.last_step < sealed.last_step
    if is_attached and not is_behind and not _is_same(sealed, now):
        found.unsealed[OWNER].append(what)
        return
    _compare_shown(found, sealed, now)
    found.unsealed[UNREAD if sealed.digest is None else LAST_ONLY].append(what)


def _compare_shown(found: _Found, sealed: SeriesContent, now: Series) -> None:
    what = f"metric {sealed.name}"
    is_told = any(alteration.what == what for alteration in found.altered)
    if sealed.last is not None and not is_told and not _is_same(sealed, now):
        was = Series(name=sealed.name, last=sealed.last, last_step=sealed.last_step or 0)
        found.compare(what, _value(was), _value(now))


def _compare_values(
    found: _Found,
    contents: Contents,
    sealed: SeriesContent,
    values: list[Point],
    until: datetime | None,
    ended_at: datetime | None,
) -> None:
    """All values of a series, of an attached run those until our block ended."""
    what = f"metric {sealed.name}"
    known = [value for value in values if until is None or value.timestamp_ms <= _ms(until)]
    now = series_read(sealed.name, known)
    if now.digest == sealed.digest:
        return
    n_sealed, n_now = sealed.n_points or 0, now.n_points or 0
    if n_now < n_sealed and not contents.is_read_back:
        found.undecided[UNSHIPPED].append(what)
    elif n_now > n_sealed and not sealed.is_read_back and not _is_late(values, ended_at):
        found.undecided[SHARED].append(what)
    else:
        found.compare(what, *_unlike_values(sealed, now, known))


def _unlike_values(
    sealed: SeriesContent, now: SeriesContent, values: list[Point]
) -> tuple[str, str]:
    """Both as few values, where these are known and differ; else by their digests."""
    is_one = sealed.n_points == 1 and sealed.is_read_back and sealed.last is not None
    was = _counted(sealed, [sealed.last] if is_one else [])
    ordered = sorted(values, key=lambda value: (value.step, value.timestamp_ms))
    few = [value.value for value in ordered] if len(ordered) <= FEW else []
    told = was, _counted(now, few)
    return told if told[0] != told[1] else (_counted(sealed), _counted(now))


def _compare_tags(found: _Found, record: RunRecord, contents: Contents, held: Held) -> None:
    sealed = {tag.name: tag.value for tag in contents.tags}
    for name in sorted({*sealed, *filter(is_of_seal, held.tags)} - {SEAL}):
        what, was = f"tag {name}", sealed.get(name)
        if was is None and not contents.is_read_back:
            found.unsealed[UNKNOWN].append(what)
        else:
            found.compare(what, was, held.tags.get(name))


def _compare_files(found: _Found, contents: Contents, now: Now) -> None:
    for file in contents.files:
        what = f"artifact {file.path}"
        try:
            content = now.content_of(file.path)
        except RecordCorrupt as error:
            found.undecided[str(error)].append(what)
        else:
            found.compare(what, file.digest, None if content is None else digest_bytes(content))


def _is_same(sealed: SeriesContent, now: Series) -> bool:
    if sealed.last is None or sealed.last_step is None:
        return True
    is_equal = sealed.last == now.last or (math.isnan(sealed.last) and math.isnan(now.last))
    return is_equal and sealed.last_step == now.last_step


def _is_late(values: Iterable[Point], ended_at: datetime | None) -> bool:
    """Whether one has a time after the end."""
    end = math.inf if ended_at is None else _ms(ended_at) + CLOCK_SECONDS * 1000
    return any(value.timestamp_ms > end for value in values)


def _sentences(groups: dict[str, list[str]]) -> Iterable[str]:
    for reason, names in groups.items():
        n_more = len(names) - LISTED
        more = f" and {n_more} more" if n_more > 0 else ""
        yield f"{', '.join(names[:LISTED])}{more}: {reason}"


def _counted(series: SeriesContent, values: Sequence[float | None] = ()) -> str:
    if series.n_points is None:
        return "values"
    digest = f" ({short(series.digest)})" if series.digest else ""
    which = f": {', '.join(map(str, values))}" if values else digest
    return f"{series.n_points:,} value{'' if series.n_points == 1 else 's'}{which}"


def _value(series: Series) -> str:
    return f"{series.last} at step {series.last_step}"


def _ms(time: datetime) -> float:
    return time.timestamp() * 1000
