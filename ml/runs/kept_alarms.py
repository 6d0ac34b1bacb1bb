"""Alarms as they are kept: rows of `anomalies`.

Alarm <-> Anomaly; what a look knew of each client's measures <- WatchedDay
"""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from domain.ids import ClientId
from ml.anomalies.alarms import Alarm, State
from ml.anomalies.causes import Cause
from ml.anomalies.deviation import Deviation
from ml.panel import Measure, Series
from tenancy.tables import Anomaly, AnomalyStage, WatchedDay

__all__ = ["EXPECTATION", "WatchedMeasure", "alarm_of", "measures_of", "new_row", "update_row"]

# Of each figure, in words.
EXPECTATION: Final = (
    "what is usual: the median of four weeks x weekday, or for spend the plan, at the same age"
)


@dataclass(frozen=True, slots=True)
class WatchedMeasure:
    """What a look knew of one measure of a client as a whole.

    Attributes:
        days: How many are known.
        age: Days until enough of a figure is told to look at it; None: too little is known.
    """

    client_id: ClientId
    measure: Measure
    days: int
    age: int | None


def new_row(alarm: Alarm, row_id: uuid.UUID, day: dt.date, now: dt.datetime) -> Anomaly:
    """A row for an alarm that was opened.

    Args:
        alarm: Of a client.
        row_id: Its id.
        day: Morning on which it was seen.
        now: UTC instant.
    """
    row = Anomaly(
        id=row_id,
        client_id=ClientId(uuid.UUID(alarm.root.client)),
        channel=alarm.root.channel,
        campaign=alarm.root.campaign,
        currency=alarm.root.currency,
        direction=alarm.direction,
        since=alarm.since,
        found_on=day,
    )
    update_row(row, alarm, day, now)
    return row


def update_row(row: Anomaly, alarm: Alarm, day: dt.date, now: dt.datetime) -> None:
    """Write what a later day has made of an alarm."""
    row.cause = alarm.cause.value
    row.stage = AnomalyStage(alarm.state.value)
    row.last_day = alarm.last
    row.quiet = alarm.quiet
    row.deviations = [_written(one) for one in alarm.deviations]
    row.stakes = {str(one): _number(money) for one, money in alarm.stakes.items()}
    row.looked_on = day
    row.updated_at = now


def alarm_of(row: Anomaly) -> Alarm:
    """The alarm that a row was made of; deviations are of the root, whatever they were seen in."""
    root = Series(
        str(row.client_id),
        row.channel,
        row.campaign,
        row.currency,
        None if row.campaign is None else row.campaign.partition(":")[0],
    )
    return Alarm(
        root=root,
        direction=row.direction,
        cause=Cause(row.cause),
        state=State(row.stage.value),
        since=row.since,
        last=row.last_day,
        quiet=row.quiet,
        deviations=tuple(_read(root, one) for one in row.deviations),
        stakes={
            dt.date.fromisoformat(day): np.nan if money is None else money
            for day, money in row.stakes.items()
        },
    )


def measures_of(row: WatchedDay) -> list[WatchedMeasure]:
    """What the look of a day knew, by client and measure."""
    return [
        WatchedMeasure(ClientId(uuid.UUID(client)), measure, told["days"], told["age"])
        for client, measures in sorted(row.measures.items())
        for measure in Measure
        if (told := measures.get(measure.value)) is not None
    ]


def _written(one: Deviation) -> dict[str, Any]:
    """Figures that JSON can hold: none is infinite, and what is not known is null."""
    return {
        "measure": one.measure.value,
        "day": one.day.isoformat(),
        "age": one.age,
        "actual": one.actual,
        "expected": one.expected,
        "low": one.low,
        "high": one.high,
        "usual": one.usual,
        "least": one.least,
        "p_value": one.p_value,
        "is_discovery": one.is_discovery,
        "stake": _number(one.stake),
        "daily_stake": _number(one.daily_stake),
    }


def _read(root: Series, told: dict[str, Any]) -> Deviation:
    return Deviation(
        series=root,
        measure=Measure(told["measure"]),
        day=dt.date.fromisoformat(told["day"]),
        age=told["age"],
        actual=told["actual"],
        expected=told["expected"],
        low=told["low"],
        high=told["high"],
        usual=told["usual"],
        least=told["least"],
        p_value=told["p_value"],
        is_discovery=told["is_discovery"],
        stake=np.nan if told["stake"] is None else told["stake"],
        daily_stake=np.nan if told["daily_stake"] is None else told["daily_stake"],
    )


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
