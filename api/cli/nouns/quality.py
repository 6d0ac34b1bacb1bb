"""`bosco quality`."""

import typer

from api.cli.invoke import invoke
from api.cli.options import Agency, IncidentId, Reason

__all__ = ["group"]

group = typer.Typer(help="Checks of the data, and what they hold back.", no_args_is_help=True)


@group.command("checks")
def checks() -> None:
    """Show all checks, and what each one finds."""
    invoke("quality.checks")


@group.command("release")
def release(agency: Agency, incident: IncidentId, reason: Reason) -> None:
    """Publish what an incident holds back: the figures are right."""
    invoke("quality.release", tenant=agency, id=incident, reason=reason)
