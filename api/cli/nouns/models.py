"""`bosco models`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke
from api.cli.options import Reason

__all__ = ["group"]

group = typer.Typer(
    help="The models behind forecasts: trained over all agencies, tried, served, taken back.",
    no_args_is_help=True,
)

_Model = Annotated[
    int, typer.Argument(min=1, help="Its number, as in `models list`.", metavar="MODEL")
]


@group.command("list")
def list_() -> None:
    """Show all versions: what they were trained on, how they did, and which one serves."""
    invoke("models.list")


@group.command("show")
def show(model: _Model) -> None:
    """Show what a version was made of, how its trial went, and what became of it."""
    invoke("models.show", model=model)


@group.command("train")
def train() -> None:
    """Train a version now, and try it on past days; it forecasts in the shadow if it did well."""
    invoke("models.train")


@group.command("rollback")
def rollback(model: _Model, reason: Reason) -> None:
    """Take the version that serves back: the one before it serves again."""
    invoke("models.rollback", model=model, reason=reason)
