"""What a notebook page says of the seal, and of what was altered since."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from repro.facts.contents import Contents
from repro.facts.integrity import Integrity
from repro.report.fact_entries import Row, counted
from repro.report.shown import listed, shown

SHOWN = 5  # alterations; `repro verify` has all of them


def _contents(contents: Contents) -> Iterator[Row]:
    values = counted(sum(series.n_points or 0 for series in contents.series), "value")
    n_series, n_files = len(contents.series), len(contents.files)
    series = f"{n_series:,} series"
    yield ["sealed", f"{values} of {series}, {counted(n_files, 'file')}"]


def _integrity(integrity: Integrity) -> Iterator[Row]:
    for one in integrity.altered[:SHOWN]:
        yield ["ALTERED", f"{one.what}: was {shown(one.was)}, is {shown(one.now)}"]
    if len(integrity.altered) > SHOWN:
        yield [f"and {len(integrity.altered) - SHOWN} more alterations"]
    if integrity.undecided:
        yield ["altered or not", f"cannot be told of {listed(integrity.undecided)}"]
    elif not integrity.altered:
        yield ["altered", "nothing that is compared here; `repro verify` reads every value"]


SEALED: Mapping[str, Callable[[Any], Iterator[Row]]] = {
    "contents": _contents,
    "integrity": _integrity,
}
