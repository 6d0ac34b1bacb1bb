"""The field `clients`: the brands that the caller may see."""

import strawberry
from sqlalchemy import select

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.identity.caller import Scope
from domain.ids import public_id
from tenancy.tables import Client as ClientRow

__all__ = ["CLIENTS", "Client", "client_of"]


@strawberry.type(description="A brand that the agency works for.")
class Client:
    """See the description."""

    id: strawberry.ID
    slug: str
    name: str
    currency: str = strawberry.field(description="ISO 4217.")
    time_zone: str = strawberry.field(description="IANA name.")


async def _clients(info: EdgeInfo) -> list[Client] | None:
    context = info.context
    query = select(ClientRow).order_by(ClientRow.slug)
    if context.caller.clients is not None:
        query = query.where(ClientRow.id.in_(context.caller.clients))
    async with context.services.database.session(context.caller.tenant_id) as session:
        rows = await session.scalars(query)
        return [client_of(row) for row in rows]


def client_of(row: ClientRow) -> Client:
    """A client as the schema shows it."""
    return Client(
        id=strawberry.ID(public_id("cli", row.id)),
        slug=row.slug,
        name=row.name,
        currency=row.currency,
        time_zone=row.time_zone,
    )


CLIENTS = RootField(
    "clients", Scope.METRICS_READ, "Clients of the agency that the token shows, by slug.", _clients
)
