"""The morning look of an agency: what is unusual in its figures, told once.

    figures as they were told -> each morning since the last look -> alarms carried on
        -> rows, alerts of what is open, the day is watched: one transaction

A day is watched once. Mornings that were missed are looked at as they were, four weeks back at
most: nothing that was known later is read for them, and what was over meanwhile alerts nobody.

Decision: ADR-0038.
"""

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from domain.ids import TenantId
from domain.ports import Clock, IdFactory, TenantScope
from ml.anomalies.aged import Aged
from ml.anomalies.alarms import Alarm
from ml.anomalies.causes import Cause
from ml.anomalies.completion import compute_completion
from ml.anomalies.deviation import depth_of
from ml.anomalies.expectation import UsualOrPlanned, WeekdayLevel
from ml.anomalies.totals import add_totals
from ml.anomalies.watch import watch
from ml.anomalies.words import describe_alarm
from ml.forecast.calendar import Calendar
from ml.history.load import HistoryLoader
from ml.history.topics import TopicName
from ml.plans.planned import PlannedSpend
from ml.runs.calendars import load_calendar
from ml.runs.kept_alarms import alarm_of, new_row, update_row
from ml.runs.spend_plans import load_spend_plans
from ml.runs.watched import planned_days, unusual_days, watched_figures
from tenancy.alerts import Alert, clear_alert, raise_alert
from tenancy.session import Database, TenantSession
from tenancy.tables import AlertKind, AlertSeverity, Anomaly, WatchedDay

__all__ = ["Looked", "UnusualRun", "alert_subject"]

_DAYS: Final = 250  # half a year of scores, four weeks to learn the level, four to mature
_MISSED: Final = 28  # mornings that are looked at later
_REMEMBERED: Final = dt.timedelta(days=_DAYS)  # what is learned from leaves out older alarms' days
_KEPT: Final = dt.timedelta(days=400)

_NOTHING: Final[Mapping[str, Any]] = {}

_SEVERITIES: Final = {
    Cause.SPEND_RUNAWAY: AlertSeverity.CRITICAL,
    Cause.SITE_OUTAGE: AlertSeverity.CRITICAL,
    Cause.TRACKING_BREAK: AlertSeverity.CRITICAL,
    Cause.SALES_RISE: AlertSeverity.INFO,
    Cause.TRAFFIC_RISE: AlertSeverity.INFO,
    Cause.ORDER_VALUE_RISE: AlertSeverity.INFO,
}


@dataclass(frozen=True, slots=True)
class Looked:
    """What one run did.

    Attributes:
        day: Of the agency.
        watched: Mornings that were looked at; 0: today was already, or nothing is known.
        opened: Incidents that are new.
        going_on: Incidents that are open now.
    """

    day: dt.date
    watched: int
    opened: int
    going_on: int


@dataclass(frozen=True, slots=True)
class _Known:
    """What is there before a look."""

    rows: Sequence[Anomaly]
    calendar: Calendar
    plans: Sequence[PlannedSpend]
    is_watched: bool  # today is
    last: dt.date | None  # day on which anything was known to look at


def alert_subject(row: Anomaly) -> str:
    """What the alert about an anomaly names."""
    return f"anomaly:{row.id}"


@dataclass(frozen=True, slots=True)
class UnusualRun:
    """Looks at the figures of agencies, one agency at a time."""

    database: Database
    loader: HistoryLoader
    clock: Clock
    ids: IdFactory

    async def run(self, tenant_id: TenantId, time_zone: str) -> Looked:
        """Look at every morning until today's that has not been looked at.

        Args:
            tenant_id: Whose.
            time_zone: Of the agency, IANA name; says which day is over.

        Raises:
            WarehouseError: The warehouse failed.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        now = self.clock()
        today = now.astimezone(ZoneInfo(time_zone)).date()
        async with self.database.session(tenant_id) as session:
            known = await _load_known(session, today)
        if known.is_watched:
            return Looked(today, 0, 0, _count_open(known.rows))
        first, last = today - dt.timedelta(days=_DAYS), today - dt.timedelta(days=1)
        told = await self.loader.load_told(
            TenantScope(tenant_id), list(TopicName), first, last, now
        )
        midnight = dt.datetime.combine(today, dt.time(), dt.UTC)
        aged = await asyncio.to_thread(watched_figures, [*told.values()], now - midnight)
        before = [alarm_of(row) for row in known.rows]
        days: list[dt.date] = []
        after, measures = before, _NOTHING
        if aged is not None:
            days = _mornings(known.last, today)
            after = await asyncio.to_thread(_watch, aged, days, before, known)
            measures = await asyncio.to_thread(_measures, aged, today)
        async with self.database.session(tenant_id) as session:
            if not await _note(session, WatchedDay(day=today, as_of=now, measures=measures)):
                # Another run was faster.
                return Looked(today, 0, 0, _count_open(known.rows))
            rows = await self._keep(session, known.rows, after, today)
            was_over = {row.id for row in known.rows if not alarm_of(row).is_open}
            for row in rows:
                if row.id not in was_over:
                    await self.tell(session, row)
            await _forget(session, today)
        return Looked(today, len(days), len(rows) - len(known.rows), _count_open(rows))

    async def tell(self, session: TenantSession, row: Anomaly) -> None:
        """Raise the alert of an anomaly that is open and that nobody looks after, else clear it."""
        alarm, now = alarm_of(row), self.clock()
        if not alarm.is_open or row.acknowledged_at is not None:
            await clear_alert(session, AlertKind.ANOMALY, alert_subject(row), now=now)
            return
        words = describe_alarm(alarm)
        alert = Alert(
            kind=AlertKind.ANOMALY,
            severity=_SEVERITIES.get(alarm.cause, AlertSeverity.WARNING),
            subject=alert_subject(row),
            client_id=row.client_id,
            title=words.title,
            text=f"{words.where}: {words.story}",
            hint=words.check,
        )
        await raise_alert(session, alert, now=now, ids=self.ids)

    async def _keep(
        self,
        session: TenantSession,
        known: Sequence[Anomaly],
        alarms: Sequence[Alarm],
        today: dt.date,
    ) -> list[Anomaly]:
        """Rows of all alarms: the first ones are those that were known, in their order."""
        now = self.clock()
        wanted = [row.id for row in known]
        query = select(Anomaly).where(Anomaly.id.in_(wanted)).with_for_update()
        current = {row.id: row for row in await session.scalars(query)}
        rows = [current[one] for one in wanted]
        for row, alarm in zip(rows, alarms, strict=False):
            update_row(row, alarm, today, now)
        for alarm in alarms[len(rows) :]:
            row = new_row(alarm, self.ids(), today, now)
            session.add(row)
            rows.append(row)
        await session.flush()
        return rows


async def _note(session: TenantSession, watched: WatchedDay) -> bool:
    """Note that a day is watched; False: it was, and not for nothing."""
    values = {"as_of": watched.as_of, "measures": watched.measures}
    statement = insert(WatchedDay).values(tenant_id=session.tenant_id, day=watched.day, **values)
    statement = statement.on_conflict_do_update(
        index_elements=["tenant_id", "day"], set_=values, where=WatchedDay.measures == {}
    )
    return await session.scalar(statement.returning(WatchedDay.day)) is not None


async def _load_known(session: TenantSession, today: dt.date) -> _Known:
    query = select(Anomaly).where(Anomaly.last_day >= today - _REMEMBERED)
    rows = (await session.scalars(query.order_by(Anomaly.since, Anomaly.id))).all()
    seen = select(func.max(WatchedDay.day)).where(WatchedDay.measures != {})
    last = await session.scalar(seen)
    return _Known(
        rows=rows,
        calendar=await load_calendar(session),
        plans=await load_spend_plans(session),
        is_watched=last is not None and last >= today,
        last=last,
    )


def _count_open(rows: Sequence[Anomaly]) -> int:
    return sum(alarm_of(row).is_open for row in rows)


def _mornings(last: dt.date | None, today: dt.date) -> list[dt.date]:
    missed = _MISSED if last is None else min((today - last).days, _MISSED)
    return [today - dt.timedelta(days=back) for back in reversed(range(missed))]


def _watch(
    aged: Aged, days: Sequence[dt.date], before: Sequence[Alarm], known: _Known
) -> list[Alarm]:
    wholes = add_totals(aged, aged.steps)
    expectation = UsualOrPlanned(
        planned_days(wholes, known.plans), WeekdayLevel(aged.cadence.season)
    )
    unusual = unusual_days(aged, known.calendar)
    alarms = list(before)
    for day in days:
        alarms = watch(aged, day, alarms, expectation, unusual)
    return alarms


def _measures(aged: Aged, today: dt.date) -> Mapping[str, Any]:
    """What is known of each client as a whole, and the age at which it is looked at."""
    step = (today - aged.start) // aged.cadence.step
    wholes = add_totals(aged, step)
    found: dict[str, dict[str, Any]] = {}
    for measure, mature in wholes.mature.items():
        days = (np.isfinite(wholes.values[measure]).any(axis=2) | np.isfinite(mature)).sum(axis=1)
        ages = compute_completion(wholes, measure, step).first_age
        for row, series in enumerate(wholes.series):
            if depth_of(series) == 0 and days[row]:
                age = None if np.isnan(ages[row]) else int(ages[row])
                found.setdefault(series.client, {})[measure.value] = {
                    "days": int(days[row]),
                    "age": age,
                }
    return found


async def _forget(session: TenantSession, today: dt.date) -> None:
    await session.execute(delete(Anomaly).where(Anomaly.last_day < today - _KEPT))
    await session.execute(delete(WatchedDay).where(WatchedDay.day < today - _KEPT))
