"""`bosco gdpr queue` and `statistics`."""

from enum import StrEnum
from typing import Annotated

import typer

from api.cli.invoke import invoke
from api.cli.options import Agency, AnyAgency

__all__ = ["queue", "statistics"]


class _Format(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def queue(
    *,
    agency: AnyAgency = None,
    at_risk: Annotated[
        bool, typer.Option("--at-risk", help="Only overdue ones, and those that are near it.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Of each agency.")] = 50,
) -> None:
    """Show what waits for an answer, overdue and near ones first."""
    invoke("gdpr.queue", tenant=agency, at_risk=at_risk, limit=limit)


def statistics(
    *,
    agency: Agency,
    first: Annotated[str, typer.Option("--from", help="First day of receipt.", metavar="DAY")],
    last: Annotated[str, typer.Option("--to", help="Last day of receipt.", metavar="DAY")],
    form: Annotated[_Format, typer.Option("--format", help="How it is written.")] = _Format.TABLE,
) -> None:
    """Count what a regulator asks for: requests, what became of them, and how fast."""
    invoke("gdpr.statistics", tenant=agency, first=first, last=last, format=form.value)
