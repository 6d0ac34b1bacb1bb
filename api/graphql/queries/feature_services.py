"""The field `featureServices`: which features there are, and what they mean."""

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.feature_units import Unit
from api.graphql.feature_values import values_type_name
from api.identity.caller import Scope
from domain.metrics.naming import camel_case
from feature_repo.feature import Feature, FeatureView
from feature_repo.feature_services import FeatureService as Definition

__all__ = ["FEATURE_SERVICES"]


@strawberry.type(description="What a feature means.")
class FeatureDefinition:
    """See the description."""

    name: str = strawberry.field(description="In Python, tables and Feast, snake case.")
    field: str = strawberry.field(description="In queries, camel case.")
    description: str
    unit: Unit
    type: str = strawberry.field(description="In tables: FLOAT64, INT64 or STRING.")


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


async def _feature_services(info: EdgeInfo) -> list[FeatureService] | None:
    context = info.context
    catalogue = await context.services.features.catalogue(context.caller.tenant_id)
    return [
        _service(service, catalogue.view(service.view)) for service in catalogue.services.values()
    ]


def _service(service: Definition, view: FeatureView) -> FeatureService:
    return FeatureService(
        name=service.name,
        description=service.description,
        entity=view.entity.name,
        values_type=values_type_name(service),
        ttl_seconds=view.ttl_seconds,
        features=[_feature(view.feature(name)) for name in service.features],
    )


def _feature(feature: Feature) -> FeatureDefinition:
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
