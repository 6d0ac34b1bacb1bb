"""`bosco apps`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke
from api.cli.options import Agency

__all__ = ["group"]

group = typer.Typer(help="OAuth apps that may ask an agency's questions.", no_args_is_help=True)


@group.command("add")
def add(
    agency: Agency,
    name: Annotated[str, typer.Argument(help="Name for people.", metavar="NAME")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="What it may do; may be repeated; default all.", metavar="SCOPE"),
    ] = None,
    client: Annotated[
        list[str] | None,
        typer.Option(help="Only this client; may be repeated; default all.", metavar="CLIENT"),
    ] = None,
) -> None:
    """Register an app; prints its id and, once, its secret."""
    invoke("apps.add", tenant=agency, name=name, scopes=scope or [], clients=client or [])


@group.command("list")
def list_(agency: Agency) -> None:
    """Show the apps of an agency."""
    invoke("apps.list", tenant=agency)
