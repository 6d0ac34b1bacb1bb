"""`bosco clients`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke
from api.cli.options import Agency

__all__ = ["group"]

group = typer.Typer(help="Clients (brands) of an agency.", no_args_is_help=True)


@group.command("add")
def add(
    agency: Agency,
    slug: Annotated[
        str, typer.Argument(help="Short name, for example acme-shoes.", metavar="CLIENT")
    ],
    name: Annotated[str, typer.Option(help="Name for people.", metavar="NAME")],
) -> None:
    """Make a client of an agency."""
    invoke("clients.add", tenant=agency, slug=slug, name=name)


@group.command("list")
def list_(agency: Agency) -> None:
    """Show the clients of an agency."""
    invoke("clients.list", tenant=agency)
