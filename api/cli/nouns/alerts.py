"""`bosco alerts`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke
from api.cli.nouns.alert_channels import group as channels
from api.cli.options import Agency, ClientOption

__all__ = ["group"]

group = typer.Typer(help="What is wrong, and who is told of it.", no_args_is_help=True)
group.add_typer(channels, name="channels")


@group.command("list")
def list_(
    *,
    agency: Agency,
    all_: Annotated[bool, typer.Option("--all", help="Also what is over; latest first.")] = False,
    client: ClientOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
) -> None:
    """Show what is wrong now, the gravest first."""
    invoke("alerts.list", tenant=agency, all=all_, client=client, limit=limit)
