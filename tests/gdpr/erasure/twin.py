"""What two systems hold, to be compared place by place.

    agency -> every table, landing object, feature and answer -> rows without what tells systems
    apart (ids of agencies, syncs and objects, places in a sync), by whole columns

Declared exceptions: of rows that outlive a person, ids have a surrogate, what was cleared is empty
and instants are midnights. `as_erased` makes the same of the rows of the twin.
"""

import datetime as dt
import io
from collections.abc import Collection
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from domain.facts.fact import Erased
from domain.facts.tables import Table
from domain.metrics.catalogue import build_catalogue
from domain.money import Currency
from domain.ports import TenantScope
from domain.query.answer import answer
from domain.query.plan import PlanCache
from domain.query.request import MetricRequest
from domain.time_window import DateRange
from feature_repo.entities import CLIENT
from feature_repo.feature_views import VIEWS
from feature_repo.online import OnlineFeatures
from gdpr.erasure.erasable import NATURAL_KEY, Erasable, word_of
from tenancy.audited_tenants import AuditedTenants
from tenancy.cache import RedisAnswerCache
from tests.gdpr.erasure.world import STREAMS, Agency, World
from tests.tenancy.warehouse.samples import question

__all__ = [
    "Rows",
    "as_erased",
    "ask",
    "features_of",
    "landed",
    "landed_rows",
    "stored",
    "table_rows",
]

Rows = list[dict[str, Any]]
HIDDEN = {
    *("tenant_id", "client_id", "connection_id", "sync_id", "object_id", "version", "known_at"),
    "row_number",  # its place in the sync: a row that is gone leaves a gap
}
QUESTION = MetricRequest(
    metrics=("revenue", "orders", "refunds", "units_sold", "new_customers"),
    period=DateRange(dt.date(2026, 10, 1), dt.date(2026, 11, 1)),
    dimensions=("country",),
)


async def stored(world: World, agency: Agency, table: Table) -> pa.Table:
    """Rows of an agency in a table of the warehouse, in one order."""
    names = ", ".join(f"r.{name}" for name in _told(table))
    statement = question(f"SELECT {names} FROM {table.qualified} AS r")
    tenants = AuditedTenants(frozenset({agency.tenant_id}), "test")
    return _in_order(await world.warehouse.run_for(tenants, statement, {}), table)


async def landed(world: World, agency: Agency, stream: str) -> pa.Table:
    """Rows of an agency in the landing objects of a stream, in one order."""
    store, table = world.landing.for_tenant(agency.tenant_id), STREAMS[stream].raw_table
    rows = [
        pq.read_table(io.BytesIO(await store.get(key)), columns=_told(table))
        for key in await store.list()
        if f"/stream={stream}/" in key
    ]
    return _in_order(pa.concat_tables(rows), table)


async def table_rows(world: World, agency: Agency, table: Table) -> Rows:
    """Rows of an agency in a table of the warehouse, one by one."""
    rows: Rows = (await stored(world, agency, table)).to_pylist()
    return rows


async def landed_rows(world: World, agency: Agency, stream: str) -> Rows:
    """Rows of an agency in the landing objects of a stream, one by one."""
    rows: Rows = (await landed(world, agency, stream)).to_pylist()
    return rows


def _told(table: Table) -> list[str]:
    return [column.name for column in table.columns if column.name not in HIDDEN]


def _in_order(rows: pa.Table, table: Table) -> pa.Table:
    """By its key; what has none, or the same one twice, by everything that it holds."""
    keys = [name for name in (NATURAL_KEY, *table.key) if name in rows.column_names]
    names = dict.fromkeys((*keys, *rows.column_names))
    order = pc.sort_indices(rows, [(name, "ascending") for name in names])
    return rows.take(order).combine_chunks()


async def features_of(world: World, agency: Agency) -> list[Any]:
    """Stored features of the agency's client, and its place in the index."""
    online = OnlineFeatures(world.redis, world.clock)
    view = next(one for one in VIEWS.values() if one.entity is CLIENT)
    ids = await online.list_entities(agency.tenant_id, view, [str(agency.client_id)])
    assert ids == [str(agency.client_id)]
    [values] = await online.read(TenantScope(agency.tenant_id), view, ids)
    assert values is not None
    return list(values.values)


async def ask(world: World, agency: Agency, version: str = "") -> Rows:
    """The answer to a question about everything that the shop's people did."""
    told = await answer(
        QUESTION,
        scope=TenantScope(agency.tenant_id),
        catalogue=build_catalogue(),
        warehouse=world.warehouse,
        plans=PlanCache(),
        reporting_currency=Currency("EUR"),
        cache=RedisAnswerCache(world.redis),
        data_version=version,
    )
    rows: Rows = told.rows.to_pylist()
    return rows


def as_erased(
    rows: pa.Table, erasable: Erasable, agency: Agency, orders: Collection[str]
) -> pa.Table:
    """What rows of the twin are in a system that has erased the people of some orders."""
    if erasable.order is None:
        return rows
    table = erasable.table
    named = rows.column(erasable.order).combine_chunks()
    gone = pc.is_in(named, value_set=pa.array(sorted(orders), pa.string()))
    days = rows.column(erasable.day).combine_chunks().cast(pa.timestamp("us", tz="UTC"))
    changed = {}
    for column in table.columns:
        if column.name in HIDDEN:
            continue
        before = rows.column(column.name).combine_chunks()
        if column.name == NATURAL_KEY:
            stream = STREAMS[table.name]
            words = {one.name: word_of(one) for one in stream.raw_table.columns}
            changed[column.name] = _surrogates(agency, words[stream.key[0]], before, gone)
        elif column.erased is Erased.SURROGATE:
            changed[column.name] = _surrogates(agency, word_of(column), before, gone)
        elif column.erased is Erased.CLEARED:
            changed[column.name] = pc.if_else(gone, pa.scalar(None, before.type), before)
        elif column.erased is Erased.DAY:
            changed[column.name] = pc.if_else(gone, days, before)
        else:
            changed[column.name] = before
    return _in_order(pa.table(changed, rows.schema), table)


def _surrogates(agency: Agency, word: str, values: pa.Array, gone: pa.BooleanArray) -> pa.Array:
    make = agency.names.surrogate
    new = [
        None if value is None else make(agency.connection_id, word, value)
        for value in values.filter(gone).to_pylist()
    ]
    return pc.replace_with_mask(values, gone, pa.array(new, pa.string()))
