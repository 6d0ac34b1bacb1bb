"""The field `freshness`: up to which day the data is there."""

import datetime as dt

import strawberry
from sqlalchemy import select

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.oauth.caller import Scope
from domain.ids import public_id
from tenancy.tables import Connection, StreamState

__all__ = ["FRESHNESS"]


@strawberry.type(description="How far a stream of a connection has been published.")
class Freshness:
    """See the description."""

    connection_id: strawberry.ID
    client_id: strawberry.ID
    source: str
    stream: str
    covered_from: dt.date | None = strawberry.field(description="First reporting date.")
    covered_to: dt.date | None = strawberry.field(description="Last reporting date, included.")
    published_at: dt.datetime | None


async def _freshness(info: EdgeInfo) -> list[Freshness] | None:
    context = info.context
    query = (
        select(StreamState, Connection.client_id, Connection.source)
        .join(
            Connection,
            (Connection.tenant_id == StreamState.tenant_id)
            & (Connection.id == StreamState.connection_id),
        )
        .order_by(Connection.source, StreamState.stream, Connection.id)
    )
    if context.caller.clients is not None:
        query = query.where(Connection.client_id.in_(context.caller.clients))
    async with context.services.database.session(context.caller.tenant_id) as session:
        rows = await session.execute(query)
        return [
            Freshness(
                connection_id=strawberry.ID(public_id("con", state.connection_id)),
                client_id=strawberry.ID(public_id("cli", client_id)),
                source=source,
                stream=state.stream,
                covered_from=state.covered_from,
                covered_to=state.covered_to,
                published_at=state.published_at,
            )
            for state, client_id, source in rows
        ]


FRESHNESS = RootField(
    "freshness",
    Scope.METRICS_READ,
    "Up to which reporting date each stream of each connection is there.",
    _freshness,
)
