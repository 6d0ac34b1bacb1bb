"""`bosco history`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke
from api.cli.options import Agency, ExportFile, MapFile

__all__ = ["group"]

group = typer.Typer(help="What an earlier system told.", no_args_is_help=True)


@group.command("import")
def import_(
    agency: Agency,
    file: ExportFile,
    map_file: MapFile,
    client: Annotated[
        str | None,
        typer.Option(help="Whose the accounts are that nobody has yet.", metavar="CLIENT"),
    ] = None,
) -> None:
    """Load an export of many accounts; it counts for days that the platforms have not told."""
    invoke("history.import", tenant=agency, file=file, map=map_file, client=client)
