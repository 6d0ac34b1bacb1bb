"""`bosco incidents`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke
from api.cli.options import Agency, ClientOption, IncidentId, Reason

__all__ = ["group"]

group = typer.Typer(help="What is wrong with the data, until it is right.", no_args_is_help=True)


@group.command("list")
def list_(
    *,
    agency: Agency,
    all_: Annotated[bool, typer.Option("--all", help="Also resolved ones.")] = False,
    client: ClientOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
) -> None:
    """Show what is not resolved, the latest first."""
    invoke("incidents.list", tenant=agency, all=all_, client=client, limit=limit)


@group.command("show")
def show(agency: Agency, incident: IncidentId) -> None:
    """Show one with its story, and the syncs that it holds back."""
    invoke("incidents.show", tenant=agency, id=incident)


@group.command("acknowledge")
def acknowledge(agency: Agency, incident: IncidentId, reason: Reason) -> None:
    """Say that you look after it."""
    invoke("incidents.acknowledge", tenant=agency, id=incident, reason=reason)


@group.command("resolve")
def resolve(agency: Agency, incident: IncidentId, reason: Reason) -> None:
    """Close it: it is put right, or was none."""
    invoke("incidents.resolve", tenant=agency, id=incident, reason=reason)
