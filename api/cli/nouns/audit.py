"""`bosco audit`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke, show
from api.cli.options import Agency

__all__ = ["group"]

group = typer.Typer(
    help="Who did or saw what, and the proof that nobody changed it.", no_args_is_help=True
)


@group.command("list")
def list_(
    *,
    agency: Agency,
    about: Annotated[
        str | None,
        typer.Option("--object", help="Only of this kind, or of this one.", metavar="KIND[:ID]"),
    ] = None,
    by: Annotated[
        str | None, typer.Option("--actor", help="Only what this one did.", metavar="ACTOR")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only from this day on (UTC).", metavar="DAY")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Newest first.")] = 50,
) -> None:
    """Show who did or saw what; the look itself is recorded."""
    invoke("audit.list", tenant=agency, about=about, by=by, since=since, limit=limit)


@group.command("export")
def export(
    agency: Agency,
    to: Annotated[str, typer.Option("--to", help="File to write.", metavar="FILE")],
) -> None:
    """Write the whole trail to a file that proves itself; keep it away from here."""
    invoke("audit.export", tenant=agency, to=to)


@group.command("verify")
def verify(
    agency: Annotated[
        str | None, typer.Argument(help="Short name of the agency.", metavar="AGENCY")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(help="Hold the trail against this earlier export.", metavar="EXPORT"),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            "--file", help="Check this export alone, without a database.", metavar="EXPORT"
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(help="With --file: the id of the key that must have signed.", metavar="KEY"),
    ] = None,
) -> None:
    """Check that nothing was changed, dropped, moved, cut off or rewritten; exit code 3 if so."""
    if (agency is None) == (file is None):
        raise typer.BadParameter("name an agency, or a file with --file")
    if file is None:
        if key is not None:
            raise typer.BadParameter("--key goes with --file: here the platform's own keys count")
        invoke("audit.verify", tenant=agency, against=against)
    if against is not None:
        raise typer.BadParameter("--against goes with an agency")
    from api.commands.audit_verify_file import verify_file  # noqa: PLC0415  # only here

    show(lambda: verify_file(str(file), key))
