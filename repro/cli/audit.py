"""`repro audit`: the verdict on every claim."""

import os
import sys
from typing import Any

import click

from repro.cli.options import show, store_options


@click.command()
@click.option("--claim", "names", multiple=True, metavar="NAME", help="Judge only this claim.")
@click.option("--baseline", metavar="RUNS", help="MLflow filter, or run ids joined by commas.")
@click.option("--candidate", metavar="RUNS", help="As --baseline.")
@click.option("--metric", metavar="NAME", help="The primary metric.")
@click.option("--direction", help="Which values of the metric are better: higher or lower.")
@click.option("--treatment", multiple=True, metavar="GLOB", help="The declared difference.")
@click.option("--nuisance", multiple=True, metavar="GLOB", help="May differ, is not the cause.")
@click.option("--goal", help="improve, no-regression or equivalent.")
@click.option("--margin", type=float, help="For the latter two goals: what does not matter.")
@click.option("--min-effect", type=float, help="The smallest difference that matters.")
@click.option("--replicates", type=int, help="Seeds or folds that are needed. [5]")
@click.option("--format", "form", default="text", help="text or json.")
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@click.option("--strict", is_flag=True, help="Exit 1 when unproven or inconclusive, too.")
@click.option("--tags/--no-tags", default=True, help="Write the verdict to the runs in MLflow.")
@click.option("--preview", is_flag=True, help="Ask the rules in preview, too.")
@click.option(
    "--profile",
    type=click.Choice(["local", "ci", "release"]),
    help="ci: what nobody else can get is an error. [local; ci where CI is set]",
)
@store_options
def audit(**options: Any) -> None:
    """Judge the claims of repro.toml, or one given by options.

    Exit code: 0 the goal is met, 1 invalid or refuted, 2 usage, 3 unproven, 4 inconclusive.
    """
    from repro.judge_project import judge_project

    if options["profile"] is None and os.environ.get("CI"):
        options["profile"] = "ci"
    report, exit_code = judge_project(**options)
    show(report)
    sys.exit(exit_code)
