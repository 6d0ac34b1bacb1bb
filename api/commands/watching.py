"""What is unusual, and how budgets go: `bosco anomalies` and `bosco pacing`."""

import datetime as dt
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

import numpy as np
from sqlalchemy import select

from api.commands.lookup import find_agency, find_client
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.runtime import Runtime
from domain.errors import InvalidInputError
from domain.ids import ClientId, parse_id, public_id
from ml.anomalies.alarms import State
from ml.anomalies.words import describe_alarm, describe_place
from ml.panel import Series
from ml.runs.anomaly_desk import ANOMALY, AnomalyDesk
from ml.runs.kept_alarms import EXPECTATION, alarm_of, measures_of
from tenancy.tables import Anomaly, BudgetPace, Client, WatchedDay

__all__ = ["acknowledge_anomaly", "list_anomalies", "show_pacing"]

_LONGEST: Final = 400  # days: older ones are deleted
_STATES: Final[Mapping[State, str]] = {
    State.OPENED: "open",
    State.ONGOING: "open",
    State.OVER: "over",
    State.LASTING: "new level",
}


async def list_anomalies(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco anomalies list`: look this morning, if nobody has, then show what was found."""
    tenant = await find_agency(runtime, arguments["tenant"])
    days = arguments["days"]
    if not 1 <= days <= _LONGEST:
        raise InvalidInputError(f"--days is {days}", hint=f"it is 1 to {_LONGEST}")
    async with runtime.database.session(tenant.tenant_id) as session:
        names = {one.id: one.slug for one in await session.scalars(select(Client))}
        only = None
        if arguments.get("client"):
            only = (await find_client(session, arguments["client"])).id
    done = await runtime.models.unusual.run(tenant.tenant_id, tenant.time_zone)
    query = select(Anomaly).where(Anomaly.last_day >= done.day - dt.timedelta(days=days))
    if only is not None:
        query = query.where(Anomaly.client_id == only)
    async with runtime.database.session(tenant.tenant_id) as session:
        rows = (await session.scalars(query.order_by(Anomaly.since.desc(), Anomaly.id))).all()
        latest = select(WatchedDay).order_by(WatchedDay.day.desc()).limit(1)
        watched = await session.scalar(latest)
    yield TableEvent(
        f"unusual in the last {days} days",
        ("anomaly", "client", "where", "what", "since", "until", "state"),
        tuple(_row(row, names) for row in rows),
    )
    for row in rows:
        words = describe_alarm(alarm_of(row))
        yield LineEvent(f"{names[row.client_id]}: {words.title}. {words.story} {words.check}")
    if not rows:
        yield LineEvent("nothing unusual has been found")
    for line in _watched(watched, names, only):
        yield LineEvent(line)


async def acknowledge_anomaly(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco anomalies acknowledge`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    desk = AnomalyDesk(runtime.clock, runtime.ids)
    anomaly_id = parse_id(ANOMALY, arguments["anomaly"])
    async with runtime.database.session(tenant.tenant_id) as session:
        row = await desk.acknowledge(session, anomaly_id, None, actor=arguments["actor"])
    title = describe_alarm(alarm_of(row)).title
    yield LineEvent(f"acknowledged, and alerts nobody any more: {title}, since {row.since}")


async def show_pacing(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco pacing`: tell the paces as planned and known now, then show those of one client."""
    tenant = await find_agency(runtime, arguments["tenant"])
    asked = arguments.get("month")
    month = None if asked is None else _month(asked)
    async with runtime.database.session(tenant.tenant_id) as session:
        client = await find_client(session, arguments["client"])
    await runtime.models.pacing.run(tenant.tenant_id, tenant.time_zone)
    query = select(BudgetPace).where(BudgetPace.client_id == client.id)
    if month is not None:
        query = query.where(BudgetPace.month == month)
    query = query.order_by(BudgetPace.month.desc(), BudgetPace.channel, BudgetPace.campaign)
    async with runtime.database.session(tenant.tenant_id) as session:
        found = (await session.scalars(query)).all()
    rows = [row for row in found if row.month == found[0].month]
    if not rows:
        of_month = "" if month is None else f" for {month:%B %Y}"
        yield LineEvent(
            f"no spend is planned{of_month}, or the month has not begun: bosco plans spend"
        )
        return
    columns = ("budget of", "budget", "spent", "planned so far", "will end at", "80 % from")
    yield TableEvent(
        f"budgets of {client.slug}, {rows[0].month:%B %Y}, in the morning of {rows[0].looked_on}",
        (*columns, "80 % to", "verdict", "rest by"),
        tuple(_pace(row) for row in rows),
    )
    for row in rows:
        yield LineEvent(f"{_place(row)}: {row.words}")


def _month(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(f"{text}-01")
    except ValueError:
        raise InvalidInputError(
            f"--month is {text!r}: that is not a month", hint="write it as 2026-12"
        ) from None


def _row(row: Anomaly, names: Mapping[ClientId, str]) -> tuple[str, ...]:
    alarm = alarm_of(row)
    words = describe_alarm(alarm)
    is_looked_after = alarm.is_open and row.acknowledged_at is not None
    return (
        public_id(ANOMALY, row.id),
        names[row.client_id],
        words.where,
        words.title,
        str(row.since),
        str(row.last_day),
        "acknowledged" if is_looked_after else _STATES[alarm.state],
    )


def _watched(
    watched: WatchedDay | None, names: Mapping[ClientId, str], only: ClientId | None
) -> Sequence[str]:
    """How far the figures were looked at."""
    measures = [] if watched is None else measures_of(watched)
    own = [one for one in measures if one.client_id in names and only in {None, one.client_id}]
    if watched is None or not own:
        return ["there are no figures to look at yet: bosco freshness"]
    lines = [
        f"looked at what was known on {watched.as_of:%Y-%m-%d %H:%M} UTC, against {EXPECTATION}"
    ]
    for client in dict.fromkeys(one.client_id for one in own):
        told = [
            f"{one.measure.value} ({one.days} days known) {_age(one.age)}"
            for one in own
            if one.client_id == client
        ]
        lines.append(f"{names[client]}: {', '.join(told)}")
    return lines


def _age(age: int | None) -> str:
    if age is None:
        return "not yet: too little is known"
    return "from the next morning on" if age == 1 else f"after {age} days"


def _place(row: BudgetPace) -> str:
    return describe_place(Series(str(row.client_id), row.channel, row.campaign))


def _pace(row: BudgetPace) -> tuple[str, ...]:
    _, low, middle, high, _ = row.landing
    return (
        _place(row),
        f"{row.budget:,.2f} {row.currency}",
        f"{row.spent:,.2f}",
        f"{row.planned:,.2f}",
        *(_figure(one) for one in (middle, low, high)),
        row.verdict.value.replace("_", " "),
        row.method or "nobody",
    )


def _figure(value: float) -> str:
    return "not known" if np.isnan(value) else f"{value:,.2f}"
