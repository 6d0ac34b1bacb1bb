"""`bosco budget`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke
from api.cli.options import Agency, ClientName

__all__ = ["group"]

group = typer.Typer(
    help="How to split a client's media budget, and what a split would bring.",
    no_args_is_help=True,
)

_From = Annotated[
    str, typer.Option("--from", help="First day; it may be in the past.", metavar="DATE")
]
_To = Annotated[str, typer.Option("--to", help="Last day, included.", metavar="DATE")]
_Currency = Annotated[
    str | None,
    typer.Option(help="ISO 4217; without it, that of the client's accounts.", metavar="CURRENCY"),
]
_Measure = Annotated[
    str, typer.Option("--for", help="revenue (claimed) or conversions.", metavar="MEASURE")
]
_Level = Annotated[str, typer.Option("--by", help="channel or campaign.", metavar="LEVEL")]


@group.command("plan")
def plan(  # noqa: PLR0913, PLR0917  # one option for each thing that can be asked
    agency: Agency,
    client: ClientName,
    total: Annotated[
        str, typer.Argument(help="Of the whole period, for example 50000.", metavar="TOTAL")
    ],
    first: _From,
    last: _To,
    currency: _Currency = None,
    measure: _Measure = "revenue",
    level: _Level = "channel",
    at_least: Annotated[
        list[str] | None,
        typer.Option(help="One gets at least so much; may be repeated.", metavar="NAME=AMOUNT"),
    ] = None,
    at_most: Annotated[
        list[str] | None,
        typer.Option(help="One gets at most so much; may be repeated.", metavar="NAME=AMOUNT"),
    ] = None,
    max_step: Annotated[
        str,
        typer.Option(help="Largest change of one against its pace; 0.5 is half.", metavar="SHARE"),
    ] = "0.5",
    least_return: Annotated[
        str | None, typer.Option(help="Revenue for one unit of spend, over all.", metavar="TIMES")
    ] = None,
    most_cost: Annotated[
        str | None, typer.Option(help="Cost of one conversion, over all.", metavar="AMOUNT")
    ] = None,
    save: Annotated[  # noqa: FBT002  # an option of the command line
        bool, typer.Option("--save", help="Keep it as planned spend.")
    ] = False,
) -> None:
    """Split a total so that it brings most; or hold, while that is not sure."""
    invoke(
        "budget.plan",
        tenant=agency,
        client=client,
        total=total,
        first=first,
        last=last,
        currency=currency,
        measure=measure,
        level=level,
        at_least=at_least or [],
        at_most=at_most or [],
        max_step=max_step,
        least_return=least_return,
        most_cost=most_cost,
        save=save,
    )


@group.command("scenario")
def scenario(
    agency: Agency,
    client: ClientName,
    spends: Annotated[
        list[str],
        typer.Argument(help="What some would get; others go on.", metavar="NAME=AMOUNT..."),
    ],
    first: _From,
    last: _To,
    currency: _Currency = None,
    measure: _Measure = "revenue",
    level: _Level = "channel",
) -> None:
    """Show what given spends would bring, against going on as it is."""
    invoke(
        "budget.scenario",
        tenant=agency,
        client=client,
        spends=spends,
        first=first,
        last=last,
        currency=currency,
        measure=measure,
        level=level,
    )
