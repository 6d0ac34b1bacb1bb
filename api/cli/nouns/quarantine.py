"""`bosco quarantine`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke
from api.cli.options import Agency, Reason, SourceOption

__all__ = ["group"]

group = typer.Typer(help="Rows that did not fit, with the reason.", no_args_is_help=True)

Row = Annotated[str, typer.Argument(help="Id of the row, as in `quarantine list`.", metavar="ID")]
AnyRow = Annotated[
    str | None, typer.Argument(help="Only this row, as in `quarantine list`.", metavar="ID")
]
StreamOption = Annotated[
    str | None, typer.Option("--stream", help="Only this stream.", metavar="STREAM")
]


@group.command("list")
def list_(
    *,
    agency: Agency,
    all_: Annotated[bool, typer.Option("--all", help="Also those that are closed.")] = False,
    source: SourceOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Newest first.")] = 50,
) -> None:
    """Show open rows."""
    invoke("quarantine.list", tenant=agency, all=all_, source=source, limit=limit)


@group.command("show")
def show(agency: Agency, row: Row) -> None:
    """Show one row as the platform sent it."""
    invoke("quarantine.show", tenant=agency, id=row)


@group.command("replay")
def replay(
    agency: Agency,
    row: AnyRow = None,
    source: SourceOption = None,
    stream: StreamOption = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Right value of a field; may be repeated.", metavar="FIELD=VALUE"
        ),
    ] = None,
    map_file: Annotated[
        str | None, typer.Option("--map", help="Map that reads the rows of files.", metavar="FILE")
    ] = None,
) -> None:
    """Read rows again, after a repair, and publish those that fit now."""
    invoke(
        "quarantine.replay",
        tenant=agency,
        id=row,
        source=source,
        stream=stream,
        set=values or [],
        map=map_file,
    )


@group.command("dismiss")
def dismiss(
    agency: Agency,
    reason: Reason,
    row: AnyRow = None,
    source: SourceOption = None,
    stream: StreamOption = None,
) -> None:
    """Put rows away that need not count."""
    invoke("quarantine.dismiss", tenant=agency, id=row, source=source, stream=stream, reason=reason)
