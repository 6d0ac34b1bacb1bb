"""`bosco webhooks`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke
from api.cli.options import Agency

__all__ = ["group"]

Hook = Annotated[
    str, typer.Argument(help="Id of the endpoint, as in `webhooks list`.", metavar="ENDPOINT")
]

group = typer.Typer(
    help="Programs that are told what happens, by signed messages.", no_args_is_help=True
)


@group.command("add")
def add(
    agency: Agency,
    url: Annotated[str, typer.Argument(help="https:// address that takes events.", metavar="URL")],
    description: Annotated[str, typer.Option(help="What it is for.", metavar="TEXT")] = "",
    event: Annotated[
        list[str] | None,
        typer.Option(
            help="Only data.published, sync.failed or freshness.missed; may be repeated.",
            metavar="EVENT",
        ),
    ] = None,
    client: Annotated[
        list[str] | None,
        typer.Option(help="Only events of this client; may be repeated.", metavar="CLIENT"),
    ] = None,
) -> None:
    """Make an endpoint; prints its id and, once, the secret that signs for it."""
    invoke(
        "webhooks.add",
        tenant=agency,
        url=url,
        description=description,
        events=event or [],
        clients=client or [],
    )


@group.command("list")
def list_(agency: Agency) -> None:
    """Show the endpoints of an agency, and how they fare."""
    invoke("webhooks.list", tenant=agency)


@group.command("test")
def test(agency: Agency, endpoint: Hook) -> None:
    """Send an endpoint the event webhook.test now."""
    invoke("webhooks.test", tenant=agency, endpoint=endpoint)


@group.command("deliveries")
def deliveries(
    *,
    agency: Agency,
    endpoint: Hook,
    failed: Annotated[bool, typer.Option("--failed", help="Only those given up.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
) -> None:
    """Show what an endpoint was told in the last 30 days, the latest first."""
    invoke("webhooks.deliveries", tenant=agency, endpoint=endpoint, failed=failed, limit=limit)


@group.command("replay")
def replay(
    agency: Agency,
    endpoint: Hook,
    message: Annotated[
        str | None, typer.Option(help="This one, whatever became of it.", metavar="ID")
    ] = None,
    failed_since: Annotated[
        str | None,
        typer.Option(help="All given up that happened since then.", metavar="DAY"),
    ] = None,
) -> None:
    """Tell an endpoint events again, with the ids that they had."""
    invoke(
        "webhooks.replay",
        tenant=agency,
        endpoint=endpoint,
        message=message,
        failed_since=failed_since,
    )


@group.command("rotate")
def rotate(
    *,
    agency: Agency,
    endpoint: Hook,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="End the old secret now: somebody else knows it.")
    ] = False,
) -> None:
    """Make a new secret, shown once; for a day the old one signs too."""
    invoke("webhooks.rotate", tenant=agency, endpoint=endpoint, at_once=at_once)


@group.command("resume")
def resume(agency: Agency, endpoint: Hook) -> None:
    """Tell an endpoint again that was switched off."""
    invoke("webhooks.resume", tenant=agency, endpoint=endpoint)


@group.command("remove")
def remove(agency: Agency, endpoint: Hook) -> None:
    """Tell an endpoint nothing any more; its secrets are forgotten."""
    invoke("webhooks.remove", tenant=agency, endpoint=endpoint)
