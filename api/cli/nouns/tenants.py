"""`bosco tenants`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke

__all__ = ["group"]

group = typer.Typer(help="Agencies.", no_args_is_help=True)


@group.command("add")
def add(
    slug: Annotated[
        str, typer.Argument(help="Short name, for example northwind.", metavar="AGENCY")
    ],
    name: Annotated[str, typer.Option(help="Name for people.", metavar="NAME")],
    currency: Annotated[str, typer.Option(help="Reporting currency, ISO 4217.")] = "EUR",
    time_zone: Annotated[str, typer.Option(help="IANA time zone.")] = "Europe/Berlin",
) -> None:
    """Make an agency."""
    invoke("tenants.add", slug=slug, name=name, currency=currency, time_zone=time_zone)


@group.command("list")
def list_() -> None:
    """Show all agencies."""
    invoke("tenants.list")
