"""Types of features: one for each service or view on demand, with a field for each feature.

    feature_repo.feature_services, on_demand -> object types -> union FeatureValues
    values + selection -> object of the service's type, written with its page

The platform's definitions are the same for everybody, so these types are in every schema. What an
agency registered itself comes as a list of values by name: no schema tells of another agency's
views, and a new view needs no new schema.
"""

import functools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from operator import itemgetter
from typing import Annotated, Any, Final

import strawberry
from graphql.execution.collect_fields import FieldDetails
from strawberry.tools import create_type

from api.graphql.execution import RowExecutor
from api.graphql.feature_units import Unit
from api.graphql.metric_types import Money
from api.graphql.scalars import Count
from api.graphql.typed_arguments import typed_field
from domain.metrics.naming import camel_case
from domain.money import format_amount
from feature_repo.catalogue import PLATFORM
from feature_repo.feature import Feature, FeatureView
from feature_repo.feature_services import FeatureService
from feature_repo.on_demand import ON_DEMAND, OnDemandFeature, OnDemandView
from feature_repo.packing import Value

__all__ = [
    "FEATURE_VALUES",
    "ValueWriters",
    "on_demand_service",
    "service_type_name",
    "values_type_name",
]

_MONEY: Final = "Money"
_TYPENAME: Final = "__typename"

_UNIT_TYPES: Final[Mapping[Unit, Any]] = {
    Unit.MONEY: Money | None,
    Unit.COUNT: Count | None,
    Unit.NUMBER: float | None,
    Unit.RATIO: float | None,
    Unit.DAYS: int | None,
    Unit.CODE: str | None,
}


_Cell = Callable[[Mapping[str, Value]], Any]


def service_type_name(service: FeatureService) -> str:
    """`campaign_pacing_v1` is `CampaignPacingV1`."""
    return camel_case(f"_{service.name}")


@strawberry.type(description="A value of a view that the agency registered.")
class RegisteredValue:
    """See the description."""

    name: str
    unit: Unit
    number: float | None = strawberry.field(description="null: unknown, an amount or a text.")
    text: str | None = strawberry.field(description="Of the unit CODE.")
    amount: Money | None = strawberry.field(description="Of the unit MONEY.")


@strawberry.type(description="Features of a view that the agency registered, in its order.")
class RegisteredValues:
    """See the description."""

    values: list[RegisteredValue]


def values_type_name(service: FeatureService) -> str:
    """The member of `FeatureValues` that a service's values have."""
    return service_type_name(service) if service.name in _TYPES else RegisteredValues.__name__


class ValueWriters:
    """Writes values of one service as JSON, as they are selected.

    A hundred campaigns of fifty features are 5,000 cells: completing them one by one takes longer
    than all the rest. Each selection is read once and then fills every entity.
    """

    def __init__(
        self,
        service: FeatureService,
        units: Mapping[str, Unit],
        currencies: Mapping[str, str | None],
    ) -> None:
        """Writes nothing yet.

        Args:
            service: Whose values.
            units: Of each feature.
            currencies: Which value names the currency of a feature's amounts; None: it has none.
        """
        self.service = service
        self.units = units
        self.currencies = currencies

    @property
    def is_typed(self) -> bool:
        """Whether the service has a type of its own; else its values are `RegisteredValues`."""
        return self.service.name in _TYPES

    @staticmethod
    def of_stored(service: FeatureService, view: FeatureView) -> "ValueWriters":
        """Of a service that hands out what a view stores."""
        features = [view.feature(name) for name in service.features]
        return ValueWriters(
            service,
            {one.name: one.unit for one in features},
            {one.name: view.currency_of(one) for one in features},
        )

    @staticmethod
    def of_on_demand(view: OnDemandView) -> "ValueWriters":
        """Of a view whose features are worked out."""
        return ValueWriters(
            on_demand_service(view),
            {one.name: one.unit for one in view.features},
            {one.name: view.currency if one.unit is Unit.MONEY else None for one in view.features},
        )

    def registered(self, values: Mapping[str, Value]) -> RegisteredValues:
        """Values of a view that the agency registered."""
        return RegisteredValues(values=[self._registered(name, values) for name in values])

    def writer(self, executor: RowExecutor, places: Sequence[FieldDetails]) -> _Cell:
        """Makes the object of the service's type, as it is selected, of values by feature."""
        type_name = service_type_name(self.service)
        names = {camel_case(name): name for name in self.service.features}
        members: list[tuple[str, _Cell]] = []
        for key, details in executor.selected(type_name, places).items():
            field = details[0].node.name.value
            if field == _TYPENAME:
                members.append((key, _constant(type_name)))
            else:
                members.append((key, self._cell(executor, names[field], details)))
        return lambda values: {key: cell(values) for key, cell in members}

    def _registered(self, name: str, values: Mapping[str, Value]) -> RegisteredValue:
        value, currency = values[name], self.currencies[name]
        amount = None
        if currency is not None and value is not None:
            amount = Money(amount=Decimal(_amount(value)), currency=str(values[currency]))
        return RegisteredValue(
            name=name,
            unit=self.units[name],
            number=float(value) if currency is None and isinstance(value, int | float) else None,
            text=value if isinstance(value, str) else None,
            amount=amount,
        )

    def _cell(self, executor: RowExecutor, name: str, details: Sequence[FieldDetails]) -> _Cell:
        currency = self.currencies[name]
        if currency is None:
            return itemgetter(name)
        selected = executor.selected(_MONEY, details)
        parts = tuple((key, below[0].node.name.value) for key, below in selected.items())
        return partial(_money, name, currency, parts)


def _constant(value: str) -> _Cell:
    return lambda _: value


def _money(
    name: str, currency: str, parts: Sequence[tuple[str, str]], values: Mapping[str, Value]
) -> dict[str, Value] | None:
    value = values[name]
    if value is None:
        return None
    shown: dict[str, Value] = {}
    for key, part in parts:
        match part:
            case "amount":
                shown[key] = _amount(value)
            case "currency":
                shown[key] = values[currency]
            case _:
                shown[key] = _MONEY
    return shown


# Decimals of what `repr` writes that only lack zeros, or nothing, to be an amount.
_ZEROS: Final = {1: "0", 2: ""}


def _amount(value: Value) -> str:
    """The shortest decimal that reads back as the same double, as `format_amount` writes it."""
    text = repr(value)
    zeros = _ZEROS.get(len(text) - text.find(".") - 1)
    if zeros is not None and "e" not in text and "." in text:  # most: no arithmetic
        return text + zeros
    return format_amount(Decimal(text))


def on_demand_service(view: OnDemandView) -> FeatureService:
    """A view whose features are worked out, as the service that hands them all out."""
    return FeatureService(view.name, view.description, view.view.name, view.feature_names)


def _make_type(service: FeatureService, features: Iterable[Feature | OnDemandFeature]) -> type:
    return create_type(
        service_type_name(service),
        [typed_field(one.name, _UNIT_TYPES[one.unit], one.description) for one in features],
        description=service.description,
    )


def _stored_type(service: FeatureService) -> type:
    view = PLATFORM.view(service.view)
    return _make_type(service, [view.feature(name) for name in service.features])


_TYPES: Final[Mapping[str, Any]] = {
    **{name: _stored_type(service) for name, service in PLATFORM.services.items()},
    **{
        name: _make_type(on_demand_service(view), view.features) for name, view in ON_DEMAND.items()
    },
}
FEATURE_VALUES: Final[Any] = Annotated[
    functools.reduce(operator.or_, [*_TYPES.values(), RegisteredValues]),
    strawberry.union(
        "FeatureValues",
        description="Features of one service; one type for each of the platform's.",
    ),
]
