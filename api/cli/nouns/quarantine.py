"""`bosco quarantine`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke
from api.cli.options import Agency, SourceOption

__all__ = ["group"]

group = typer.Typer(help="Rows that did not fit, with the reason.", no_args_is_help=True)


@group.command("list")
def list_(
    agency: Agency,
    source: SourceOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Newest first.")] = 50,
) -> None:
    """Show open rows."""
    invoke("quarantine.list", tenant=agency, source=source, limit=limit)


@group.command("show")
def show(
    agency: Agency,
    row: Annotated[
        str, typer.Argument(help="Id of the row, as in `quarantine list`.", metavar="ID")
    ],
) -> None:
    """Show one row as the platform sent it."""
    invoke("quarantine.show", tenant=agency, id=row)
