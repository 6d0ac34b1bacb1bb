"""A view of fifty features of a campaign, declared in this process only.

declare_wide_view -> VIEWS, SERVICES -> everything that is derived from them

To be called before the gateway is imported: it makes its types of the services that there are.
"""

import datetime as dt
import random
from collections.abc import Sequence
from typing import Final

import pyarrow as pa

from domain.ids import ClientId
from domain.privacy.holds import AGGREGATE_FIGURES
from feature_repo.compute import micros_of
from feature_repo.entities import CAMPAIGN
from feature_repo.feature import Currency, Feature, FeatureView, Quotient, Total, Unit, Window
from feature_repo.feature_services import SERVICES, FeatureService
from feature_repo.feature_views import VIEWS
from feature_repo.statements import CLIENT_ID, ENTITY, MOMENT
from tenancy.warehouse.types import ARROW_TYPES

__all__ = ["WIDE", "WIDE_SERVICE", "declare_wide_view", "wide_table"]

_ADS: Final = "ads_daily"
_WINDOWS: Final = ((1, 1), (1, 3), (1, 7), (1, 14), (1, 21), (1, 28), (8, 14), (15, 28), (22, 28))
_MEASURES: Final = (
    ("spend", Unit.MONEY),
    ("attributed_revenue", Unit.MONEY),
    ("impressions", Unit.COUNT),
    ("clicks", Unit.COUNT),
    ("conversions", Unit.NUMBER),
)


def _name(measure: str, first: int, last: int) -> str:
    return f"wide_{measure}_{first}_{last}"


def _ratio(number: int, dividend: str, divisor: str) -> Feature:
    rule = Quotient(_name(dividend, 1, 28), _name(divisor, 1, 28))
    return Feature(f"wide_ratio_{number}", "A ratio.", Unit.RATIO, rule)


WIDE: Final = FeatureView(
    name="wide",
    description="Fifty features.",
    entity=CAMPAIGN,
    ttl_seconds=3 * 86_400,
    holds=AGGREGATE_FIGURES,
    features=(
        Feature("wide_currency", "Currency.", Unit.CODE, Currency(_ADS)),
        *(
            Feature(_name(name, *ends), "A sum.", unit, Total(_ADS, name, Window(*ends)))
            for name, unit in _MEASURES
            for ends in _WINDOWS
        ),
        _ratio(1, "clicks", "impressions"),
        _ratio(2, "conversions", "clicks"),
        _ratio(3, "attributed_revenue", "spend"),
        _ratio(4, "spend", "impressions"),
    ),
)
WIDE_SERVICE: Final = FeatureService("wide_v1", WIDE.description, WIDE.name, WIDE.feature_names)


def declare_wide_view() -> None:
    """Make it one of the platform's."""
    VIEWS[WIDE.name] = WIDE
    SERVICES[WIDE_SERVICE.name] = WIDE_SERVICE


def wide_table(entity_ids: Sequence[str], client: ClientId, instant: dt.datetime) -> pa.Table:
    """Values of entities as the computer gives them; the same numbers in each run."""
    chance = random.Random(7)  # noqa: S311  # see above
    count = len(entity_ids)
    columns = {
        ENTITY: pa.array(entity_ids),
        MOMENT: pa.array([micros_of(instant)] * count),
        CLIENT_ID: pa.array([str(client)] * count),
    }
    for feature in WIDE.features:
        values = [_value(feature, chance) for _ in entity_ids]
        columns[feature.name] = pa.array(values, ARROW_TYPES[feature.type])
    return pa.table(columns)


def _value(feature: Feature, chance: random.Random) -> float | int | str:
    match feature.unit:
        case Unit.CODE:
            return "EUR"
        case Unit.COUNT:
            return chance.randrange(100_000)
        case _:
            return chance.randrange(10_000_000) / 100
