"""The two sides of a comparison, in one shape.

    export + map -> read_file -> Ledger of the earlier system
    accounts + days [+ instant] -> SELECT -> guarded warehouse -> Ledger of Bosco

Of Bosco counts what the platforms told, never history. With an instant it is what was known then.

Decision: ADR-0015.
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

import pyarrow as pa
from sqlglot import exp, parse_one

from domain.compare.compare import MetricTraits
from domain.compare.figures import AccountKey, Ledger
from domain.facts import FACTS
from domain.facts.fact import HISTORY, Column, Fact, Role, Supersession
from domain.facts.tables import SYNCS, facts_table, marts_table
from domain.ids import ConnectionId
from domain.ports import Parameter, QueryWarehouse, Statement, TenantScope
from domain.time_window import DateRange
from ingestion.connector.job import Account
from ingestion.files.feeds import NATURAL_KEY
from ingestion.files.map_spec import FeedSpec, MapSpec
from ingestion.files.read_file import read_file

__all__ = ["BoscoSide", "ExportSide", "measures_of", "read_export"]

_CAMPAIGN: Final = "campaign_id"


def measures_of(file_map: MapSpec) -> dict[str, MetricTraits]:
    """The amounts that a map reads, by the fact's own names."""
    return {
        column.name: MetricTraits(is_money=column.money, is_claimed=column.claimed)
        for feed in file_map.feeds
        for column in _measures(feed)
    }


@dataclass(frozen=True, slots=True)
class ExportSide:
    """An export, read.

    Attributes:
        ledger: All its rows that fit the map.
        days: From the first to the last of them; None: there are none.
        rejected: Rows that do not fit: they are not compared.
    """

    ledger: Ledger
    days: DateRange | None
    rejected: int


def read_export(path: Path, file_map: MapSpec) -> ExportSide:
    """Read an export as it is: a row that stands in it twice counts twice, minus stays minus.

    Raises:
        InvalidInputError: The file cannot be read, or lacks columns that the map names.
    """
    ledger = Ledger()
    days: set[dt.date] = set()
    rejected = 0
    whole = Account("", {}, file_map.currency, file_map.time_zone or "UTC")
    for page in read_file(path, file_map, account=whole, as_is=True):
        rejected += len(page.rejected)
        measures = [column.name for column in _measures(page.feed)]
        names = [*measures, NATURAL_KEY, "reporting_date"]
        columns = {name: page.batch.column(name).to_pylist() for name in names}
        campaigns = _column(page.batch, _CAMPAIGN)
        for row, account in enumerate(page.accounts or ()):
            day: dt.date = columns["reporting_date"][row]
            days.add(day)
            figures = {name: _decimal(columns[name][row]) for name in measures}
            ledger.add(
                AccountKey(*account),
                day,
                campaigns[row] or "",
                figures,
                currency=file_map.currency,
                identity=(page.feed.name, columns[NATURAL_KEY][row], *figures.values()),
            )
    return ExportSide(ledger, DateRange(min(days), max(days)) if days else None, rejected)


@dataclass(frozen=True, slots=True)
class BoscoSide:
    """What Bosco knows of some accounts.

    Attributes:
        scope: Whose facts may be read.
        accounts: Connection -> account.
    """

    warehouse: QueryWarehouse
    scope: TenantScope
    accounts: Mapping[ConnectionId, AccountKey]

    async def read(
        self, file_map: MapSpec, days: DateRange, known_at: dt.datetime | None = None
    ) -> Ledger:
        """Read the amounts that a map reads. One query for each fact.

        Args:
            file_map: Says which facts and amounts.
            days: Reporting dates.
            known_at: Only what had landed by then counts; None: the current view.

        Raises:
            WarehouseError: The warehouse failed.
        """
        ledger = Ledger()
        parameters: dict[str, Parameter] = {
            "connections": tuple(str(connection_id) for connection_id in self.accounts),
            "first": days.start,
            "last": days.end,
        }
        if known_at is not None:
            parameters["known_at"] = known_at
        for feed in file_map.feeds:
            measures = _measures(feed)
            statement = _told(FACTS[feed.fact], measures, is_as_of=known_at is not None)
            answer = await self.warehouse.run(self.scope, statement, parameters)
            for row in answer.to_pylist():
                figures = {column.name: _decimal(row[column.name]) for column in measures}
                account = self.accounts[ConnectionId(uuid.UUID(row["connection_id"]))]
                ledger.add(
                    account,
                    row["reporting_date"],
                    row[_CAMPAIGN] or "",
                    figures,
                    currency=row["currency"] or "",
                )
        return ledger


def _measures(feed: FeedSpec) -> Sequence[Column]:
    """The fact's measures that a feed reads, in the order of the fact."""
    parts = [feed.columns, *(item.columns for item in feed.sets)]
    read = {column.field.name for part in parts for column in part}
    return [
        column
        for column in FACTS[feed.fact].columns
        if column.role is Role.MEASURE and column.name in read
    ]


def _told(fact: Fact, measures: Sequence[Column], *, is_as_of: bool) -> Statement:
    table = facts_table(fact) if is_as_of else marts_table(fact)
    campaign = f"f.{_CAMPAIGN}" if fact.column(_CAMPAIGN) else "CAST(NULL AS STRING)"
    sums = "".join(f", SUM(f.{column.name}) AS {column.name}" for column in measures)
    known = f"AND f.known_at <= @known_at AND NOT EXISTS ({_newer(fact)})" if is_as_of else ""
    text = f"""
        SELECT f.connection_id AS connection_id, f.reporting_date AS reporting_date,
            {campaign} AS {_CAMPAIGN}, MAX(f.currency) AS currency{sums}
        FROM {table.qualified} AS f
        WHERE f.reporting_date BETWEEN @first AND @last
            AND f.connection_id IN UNNEST(@connections) AND f.stream <> '{HISTORY}' {known}
        GROUP BY 1, 2, 3
    """
    tree = parse_one(text, dialect="bigquery")
    if not isinstance(tree, exp.Query):
        raise TypeError(type(tree))
    tables = {table.qualified, *([SYNCS.qualified] if is_as_of else [])}
    return Statement(tree, frozenset(tables))


def _newer(fact: Fact) -> str:
    """What had replaced a row by then: the rule of `ingestion.unify`, at an earlier instant."""
    same = """
        n.tenant_id = f.tenant_id AND n.connection_id = f.connection_id AND n.stream = f.stream
        AND n.version > f.version AND n.known_at <= @known_at
    """
    if fact.supersession is Supersession.SLICE:
        return f"""
            SELECT 1 FROM {SYNCS.qualified} AS n
            WHERE {same} AND n.fact = '{fact.name}'
                AND f.reporting_date BETWEEN n.covers_from AND n.covers_to
        """
    table = facts_table(fact).qualified
    return f"SELECT 1 FROM {table} AS n WHERE {same} AND n.natural_key = f.natural_key"


def _column(batch: pa.RecordBatch, name: str) -> Sequence[str | None]:
    if name not in batch.schema.names:
        return [None] * batch.num_rows
    values: list[str | None] = batch.column(name).to_pylist()
    return values


def _decimal(value: Decimal | int | None) -> Decimal | None:
    return None if value is None else Decimal(value)
