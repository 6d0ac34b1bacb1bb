"""`bosco people`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke, read_credentials
from api.cli.options import Agency

__all__ = ["group"]

Email = Annotated[str, typer.Argument(help="Whose, by e-mail address.", metavar="EMAIL")]
Clients = Annotated[
    list[str] | None,
    typer.Option(
        "--client", help="Only at this client; may be repeated; default all.", metavar="CLIENT"
    ),
]
_ROLES = "owner, admin, analyst, client_viewer, data_protection_officer or ml_engineer."

group = typer.Typer(help="People who sign in to an agency.", no_args_is_help=True)


@group.command("add")
def add(
    agency: Agency,
    email: Email,
    name: Annotated[str, typer.Option(help="Name for people.", metavar="NAME")],
    role: Annotated[str, typer.Option(help=_ROLES, metavar="ROLE")] = "analyst",
    clients: Clients = None,
) -> None:
    """Invite a person; prints, once, the link to come in by."""
    invoke("people.add", tenant=agency, email=email, name=name, role=role, clients=clients or [])


@group.command("list")
def list_(agency: Agency) -> None:
    """Show the people of an agency."""
    invoke("people.list", tenant=agency)


@group.command("role")
def role(
    agency: Agency,
    email: Email,
    role: Annotated[str, typer.Argument(help=_ROLES, metavar="ROLE")],
    clients: Clients = None,
    take_away: Annotated[  # noqa: FBT002  # an option of the command line
        bool, typer.Option("--take-away", help="Take the role away.")
    ] = False,
) -> None:
    """Give a person a role, change its clients, or take it away."""
    invoke(
        "people.role",
        tenant=agency,
        email=email,
        role=role,
        clients=clients or [],
        take_away=take_away,
    )


@group.command("deactivate")
def deactivate(
    agency: Agency,
    email: Email,
    undo: Annotated[  # noqa: FBT002  # an option of the command line
        bool, typer.Option("--undo", help="Let the person in again.")
    ] = False,
) -> None:
    """Put a person out: sessions end at once, tokens are refused within seconds."""
    invoke("people.deactivate", tenant=agency, email=email, undo=undo)


@group.command("reset")
def reset(
    agency: Agency,
    email: Email,
    authenticator: Annotated[  # noqa: FBT002  # an option of the command line
        bool, typer.Option("--authenticator", help="Remove a lost authenticator as well.")
    ] = False,
) -> None:
    """Print, once, a link to choose a new password."""
    invoke("people.reset", tenant=agency, email=email, authenticator=authenticator)


@group.command("provider")
def provider(
    agency: Agency,
    issuer: Annotated[
        str | None,
        typer.Argument(
            help="Address of the provider; without it, it is removed.", metavar="ISSUER"
        ),
    ] = None,
    credentials: Annotated[
        str | None,
        typer.Option(
            help="File with a JSON object of client_id and client_secret; - reads it from "
            "standard input.",
            metavar="FILE",
        ),
    ] = None,
) -> None:
    """Let people sign in at the agency's own OpenID Connect provider."""
    if (issuer is None) != (credentials is None):
        raise typer.BadParameter("an issuer and --credentials go together")
    invoke(
        "people.provider",
        tenant=agency,
        issuer=issuer,
        credentials={} if credentials is None else read_credentials(credentials),
    )
