"""Types of features: one for each service, with a field for each of its features.

    feature_repo.feature_services -> object types -> union FeatureValues
    stored values -> object of the service's type

Feature definitions are the platform's, so these types are the same in every schema.
"""

import functools
import operator
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final

import strawberry
from strawberry.tools import create_type
from strawberry.types.field import StrawberryField

from api.graphql.metric_types import Money
from api.graphql.scalars import Count
from api.graphql.typed_arguments import typed_field
from domain.metrics.naming import camel_case
from domain.money import format_amount
from feature_repo.catalogue import PLATFORM
from feature_repo.feature import Feature, Unit
from feature_repo.feature_services import FeatureService
from feature_repo.packing import Value

__all__ = ["FEATURE_VALUES", "feature_values", "service_type_name"]

_UNIT_TYPES: Final[Mapping[Unit, Any]] = {
    Unit.MONEY: Money | None,
    Unit.COUNT: Count | None,
    Unit.NUMBER: float | None,
    Unit.RATIO: float | None,
    Unit.DAYS: int | None,
    Unit.CODE: str | None,
}


def service_type_name(service: FeatureService) -> str:
    """`campaign_pacing_v1` is `CampaignPacingV1`."""
    return camel_case(f"_{service.name}")


def feature_values(service: FeatureService, values: Mapping[str, Value]) -> Any:
    """The object of a service's type with these values, by feature."""
    view = PLATFORM.view(service.view)
    shown: dict[str, Any] = {}
    for name, value in values.items():
        currency = view.currency_of(view.feature(name))
        shown[name] = value if currency is None else _money(value, values[currency])
    return _TYPES[service.name](**shown)


def _money(value: Value, currency: Value) -> Money | None:
    if value is None:
        return None
    # The shortest decimal that reads back as the same double.
    amount = format_amount(Decimal(repr(value)))
    return Money(amount=Decimal(amount), currency=str(currency))


def _make_type(service: FeatureService) -> type:
    view = PLATFORM.view(service.view)
    return create_type(
        service_type_name(service),
        [_field(view.feature(name)) for name in service.features],
        description=service.description,
    )


def _field(feature: Feature) -> StrawberryField:
    return typed_field(feature.name, _UNIT_TYPES[feature.unit], feature.description)


_TYPES: Final[Mapping[str, Any]] = {
    name: _make_type(service) for name, service in PLATFORM.services.items()
}
FEATURE_VALUES: Final[Any] = Annotated[
    functools.reduce(operator.or_, _TYPES.values()),
    strawberry.union("FeatureValues", description="Features of one service; one type for each."),
]
