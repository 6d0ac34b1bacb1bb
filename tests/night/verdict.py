"""What the night has brought: who was in time, and whether all of it is there, once.

control plane -> when each connection's day was published, how often
warehouse -> the rows that count -> what the platform finally said
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlglot import exp, parse_one

from domain.ids import ConnectionId, TenantId
from domain.ports import Statement, TenantScope
from ingestion.schedule.wording import subject_of
from tenancy.session import Database, TenantSession
from tenancy.tables import AlertKind, DataVersion, RaisedAlert, Sync, SyncState
from tenancy.warehouse.duckdb import DuckDbWarehouse
from tests.night.places import DATA_DAY, Place, by_tenant

__all__ = ["Outcome", "read_outcomes"]

_ROWS = (
    "SELECT m.connection_id AS connection_id, m.campaign_id AS campaign_id, m.spend AS spend,"
    " m.clicks AS clicks FROM marts.ads_daily AS m WHERE m.reporting_date = DATE '{day}'"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one connection.

    Attributes:
        published_at: Each time that the day was published, in order.
        rows: Campaign, spend and clicks, as the current view has them.
        versions: Data versions of each published sync: one for each fact that it feeds.
        foretold: Each time that a miss was foretold, from when until when; None: it stands.
    """

    place: Place
    published_at: tuple[dt.datetime, ...]
    rows: list[tuple[str, int, int]]
    versions: tuple[int, ...]
    foretold: tuple[tuple[dt.datetime, dt.datetime | None], ...]

    @property
    def is_in_time(self) -> bool:
        """Whether the day was there at the deadline."""
        return bool(self.published_at) and self.published_at[0] <= self.place.deadline_at


async def read_outcomes(
    database: Database, warehouse: DuckDbWarehouse, places: Sequence[Place]
) -> list[Outcome]:
    """Look everything up, tenant by tenant, through the product's own doors."""
    found: list[Outcome] = []
    for tenant_id, own in by_tenant(places).items():
        rows = await _rows(warehouse, tenant_id)
        async with database.session(tenant_id) as session:
            query = select(Sync).where(Sync.slice_to == DATA_DAY).order_by(Sync.finished_at)
            syncs = (await session.scalars(query)).all()
            versions = (await session.scalars(select(DataVersion.sync_id))).all()
            alerts = await _predicted_misses(session)
        for place in own:
            mine = [sync for sync in syncs if sync.connection_id == place.connection_id]
            done = [sync for sync in mine if sync.state is SyncState.PUBLISHED]
            found.append(
                Outcome(
                    place,
                    tuple(sync.finished_at for sync in done if sync.finished_at is not None),
                    sorted(rows[place.connection_id]),
                    tuple(versions.count(sync.id) for sync in done),
                    tuple(alerts.get(subject_of(place.connection_id, DATA_DAY), ())),
                )
            )
    return found


async def _predicted_misses(
    session: TenantSession,
) -> dict[str, list[tuple[dt.datetime, dt.datetime | None]]]:
    kind = AlertKind.FRESHNESS_PREDICTED_MISS
    found: dict[str, list[tuple[dt.datetime, dt.datetime | None]]] = {}
    query = select(RaisedAlert).where(RaisedAlert.kind == kind).order_by(RaisedAlert.raised_at)
    for alert in (await session.scalars(query)).all():
        found.setdefault(alert.subject, []).append((alert.raised_at, alert.cleared_at))
    return found


async def _rows(
    warehouse: DuckDbWarehouse, tenant_id: TenantId
) -> defaultdict[ConnectionId, list[tuple[str, int, int]]]:
    tree = parse_one(_ROWS.format(day=DATA_DAY), dialect="bigquery")
    assert isinstance(tree, exp.Query)
    answer = await warehouse.run(TenantScope(tenant_id), Statement(tree, frozenset()), {})
    rows: defaultdict[ConnectionId, list[tuple[str, int, int]]] = defaultdict(list)
    for row in answer.to_pylist():
        connection_id = ConnectionId(uuid.UUID(row["connection_id"]))
        rows[connection_id].append((row["campaign_id"], int(row["spend"]), row["clicks"]))
    return rows
