"""`bosco apps`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke
from api.cli.options import Agency

__all__ = ["group"]

App = Annotated[str, typer.Argument(help="Client id of the app.", metavar="APP")]

group = typer.Typer(help="OAuth apps that may ask an agency's questions.", no_args_is_help=True)


@group.command("add")
def add(  # noqa: PLR0913, PLR0917  # one option for each thing that an app can be
    agency: Agency,
    name: Annotated[str, typer.Argument(help="Name for people.", metavar="NAME")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="What it may do; may be repeated; all but webhooks:manage, tokens:introspect,"
            " audit:read and privacy:*.",
            metavar="SCOPE",
        ),
    ] = None,
    client: Annotated[
        list[str] | None,
        typer.Option(help="Only this client; may be repeated; default all.", metavar="CLIENT"),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="Only this metric; may be repeated; default all.", metavar="METRIC"),
    ] = None,
    redirect: Annotated[
        list[str] | None,
        typer.Option(
            help="Where people return who sign in to it; may be repeated; none: it acts for "
            "itself alone.",
            metavar="URI",
        ),
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Origin of a page that calls Bosco from a browser; may be repeated.",
            metavar="ORIGIN",
        ),
    ] = None,
    public: Annotated[  # noqa: FBT002  # an option of the command line
        bool, typer.Option("--public", help="It cannot keep a secret: a page, or on a phone.")
    ] = False,
    calls_per_minute: Annotated[
        int | None, typer.Option(help="Most calls in a minute.", metavar="N", min=1)
    ] = None,
) -> None:
    """Register an app; prints its id and, once, its secret."""
    invoke(
        "apps.add",
        tenant=agency,
        name=name,
        scopes=scope or [],
        clients=client or [],
        metrics=metric or [],
        redirects=redirect or [],
        origins=origin or [],
        public=public,
        calls_per_minute=calls_per_minute,
    )


@group.command("list")
def list_(agency: Agency) -> None:
    """Show the apps of an agency."""
    invoke("apps.list", tenant=agency)


@group.command("rotate")
def rotate(
    agency: Agency,
    app: App,
    overlap_days: Annotated[
        int,
        typer.Option(help="Days that the secret before it still opens.", metavar="N", min=0),
    ] = 7,
) -> None:
    """Give an app a new secret; the one before lives on for a while."""
    invoke("apps.rotate", tenant=agency, app=app, overlap_days=overlap_days)


@group.command("suspend")
def suspend(agency: Agency, app: App) -> None:
    """Cut an app off: no new tokens, and those it has are refused within seconds."""
    invoke("apps.suspend", tenant=agency, app=app)


@group.command("resume")
def resume(agency: Agency, app: App) -> None:
    """Let a suspended app in again."""
    invoke("apps.resume", tenant=agency, app=app)
