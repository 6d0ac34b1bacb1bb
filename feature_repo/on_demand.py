"""Features that are worked out when they are read, of stored values and of what the asker brings.

    stored features, of now or of then + request values -> OnDemandView.compute -> columns

"What would the planned spend mean for this campaign" cannot be stored: the plan is the asker's. The
same code serves now and fills training sets, where each row brings the plan of its own time.

Not in Feast's registry: Feast keeps such features as pickled code and runs what it finds there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from domain.facts.fact import ColumnType
from feature_repo.feature import FeatureView, Unit
from feature_repo.feature_views import CAMPAIGN_PERFORMANCE

__all__ = [
    "ON_DEMAND",
    "REQUEST_VALUES",
    "OnDemandFeature",
    "OnDemandView",
    "Over",
    "RequestValue",
    "Times",
    "find_on_demand_problems",
]


@dataclass(frozen=True, slots=True)
class RequestValue:
    """A number that comes with the question, one for each row.

    Attributes:
        name: Snake case; a column of the asker's frame.
        description: One sentence for people.
    """

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Over:
    """A request value by a stored feature; NULL where the feature is 0 or not known."""

    request: str
    stored: str


@dataclass(frozen=True, slots=True)
class Times:
    """A request value times a stored feature; NULL where the feature is not known."""

    request: str
    stored: str


@dataclass(frozen=True, slots=True)
class OnDemandFeature:
    """One feature.

    Attributes:
        name: Snake case, unique over all features.
        description: One sentence for people.
        unit: What the number counts.
        rule: How it is worked out.
    """

    name: str
    description: str
    unit: Unit
    rule: Over | Times

    @property
    def type(self) -> ColumnType:
        """Always FLOAT64."""
        return ColumnType.FLOAT64


@dataclass(frozen=True, slots=True)
class OnDemandView:
    """Features that rest on one stored view.

    Attributes:
        name: Snake case.
        description: One sentence for people.
        view: Whose stored features are used.
        currency: The stored feature that names the currency of its amounts.
        requests: What the asker brings.
        features: In order.
    """

    name: str
    description: str
    view: FeatureView
    currency: str
    requests: tuple[RequestValue, ...]
    features: tuple[OnDemandFeature, ...]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """In order."""
        return tuple(feature.name for feature in self.features)

    def compute(
        self, names: Sequence[str], stored: pa.Table, requests: Mapping[str, Sequence[float | None]]
    ) -> dict[str, pa.ChunkedArray]:
        """Work features out.

        Args:
            names: Of the features that are wanted.
            stored: Has the stored features that they rest on, a row for each asked.
            requests: A number or None for each row, by name.

        Returns:
            A column for each name, FLOAT64; rows as in `stored`.
        """
        by_name = {feature.name: feature for feature in self.features}
        given = {name: pa.array(values, pa.float64()) for name, values in requests.items()}
        return {name: _worked_out(by_name[name].rule, stored, given) for name in names}

    def rests_on(self, names: Sequence[str]) -> list[str]:
        """The stored features that some of its features need."""
        return [one.rule.stored for one in self.features if one.name in names]


def _worked_out(
    rule: Over | Times, stored: pa.Table, given: Mapping[str, pa.Array]
) -> pa.ChunkedArray:
    request = given[rule.request]
    known = pc.cast(stored.column(rule.stored), pa.float64())
    if isinstance(rule, Times):
        return pc.multiply(known, request)
    divisor = pc.if_else(pc.equal(known, 0.0), pa.scalar(None, pa.float64()), known)
    return pc.divide(pa.chunked_array([request]), divisor)


def find_on_demand_problems(
    on_demand: Mapping[str, OnDemandView], views: Mapping[str, FeatureView]
) -> Iterator[str]:
    """What is wrong with definitions, one sentence each."""
    taken = {name for view in views.values() for name in view.feature_names}
    for view in on_demand.values():
        requests = {one.name for one in view.requests}
        for feature in view.features:
            if feature.name in taken:
                yield f"feature {feature.name} is in 2 places"
            taken.add(feature.name)
            if feature.rule.request not in requests:
                yield f"{view.name}.{feature.name}: nobody brings {feature.rule.request}"
            if feature.rule.stored not in view.view.feature_names:
                yield f"{view.name}.{feature.name}: {feature.rule.stored} is not stored"
        if view.currency not in (one.name for one in view.view.features if one.unit is Unit.CODE):
            yield f"{view.name}: its amounts have no currency"
        if view.name in views:
            yield f"{view.name} is the name of a stored view, too"


_PLANNED: Final = RequestValue(
    "planned_spend_7d", "Media cost planned for 7 days, in the currency of the account."
)
CAMPAIGN_PLAN: Final = OnDemandView(
    name="campaign_plan",
    description="What a planned spend would mean for a campaign, if nothing else changed.",
    view=CAMPAIGN_PERFORMANCE,
    currency="currency",
    requests=(_PLANNED,),
    features=(
        OnDemandFeature(
            "planned_spend_ratio",
            "Planned media cost by that of the last 7 days (1.1: a tenth more).",
            Unit.RATIO,
            Over(_PLANNED.name, "spend_7d"),
        ),
        OnDemandFeature(
            "planned_clicks",
            "Clicks that the plan would buy at the cost per click of the last 7 days.",
            Unit.NUMBER,
            Over(_PLANNED.name, "cpc_7d"),
        ),
        OnDemandFeature(
            "planned_attributed_revenue",
            "Claimed value of the plan at the return of the last 28 days; no forecast.",
            Unit.MONEY,
            Times(_PLANNED.name, "attributed_roas_28d"),
        ),
    ),
)

ON_DEMAND: Final[dict[str, OnDemandView]] = {view.name: view for view in (CAMPAIGN_PLAN,)}
REQUEST_VALUES: Final = tuple(
    dict.fromkeys(one.name for view in ON_DEMAND.values() for one in view.requests)
)
