"""`bosco features`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke
from api.cli.options import Agency, AnyAgency, ClientOption

__all__ = ["group"]

group = typer.Typer(
    help="Features: campaigns and clients as models read them.", no_args_is_help=True
)


_File = Annotated[str, typer.Argument(help="YAML file with one feature view.", metavar="FILE")]


@group.command("list")
def list_(agency: AnyAgency = None) -> None:
    """Show which features there are, and what each means; of an agency, its own as well."""
    invoke("features.list", tenant=agency)


@group.command("show")
def show(
    agency: Agency,
    entity: Annotated[
        str,
        typer.Argument(help="Short name of a client, or id of a campaign.", metavar="ENTITY"),
    ],
    service: Annotated[
        str | None,
        typer.Option(
            help="Service or view; one of campaigns shows all campaigns of a client.",
            metavar="NAME",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Most campaigns shown.")] = 50,
) -> None:
    """Show what is served of a client or campaign, and as of when."""
    invoke("features.show", tenant=agency, entity=entity, service=service, limit=limit)


@group.command("refresh")
def refresh(agency: Agency, client: ClientOption = None) -> None:
    """Compute features now, whatever has been published."""
    invoke("features.refresh", tenant=agency, client=client)


@group.command("check")
def check(agency: Agency, client: ClientOption = None) -> None:
    """Compare what is served with what the facts say as of the same instant."""
    invoke("features.check", tenant=agency, client=client)


@group.command("test")
def test(file: _File) -> None:
    """Run the unit tests of a feature view's file."""
    invoke("features.test", file=file)


@group.command("plan")
def plan(agency: Agency, file: _File) -> None:
    """Show what applying a feature view would do, and what it costs; writes nothing."""
    invoke("features.plan", tenant=agency, file=file)


@group.command("apply")
def apply(agency: Agency, file: _File) -> None:
    """Register a feature view of the agency, and compute its first values."""
    invoke("features.apply", tenant=agency, file=file)


@group.command("deprecate")
def deprecate(
    agency: Agency,
    view: Annotated[str, typer.Argument(help="Full name of a view of the agency.", metavar="VIEW")],
    until: Annotated[
        str, typer.Option(help="Day on which it is last served, YYYY-MM-DD.", metavar="DAY")
    ],
    successor: Annotated[
        str | None, typer.Option(help="Full name of the view to use instead.", metavar="VIEW")
    ] = None,
) -> None:
    """Say until when a feature view is served, and what to use instead."""
    invoke("features.deprecate", tenant=agency, view=view, until=until, successor=successor)


@group.command("health")
def health(
    agency: Agency,
    view: Annotated[
        str | None, typer.Option(help="Only this view; else all.", metavar="NAME")
    ] = None,
    *,
    now: Annotated[bool, typer.Option("--now", help="Check now, not only every morning.")] = False,
) -> None:
    """Show whether features are still right: age, unknown values, range, drift, reads."""
    invoke("features.health", tenant=agency, view=view, now=now)
