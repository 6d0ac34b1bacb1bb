"""`bosco apps`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke
from api.cli.options import Agency

__all__ = ["group"]

App = Annotated[str, typer.Argument(help="Client id of the app.", metavar="APP")]

group = typer.Typer(help="OAuth apps that may ask an agency's questions.", no_args_is_help=True)


@group.command("add")
def add(
    agency: Agency,
    name: Annotated[str, typer.Argument(help="Name for people.", metavar="NAME")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="What it may do; may be repeated; default all but tokens:introspect.",
            metavar="SCOPE",
        ),
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


@group.command("suspend")
def suspend(agency: Agency, app: App) -> None:
    """Cut an app off: no new tokens, and those it has are refused within seconds."""
    invoke("apps.suspend", tenant=agency, app=app)


@group.command("resume")
def resume(agency: Agency, app: App) -> None:
    """Let a suspended app in again."""
    invoke("apps.resume", tenant=agency, app=app)
