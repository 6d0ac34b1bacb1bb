"""The field `features`: campaigns and clients as models and dashboards read them.

    service + entities or clients -> page of ids -> one command to Redis -> typed values
    service on demand + requests -> page of requests -> stored values -> worked out -> typed values

What is unknown, too old, of another agency, or of a client that the token does not show is
NOT_FOUND: the four look the same.
"""

import datetime as dt
import enum
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

import strawberry
from sqlalchemy import select

from api.entity_ids import parse_entity_id, public_entity_id
from api.graphql.access import RootField
from api.graphql.context import Context, EdgeInfo
from api.graphql.feature_requests import FeatureRequest, check_requests, work_out
from api.graphql.feature_values import (
    FEATURE_VALUES,
    ValueWriters,
    on_demand_service,
    values_of,
)
from api.graphql.metric_types import Named, PageInfo
from api.graphql.paging import read_page
from api.identity.caller import Scope
from domain.errors import NotFoundError
from domain.ids import ClientId, ConnectionId, parse_id, public_id
from domain.metrics.naming import did_you_mean
from feature_repo.catalogue import Catalogue
from feature_repo.entities import Entity
from feature_repo.feature_services import FeatureService
from feature_repo.on_demand import ON_DEMAND
from feature_repo.read import FeatureRow
from tenancy.tables import Client, Connection

__all__ = ["FEATURES"]

_MAXIMUM: Final = 500


@strawberry.enum(description="Whether there are values of an entity.")
class FeatureStatus(enum.Enum):
    """See the description."""

    PRESENT = "present"
    NOT_FOUND = strawberry.enum_value(
        "not_found", description="Nothing to show: unknown, or not refreshed for `ttlSeconds`."
    )


@strawberry.type(description="What has features: a campaign, an ad, a product, a client and so on.")
class FeatureEntity:
    """See the description."""

    id: strawberry.ID = strawberry.field(
        description="A client's own; of a campaign, ad or product its connection's, a colon and "
        "the platform's; of a channel or segment its client's, a colon and its name."
    )
    client: Named | None
    connection: Named | None = strawberry.field(
        description="null: the entity is a client, or a part of one."
    )


@strawberry.type(description="Features of an entity.")
class EntityFeatures:
    """See the description."""

    entity: FeatureEntity
    status: FeatureStatus
    as_of: dt.datetime | None = strawberry.field(
        description="Only what was known by then has counted; null: NOT_FOUND."
    )
    row: strawberry.Private[FeatureRow | None]
    writers: strawberry.Private[ValueWriters]

    @strawberry.field(  # type: ignore[untyped-decorator]
        graphql_type=FEATURE_VALUES | None, description="Of the service; null: NOT_FOUND."
    )
    def values(self, info: EdgeInfo) -> Any:
        """See the description."""
        return None if self.row is None else values_of(info, self.writers, self.row.values)


@strawberry.type(description="A page of entities.")
class FeaturesPage:
    """See the description."""

    nodes: list[EntityFeatures]
    page_info: PageInfo
    notice: str | None = strawberry.field(
        description="Of a deprecated view: until when it is served, and what to use instead."
    )


@dataclass(frozen=True, slots=True)
class _Owners:
    """Clients and connections that the question is about, names by id."""

    clients: Mapping[ClientId, str]
    connections: Mapping[ConnectionId, str]

    def of(self, entity: Entity) -> list[str]:
        """Ids of those whose entities are asked for, in order."""
        return list(map(str, sorted(self.clients if entity.is_of_client else self.connections)))


async def _features(
    info: EdgeInfo,
    service: Annotated[
        str, strawberry.argument(description="Name of a service; `featureServices` lists them.")
    ],
    entities: Annotated[
        list[strawberry.ID] | None,
        strawberry.argument(description="Only these, in this order; null: all."),
    ] = None,
    clients: Annotated[
        list[strawberry.ID] | None, strawberry.argument(description="Only of these clients.")
    ] = None,
    requests: Annotated[
        list[FeatureRequest] | None,
        strawberry.argument(
            description="Of a service on demand: the entities, in this order, and its numbers."
        ),
    ] = None,
    first: Annotated[int, strawberry.argument(description="At most 500.")] = 100,
    after: Annotated[
        str | None, strawberry.argument(description="`endCursor` of the page before.")
    ] = None,
) -> FeaturesPage | None:
    context, reader = info.context, info.context.services.features
    catalogue = await reader.catalogue(context.caller.tenant_id)
    on_demand = ON_DEMAND.get(service)
    asked = _find_service(catalogue, service) if on_demand is None else on_demand_service(on_demand)
    check_requests(service, on_demand, requests, entities)
    rested_on = [] if on_demand is None else on_demand.rests_on(on_demand.feature_names)
    context.caller.require_metrics([*asked.features, *rested_on])
    if requests is not None:
        entities = [request.entity for request in requests]
    view = catalogue.view(asked.view)
    page = read_page(first, after, maximum=_MAXIMUM)
    owners = await _load_owners(context, clients)
    scope = context.caller.scope
    if clients is not None:
        scope = replace(scope, clients=frozenset(owners.clients))
    end = page.offset + page.limit
    if entities is None:
        ids = await reader.list_entities(
            scope, view, owners.of(view.entity), offset=page.offset, limit=page.limit + 1
        )
        has_next = len(ids) > page.limit
    else:
        ids = [parse_entity_id(view.entity, text) for text in entities[page.offset : end]]
        has_next = len(entities) > end
    ids = ids[: page.limit]
    if on_demand is None or requests is None:
        rows = await reader.read(scope, asked.name, ids)
        writers = ValueWriters.of_stored(asked, view)
    else:
        stored = await reader.read(scope, view.name, ids)
        rows = work_out(on_demand, requests[page.offset : end], stored)
        writers = ValueWriters.of_on_demand(on_demand)
    nodes = [
        _node(writers, view.entity, entity_id, row, owners)
        for entity_id, row in zip(ids, rows, strict=True)
    ]
    return FeaturesPage(
        nodes=nodes,
        page_info=page.info(len(nodes), has_next=has_next),
        notice=None if view.deprecation is None else str(view.deprecation),
    )


def _find_service(catalogue: Catalogue, name: str) -> FeatureService:
    services = catalogue.services
    if name not in services:
        raise NotFoundError(
            f"there is no feature service {name!r}",
            hint=did_you_mean(
                name, [*services, *ON_DEMAND], otherwise="featureServices lists them"
            ),
        )
    return services[name]


async def _load_owners(context: Context, clients: list[strawberry.ID] | None) -> _Owners:
    """What the caller may see, or of it what belongs to some clients."""
    of_clients = select(Client.id, Client.name)
    of_connections = select(Connection.id, Connection.label)
    asked = {parse_id("cli", text): text for text in clients or ()}
    for limit in (context.caller.clients, None if clients is None else asked):
        if limit is not None:
            of_clients = of_clients.where(Client.id.in_(list(limit)))
            of_connections = of_connections.where(Connection.client_id.in_(list(limit)))
    async with context.services.database.session(context.caller.tenant_id) as session:
        names = {row.id: row.name for row in await session.execute(of_clients)}
        labels = {row.id: row.label for row in await session.execute(of_connections)}
    for client_id, text in asked.items():
        if client_id not in names:
            raise NotFoundError(
                f"{text!r} is not a client of this agency", hint="clients lists them"
            )
    return _Owners(names, labels)


def _node(
    writers: ValueWriters, entity: Entity, entity_id: str, row: FeatureRow | None, owners: _Owners
) -> EntityFeatures:
    public = strawberry.ID(public_entity_id(entity, entity_id))
    if row is None:
        return EntityFeatures(
            entity=FeatureEntity(id=public, client=None, connection=None),
            status=FeatureStatus.NOT_FOUND,
            as_of=None,
            row=None,
            writers=writers,
        )
    client_id = ClientId(uuid.UUID(row.client_id))
    connection = None
    if not entity.is_of_client:
        connection_id = ConnectionId(uuid.UUID(entity.owner_of(entity_id)))
        connection = _named("con", connection_id, owners.connections.get(connection_id))
    return EntityFeatures(
        entity=FeatureEntity(
            id=public,
            client=_named("cli", client_id, owners.clients.get(client_id)),
            connection=connection,
        ),
        status=FeatureStatus.PRESENT,
        as_of=row.as_of,
        row=row,
        writers=writers,
    )


def _named(prefix: str, own_id: uuid.UUID, name: str | None) -> Named:
    return Named(id=strawberry.ID(public_id(prefix, own_id)), name=name)


FEATURES = RootField(
    "features",
    Scope.METRICS_READ,
    "Features of campaigns, clients and other entities, as of the last publication.",
    _features,
)
