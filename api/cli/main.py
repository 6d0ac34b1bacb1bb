"""The command line of Bosco.

    bosco NOUN VERB ... -> api.cli.invoke -> api.commands

A noun is a module of `api.cli.nouns`. A command given while `bosco serve` runs is handed to it;
otherwise the runtime starts for its duration.
"""

import sys
from typing import Annotated

import typer

from api.cli.invoke import invoke
from api.cli.nouns import (
    alerts,
    anomalies,
    apps,
    audit,
    budget,
    clients,
    connections,
    features,
    gdpr,
    history,
    incidents,
    keys,
    metrics,
    models,
    people,
    plans,
    quality,
    quarantine,
    sources,
    tenants,
    webhooks,
)
from api.cli.options import (
    Agency,
    AnyAgency,
    ClientName,
    ClientOption,
    ExportFile,
    MapFile,
    SourceOption,
)
from api.cli.render import open_console, show_error
from api.cli.serve import serve, worker
from api.cli.simulate import simulate
from domain.errors import UserError

__all__ = ["app", "main"]

app = typer.Typer(
    name="bosco",
    help="Marketing analytics for agencies: connect accounts, sync, define metrics, ask.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for noun, module in {
    "tenants": tenants,
    "clients": clients,
    "people": people,
    "plans": plans,
    "budget": budget,
    "apps": apps,
    "keys": keys,
    "connections": connections,
    "history": history,
    "metrics": metrics,
    "anomalies": anomalies,
    "models": models,
    "features": features,
    "quality": quality,
    "incidents": incidents,
    "quarantine": quarantine,
    "alerts": alerts,
    "webhooks": webhooks,
    "audit": audit,
    "gdpr": gdpr,
    "sources": sources,
}.items():
    app.add_typer(module.group, name=noun)


@app.command()
def sync(
    agency: AnyAgency = None,
    client: ClientOption = None,
    source: SourceOption = None,
) -> None:
    """Pull what is new or restated, unify it and publish it."""
    invoke("sync", tenant=agency, client=client, source=source)


@app.command("import")
def import_file(
    agency: Agency,
    client: ClientName,
    file: Annotated[str, typer.Argument(help="CSV file.", metavar="FILE")],
    map_file: MapFile,
) -> None:
    """Load a file through the same landing, typing, quarantine and facts as a platform."""
    invoke("import", tenant=agency, client=client, file=file, map=map_file)


@app.command()
def compare(
    agency: Agency,
    file: ExportFile,
    map_file: MapFile,
    first: Annotated[
        str | None, typer.Option("--from", help="First day; default the file's.", metavar="DAY")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="Last day; default the file's.", metavar="DAY")
    ] = None,
    exported: Annotated[
        str | None,
        typer.Option(help="When the file was written, ISO 8601.", metavar="INSTANT"),
    ] = None,
    client: ClientOption = None,
    csv: Annotated[
        str | None, typer.Option("--csv", help="Write every difference there.", metavar="FILE")
    ] = None,
) -> None:
    """Hold an earlier system's export against Bosco: what differs, and why."""
    invoke(
        "compare",
        tenant=agency,
        file=file,
        map=map_file,
        first=first,
        last=last,
        exported=exported,
        client=client,
        csv=csv,
    )


@app.command()
def query(
    agency: Agency,
    document: Annotated[
        str | None,
        typer.Argument(help="GraphQL; without it, --metrics and --by ask.", metavar="DOCUMENT"),
    ] = None,
    metrics_: Annotated[
        str, typer.Option("--metrics", help="Names with commas.")
    ] = "spend,revenue,roas",
    by: Annotated[str, typer.Option(help="Dimensions with commas; day, week or month too.")] = "",
    last: Annotated[int, typer.Option(min=1, help="Days up to yesterday.")] = 30,
) -> None:
    """Ask an agency's data, in GraphQL or in a few words."""
    invoke("query", tenant=agency, document=document, metrics=metrics_, by=by, last=last)


@app.command()
def freshness(agency: AnyAgency = None) -> None:
    """Show up to which day each account's data is there, and what is late."""
    invoke("freshness", tenant=agency)


@app.command()
def forecast(
    agency: Agency,
    client: ClientName,
    measure: Annotated[
        str,
        typer.Option(help="spend, conversions, revenue (claimed), sessions, orders or sales."),
    ] = "revenue",
    level: Annotated[
        str, typer.Option(help="client, channel or campaign.", metavar="LEVEL")
    ] = "client",
) -> None:
    """Forecast the next 7, 14, 28 and 90 days of an agency, and show a client's."""
    invoke("forecast", tenant=agency, client=client, measure=measure, level=level)


@app.command()
def pacing(
    agency: Agency,
    client: ClientName,
    month: Annotated[
        str | None,
        typer.Option(help="For example 2026-12; else the latest one.", metavar="MONTH"),
    ] = None,
) -> None:
    """Show where the planned spend of a client's month will end."""
    invoke("pacing", tenant=agency, client=client, month=month)


@app.command()
def night(agency: AnyAgency = None) -> None:
    """Show what is due, what runs, and when it is expected."""
    invoke("night", tenant=agency)


@app.command()
def doctor() -> None:
    """Check every dependency, and say what to do about what is wrong."""
    invoke("doctor")


@app.command()
def demo() -> None:
    """Run the main job for two agencies against simulated platforms, end to end."""
    invoke("demo")


app.command()(serve)
app.command()(worker)
app.command()(simulate)


def main() -> None:
    """Entry point of `bosco`."""
    try:
        app()
    except UserError as error:
        show_error(open_console(sys.stderr), error.message, error.hint, error.code)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
