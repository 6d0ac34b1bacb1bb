"""Options that several commands share."""

from typing import Annotated

import typer

__all__ = [
    "Agency",
    "AnyAgency",
    "ClientName",
    "ClientOption",
    "Credentials",
    "Endpoint",
    "ExportFile",
    "IncidentId",
    "MapFile",
    "MetricName",
    "Reason",
    "SettingPairs",
    "Source",
    "SourceOption",
]

Agency = Annotated[str, typer.Argument(help="Short name of the agency.", metavar="AGENCY")]
AnyAgency = Annotated[str | None, typer.Argument(help="Only this agency.", metavar="AGENCY")]
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
ExportFile = Annotated[
    str, typer.Argument(help="CSV or Parquet file of the earlier system.", metavar="FILE")
]
MapFile = Annotated[
    str, typer.Option("--map", help="YAML file: what the columns mean.", metavar="FILE")
]
IncidentId = Annotated[
    str, typer.Argument(help="Id of the incident, as in `incidents list`.", metavar="ID")
]
Reason = Annotated[str, typer.Option(help="Why, in a few words.", metavar="TEXT")]
