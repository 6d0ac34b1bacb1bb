"""The field `featureCatalogue`: whose features they are, how fresh, what they cost, where from.

    catalogue of the agency + registered versions + notes of refreshes + source files -> entries
    columns of an entry -> latest forecasts that rest on them -> version of the model

The platform's views and the agency's own stand side by side; nobody sees another agency's.
"""

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Annotated

import strawberry
from sqlalchemy import func, select
from strawberry.dataloader import DataLoader

from api.feature_answers import Answers, list_answers
from api.feature_lineage import origins_of
from api.graphql.access import RootField
from api.graphql.context import Context, EdgeInfo
from api.graphql.feature_plans import FeatureViewCost, cost_of
from api.graphql.feature_units import Unit
from api.graphql.model_states import ModelState
from api.graphql.scalars import Count
from api.identity.caller import Scope
from domain.ids import public_id
from feature_repo.catalogue import Catalogue
from feature_repo.feature import Feature, FeatureView
from feature_repo.registration.book import Registered
from ml.panel import Measure
from tenancy.tables import FeatureMaterialisation

__all__ = ["FEATURE_CATALOGUE"]


_AnswersOf = DataLoader[Measure, list[Answers]]


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
    measures: list[Measure] = strawberry.field(
        description="What models forecast out of histories that this column is part of."
    )


@strawberry.type(description="A feature, and where it comes from.")
class CatalogueFeature:
    """See the description."""

    name: str
    description: str
    unit: Unit
    origins: list[FeatureOrigin]
    services: list[str] = strawberry.field(description="That hand it out.")


@strawberry.type(description="A version of a model, as far as lineage tells.")
class LineageModel:
    """See the description."""

    id: strawberry.ID = strawberry.field(description="Of `forecast`'s `model`, too.")
    kind: str
    number: int = strawberry.field(description="1, 2, 3 ... of its kind.")
    state: ModelState = strawberry.field(description="Now.")
    as_of: dt.datetime = strawberry.field(description="Nothing that became known later was learnt.")


@strawberry.type(description="The latest answers that rest on the columns of a view.")
class LineageAnswers:
    """See the description."""

    measure: Measure
    features: list[str] = strawberry.field(description="Of the view, made of the same columns.")
    origin: dt.date = strawberry.field(description="First day that was forecast.")
    series: int = strawberry.field(description="How many were forecast; `forecast` has them.")
    method: str = strawberry.field(description="Name of the model or baseline that told them.")
    model: LineageModel | None = strawberry.field(description="null: no model serves.")


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
    answers: strawberry.Private[_AnswersOf]
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

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="On from the view's columns: the latest answers of models, and which version "
        "told them. Back from them: `origins` of each feature."
    )
    async def lineage(self) -> list[LineageAnswers]:
        """See the description."""
        features: dict[Measure, list[str]] = {}
        for feature in self.features:
            for measure in dict.fromkeys(m for one in feature.origins for m in one.measures):
                features.setdefault(measure, []).append(feature.name)
        told = await self.answers.load_many(sorted(features, key=attrgetter("value")))
        return [_answers(one, features[one.measure]) for found in told for one in found]


@dataclass(frozen=True, slots=True)
class _Known:
    """What entries are made of."""

    catalogue: Catalogue
    registered: Mapping[str, Registered]
    as_of: Mapping[str, dt.datetime]
    answers: _AnswersOf
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
        answers=DataLoader(partial(_load_answers, context)),
        now=services.clock(),
    )


async def _load_answers(context: Context, measures: list[Measure]) -> list[list[Answers]]:
    """Of all views that are asked about in one query: they share their columns."""
    async with context.services.database.session(context.caller.tenant_id) as session:
        found = await list_answers(session, measures, context.caller.clients)
    return [[one for one in found if one.measure is measure] for measure in measures]


def _entry(context: Context, known: _Known, view: FeatureView) -> CatalogueView:
    own, as_of = known.registered.get(view.name), known.as_of.get(view.name)
    objective = dt.timedelta(seconds=view.freshness_seconds)
    return CatalogueView(
        view=view,
        answers=known.answers,
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
                measures=list(one.measures),
            )
            for one in origins_of(view, feature, context.services.sources)
        ],
        services=[
            service.name
            for service in catalogue.services.values()
            if service.view == view.name and feature.name in service.features
        ],
    )


def _answers(one: Answers, features: list[str]) -> LineageAnswers:
    version = one.version
    return LineageAnswers(
        measure=one.measure,
        features=features,
        origin=one.origin,
        series=one.series,
        method=one.method,
        model=None
        if version is None
        else LineageModel(
            id=strawberry.ID(public_id("mdl", version.id)),
            kind=version.kind,
            number=version.number,
            state=version.state,
            as_of=version.as_of,
        ),
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
