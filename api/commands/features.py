"""Features of campaigns and clients: `bosco features list`, `show` and `refresh`."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import select

from api.commands.feature_owners import load_feature_owners, show_instant
from api.commands.lookup import find_agency, find_client
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.entity_ids import parse_entity_id, public_entity_id
from api.runtime import Runtime
from domain.errors import InvalidInputError, NotFoundError
from domain.ids import ClientId, TenantId
from domain.ports import TenantScope
from feature_repo.catalogue import PLATFORM
from feature_repo.entities import CLIENT
from feature_repo.feature import Feature, FeatureView, Unit
from feature_repo.feature_views import CAMPAIGN_PERFORMANCE, CLIENT_PERFORMANCE
from feature_repo.on_demand import ON_DEMAND
from feature_repo.packing import Value
from feature_repo.read import FeatureRow
from feature_repo.registration.book import Registered
from tenancy.tables import Connection

__all__ = ["list_features", "refresh_features", "show_features"]


async def list_features(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco features list`: the definitions; of an agency, what it registered as well."""
    catalogue = PLATFORM
    own: tuple[tuple[Any, ...], ...] = ()
    if arguments.get("tenant"):
        tenant = await find_agency(runtime, arguments["tenant"])
        catalogue = await runtime.features.catalogues.fresh(tenant.tenant_id)
        own = tuple(map(_own, await runtime.features.book.list_registered(tenant.tenant_id)))
    services = tuple(
        (
            service.name,
            catalogue.view(service.view).entity.name,
            len(service.features),
            service.description,
        )
        for service in catalogue.services.values()
    )
    yield TableEvent("feature services", ("service", "of a", "features", "what for"), services)
    features = tuple(
        (view.name, feature.name, feature.unit.value, feature.description)
        for view in catalogue.views.values()
        for feature in view.features
    )
    yield TableEvent("features", ("view", "feature", "unit", "means"), features)
    on_demand = tuple(
        (view.name, ", ".join(one.name for one in view.requests), feature.name, feature.description)
        for view in ON_DEMAND.values()
        for feature in view.features
    )
    yield TableEvent(
        "features on demand, by GraphQL and notebooks",
        ("service", "you bring", "feature", "means"),
        on_demand,
    )
    if own:
        columns = ("view", "owner", "clients filled", "entities", "state")
        yield TableEvent("registered by the agency", columns, own)


async def show_features(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco features show`: what is served of a client, a campaign, or a client's campaigns."""
    tenant = await find_agency(runtime, arguments["tenant"])
    entity, limit = arguments["entity"], arguments["limit"]
    is_one = ":" in entity
    default = CAMPAIGN_PERFORMANCE if is_one else CLIENT_PERFORMANCE
    name = arguments.get("service") or default.name
    wanted = await runtime.features.catalogues.feature_set(tenant.tenant_id, name)
    if is_one and wanted.view.entity is CLIENT:
        raise InvalidInputError(
            f"{name} is about clients, and {entity!r} is none",
            hint="give the short name of a client",
        )
    if is_one:
        ids = [parse_entity_id(wanted.view.entity, entity)]
    else:
        ids = await _entities_of(runtime, tenant.tenant_id, entity, wanted.view, limit + 1)
    rows = await runtime.features.reader.read(TenantScope(tenant.tenant_id), name, ids[:limit])
    found = [row for row in rows if row is not None]
    if not found:
        raise NotFoundError(
            f"{name} has nothing of {entity!r}",
            hint=f"bosco features refresh {tenant.slug} computes what there is",
        )
    if is_one or wanted.view.entity is CLIENT:
        yield _one(wanted.view, entity, found[0])
    else:
        yield _several(wanted.view, entity, found)
    if wanted.view.deprecation is not None:
        yield LineEvent(f"{wanted.view.name}: {wanted.view.deprecation}")
    if len(ids) > limit:
        yield LineEvent(f"there are more than {limit}: --limit, or GraphQL page by page")


async def refresh_features(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco features refresh`: compute everything of an agency, or of one client, now."""
    tenant = await find_agency(runtime, arguments["tenant"])
    owners = await load_feature_owners(runtime, tenant.tenant_id, arguments)
    refresh = runtime.features.refresh
    rows = [
        (
            done.view,
            owners.clients[client_id],
            owners.accounts.get(done.owner_id, ""),
            done.entities,
            show_instant(done.as_of),
            done.took_milliseconds,
        )
        for client_id in owners.clients
        for done in await refresh.refresh_client(tenant.tenant_id, client_id)
        if done.entities
    ]
    await runtime.features.registry.ensure()
    columns = ("view", "client", "account", "entities", "as of", "ms")
    yield TableEvent(f"features of {tenant.slug}", columns, tuple(rows))
    if not rows:
        yield LineEvent("no facts of the last 28 days: bosco sync brings them")


def _own(one: Registered) -> tuple[Any, ...]:
    view = one.definition.view
    state = "served" if one.filled_at is not None else "first values are being computed"
    return (
        view.name,
        view.owner,
        f"{one.clients_filled} of {one.clients}",
        one.entities_filled,
        state if view.deprecation is None else str(view.deprecation),
    )


async def _entities_of(
    runtime: Runtime, tenant_id: TenantId, client: str, view: FeatureView, limit: int
) -> list[str]:
    """The client itself, or its campaigns, channels and so on."""
    async with runtime.database.session(tenant_id) as session:
        client_id: ClientId = (await find_client(session, client)).id
        accounts = await session.scalars(
            select(Connection.id).where(Connection.client_id == client_id).order_by(Connection.id)
        )
        owners = [str(account) for account in accounts]
    if view.entity is CLIENT:
        return [str(client_id)]
    if view.entity.is_of_client:
        owners = [str(client_id)]
    return await runtime.features.reader.list_entities(
        TenantScope(tenant_id), view, owners, limit=limit
    )


def _one(view: FeatureView, entity: str, row: FeatureRow) -> TableEvent:
    cells = tuple(
        (name, _shown(feature, value), feature.unit.value, feature.description)
        for name, value in row.values.items()
        for feature in (view.feature(name),)
    )
    title = f"{entity}, as of {show_instant(row.as_of)}"
    return TableEvent(title, ("feature", "value", "unit", "means"), cells)


def _several(view: FeatureView, client: str, rows: Sequence[FeatureRow]) -> TableEvent:
    names = tuple(rows[0].values)
    cells = tuple(
        (
            public_entity_id(view.entity, row.entity_id),
            show_instant(row.as_of),
            *(_shown(view.feature(name), value) for name, value in row.values.items()),
        )
        for row in rows
    )
    return TableEvent(
        f"{view.entity.name}s of {client}", (view.entity.name, "as of", *names), cells
    )


def _shown(feature: Feature, value: Value) -> Any:
    if value is None:
        return "-"
    if feature.unit is Unit.MONEY:
        return f"{value:,.2f}"
    if feature.unit is Unit.RATIO:
        return f"{value:,.4f}"
    return f"{value:,.10g}" if feature.unit is Unit.NUMBER else value
