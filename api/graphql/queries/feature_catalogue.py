"""The field `featureCatalogue`: whose features they are, how fresh, what they cost, where from.

    catalogue of the agency + registered versions + notes of refreshes + source files -> entries

The platform's views and the agency's own stand side by side; nobody sees another agency's.
"""

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import strawberry
from sqlalchemy import func, select

from api.feature_lineage import origins_of
from api.graphql.access import RootField
from api.graphql.context import Context, EdgeInfo
from api.graphql.feature_plans import FeatureViewCost, cost_of
from api.graphql.feature_units import Unit
from api.graphql.scalars import Count
from api.identity.caller import Scope
from feature_repo.catalogue import Catalogue
from feature_repo.feature import Feature, FeatureView
from feature_repo.registration.book import Registered
from tenancy.tables import FeatureMaterialisation

__all__ = ["FEATURE_CATALOGUE"]


@strawberry.enum(description="Whose view it is.")
class FeatureViewOrigin(enum.Enum):
    """See the description."""

    PLATFORM = "platform"
    AGENCY = "agency"


@strawberry.type(description="A column of a fact, and what fills it.")
class FeatureOrigin:
    """See the description."""

    fact: str
    column: str
    personal_data: str | None = strawberry.field(
        description="Category of what it holds of people before it is added up; null: nothing."
    )
    source_fields: list[str] = strawberry.field(description="`source.stream.field`.")


@strawberry.type(description="A feature, and where it comes from.")
class CatalogueFeature:
    """See the description."""

    name: str
    description: str
    unit: Unit
    origins: list[FeatureOrigin]
    services: list[str] = strawberry.field(description="That hand it out.")


@strawberry.type(description="The first values of a registered view.")
class FeatureBackfill:
    """See the description."""

    clients: int
    clients_filled: int
    entities_filled: Count
    filled_at: dt.datetime | None = strawberry.field(description="null: it goes on.")


@strawberry.type(description="A view is served for a while yet.")
class FeatureViewDeprecation:
    """See the description."""

    notice: str
    retires_at: dt.datetime
    successor: str | None


@strawberry.type(description="A feature view that the agency has.")
class CatalogueView:
    """See the description."""

    view: strawberry.Private[FeatureView]
    name: str = strawberry.field(description="Full name, with the version of an own view.")
    origin: FeatureViewOrigin
    version: int | None = strawberry.field(description="null: the platform's.")
    description: str
    owner: str
    entity: str
    ttl_seconds: int = strawberry.field(description="Values that are older are not served.")
    freshness_seconds: int = strawberry.field(description="Values should not get older.")
    as_of: dt.datetime | None = strawberry.field(
        description="Of the oldest values of an account or client; null: there are none."
    )
    is_fresh: bool | None = strawberry.field(description="Whether that meets the objective.")
    personal_data: str = strawberry.field(description="What the values hold of people.")
    features: list[CatalogueFeature]
    deprecation: FeatureViewDeprecation | None
    backfill: FeatureBackfill | None = strawberry.field(description="null: the platform's.")
    definition: str | None = strawberry.field(description="The file; null: the platform's.")

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="Of a refresh; counts rows when it is asked for."
    )
    async def cost(self, info: EdgeInfo) -> FeatureViewCost:
        """See the description."""
        context = info.context
        cost = await context.services.feature_book.planner.cost(context.caller.scope, self.view)
        return cost_of(cost)


@dataclass(frozen=True, slots=True)
class _Known:
    """What entries are made of."""

    catalogue: Catalogue
    registered: Mapping[str, Registered]
    as_of: Mapping[str, dt.datetime]
    now: dt.datetime


async def _feature_catalogue(
    info: EdgeInfo,
    view: Annotated[
        str | None, strawberry.argument(description="Only the view of that name; null: all.")
    ] = None,
) -> list[CatalogueView] | None:
    context = info.context
    known = await _load(context)
    views = known.catalogue.views.values()
    chosen = views if view is None else [known.catalogue.view(view)]
    return [_entry(context, known, one) for one in chosen]


async def _load(context: Context) -> _Known:
    tenant_id, services = context.caller.tenant_id, context.services
    registered = await services.feature_book.list_registered(tenant_id)
    note = FeatureMaterialisation
    oldest = func.min(note.as_of).label("oldest")
    query = select(note.view, oldest).where(note.entities > 0).group_by(note.view)
    if context.caller.clients is not None:
        query = query.where(note.client_id.in_(list(context.caller.clients)))
    async with services.database.session(tenant_id) as session:
        as_of = {row.view: row.oldest for row in await session.execute(query)}
    return _Known(
        catalogue=await services.features.catalogue(tenant_id),
        registered={one.definition.view.name: one for one in registered},
        as_of=as_of,
        now=services.clock(),
    )


def _entry(context: Context, known: _Known, view: FeatureView) -> CatalogueView:
    own, as_of = known.registered.get(view.name), known.as_of.get(view.name)
    objective = dt.timedelta(seconds=view.freshness_seconds)
    return CatalogueView(
        view=view,
        name=view.name,
        origin=FeatureViewOrigin.PLATFORM if own is None else FeatureViewOrigin.AGENCY,
        version=None if own is None else own.definition.version,
        description=view.description,
        owner=view.owner or "Bosco",
        entity=view.entity.name,
        ttl_seconds=view.ttl_seconds,
        freshness_seconds=view.freshness_seconds,
        as_of=as_of,
        is_fresh=None if as_of is None else known.now - as_of <= objective,
        personal_data="not said" if view.holds is None else view.holds.name,
        features=[_feature(context, known.catalogue, view, one) for one in view.features],
        deprecation=_deprecation(view),
        backfill=None if own is None else _backfill(own),
        definition=None if own is None else own.definition.text,
    )


def _feature(
    context: Context, catalogue: Catalogue, view: FeatureView, feature: Feature
) -> CatalogueFeature:
    return CatalogueFeature(
        name=feature.name,
        description=feature.description,
        unit=feature.unit,
        origins=[
            FeatureOrigin(
                fact=one.fact,
                column=one.column,
                personal_data=one.personal or None,
                source_fields=list(one.fields),
            )
            for one in origins_of(view, feature, context.services.sources)
        ],
        services=[
            service.name
            for service in catalogue.services.values()
            if service.view == view.name and feature.name in service.features
        ],
    )


def _deprecation(view: FeatureView) -> FeatureViewDeprecation | None:
    told = view.deprecation
    if told is None:
        return None
    return FeatureViewDeprecation(
        notice=str(told), retires_at=told.retires_at, successor=told.successor or None
    )


def _backfill(own: Registered) -> FeatureBackfill:
    return FeatureBackfill(
        clients=own.clients,
        clients_filled=own.clients_filled,
        entities_filled=Count(own.entities_filled),
        filled_at=own.filled_at,
    )


FEATURE_CATALOGUE = RootField(
    "featureCatalogue",
    Scope.METRICS_READ,
    "Feature views of the platform and of the agency: owner, freshness, cost, lineage.",
    _feature_catalogue,
)
