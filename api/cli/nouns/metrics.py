"""`bosco metrics`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke
from api.cli.options import Agency, MetricName

__all__ = ["group"]

group = typer.Typer(help="Metrics: the core ones and the agency's own.", no_args_is_help=True)


@group.command("list")
def list_(agency: Agency) -> None:
    """Show the metrics an agency can ask for."""
    invoke("metrics.list", tenant=agency)


@group.command("define")
def define(
    agency: Agency,
    file: Annotated[str, typer.Argument(help="YAML file with one metric.", metavar="FILE")],
) -> None:
    """Define a metric, or a new revision of one."""
    invoke("metrics.define", tenant=agency, file=file)


@group.command("explain")
def explain(agency: Agency, name: MetricName) -> None:
    """Show where a metric comes from: expression, parts, unit, dimensions, SQL."""
    invoke("metrics.explain", tenant=agency, name=name)


@group.command("retire")
def retire(agency: Agency, name: MetricName) -> None:
    """Take a metric of the agency out of use."""
    invoke("metrics.retire", tenant=agency, name=name)
