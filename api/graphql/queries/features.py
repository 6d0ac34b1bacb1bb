"""The field `features`: campaigns and clients as models and dashboards read them.

    service + entities or clients -> page of ids -> one command to Redis -> typed values
    service on demand + requests -> page of requests -> stored values -> worked out -> typed values

What is unknown, too old, of another agency, or of a client that the token does not show is
NOT_FOUND: the four look the same.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

import strawberry
from sqlalchemy import select

from api.entity_ids import parse_entity_id, public_entity_id
from api.graphql.access import RootField
from api.graphql.context import Context, EdgeInfo
from api.graphql.feature_nodes import EntityFeatures, FeatureEntity, FeatureStatus, nodes_of
from api.graphql.feature_requests import FeatureRequest, check_requests, work_out
from api.graphql.feature_values import ValueWriters, on_demand_service
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


@strawberry.type(description="A page of entities.")
class FeaturesPage:
    """See the description."""

    entities: strawberry.Private[list[EntityFeatures]]
    writers: strawberry.Private[ValueWriters]
    page_info: PageInfo
    notice: str | None = strawberry.field(
        description="Of a deprecated view: until when it is served, and what to use instead."
    )

    @strawberry.field(graphql_type=list[EntityFeatures])  # type: ignore[untyped-decorator]
    def nodes(self, info: EdgeInfo) -> Any:
        """In the order asked."""
        return nodes_of(info, self.writers, self.entities)


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
    nodes = list(map(_Nodes(writers, view.entity, owners).make, ids, rows))
    return FeaturesPage(
        entities=nodes,
        writers=writers,
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


class _Nodes:
    """Makes nodes of one question; clients and accounts are named once for all of them."""

    def __init__(self, writers: ValueWriters, entity: Entity, owners: _Owners) -> None:
        self._writers = writers
        self._entity = entity
        self._owners = owners
        self._clients: dict[str, Named] = {}
        self._connections: dict[str, Named] = {}

    def make(self, entity_id: str, row: FeatureRow | None) -> EntityFeatures:
        """The node of an id that was asked for, or NOT_FOUND."""
        public = strawberry.ID(public_entity_id(self._entity, entity_id))
        client = None if row is None else self._client(row.client_id)
        is_of_connection = row is not None and not self._entity.is_of_client
        owner = self._entity.owner_of(entity_id)
        return EntityFeatures(
            entity=FeatureEntity(
                id=public,
                client=client,
                connection=self._connection(owner) if is_of_connection else None,
            ),
            status=FeatureStatus.NOT_FOUND if row is None else FeatureStatus.PRESENT,
            as_of=None if row is None else row.as_of,
            row=row,
            writers=self._writers,
        )

    def _client(self, text: str) -> Named:
        if text not in self._clients:
            own_id = ClientId(uuid.UUID(text))
            self._clients[text] = _named("cli", own_id, self._owners.clients.get(own_id))
        return self._clients[text]

    def _connection(self, text: str) -> Named:
        if text not in self._connections:
            own_id = ConnectionId(uuid.UUID(text))
            self._connections[text] = _named("con", own_id, self._owners.connections.get(own_id))
        return self._connections[text]


def _named(prefix: str, own_id: uuid.UUID, name: str | None) -> Named:
    return Named(id=strawberry.ID(public_id(prefix, own_id)), name=name)


FEATURES = RootField(
    "features",
    Scope.METRICS_READ,
    "Features of campaigns, clients and other entities, as of the last publication.",
    _features,
)
