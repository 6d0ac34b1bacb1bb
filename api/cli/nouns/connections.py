"""`bosco connections`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke, read_credentials
from api.cli.options import (
    Agency,
    ClientName,
    ClientOption,
    Credentials,
    Endpoint,
    SettingPairs,
    Source,
    SourceOption,
)

__all__ = ["group"]

group = typer.Typer(help="Clients' accounts at the platforms.", no_args_is_help=True)


@group.command("add")
def add(  # the options of a command line
    agency: Agency,
    client: ClientName,
    source: Source,
    account: Annotated[
        str, typer.Argument(help="The platform's own account id.", metavar="ACCOUNT")
    ],
    credentials: Credentials,
    start: Annotated[str | None, typer.Option(help="First day; default 90 days ago.")] = None,
    settings: SettingPairs = None,
    endpoint: Endpoint = None,
) -> None:
    """Connect an account: proves the credentials with the platform, then stores them encrypted."""
    invoke(
        "connections.add",
        tenant=agency,
        client=client,
        source=source,
        account=account,
        credentials=read_credentials(credentials),
        start=start,
        settings=settings or [],
        endpoint=endpoint,
    )


@group.command("link")
def link(
    agency: Agency,
    client: ClientName,
    source: Source,
    account: Annotated[
        str | None, typer.Option(help="The platform's own account id; default: the person chooses.")
    ] = None,
    reconnect: Annotated[
        str | None,
        typer.Option(
            help="Id or account of a connection that gets new credentials.", metavar="CONNECTION"
        ),
    ] = None,
    start: Annotated[str | None, typer.Option(help="First day; default 90 days ago.")] = None,
    settings: SettingPairs = None,
    endpoint: Endpoint = None,
) -> None:
    """Make a link by which somebody connects an account at the platform, without giving secrets."""
    invoke(
        "connections.link",
        tenant=agency,
        client=client,
        source=source,
        account=account,
        reconnect=reconnect,
        start=start,
        settings=settings or [],
        endpoint=endpoint,
    )


@group.command("list")
def list_(agency: Agency, client: ClientOption = None, source: SourceOption = None) -> None:
    """Show the connections of an agency."""
    invoke("connections.list", tenant=agency, client=client, source=source)


@group.command("check")
def check(agency: Agency, client: ClientOption = None, source: SourceOption = None) -> None:
    """Ask each platform whether the stored credentials still work."""
    invoke("connections.check", tenant=agency, client=client, source=source)


@group.command("pause")
def pause(agency: Agency, client: ClientOption = None, source: SourceOption = None) -> None:
    """Leave accounts out of syncs; what they have brought stays."""
    invoke("connections.pause", tenant=agency, client=client, source=source)


@group.command("resume")
def resume(agency: Agency, client: ClientOption = None, source: SourceOption = None) -> None:
    """Sync accounts again, from where they were."""
    invoke("connections.resume", tenant=agency, client=client, source=source)


@group.command("discover")
def discover(
    source: Source,
    credentials: Credentials,
    settings: SettingPairs = None,
    endpoint: Endpoint = None,
) -> None:
    """Show the accounts that credentials can see."""
    invoke(
        "connections.discover",
        source=source,
        credentials=read_credentials(credentials),
        settings=settings or [],
        endpoint=endpoint,
    )
