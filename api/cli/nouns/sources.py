"""`bosco sources`."""

from typing import Annotated

import typer

from api.cli.invoke import show

__all__ = ["group"]

group = typer.Typer(help="Platforms, and what is read from them.", no_args_is_help=True)


@group.command("list")
def list_() -> None:
    """Show the platforms that can be connected."""
    from api.commands.sources import list_sources  # noqa: PLC0415  # only here

    show(list_sources)


@group.command("describe")
def describe(
    source: Annotated[
        str | None, typer.Argument(help="Only this one; else all.", metavar="SOURCE")
    ] = None,
) -> None:
    """Tell what is read from a platform, field by field, as Markdown."""
    from api.commands.sources import describe as describe_source  # noqa: PLC0415  # only here

    show(lambda: describe_source(source))
