"""The field `featureServices`: which features there are, and what they mean."""

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.feature_units import Unit
from api.graphql.feature_values import on_demand_service, values_type_name
from api.identity.caller import Scope
from domain.metrics.naming import camel_case
from feature_repo.feature import Feature, FeatureView
from feature_repo.feature_services import FeatureService as Definition
from feature_repo.on_demand import ON_DEMAND, OnDemandFeature, OnDemandView

__all__ = ["FEATURE_SERVICES"]


@strawberry.type(description="What a feature means.")
class FeatureDefinition:
    """See the description."""

    name: str = strawberry.field(description="In Python, tables and Feast, snake case.")
    field: str = strawberry.field(description="In queries, camel case.")
    description: str
    unit: Unit
    type: str = strawberry.field(description="In tables: FLOAT64, INT64 or STRING.")


@strawberry.type(description="A number that a question brings, one for each entity.")
class FeatureRequestValue:
    """See the description."""

    name: str = strawberry.field(description="In Python, snake case.")
    field: str = strawberry.field(description="Of `FeatureRequest`, camel case.")
    description: str


@strawberry.type(description="A set of features that never changes; another one has another name.")
class FeatureService:
    """See the description."""

    name: str = strawberry.field(description="`features` takes it.")
    description: str
    entity: str = strawberry.field(
        description="What has these features: campaign, client and so on."
    )
    values_type: str = strawberry.field(description="Member of `FeatureValues`.")
    ttl_seconds: int = strawberry.field(description="Values that are older are not shown.")
    features: list[FeatureDefinition] = strawberry.field(description="In order.")
    requests: list[FeatureRequestValue] = strawberry.field(
        description="Of a service on demand: what `requests` has to bring; empty: it is stored."
    )


async def _feature_services(info: EdgeInfo) -> list[FeatureService] | None:
    context = info.context
    catalogue = await context.services.features.catalogue(context.caller.tenant_id)
    stored = [
        _service(service, catalogue.view(service.view)) for service in catalogue.services.values()
    ]
    return [*stored, *map(_on_demand, ON_DEMAND.values())]


def _service(service: Definition, view: FeatureView) -> FeatureService:
    return FeatureService(
        name=service.name,
        description=service.description,
        entity=view.entity.name,
        values_type=values_type_name(service),
        ttl_seconds=view.ttl_seconds,
        features=[_feature(view.feature(name)) for name in service.features],
        requests=[],
    )


def _on_demand(view: OnDemandView) -> FeatureService:
    return FeatureService(
        name=view.name,
        description=view.description,
        entity=view.view.entity.name,
        values_type=values_type_name(on_demand_service(view)),
        ttl_seconds=view.view.ttl_seconds,
        features=[_feature(feature) for feature in view.features],
        requests=[
            FeatureRequestValue(
                name=one.name, field=camel_case(one.name), description=one.description
            )
            for one in view.requests
        ],
    )


def _feature(feature: Feature | OnDemandFeature) -> FeatureDefinition:
    return FeatureDefinition(
        name=feature.name,
        field=camel_case(feature.name),
        description=feature.description,
        unit=feature.unit,
        type=feature.type.value,
    )


FEATURE_SERVICES = RootField(
    "featureServices",
    Scope.METRICS_READ,
    "Services of features, and what each feature means.",
    _feature_services,
)
