"""`bosco gdpr retention`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke
from api.cli.options import Agency, ClientName

__all__ = ["group"]

group = typer.Typer(help="How long data is kept, and the proof that it went.", no_args_is_help=True)


@group.command("plan")
def plan(agency: Agency) -> None:
    """Show what is over, rule by rule; change nothing."""
    invoke("gdpr.retention.plan", tenant=agency)


@group.command("run")
def run(agency: Agency) -> None:
    """Purge what is over; the serving process does so each day."""
    invoke("gdpr.retention.run", tenant=agency)


@group.command("show")
def show(agency: Agency) -> None:
    """Show the proof of the last purge."""
    invoke("gdpr.retention.show", tenant=agency)


@group.command("set")
def set_days(
    agency: Agency,
    client: ClientName,
    days: Annotated[int, typer.Argument(help="90 to 1,095.", metavar="DAYS")],
) -> None:
    """Keep rows about a client's people for fewer days than the policy allows."""
    invoke("gdpr.retention.set", tenant=agency, client=client, days=days)
