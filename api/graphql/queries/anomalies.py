"""The field `anomalies`: what was unusual in the figures of clients, one row for each cause.

days, client -> anomalies of the agency that touch them -> words, figures; how far they were watched
"""

import datetime as dt
import enum
from typing import Annotated

import numpy as np
import strawberry
from sqlalchemy import select

from api.entity_ids import public_entity_id
from api.graphql.access import RootField, own_client_id
from api.graphql.context import EdgeInfo
from api.graphql.measures import Measure
from api.graphql.metric_types import PageInfo
from api.graphql.paging import read_page
from api.identity.caller import Scope
from domain.ids import ClientId, public_id
from domain.time_window import DateRange
from feature_repo.entities import CAMPAIGN
from ml.anomalies.alarms import Alarm, State
from ml.anomalies.causes import Cause
from ml.anomalies.deviation import Deviation
from ml.anomalies.words import describe_alarm
from ml.runs.anomaly_desk import ANOMALY
from ml.runs.kept_alarms import EXPECTATION, alarm_of, measures_of
from tenancy.tables import Anomaly, WatchedDay

__all__ = ["ANOMALIES", "AnomalyNode", "anomaly_node"]

_MAXIMUM = 500

strawberry.enum(Cause, name="AnomalyCause", description="What it looks like.")


@strawberry.enum(description="Where an anomaly is in its life.")
class AnomalyState(enum.Enum):
    """See the description."""

    OPEN = "open"
    ACKNOWLEDGED = strawberry.enum_value(
        "acknowledged", description="It goes on, and somebody looks after it."
    )
    OVER = strawberry.enum_value("over", description="Figures are as expected again.")
    NEW_LEVEL = strawberry.enum_value(
        "new_level", description="After two weeks it is how things are; it is closed."
    )


@strawberry.type(description="How far one measure was from what was expected, when it was seen.")
class AnomalyDeviation:
    """See the description."""

    measure: Measure
    day: dt.date
    age_days: int = strawberry.field(description="How old the figure was; it may have grown since.")
    actual: float
    expected: float = strawberry.field(description="Of a figure of that age.")
    low: float = strawberry.field(description="95 of 100 such figures are above.")
    high: float = strawberry.field(description="95 of 100 such figures are below.")
    change: float | None = strawberry.field(
        description="-0.5: half of what was expected; null: nothing was."
    )
    p_value: float = strawberry.field(description="How often the past was as far off.")


@strawberry.type(name="Anomaly", description="Something unusual of one client, with one cause.")
class AnomalyNode:
    """See the description."""

    id: strawberry.ID
    client_id: strawberry.ID
    channel: str | None = strawberry.field(description="null: all channels.")
    campaign: strawberry.ID | None = strawberry.field(description="null: all campaigns.")
    cause: Cause
    state: AnomalyState
    since: dt.date
    last_day: dt.date = strawberry.field(description="Last day of it that is known.")
    title: str
    story: str = strawberry.field(description="Since when, how far, and what it costs.")
    check: str = strawberry.field(description="What to do first.")
    stake: float | None = strawberry.field(
        description="Money of all its days until now; null: none is known."
    )
    currency: str | None = strawberry.field(description="ISO 4217, of `stake`.")
    deviations: list[AnomalyDeviation]
    found_on: dt.date = strawberry.field(description="Morning on which it was seen.")
    acknowledged_at: dt.datetime | None


@strawberry.type(description="How far a client's measure is watched.")
class WatchedMeasure:
    """See the description."""

    client_id: strawberry.ID
    measure: Measure
    days: int = strawberry.field(description="How many are known of the client as a whole.")
    looked_at_age: int | None = strawberry.field(
        description="Days until enough of a figure is told; null: too little is known to look."
    )


@strawberry.type(description="The latest look.")
class Watch:
    """See the description."""

    day: dt.date = strawberry.field(description="Of the agency.")
    as_of: dt.datetime = strawberry.field(description="Nothing that became known later counts.")
    expectation: str = strawberry.field(description="What figures are held against.")
    measures: list[WatchedMeasure]


@strawberry.type(description="A page of anomalies.")
class AnomalyPage:
    """See the description."""

    nodes: list[AnomalyNode]
    page_info: PageInfo
    watch: Watch | None = strawberry.field(description="null: nobody has looked yet.")


async def _anomalies(
    info: EdgeInfo,
    from_: Annotated[
        dt.date, strawberry.argument(name="from", description="First day that is asked for.")
    ],
    to: Annotated[dt.date, strawberry.argument(description="Last one.")],
    client: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only of this client.")
    ] = None,
    first: Annotated[int, strawberry.argument(description="At most 500.")] = 50,
    after: Annotated[
        str | None, strawberry.argument(description="`endCursor` of the page before.")
    ] = None,
) -> AnomalyPage | None:
    caller, period = info.context.caller, DateRange(from_, to)
    page = read_page(first, after, maximum=_MAXIMUM)
    seen = caller.clients
    if client is not None:
        seen = frozenset({own_client_id(client, caller.clients)})
    query = select(Anomaly).where(Anomaly.since <= period.end, Anomaly.last_day >= period.start)
    if seen is not None:
        query = query.where(Anomaly.client_id.in_(seen))
    query = query.order_by(Anomaly.last_day.desc(), Anomaly.id.desc())
    async with info.context.services.database.session(caller.tenant_id) as session:
        rows = list(await session.scalars(query.limit(page.limit + 1).offset(page.offset)))
        latest = select(WatchedDay).order_by(WatchedDay.day.desc()).limit(1)
        watched = await session.scalar(latest)
    nodes = [anomaly_node(row) for row in rows[: page.limit]]
    return AnomalyPage(
        nodes=nodes,
        page_info=page.info(len(nodes), has_next=len(rows) > page.limit),
        watch=None if watched is None else _watch(watched, seen),
    )


def anomaly_node(row: Anomaly) -> AnomalyNode:
    """An anomaly as callers see it."""
    alarm = alarm_of(row)
    words = describe_alarm(alarm)
    campaign = None if row.campaign is None else public_entity_id(CAMPAIGN, row.campaign)
    return AnomalyNode(
        id=strawberry.ID(public_id(ANOMALY, row.id)),
        client_id=strawberry.ID(public_id("cli", row.client_id)),
        channel=row.channel,
        campaign=None if campaign is None else strawberry.ID(campaign),
        cause=alarm.cause,
        state=_state(alarm, is_acknowledged=row.acknowledged_at is not None),
        since=row.since,
        last_day=row.last_day,
        title=words.title,
        story=words.story,
        check=words.check,
        stake=None if np.isnan(alarm.stake) else alarm.stake,
        currency=row.currency,
        deviations=[_deviation(one) for one in alarm.deviations],
        found_on=row.found_on,
        acknowledged_at=row.acknowledged_at,
    )


def _state(alarm: Alarm, *, is_acknowledged: bool) -> AnomalyState:
    if alarm.state is State.OVER:
        return AnomalyState.OVER
    if alarm.state is State.LASTING:
        return AnomalyState.NEW_LEVEL
    return AnomalyState.ACKNOWLEDGED if is_acknowledged else AnomalyState.OPEN


def _deviation(one: Deviation) -> AnomalyDeviation:
    return AnomalyDeviation(
        measure=one.measure,
        day=one.day,
        age_days=one.age,
        actual=one.actual,
        expected=one.expected,
        low=one.low,
        high=one.high,
        change=one.change if np.isfinite(one.change) else None,
        p_value=one.p_value,
    )


def _watch(row: WatchedDay, seen: frozenset[ClientId] | None) -> Watch:
    return Watch(
        day=row.day,
        as_of=row.as_of,
        expectation=EXPECTATION,
        measures=[
            WatchedMeasure(
                client_id=strawberry.ID(public_id("cli", one.client_id)),
                measure=one.measure,
                days=one.days,
                looked_at_age=one.age,
            )
            for one in measures_of(row)
            if seen is None or one.client_id in seen
        ],
    )


ANOMALIES = RootField(
    "anomalies",
    Scope.METRICS_READ,
    "What was unusual in the figures of some days, the latest first.",
    _anomalies,
)
