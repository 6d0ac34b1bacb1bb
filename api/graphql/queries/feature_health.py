"""The field `featureHealth`: are the features of a view still right?

    view -> last measured day, and the 28 days up to it -> figures, verdicts and words

Figures are over all entities of the agency, so a token that is limited to some clients does not see
them.
"""

import datetime as dt
from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.scalars import Count
from api.identity.caller import Scope
from domain.errors import PermissionDeniedError
from feature_repo.monitoring.health import FeatureHealth as FoundFeature
from feature_repo.monitoring.health import ViewHealth, load_health
from feature_repo.monitoring.profile import QUANTILES
from feature_repo.monitoring.reads import MISMATCH_LIMIT
from feature_repo.monitoring.wording import (
    describe_drift,
    describe_feature,
    describe_freshness,
    describe_mismatches,
    is_differing,
    mismatch_rate,
)
from tenancy.tables import FeatureDay, FeatureVerdict, FeatureViewDay

__all__ = ["FEATURE_HEALTH"]

strawberry.enum(
    FeatureVerdict,
    description="USUAL: nothing to worry about. UNUSUAL: somebody should look. TOO_FEW: there is"
    " too little to say.",
)


@strawberry.type(description="How old the values of a view are.")
class FeatureFreshness:
    """See the description."""

    verdict: FeatureVerdict
    words: str
    objective_seconds: int = strawberry.field(description="Age that values should not reach.")
    oldest_as_of: dt.datetime | None = strawberry.field(description="null: nothing is computed.")
    entities: Count = strawberry.field(description="That should be served.")
    late: Count = strawberry.field(description="Of these, those older than the objective.")
    missing: Count = strawberry.field(description="Of these, those that are not served.")


@strawberry.type(description="Whether what was served is what the facts say as of its instant.")
class FeatureConsistency:
    """See the description."""

    verdict: FeatureVerdict
    words: str
    reads: Count = strawberry.field(description="Logged reads that were computed again.")
    compared: Count = strawberry.field(description="Values of these reads.")
    mismatches: Count
    mismatch_rate: float | None = strawberry.field(description="From 0 to 1; null: no reads.")
    limit: float = strawberry.field(description="A higher rate is told.")


@strawberry.type(description="A value below which a share of all values lies.")
class FeatureQuantile:
    """See the description."""

    share: float
    value: float


@strawberry.type(description="How far the values of a feature have moved.")
class FeatureDrift:
    """See the description."""

    verdict: FeatureVerdict
    words: str
    psi: float | None = strawberry.field(
        description="Population stability index; above 0.2 is a major shift; null: too few values."
    )
    distance: float | None = strawberry.field(
        description="Of Kolmogorov and Smirnov; null: too few values, or texts."
    )
    p_value: float | None = strawberry.field(description="Chance of such a difference.")
    reference_at: dt.datetime = strawberry.field(description="Compared with the values of then.")
    reference_count: Count = strawberry.field(description="Known values of then.")


@strawberry.type(description="A feature on one day.")
class FeatureHealthDay:
    """See the description."""

    day: dt.date
    null_rate: float | None
    mean: float | None
    psi: float | None


@strawberry.type(description="The values of a feature over all entities.")
class FeatureCondition:
    """See the description."""

    name: str
    words: list[str] = strawberry.field(description="What is not as usual; empty: nothing.")
    count: Count = strawberry.field(description="Entities that are served.")
    null_rate: float | None = strawberry.field(
        description="Share of unknown values, from 0 to 1; null: nothing is served."
    )
    usual_null_rate: float | None = strawberry.field(description="At most; null: not known yet.")
    null_verdict: FeatureVerdict
    minimum: float | None = strawberry.field(description="Of numbers; null: there are none.")
    maximum: float | None
    mean: float | None
    usual_low: float | None = strawberry.field(description="null: not known yet.")
    usual_high: float | None
    range_verdict: FeatureVerdict
    quantiles: list[FeatureQuantile]
    drift: FeatureDrift
    history: list[FeatureHealthDay] = strawberry.field(
        description="Of at most 28 days, the newest last."
    )


@strawberry.type(description="A view on one day.")
class FeatureViewHealthDay:
    """See the description."""

    day: dt.date
    freshness: FeatureVerdict
    late: Count
    missing: Count
    mismatch_rate: float | None


@strawberry.type(description="How a view of features fares.")
class FeatureHealth:
    """See the description."""

    view: str
    day: dt.date = strawberry.field(description="Of the agency's calendar, last measured.")
    measured_at: dt.datetime
    freshness: FeatureFreshness
    consistency: FeatureConsistency
    features: list[FeatureCondition]
    history: list[FeatureViewHealthDay] = strawberry.field(
        description="Of at most 28 days, the newest last."
    )


async def _feature_health(
    info: EdgeInfo,
    view: Annotated[
        str, strawberry.argument(description="Name of a view; `bosco features list` shows them.")
    ],
) -> FeatureHealth | None:
    caller, services = info.context.caller, info.context.services
    if caller.clients is not None:
        raise PermissionDeniedError(
            "these figures are over all clients, and the token is limited to some",
            hint="ask with a token of an application, or a person, that sees the whole agency",
        )
    asked = (await services.features.catalogue(caller.tenant_id)).view(view)
    caller.require_metrics(asked.feature_names)
    async with services.database.session(caller.tenant_id) as session:
        found = await load_health(session, asked)
    return None if found is None else _health(found)


def _health(found: ViewHealth) -> FeatureHealth:
    last = found.last
    return FeatureHealth(
        view=last.view,
        day=last.day,
        measured_at=last.measured_at,
        freshness=_freshness(last),
        consistency=_consistency(last),
        features=[_condition(one, last) for one in found.features],
        history=[
            FeatureViewHealthDay(
                day=one.day,
                freshness=one.freshness,
                late=Count(one.late),
                missing=Count(one.missing),
                mismatch_rate=mismatch_rate(one),
            )
            for one in found.days
        ],
    )


def _freshness(day: FeatureViewDay) -> FeatureFreshness:
    return FeatureFreshness(
        verdict=day.freshness,
        words=describe_freshness(day),
        objective_seconds=day.objective_seconds,
        oldest_as_of=day.oldest_as_of,
        entities=Count(day.entities),
        late=Count(day.late),
        missing=Count(day.missing),
    )


def _consistency(day: FeatureViewDay) -> FeatureConsistency:
    rate = mismatch_rate(day)
    verdict = FeatureVerdict.TOO_FEW
    if rate is not None:
        verdict = FeatureVerdict.UNUSUAL if is_differing(day) else FeatureVerdict.USUAL
    return FeatureConsistency(
        verdict=verdict,
        words=describe_mismatches(day),
        reads=Count(day.reads),
        compared=Count(day.compared),
        mismatches=Count(day.mismatches),
        mismatch_rate=rate,
        limit=MISMATCH_LIMIT,
    )


def _condition(found: FoundFeature, view: FeatureViewDay) -> FeatureCondition:
    last = found.last
    return FeatureCondition(
        name=found.name,
        words=describe_feature(last),
        count=Count(last.count),
        null_rate=_null_rate(last),
        usual_null_rate=last.usual_null_rate,
        null_verdict=last.nulls_verdict,
        minimum=last.minimum,
        maximum=last.maximum,
        mean=last.mean,
        usual_low=last.usual_low,
        usual_high=last.usual_high,
        range_verdict=last.range_verdict,
        quantiles=[
            FeatureQuantile(share=share, value=value)
            for share, value in zip(QUANTILES, last.quantiles, strict=False)
        ],
        drift=FeatureDrift(
            verdict=last.drift_verdict,
            words=describe_drift(last),
            psi=last.psi,
            distance=last.distance,
            p_value=last.p_value,
            reference_at=view.reference_at,
            reference_count=Count(last.reference),
        ),
        history=[
            FeatureHealthDay(day=one.day, null_rate=_null_rate(one), mean=one.mean, psi=one.psi)
            for one in found.days
        ],
    )


def _null_rate(day: FeatureDay) -> float | None:
    return day.nulls / day.count if day.count else None


FEATURE_HEALTH = RootField(
    "featureHealth",
    Scope.METRICS_READ,
    "How the features of a view fare, by the last daily check; null: there was none yet.",
    _feature_health,
)
