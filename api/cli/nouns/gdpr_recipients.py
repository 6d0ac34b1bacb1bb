"""`bosco gdpr recipients`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke, read_credentials
from api.cli.options import Agency, ClientName, SettingPairs

__all__ = ["group"]

Name = Annotated[str, typer.Argument(help="Name of the recipient.", metavar="NAME")]
Notice = Annotated[
    str, typer.Argument(help="Id of the notice, as in `gdpr recipients list`.", metavar="NOTICE")
]

group = typer.Typer(
    help="Others who were given people's data, and have to be told of requests.",
    no_args_is_help=True,
)


@group.command("add")
def add(
    agency: Agency,
    client: ClientName,
    kind: Annotated[
        str,
        typer.Argument(
            help="webhook, email, klaviyo, hubspot, ga4, meta_audience, google_audience or"
            " tiktok_audience; docs/gdpr.md says what each needs.",
            metavar="KIND",
        ),
    ],
    name: Name,
    settings: SettingPairs = None,
    credentials: Annotated[
        str | None,
        typer.Option(
            help="File with a JSON object; - reads it from standard input.", metavar="FILE"
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="It knows people by the ids of this connection.", metavar="SOURCE"),
    ] = None,
) -> None:
    """Declare who was given data of a client; it is told of requests from now on."""
    invoke(
        "gdpr.recipients.add",
        tenant=agency,
        client=client,
        kind=kind,
        name=name,
        settings=settings or [],
        credentials={} if credentials is None else read_credentials(credentials),
        source=source,
    )


@group.command("list")
def list_(agency: Agency) -> None:
    """Show recipients, and what they have not confirmed."""
    invoke("gdpr.recipients.list", tenant=agency)


@group.command("remove")
def remove(agency: Agency, client: ClientName, name: Name) -> None:
    """Tell a recipient nothing any more; its secrets are forgotten."""
    invoke("gdpr.recipients.remove", tenant=agency, client=client, name=name)


@group.command("acknowledge")
def acknowledge(agency: Agency, notice: Notice) -> None:
    """Say that a recipient has confirmed, by letter or otherwise."""
    invoke("gdpr.recipients.acknowledge", tenant=agency, notice=notice)


@group.command("retry")
def retry(agency: Agency, notice: Notice) -> None:
    """Tell a recipient again that refused, or was down for too long."""
    invoke("gdpr.recipients.retry", tenant=agency, notice=notice)
