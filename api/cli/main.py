"""The command line of Bosco.

    bosco NOUN VERB ... -> api.cli.invoke -> api.commands

A command given while `bosco serve` runs is handed to it; otherwise the runtime starts for its
duration.
"""

import sys
from typing import Annotated

import typer

from api.cli.invoke import invoke, read_credentials
from api.cli.render import open_console, show_error
from api.cli.serve import serve, worker
from api.cli.simulate import simulate
from domain.errors import UserError

__all__ = ["main"]

app = typer.Typer(
    name="bosco",
    help="Marketing analytics for agencies: connect accounts, sync, define metrics, ask.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
tenants = typer.Typer(help="Agencies.", no_args_is_help=True)
clients = typer.Typer(help="Clients (brands) of an agency.", no_args_is_help=True)
apps = typer.Typer(help="OAuth apps that may ask an agency's questions.", no_args_is_help=True)
connections = typer.Typer(help="Clients' accounts at the platforms.", no_args_is_help=True)
metrics = typer.Typer(help="Metrics: the core ones and the agency's own.", no_args_is_help=True)
quarantine = typer.Typer(help="Rows that did not fit, with the reason.", no_args_is_help=True)
for noun, group in {
    "tenants": tenants,
    "clients": clients,
    "apps": apps,
    "connections": connections,
    "metrics": metrics,
    "quarantine": quarantine,
}.items():
    app.add_typer(group, name=noun)

Agency = Annotated[str, typer.Argument(help="Short name of the agency.", metavar="AGENCY")]
ClientName = Annotated[str, typer.Argument(help="Short name of the client.", metavar="CLIENT")]
Source = Annotated[str, typer.Argument(help="Platform, for example google_ads.", metavar="SOURCE")]
MetricName = Annotated[
    str, typer.Argument(help="Name of the metric, as in `metrics list`.", metavar="METRIC")
]
ClientOption = Annotated[
    str | None, typer.Option("--client", help="Only this client.", metavar="CLIENT")
]
SourceOption = Annotated[
    str | None, typer.Option("--source", help="Only this source.", metavar="SOURCE")
]
Credentials = Annotated[
    str,
    typer.Option(help="File with a JSON object; - reads it from standard input.", metavar="FILE"),
]
SettingPairs = Annotated[
    list[str] | None,
    typer.Option("--set", help="Setting of the account; may be repeated.", metavar="NAME=VALUE"),
]
Endpoint = Annotated[
    str | None, typer.Option(help="Base URL of a simulator, in development only.", metavar="URL")
]


@tenants.command("add")
def tenants_add(
    slug: Annotated[
        str, typer.Argument(help="Short name, for example northwind.", metavar="AGENCY")
    ],
    name: Annotated[str, typer.Option(help="Name for people.", metavar="NAME")],
    currency: Annotated[str, typer.Option(help="Reporting currency, ISO 4217.")] = "EUR",
    time_zone: Annotated[str, typer.Option(help="IANA time zone.")] = "Europe/Berlin",
) -> None:
    """Make an agency."""
    invoke("tenants.add", slug=slug, name=name, currency=currency, time_zone=time_zone)


@tenants.command("list")
def tenants_list() -> None:
    """Show all agencies."""
    invoke("tenants.list")


@clients.command("add")
def clients_add(
    agency: Agency,
    slug: Annotated[
        str, typer.Argument(help="Short name, for example acme-shoes.", metavar="CLIENT")
    ],
    name: Annotated[str, typer.Option(help="Name for people.", metavar="NAME")],
) -> None:
    """Make a client of an agency."""
    invoke("clients.add", tenant=agency, slug=slug, name=name)


@clients.command("list")
def clients_list(agency: Agency) -> None:
    """Show the clients of an agency."""
    invoke("clients.list", tenant=agency)


@apps.command("add")
def apps_add(
    agency: Agency,
    name: Annotated[str, typer.Argument(help="Name for people.", metavar="NAME")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="What it may do; may be repeated; default all.", metavar="SCOPE"),
    ] = None,
    client: Annotated[
        list[str] | None,
        typer.Option(help="Only this client; may be repeated; default all.", metavar="CLIENT"),
    ] = None,
) -> None:
    """Register an app; prints its id and, once, its secret."""
    invoke("apps.add", tenant=agency, name=name, scopes=scope or [], clients=client or [])


@apps.command("list")
def apps_list(agency: Agency) -> None:
    """Show the apps of an agency."""
    invoke("apps.list", tenant=agency)


@connections.command("add")
def connections_add(  # the options of a command line
    agency: Agency,
    client: ClientName,
    source: Source,
    account: Annotated[
        str, typer.Argument(help="The platform's own account id.", metavar="ACCOUNT")
    ],
    credentials: Credentials,
    start: Annotated[str | None, typer.Option(help="First day; default 90 days ago.")] = None,
    settings: SettingPairs = None,
    endpoint: Endpoint = None,
) -> None:
    """Connect an account: proves the credentials with the platform, then stores them encrypted."""
    invoke(
        "connections.add",
        tenant=agency,
        client=client,
        source=source,
        account=account,
        credentials=read_credentials(credentials),
        start=start,
        settings=settings or [],
        endpoint=endpoint,
    )


@connections.command("list")
def connections_list(
    agency: Agency, client: ClientOption = None, source: SourceOption = None
) -> None:
    """Show the connections of an agency."""
    invoke("connections.list", tenant=agency, client=client, source=source)


@connections.command("check")
def connections_check(
    agency: Agency, client: ClientOption = None, source: SourceOption = None
) -> None:
    """Ask each platform whether the stored credentials still work."""
    invoke("connections.check", tenant=agency, client=client, source=source)


@connections.command("pause")
def connections_pause(
    agency: Agency, client: ClientOption = None, source: SourceOption = None
) -> None:
    """Leave accounts out of syncs; what they have brought stays."""
    invoke("connections.pause", tenant=agency, client=client, source=source)


@connections.command("resume")
def connections_resume(
    agency: Agency, client: ClientOption = None, source: SourceOption = None
) -> None:
    """Sync accounts again, from where they were."""
    invoke("connections.resume", tenant=agency, client=client, source=source)


@connections.command("discover")
def connections_discover(
    source: Source,
    credentials: Credentials,
    settings: SettingPairs = None,
    endpoint: Endpoint = None,
) -> None:
    """Show the accounts that credentials can see."""
    invoke(
        "connections.discover",
        source=source,
        credentials=read_credentials(credentials),
        settings=settings or [],
        endpoint=endpoint,
    )


@app.command()
def sync(
    agency: Annotated[
        str | None, typer.Argument(help="Only this agency.", metavar="AGENCY")
    ] = None,
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
    map_file: Annotated[
        str, typer.Option("--map", help="YAML file: what the columns mean.", metavar="FILE")
    ],
) -> None:
    """Load a file through the same landing, typing, quarantine and facts as a platform."""
    invoke("import", tenant=agency, client=client, file=file, map=map_file)


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


@metrics.command("list")
def metrics_list(agency: Agency) -> None:
    """Show the metrics an agency can ask for."""
    invoke("metrics.list", tenant=agency)


@metrics.command("define")
def metrics_define(
    agency: Agency,
    file: Annotated[str, typer.Argument(help="YAML file with one metric.", metavar="FILE")],
) -> None:
    """Define a metric, or a new revision of one."""
    invoke("metrics.define", tenant=agency, file=file)


@metrics.command("explain")
def metrics_explain(agency: Agency, name: MetricName) -> None:
    """Show where a metric comes from: expression, parts, unit, dimensions, SQL."""
    invoke("metrics.explain", tenant=agency, name=name)


@metrics.command("retire")
def metrics_retire(agency: Agency, name: MetricName) -> None:
    """Take a metric of the agency out of use."""
    invoke("metrics.retire", tenant=agency, name=name)


@quarantine.command("list")
def quarantine_list(
    agency: Agency,
    source: SourceOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Newest first.")] = 50,
) -> None:
    """Show open rows."""
    invoke("quarantine.list", tenant=agency, source=source, limit=limit)


@quarantine.command("show")
def quarantine_show(
    agency: Agency,
    row: Annotated[
        str, typer.Argument(help="Id of the row, as in `quarantine list`.", metavar="ID")
    ],
) -> None:
    """Show one row as the platform sent it."""
    invoke("quarantine.show", tenant=agency, id=row)


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
