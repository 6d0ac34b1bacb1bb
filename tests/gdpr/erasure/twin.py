"""What two systems hold, to be compared place by place.

    agency -> every table, landing object, feature and answer -> rows without what tells systems
    apart (ids of agencies, syncs and objects, places in a sync)

Declared exceptions: of rows that outlive a person, ids have a surrogate, what was cleared is empty
and instants are midnights. `as_erased` makes the same of a row of the twin.
"""

import datetime as dt
import io
from collections.abc import Callable, Collection, Mapping
from typing import Any

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

__all__ = ["Rows", "as_erased", "ask", "features_of", "landed_rows", "table_rows"]

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


def _told(rows: Rows) -> Rows:
    kept = [{k: v for k, v in row.items() if k not in HIDDEN} for row in rows]
    return sorted(kept, key=str)


async def table_rows(world: World, agency: Agency, table: Table) -> Rows:
    """Rows of an agency in a table of the warehouse."""
    statement = question(f"SELECT * FROM {table.qualified} AS r")
    tenants = AuditedTenants(frozenset({agency.tenant_id}), "test")
    found = await world.warehouse.run_for(tenants, statement, {})
    return _told(found.to_pylist())


async def landed_rows(world: World, agency: Agency, stream: str) -> Rows:
    """Rows of an agency in the landing objects of a stream."""
    landing = world.landing.for_tenant(agency.tenant_id)
    rows: Rows = []
    for key in await landing.list():
        if f"/stream={stream}/" in key:
            rows += pq.read_table(io.BytesIO(await landing.get(key))).to_pylist()
    return _told(rows)


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
    erasable: Erasable, agency: Agency, orders: Collection[str], stream: str
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """What a row of the twin is in a system that has erased the people of some orders."""

    def changed(row: Mapping[str, Any]) -> dict[str, Any]:
        if erasable.order is None or row[erasable.order] not in orders:
            return dict(row)
        new = dict(row)
        for column in erasable.table.columns:
            if column.name in HIDDEN:
                continue
            if column.erased is Erased.SURROGATE:
                new[column.name] = agency.names.surrogate(
                    agency.connection_id, word_of(column), row[column.name]
                )
            elif column.erased is Erased.CLEARED:
                new[column.name] = None
            elif column.erased is Erased.DAY:
                new[column.name] = dt.datetime.combine(row[erasable.day], dt.time(), dt.UTC)
        if NATURAL_KEY in row:
            key = STREAMS[stream].key
            words = {c.name: word_of(c) for c in STREAMS[stream].raw_table.columns}
            new[NATURAL_KEY] = agency.names.surrogate(
                agency.connection_id, words[key[0]], row[NATURAL_KEY]
            )
        return new

    return changed
