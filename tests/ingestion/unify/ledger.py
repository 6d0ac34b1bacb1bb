"""Syncs of a made-up platform, brought into a warehouse by hand.

    add(rows, version) -> raw rows, raw.bosco__syncs -> unify(syncs) -> facts, marts -> current()

`web.ads` feeds `ads_daily`, which is replaced by days; `shop.orders` feeds `orders`, by key;
`web.places` feeds `ads_country_daily` with parts of campaigns, and with what they leave out.
"""

import datetime as dt
import io
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp, parse_one

from domain.facts import FACTS
from domain.facts.tables import SYNCS, Table, facts_table, marts_table
from domain.ids import ClientId, ConnectionId, ObjectId, SyncId, TenantId
from domain.ports import Parameter, Statement
from domain.time_window import DateRange
from ingestion.connector.columns import batch_schema
from ingestion.connector.spec import (
    ColumnMapping,
    Field,
    FieldType,
    RequestSpec,
    Rest,
    SliceRule,
    StreamSpec,
)
from ingestion.landing.parquet import Lineage, arrow_schema, write_object
from ingestion.load import RAW_SYNCS
from ingestion.unify.statements import (
    SYNC_IDS,
    delete_superseded,
    insert_current,
    insert_facts,
    insert_syncs,
)
from tenancy.audited_tenants import AuditedTenants
from tenancy.warehouse.port import Warehouse

__all__ = [
    "ADS",
    "ALL_TABLES",
    "ORDERS",
    "PLACES",
    "A",
    "B",
    "Ledger",
    "ad",
    "batch",
    "day",
    "order",
    "place",
]

A = TenantId(uuid.UUID("0194a000-0000-7000-8000-00000000000a"))
B = TenantId(uuid.UUID("0194a000-0000-7000-8000-00000000000b"))


def _field(name: str, kind: FieldType = FieldType.STRING) -> Field:
    return Field(name, (name,), kind)


ADS = StreamSpec(
    name="ads",
    source="web",
    fact="ads_daily",
    fields=(
        _field("date", FieldType.DATE),
        _field("campaign"),
        _field("kind"),
        _field("screen"),
        _field("cost", FieldType.MONEY),
        _field("clicks", FieldType.INT),
    ),
    key=("campaign", "date", "screen"),
    mapping=(
        ColumnMapping("reporting_date", field="date"),
        ColumnMapping(
            "channel",
            field="kind",
            enum={"S": "paid_search", "D": "display"},
            otherwise="other",
            missing="direct",
        ),
        ColumnMapping("campaign_id", field="campaign"),
        ColumnMapping("device", field="screen", enum={"M": "mobile"}),
        ColumnMapping("attribution", constant="web:7d:sales"),
        ColumnMapping("campaign_name", field="campaign", missing="nameless"),
        ColumnMapping("currency", account="currency"),
        ColumnMapping("time_zone", account="time_zone"),
        ColumnMapping("spend", field="cost"),
        ColumnMapping("clicks", field="clicks"),
    ),
    slice=SliceRule("date", days=14),
)

ORDERS = StreamSpec(
    name="orders",
    source="shop",
    fact="orders",
    fields=(
        _field("id"),
        _field("day", FieldType.DATE),
        _field("at", FieldType.TIMESTAMP),
        _field("total", FieldType.MONEY),
        _field("state"),
    ),
    key=("id",),
    mapping=(
        ColumnMapping("reporting_date", field="day"),
        ColumnMapping("order_id", field="id"),
        ColumnMapping("ordered_at", field="at"),
        ColumnMapping("channel", constant="direct"),
        ColumnMapping("order_status", field="state", enum={"P": "paid"}, otherwise="other"),
        ColumnMapping("currency", account="currency"),
        ColumnMapping("time_zone", account="time_zone"),
        ColumnMapping("revenue", field="total"),
    ),
    slice=SliceRule("cursor"),
)

PLACES = StreamSpec(
    name="places",
    source="web",
    fact="ads_country_daily",
    fields=(
        _field("date", FieldType.DATE),
        _field("campaign"),
        _field("place"),
        _field("cost", FieldType.MONEY),
        _field("clicks", FieldType.INT),
    ),
    key=("campaign", "date", "place"),
    mapping=(
        ColumnMapping("reporting_date", field="date"),
        ColumnMapping("channel", constant="display"),
        ColumnMapping("campaign_id", field="campaign"),
        ColumnMapping("country", field="place", enum={"49": "DE", "33": "FR"}, otherwise=""),
        ColumnMapping("currency", account="currency"),
        ColumnMapping("time_zone", account="time_zone"),
        ColumnMapping("spend", field="cost"),
        ColumnMapping("clicks", field="clicks"),
    ),
    slice=SliceRule("date", days=14),
    rest=Rest(RequestSpec("GET", "/campaigns"), by=("campaign", "date"), without="place"),
)

_FACTS = (FACTS["ads_daily"], FACTS["orders"], FACTS["ads_country_daily"])
ALL_TABLES: tuple[Table, ...] = (
    RAW_SYNCS,
    SYNCS,
    ADS.raw_table,
    ORDERS.raw_table,
    PLACES.raw_table,
    *map(facts_table, _FACTS),
    *map(marts_table, _FACTS),
)


def day(number: int) -> dt.date:
    """A day of March 2026."""
    return dt.date(2026, 3, number)


def ad(number: int, campaign: str | None, cost: str, **more: Any) -> dict[str, Any]:
    """A row of `web.ads`."""
    row = {"date": day(number), "campaign": campaign, "kind": "S", "screen": "M", "clicks": 1}
    return {**row, "cost": Decimal(cost), **more}


def place(
    number: int, campaign: str | None, code: str | None, cost: str | None, clicks: int | None
) -> dict[str, Any]:
    """A row of `web.places`: what a place had of a campaign; None: the campaign itself."""
    money = None if cost is None else Decimal(cost)
    row = {"date": day(number), "campaign": campaign, "place": code}
    return {**row, "cost": money, "clicks": clicks}


def order(order_id: str, number: int, total: str, state: str = "P") -> dict[str, Any]:
    """A row of `shop.orders`."""
    at = dt.datetime(2026, 3, number, 12, tzinfo=dt.UTC)
    return {"id": order_id, "day": day(number), "at": at, "total": Decimal(total), "state": state}


def batch(stream: StreamSpec, rows: Sequence[Mapping[str, Any]], first: int = 1) -> pa.RecordBatch:
    """Rows as the extractor hands them out."""
    numbered = [{"row_number": first + place, **row} for place, row in enumerate(rows)]
    return pa.RecordBatch.from_pylist(numbered, schema=batch_schema(stream.fields))


def _covered(covers: tuple[int, int | None] | DateRange | None) -> dict[str, dt.date | None]:
    if isinstance(covers, DateRange):
        return {"covers_from": covers.start, "covers_to": covers.end}
    first, last = covers or (None, None)
    return {
        "covers_from": day(first) if first else None,
        "covers_to": day(last) if last else None,
    }


def _known_at(version: int) -> dt.datetime:
    return dt.datetime(2026, 4, 1, tzinfo=dt.UTC) + dt.timedelta(hours=version)


@dataclass
class Ledger:
    """A warehouse and the syncs that were added to it; a sync is named by its version."""

    warehouse: Warehouse

    async def prepare(self) -> "Ledger":
        await self.warehouse.ensure_tables(ALL_TABLES)
        return self

    async def add(
        self,
        version: int,
        rows: Sequence[Mapping[str, Any]],
        *,
        stream: StreamSpec = ADS,
        covers: tuple[int, int | None] | DateRange | None = None,
        tenant: TenantId = A,
        connection: int = 1,
    ) -> SyncId:
        """Land a sync and load its raw rows; nothing is unified yet."""
        sync_id = SyncId(uuid.UUID(int=version))
        lineage = Lineage(
            tenant_id=tenant,
            client_id=ClientId(uuid.UUID(int=0xC0 + connection)),
            connection_id=ConnectionId(uuid.UUID(int=0xF0 + connection)),
            sync_id=sync_id,
            object_id=ObjectId(uuid.UUID(int=0x0B0000 + version)),
            account_currency="EUR",
            account_time_zone="Europe/Berlin",
        )
        written = write_object(stream.raw_table, lineage, [batch(stream, rows)])
        tenants = AuditedTenants(frozenset({tenant}), "test")
        await self.warehouse.load(f"raw-{version}", stream.raw_table, [written.data], tenants)
        entry = {
            "tenant_id": str(tenant),
            "client_id": str(lineage.client_id),
            "connection_id": str(lineage.connection_id),
            "source": stream.source,
            "stream": stream.name,
            "fact": stream.fact,
            "sync_id": str(sync_id),
            "version": version,
            "known_at": _known_at(version),
            **_covered(covers),
        }
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pylist([entry], schema=arrow_schema(RAW_SYNCS)), sink)
        await self.warehouse.load(f"sync-{version}", RAW_SYNCS, [sink.getvalue()], tenants)
        return sync_id

    async def unify(
        self, *syncs: SyncId, stream: StreamSpec = ADS, tenants: frozenset[TenantId] = frozenset()
    ) -> None:
        """Run the statements of one batch; each call runs them, also for the same syncs."""
        fact = FACTS[stream.fact]
        statements: list[exp.Expr] = [
            insert_syncs(),
            insert_facts(stream, fact),
            delete_superseded(fact),
            insert_current(fact),
        ]
        await self.warehouse.execute(
            uuid.uuid4().hex,
            statements,
            {SYNC_IDS: tuple(str(sync_id) for sync_id in syncs)},
            AuditedTenants(tenants or frozenset({A}), "unify"),
        )

    async def bring(self, version: int, rows: Sequence[Mapping[str, Any]], **more: Any) -> SyncId:
        """Add a sync and unify it."""
        sync_id = await self.add(version, rows, **more)
        tenants = frozenset({more.get("tenant", A)})
        await self.unify(sync_id, stream=more.get("stream", ADS), tenants=tenants)
        return sync_id

    async def ask(
        self, text: str, tenant: TenantId = A, **parameters: Parameter
    ) -> list[tuple[Any, ...]]:
        """Rows of a SELECT in BigQuery's dialect."""
        tree = parse_one(text, dialect="bigquery")
        assert isinstance(tree, exp.Query)
        answer = await self.warehouse.run_for(
            AuditedTenants(frozenset({tenant}), "test"), Statement(tree, frozenset()), parameters
        )
        return [tuple(row.values()) for row in answer.to_pylist()]

    async def spend(self, tenant: TenantId = A) -> list[tuple[int, str | None, Decimal]]:
        """The current view of `ads_daily`: day of the month, campaign, spend."""
        rows = await self.ask(
            "SELECT m.reporting_date, m.campaign_id, m.spend FROM marts.ads_daily AS m"
            " ORDER BY m.reporting_date, m.campaign_id, m.spend",
            tenant,
        )
        return [(date.day, campaign, spend) for date, campaign, spend in rows]

    async def orders(self, tenant: TenantId = A) -> list[tuple[str, int, Decimal, int]]:
        """The current view of `orders`: id, day of the month, revenue, version."""
        rows = await self.ask(
            "SELECT m.order_id, m.reporting_date, m.revenue, m.version FROM marts.orders AS m"
            " ORDER BY m.order_id, m.version",
            tenant,
        )
        return [(key, date.day, revenue, version) for key, date, revenue, version in rows]
