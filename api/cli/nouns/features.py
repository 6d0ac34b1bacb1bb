"""`bosco features`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke
from api.cli.options import Agency, ClientOption

__all__ = ["group"]

group = typer.Typer(
    help="Features: campaigns and clients as models read them.", no_args_is_help=True
)


@group.command("list")
def list_() -> None:
    """Show which features there are, and what each means."""
    invoke("features.list")


@group.command("show")
def show(
    agency: Agency,
    entity: Annotated[
        str,
        typer.Argument(help="Short name of a client, or id of a campaign.", metavar="ENTITY"),
    ],
    service: Annotated[
        str | None,
        typer.Option(
            help="Service or view; one of campaigns shows all campaigns of a client.",
            metavar="NAME",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Most campaigns shown.")] = 50,
) -> None:
    """Show what is served of a client or campaign, and as of when."""
    invoke("features.show", tenant=agency, entity=entity, service=service, limit=limit)


@group.command("refresh")
def refresh(agency: Agency, client: ClientOption = None) -> None:
    """Compute features now, whatever has been published."""
    invoke("features.refresh", tenant=agency, client=client)


@group.command("check")
def check(agency: Agency, client: ClientOption = None) -> None:
    """Compare what is served with what the facts say as of the same instant."""
    invoke("features.check", tenant=agency, client=client)
