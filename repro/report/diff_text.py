"""The difference of two runs, for people: the most suspicious first."""

import math
from collections.abc import Iterator, Mapping, Sequence

from rich.text import Text

from repro.audit.layer_diff import LayerChange
from repro.audit.record_diff import WHY, DiffGroup, DiffRow, RecordDiff, Result
from repro.audit.run_diff import CodeDiff, ColumnsDiff, RowsDiff, RunDiff
from repro.facts.architecture import Layer
from repro.report.kin_entries import ancestor_rows
from repro.report.shown import columns, document, estimated, listed, shown

SIGNS = {"same": "  ", "removed": "- ", "added": "+ ", "changed": "~ "}
STYLES = {"same": "dim", "removed": "red", "added": "green", "changed": "yellow"}
LEARNED = {"shared rows": "one run learned from what the other is judged by"}
MAX_LINES = 40  # of one list; JSON has all of it


def diff_text(diff: RunDiff) -> Text:
    """What a claim would have to declare; what cannot be told; how much else differs."""
    n_ignored = len(diff.records.ignored)
    count = [Text(f"and {n_ignored} more that no claim compares", "dim")] if n_ignored else []
    return document([*_told(diff), *count])


def full_diff_text(diff: RunDiff) -> Text:
    """The same, with every difference that no claim compares."""
    rows = diff.records.ignored
    ignored = [Text(), Text("no claim compares", "bold"), *_rows(rows)] if rows else []
    return document([*_told(diff), *ignored])


def patch_text(diff: RunDiff) -> Text:
    """The patch between the two trees, as git writes it."""
    return Text(diff.code.patch or f"{diff.code.unknown or 'the same tree'}\n")


def _told(diff: RunDiff) -> Iterator[Text]:
    records = diff.records
    if records.groups:
        yield Text(" -> ").join(
            Text(f"{run.name} {run.run_id[:8]}", "bold") for run in (records.left, records.right)
        )
    elif records.unknown:
        yield Text("no difference in what both runs recorded")
    else:
        yield Text("no difference in anything that a claim compares", "green")
    details = _details(diff)
    groups = {group.title: group for group in records.groups}
    for title in ("shared rows", *WHY):
        if title in groups or details.get(title):
            yield from _group(title, groups.get(title), details.get(title, ()))
    yield from _lineage(diff)
    yield from _results(records)
    if not records.groups and any(result.difference for result in records.results):
        yield Text("equal in everything compared, and yet the results differ", "bold yellow")
    if records.unknown:
        missing = f"cannot be told, not recorded: {', '.join(records.unknown)}"
        yield from (Text(), Text(missing, "bold magenta"))


def _details(diff: RunDiff) -> Mapping[str, Sequence[Text]]:
    """What stands below a group besides its paths."""
    titles = {group.title for group in diff.records.groups}
    is_code, is_other_data = "code" in titles, "data" in titles
    return {
        "shared rows": tuple(_shared_rows(diff.rows, diff.records)),
        "data": (*_kept_rows(diff.rows), *_columns(diff.columns)) if is_other_data else (),
        "technique": tuple(_layers(diff.layers)),
        "code" if is_code else "other files": tuple(_files(diff.code)),
    }


def _group(title: str, group: DiffGroup | None, details: Sequence[Text]) -> Iterator[Text]:
    yield Text()
    why = group.why if group else LEARNED.get(title, "")
    yield Text.assemble((title, "bold"), (f"  {why}" if why else "", "dim"))
    if group:
        one_sided = [row.path for row in group.rows if row.is_one_sided and _is_setting(row)]
        yield from _rows([row for row in group.rows if row.path not in one_sided])
        if one_sided:
            yield Text(f"  in one run only: {', '.join(one_sided)}", "dim")
    yield from details


def _is_setting(row: DiffRow) -> bool:
    return row.path.startswith("optimizer.")


def _rows(rows: Sequence[DiffRow]) -> Iterator[Text]:
    cells = [
        [row.path, shown(row.left), "->", shown(row.right), *(f"= {name}" for name in row.told_as)]
        for row in rows[:MAX_LINES]
    ]
    yield from columns(cells)
    if len(rows) > MAX_LINES:
        yield Text(f"  and {len(rows) - MAX_LINES} more", "dim")


def _lineage(diff: RunDiff) -> Iterator[Text]:
    runs = (diff.records.left, diff.records.right)
    for run, ancestors in zip(runs, diff.ancestors, strict=True):
        if ancestors:
            yield from (Text(), Text.assemble(("lineage", "bold"), (f"  of {run.name}", "dim")))
            yield from columns(list(ancestor_rows(ancestors)))


def _results(records: RecordDiff) -> Iterator[Text]:
    if records.results:
        yield from (Text(), Text("results", "bold"))
        yield from columns([_result_row(result) for result in records.results[:MAX_LINES]])
        if len(records.results) > MAX_LINES:
            yield Text(f"  and {len(records.results) - MAX_LINES} more", "dim")


def _result_row(result: Result) -> list[str]:
    left, right = ("none" if v is None else f"{v:.6g}" for v in (result.left, result.right))
    is_known = not math.isnan(result.difference)
    return [result.metric, left, "->", right, f"({result.difference:+.3g})" if is_known else ""]


def _files(code: CodeDiff) -> Iterator[Text]:
    cells = [
        [file.path, "binary" if file.n_added is None else f"+{file.n_added} -{file.n_removed}"]
        for file in code.files[:MAX_LINES]
    ]
    yield from columns(cells)
    if len(code.files) > MAX_LINES:
        yield Text(f"  and {len(code.files) - MAX_LINES} more files", "dim")
    if code.files:
        yield Text("  --patch shows their lines", "dim")
    if code.unknown:
        yield Text(f"  the trees cannot be compared: {code.unknown}", "magenta")


def _shared_rows(rows: RowsDiff, records: RecordDiff) -> Iterator[Text]:
    for pair in rows.leaks:
        sides = [(pair.left, records.left.name), (pair.right, records.right.name)]
        (learned, learner), (judged, judge) = sorted(sides, key=lambda side: side[0] != "train")
        yield Text(
            f"  {learned} of {learner} holds {estimated(pair.features)} rows "
            f"that are {judged} of {judge}",
            "yellow",
        )
    if rows.unknown:
        yield Text(f"  cannot be told: {rows.unknown}", "magenta")


def _kept_rows(rows: RowsDiff) -> Iterator[Text]:
    for pair in rows.shared:
        if pair.left == pair.right and pair.rows is not None:
            yield Text(f"  {pair.left}: {estimated(pair.rows)} distinct rows are the same", "dim")


def _columns(columns: Sequence[ColumnsDiff]) -> Iterator[Text]:
    for found in columns:
        parts = [
            f"{what}: {listed(names)}"
            for what, names in (
                ("other content", found.changed),
                ("gone", found.gone),
                ("new", found.new),
            )
            if names
        ]
        yield Text(f"  {found.role} columns: {'; '.join(parts)}", "yellow")


def _layers(changes: Sequence[LayerChange]) -> Iterator[Text]:
    """The module tree: what changed, below the modules that it is in; the rest is counted."""
    needed = {change.path for change in changes if change.change != "same"}
    needed |= {path.rpartition(".")[0] for path in needed}
    n_hidden = 0
    for change in changes:
        if change.path in needed:
            yield from _hidden(n_hidden)
            n_hidden = 0
            yield _layer(change)
        else:
            n_hidden += 1
    yield from _hidden(n_hidden)


def _hidden(count: int) -> Iterator[Text]:
    if count:
        yield Text(f"    ... {count} equal", "dim")


def _called(layer: Layer) -> str:
    return f"{layer.kind}({layer.settings})" if layer.settings else layer.kind


def _layer(change: LayerChange) -> Text:
    layers = (layer for layer in (change.left, change.right) if layer)
    sides = dict.fromkeys(f"{_called(layer)} {layer.n_parameters:,}" for layer in layers)
    name = f"{'  ' * change.depth}{change.path.rpartition('.')[2]}"
    return Text(f"  {SIGNS[change.change]}{name}  {' -> '.join(sides)}", STYLES[change.change])
