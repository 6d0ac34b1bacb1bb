"""`bosco gdpr`."""

from enum import StrEnum
from typing import Annotated

import typer

from api.cli.invoke import invoke, show
from api.cli.nouns import gdpr_consent, gdpr_desk, gdpr_recipients, gdpr_requests, gdpr_retention
from api.cli.options import Agency, ClientName

__all__ = ["group"]

group = typer.Typer(help="People's data and their rights, with proof.", no_args_is_help=True)
group.add_typer(gdpr_requests.group, name="requests")
group.add_typer(gdpr_consent.group, name="consent")
group.add_typer(gdpr_recipients.group, name="recipients")
group.add_typer(gdpr_retention.group, name="retention")
group.command("queue")(gdpr_desk.queue)
group.command("statistics")(gdpr_desk.statistics)


class _Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    MARKDOWN = "md"


class _Role(StrEnum):
    PROCESSOR = "processor"
    CONTROLLER = "controller"


class _Store(StrEnum):
    POSTGRES = "postgres"
    WAREHOUSE = "warehouse"
    LANDING = "landing"
    REDIS = "redis"
    FEATURES = "features"
    MODELS = "models"
    EXPORTS = "exports"
    LOGS = "logs"
    JOBS = "jobs"


_Form = Annotated[_Format, typer.Option("--format", help="How it is written.")]


@group.command("inventory")
def inventory(
    *,
    store: Annotated[_Store | None, typer.Option(help="Only this store.")] = None,
    form: _Form = _Format.TEXT,
) -> None:
    """Show every column that is about people, and how long it is kept."""
    from api.commands.gdpr_inventory import show_inventory  # noqa: PLC0415  # only here

    show(lambda: show_inventory(store.value if store else None, form.value))


@group.command("record")
def record(
    agency: Agency,
    *,
    role: Annotated[
        _Role, typer.Option("--as", help="Of clients' data: processor; of its own: controller.")
    ] = _Role.PROCESSOR,
    form: _Form = _Format.TEXT,
) -> None:
    """Write the record of processing activities (article 30 GDPR)."""
    invoke("gdpr.record", tenant=agency, **{"as": role.value}, format=form.value)


@group.command("dpia")
def dpia(agency: Agency) -> None:
    """Tell whether an impact assessment is due (article 35 GDPR), and why."""
    invoke("gdpr.dpia", tenant=agency)


@group.command("certificates")
def certificates(
    agency: Agency,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Newest first.")] = 50,
) -> None:
    """Show the certificates of what was erased."""
    invoke("gdpr.certificates", tenant=agency, limit=limit)


@group.command("certificate")
def certificate(
    agency: Agency,
    request: Annotated[str, typer.Argument(help="Id of the request.", metavar="REQUEST")],
    to: Annotated[str, typer.Option("--to", help="File to write.", metavar="FILE")],
) -> None:
    """Write the newest certificate for a request to a file that proves itself."""
    invoke("gdpr.certificate", tenant=agency, request=request, to=to)


@group.command("link")
def link(
    agency: Agency,
    request: Annotated[str, typer.Argument(help="Id of the request.", metavar="REQUEST")],
    *,
    letter: Annotated[
        bool, typer.Option("--letter", help="Tell it to the person by letter; show it to nobody.")
    ] = False,
) -> None:
    """Make a link by which a person gets the copy of their data, once; earlier ones are over."""
    invoke("gdpr.link", tenant=agency, request=request, letter=letter)


@group.command("keys")
def keys(
    *,
    to: Annotated[
        str | None, typer.Option("--to", help="Write them there, for verify.", metavar="FILE")
    ] = None,
) -> None:
    """Show the public keys that certificates are signed with."""
    invoke("gdpr.keys", to=to)


@group.command("replay-tombstones")
def replay_tombstones(agency: Agency) -> None:
    """Erase again whoever was erased: after a backup was restored."""
    invoke("gdpr.replay-tombstones", tenant=agency)


@group.command("verify")
def verify(
    file: Annotated[str, typer.Argument(help="A certificate.", metavar="FILE")],
    *,
    key: Annotated[
        str | None,
        typer.Option(help="Id of the key that must have signed.", metavar="KEY"),
    ] = None,
    keys: Annotated[
        str | None,
        typer.Option("--keys", help="Trust these keys alone (JWK set).", metavar="FILE"),
    ] = None,
    trail: Annotated[
        str | None,
        typer.Option(
            "--audit", help="Hold it against this export of the audit trail.", metavar="EXPORT"
        ),
    ] = None,
    reasons: Annotated[
        bool, typer.Option("--reasons", help="Say for each place why something stays.")
    ] = False,
) -> None:
    """Check a certificate without a database: who signed it, and that nothing was changed.

    Exit code 3 when it is invalid.
    """
    if key is not None and keys is not None:
        raise typer.BadParameter("give --key or --keys, not both")
    from api.commands.gdpr_verify import verify_certificate_file  # noqa: PLC0415  # only here

    show(lambda: verify_certificate_file(file, key=key, keys=keys, trail=trail, reasons=reasons))


@group.command("form-link")
def form_link(
    *,
    agency: Agency,
    client: ClientName,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="End every form of the client instead.")
    ] = False,
) -> None:
    """Print the address of a form where people ask a client for their rights; shown once."""
    invoke("gdpr.form-link", tenant=agency, client=client, revoke=revoke)
