"""`repro diff`: in what two runs differ."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repro.cli.options import json_option, show, store_options
from repro.errors import TracesIncomparable, UsageError

if TYPE_CHECKING:
    from repro.trace.pair import TracePair


@click.command()
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="RUN")
@click.option("--all", "show_all", is_flag=True, help="Also what no claim has to declare.")
@click.option("--patch", is_flag=True, help="Only the patch from the first tree to the second.")
@click.option("--trace", is_flag=True, help="Only the first difference of their training steps.")
@click.option("--plot", metavar="PATH", help="Of --trace; by default trace-<run>-<run>.png.")
@json_option
@store_options
def diff(
    first: str,
    second: str,
    show_all: bool,
    patch: bool,
    trace: bool,
    plot: str | None,
    as_json: bool,
    **store: Any,
) -> None:
    """Show in what two runs differ, by id, beginning of an id, or name.

    Exit code: 0 equal, 1 different, 2 usage, 3 cannot be told.
    """
    if patch and (trace or plot):
        raise UsageError("--patch and --trace show different things. Pass one of them.")
    if trace or plot:
        sys.exit(_traces(first, second, plot, as_json, store))
    from repro.diff_project import diff_project
    from repro.report import diff_text as report
    from repro.report.diff_json import diff_json

    found = diff_project(first, second, **store)
    text = report.full_diff_text if show_all else report.diff_text
    show(diff_json(found) if as_json else report.patch_text(found) if patch else text(found))
    sys.exit(found.records.exit_code)


def _traces(first: str, second: str, plot: str | None, as_json: bool, store: dict[str, Any]) -> int:
    from repro.diff_project import trace_project
    from repro.report.trace_json import trace_json
    from repro.report.trace_text import trace_text

    if plot:
        from repro.trace.plot import require_drawable

        require_drawable(Path(plot))
    try:
        pair = trace_project(first, second, **store)
        show(trace_json(pair) if as_json else trace_text(pair))
    except TracesIncomparable as error:
        click.echo(f"cannot be told: {error}", err=True)
        return 3
    if pair.first is not None:
        _draw(pair, plot)
        return 1
    return 0 if pair.untold is None else 3


def _draw(pair: "TracePair", plot: str | None) -> None:
    from repro.trace.plot import draw, has_matplotlib

    path = Path(plot or f"trace-{pair.a.run_id[:8]}-{pair.b.run_id[:8]}.png")
    if plot or has_matplotlib():
        draw(pair, path)
        click.echo(f"plot: {path}", err=True)
    else:
        click.echo("no plot: pip install 'mlflow-repro[plot]'", err=True)
