"""`bosco keys`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke

__all__ = ["group"]

group = typer.Typer(help="Keys that sign access tokens and certificates.", no_args_is_help=True)


@group.command("list")
def list_() -> None:
    """Show every key, the newest first, and what it is for now."""
    invoke("keys.list")


@group.command("revoke")
def revoke(
    key: Annotated[str, typer.Argument(help="Id of the key (kid).", metavar="KEY")],
) -> None:
    """Let a key verify nothing any more: tokens that it signed are refused within minutes."""
    invoke("keys.revoke", key=key)
