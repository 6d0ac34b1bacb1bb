"""`bosco anomalies`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke
from api.cli.options import Agency, ClientOption

__all__ = ["group"]

group = typer.Typer(help="What is unusual in clients' figures.", no_args_is_help=True)


@group.command("list")
def list_(
    agency: Agency,
    client: ClientOption = None,
    days: Annotated[int, typer.Option(help="How far back.", metavar="DAYS")] = 30,
) -> None:
    """Look at this morning's figures, if nobody has, and show what was found."""
    invoke("anomalies.list", tenant=agency, client=client, days=days)


@group.command("acknowledge")
def acknowledge(
    agency: Agency,
    anomaly: Annotated[str, typer.Argument(help="Its id, as `list` shows it.", metavar="ANOMALY")],
) -> None:
    """Say that somebody looks after it: it alerts nobody any more."""
    invoke("anomalies.acknowledge", tenant=agency, anomaly=anomaly)
