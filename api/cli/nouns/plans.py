"""`bosco plans`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke
from api.cli.options import Agency, ClientName

__all__ = ["group"]

group = typer.Typer(
    help="What is planned for a client, and what experiments found.", no_args_is_help=True
)

_From = Annotated[str, typer.Option("--from", help="First day.", metavar="DATE")]
_To = Annotated[str, typer.Option("--to", help="Last day, included.", metavar="DATE")]
_Currency = Annotated[str, typer.Argument(help="ISO 4217, for example EUR.", metavar="CURRENCY")]
_Channel = Annotated[
    str | None, typer.Option(help="Only this channel, for example paid_search.", metavar="CHANNEL")
]
_Campaign = Annotated[
    str | None, typer.Option(help="Only this campaign; its id as `forecast` tells it.")
]


@group.command("list")
def list_(agency: Agency, client: ClientName) -> None:
    """Show planned spend, events and lift tests of a client."""
    invoke("plans.list", tenant=agency, client=client)


@group.command("spend")
def spend(
    agency: Agency,
    client: ClientName,
    amount: Annotated[str, typer.Argument(help="Of the whole period, for example 12000.")],
    currency: _Currency,
    first: _From,
    last: _To,
    channel: _Channel = None,
    campaign: _Campaign = None,
) -> None:
    """Plan the media cost of a period; the same period again takes its place."""
    invoke(
        "plans.spend",
        tenant=agency,
        client=client,
        amount=amount,
        currency=currency,
        first=first,
        last=last,
        channel=channel,
        campaign=campaign,
    )


@group.command("event")
def event(
    agency: Agency,
    client: ClientName,
    name: Annotated[str, typer.Argument(help="For example: summer sale.")],
    first: _From,
    last: _To,
) -> None:
    """Name days that will not be, or were not, like others."""
    invoke("plans.event", tenant=agency, client=client, name=name, first=first, last=last)


@group.command("lift-test")
def lift_test(
    agency: Agency,
    client: ClientName,
    file: Annotated[
        str,
        typer.Argument(help="YAML: the result; docs/plans.md has an example.", metavar="FILE"),
    ],
) -> None:
    """Keep what an experiment found that a change of spend had brought."""
    invoke("plans.lift-test", tenant=agency, client=client, file=file)


@group.command("remove")
def remove(
    agency: Agency,
    plan: Annotated[str, typer.Argument(help="Its id, as in `plans list`.", metavar="ID")],
) -> None:
    """Take a planned spend, an event or a lift test back."""
    invoke("plans.remove", tenant=agency, plan=plan)
