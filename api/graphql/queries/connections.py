"""The field `connections`: accounts at the sources, and how they are doing."""

import datetime as dt

import strawberry
from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.queries.syncs import Sync, sync_of
from api.identity.caller import Scope
from domain.ids import public_id
from tenancy.tables import Connection as ConnectionRow
from tenancy.tables import ConnectionState
from tenancy.tables import Sync as SyncRow

__all__ = ["CONNECTIONS"]

strawberry.enum(
    ConnectionState,
    description="BROKEN: the source refuses the stored credentials; connect the account again.",
)


@strawberry.type(description="A client's account at a source.")
class Connection:
    """See the description."""

    id: strawberry.ID
    client_id: strawberry.ID
    source: str = strawberry.field(description="For example google_ads.")
    account_id: str = strawberry.field(description="The source's own id of the account.")
    label: str
    state: ConnectionState
    start_date: dt.date = strawberry.field(description="First reporting date that is fetched.")
    expires_at: dt.datetime | None = strawberry.field(
        description="When somebody has to connect the account again; null: no end is known."
    )
    last_sync: Sync | None = strawberry.field(description="The one that started last.")


async def _connections(info: EdgeInfo) -> list[Connection] | None:
    context = info.context
    rank = func.row_number().over(
        partition_by=SyncRow.connection_id,
        order_by=(SyncRow.started_at.desc().nulls_last(), SyncRow.id.desc()),
    )
    ranked = select(SyncRow, rank.label("rank")).subquery()
    latest = aliased(SyncRow, ranked)
    query = (
        select(ConnectionRow, latest)
        .outerjoin(ranked, (ranked.c.connection_id == ConnectionRow.id) & (ranked.c.rank == 1))
        .order_by(ConnectionRow.source, ConnectionRow.label, ConnectionRow.id)
    )
    if context.caller.clients is not None:
        query = query.where(ConnectionRow.client_id.in_(context.caller.clients))
    async with context.services.database.session(context.caller.tenant_id) as session:
        rows = await session.execute(query)
        return [_connection(row, last) for row, last in rows]


def _connection(row: ConnectionRow, last: SyncRow | None) -> Connection:
    return Connection(
        id=strawberry.ID(public_id("con", row.id)),
        client_id=strawberry.ID(public_id("cli", row.client_id)),
        source=row.source,
        account_id=row.account_id,
        label=row.label,
        state=row.state,
        start_date=row.start_date,
        expires_at=row.credentials_expire_at,
        last_sync=None if last is None else sync_of(last),
    )


CONNECTIONS = RootField(
    "connections",
    Scope.INGESTION_READ,
    "Accounts at the sources that the token shows, by source and label.",
    _connections,
)
