"""`bosco alerts channels`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke, read_credentials
from api.cli.options import Agency, Credentials

__all__ = ["group"]

group = typer.Typer(help="Where an agency hears of alerts.", no_args_is_help=True)
add = typer.Typer(help="Make a channel; its secrets are stored encrypted.", no_args_is_help=True)
group.add_typer(add, name="add")

ChannelName = Annotated[str, typer.Argument(help="Name of the channel.", metavar="NAME")]
About = Annotated[
    list[str] | None,
    typer.Option(
        help="Only alerts of this kind, for example sync_failed; may be repeated.", metavar="KIND"
    ),
]
Severity = Annotated[str, typer.Option(help="From info, warning or critical upwards.")]
OnlyClients = Annotated[
    list[str] | None,
    typer.Option("--client", help="Only alerts of this client; may be repeated.", metavar="CLIENT"),
]


@add.command("email")
def add_email(  # noqa: PLR0913  # the options of a command line
    *,
    agency: Agency,
    name: ChannelName,
    to: Annotated[list[str], typer.Option(help="Who gets it; may be repeated.", metavar="ADDRESS")],
    sender: Annotated[str, typer.Option("--from", help="Who sends it.", metavar="ADDRESS")],
    server: Annotated[str, typer.Option(help="Mail server.", metavar="HOST[:PORT]")],
    security: Annotated[
        str, typer.Option(help="starttls (port 587) or tls (port 465); in development also none.")
    ] = "starttls",
    user: Annotated[str | None, typer.Option(help="For the login.", metavar="NAME")] = None,
    credentials: Annotated[
        str | None,
        typer.Option(
            help='File with {"password": "..."}; - reads it from standard input.', metavar="FILE"
        ),
    ] = None,
    about: About = None,
    severity: Severity = "info",
    client: OnlyClients = None,
) -> None:
    """Send e-mail by a mail server of the agency."""
    invoke(
        "alerts.channels.add",
        kind="email",
        tenant=agency,
        name=name,
        to=to,
        sender=sender,
        server=server,
        security=security,
        user=user,
        credentials=read_credentials(credentials) if credentials else {},
        about=about or [],
        severity=severity,
        clients=client or [],
    )


@add.command("slack")
def add_slack(
    agency: Agency,
    name: ChannelName,
    credentials: Credentials,
    about: About = None,
    severity: Severity = "info",
    client: OnlyClients = None,
    endpoint: Annotated[
        str | None,
        typer.Option(help="Base URL of a stand-in for Slack, in development only.", metavar="URL"),
    ] = None,
) -> None:
    """Write to a channel of Slack; the file holds {"url": "https://hooks.slack.com/..."}."""
    invoke(
        "alerts.channels.add",
        kind="slack",
        tenant=agency,
        name=name,
        credentials=read_credentials(credentials),
        endpoint=endpoint,
        about=about or [],
        severity=severity,
        clients=client or [],
    )


@add.command("webhook")
def add_webhook(
    agency: Agency,
    name: ChannelName,
    credentials: Credentials,
    about: About = None,
    severity: Severity = "info",
    client: OnlyClients = None,
) -> None:
    """POST JSON to an address; the file holds {"url": "...", "token": "..."}, the token if any."""
    invoke(
        "alerts.channels.add",
        kind="webhook",
        tenant=agency,
        name=name,
        credentials=read_credentials(credentials),
        about=about or [],
        severity=severity,
        clients=client or [],
    )


@group.command("list")
def list_(agency: Agency) -> None:
    """Show the channels of an agency, and how they fare."""
    invoke("alerts.channels.list", tenant=agency)


@group.command("test")
def test(agency: Agency, name: ChannelName) -> None:
    """Send a message to a channel now."""
    invoke("alerts.channels.test", tenant=agency, name=name)


@group.command("remove")
def remove(agency: Agency, name: ChannelName) -> None:
    """Tell a channel nothing any more; its addresses and secrets are forgotten."""
    invoke("alerts.channels.remove", tenant=agency, name=name)
