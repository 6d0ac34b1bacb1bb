"""The budgets of an agency's clients: where each ends, every morning.

    spend plans of the month -> one budget for each target -> spend so far, forecast of the rest
        -> pace -> row, alert while it will miss the budget

A plan that holds only for a part of a month is a budget of that part: the other days are not
counted. A plan that crosses a month's end gives each month its days' share. The last days of a
month are told late, so its end is told once more on the first days of the next one.

Decision: ADR-0040.
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from domain.ids import ClientId, TenantId
from domain.ports import Clock, IdFactory, TenantScope
from ml.anomalies.words import describe_place
from ml.forecast.forecast import QUANTILES
from ml.history.topics import TopicName
from ml.ledger.entry import parts_of
from ml.pacing.budget import CENT, Budget, BudgetChange, Month
from ml.pacing.pace import Pace, Spending, Verdict, compute_pace
from ml.pacing.remaining import total_of_days, usual_days
from ml.pacing.words import describe_pace
from ml.panel import Floats, Measure, Panel, Series
from ml.plans.planned import PlannedSpend
from ml.runs.histories import AgencyHistories
from ml.runs.spend_plans import load_spend_plans
from tenancy.alerts import Alert, clear_alert, raise_alert
from tenancy.session import Database, TenantSession
from tenancy.tables import (
    AlertKind,
    AlertSeverity,
    BudgetPace,
    ForecastRole,
    MadeForecast,
    PaceVerdict,
)

__all__ = ["PaceRun", "budgets_of", "pace_of"]

_AFTER: Final = dt.timedelta(days=3)  # spend of a month's last day is told and settled
_STALE: Final = dt.timedelta(days=3)  # forecasts that are older say nothing of today
_KEPT: Final = dt.timedelta(days=800)
_ALERTED: Final = dt.timedelta(days=60)  # a look that is older than two months has no open alert
# Planned days that must be known: a launch, or a new budget, is no miss before it shows.
_LEAST_DAYS: Final = 3
_TITLES: Final = {
    Verdict.OVER: "More than the budget will be spent",
    Verdict.UNDER: "The budget will not be spent",
}
_HINTS: Final = {
    Verdict.OVER: "lower daily budgets, or plan more: bosco plans spend",
    Verdict.UNDER: "raise daily budgets, or plan less: bosco plans spend",
}


@dataclass(frozen=True, slots=True)
class Target:
    """What a budget is for.

    Attributes:
        client: Brand, as `Series.client`.
        channel: None: all.
        campaign: None: all.
        currency: ISO 4217.
    """

    client: str
    channel: str | None
    campaign: str | None
    currency: str

    def matches(self, one: Series) -> bool:
        """Whether a series is the target as a whole; a campaign's id tells its channel."""
        own = (self.client, self.campaign, self.currency)
        if own != (one.client, one.campaign, one.currency):
            return False
        return self.campaign is not None or self.channel == one.channel


def budgets_of(
    plans: Sequence[PlannedSpend], month: Month
) -> Mapping[Target, tuple[Budget, Floats]]:
    """What a month is to cost.

    Args:
        plans: Of any periods; no two of one target overlap.
        month: Which.

    Returns:
        For each target with a plan on a day of the month its budget, and which days are planned:
        shape (days of the month,), 1 or 0.
    """
    amounts: dict[Target, Decimal] = defaultdict(Decimal)
    days: dict[Target, Floats] = defaultdict(lambda: np.zeros(month.days))
    last = month.day(month.days - 1)
    for plan in plans:
        begin, end = max(plan.first, month.first), min(plan.last, last)
        inside, whole = (end - begin).days + 1, (plan.last - plan.first).days + 1
        if inside > 0:
            target = Target(plan.client, plan.channel, plan.campaign, plan.currency)
            amounts[target] += plan.amount * inside / whole
            days[target][(begin - month.first).days : (end - month.first).days + 1] = 1.0
    return {
        target: (_budget(target, month, amount, days[target]), days[target])
        for target, amount in amounts.items()
    }


def pace_of(
    budget: Budget,
    is_planned: Floats,
    month: Month,
    known: Floats,
    forecast: tuple[Sequence[int], Floats] | None,
    today: dt.date,
) -> Pace:
    """The pace of one target.

    Args:
        budget: Of the planned days.
        is_planned: Shape (days of the month,), 1 or 0.
        month: Which.
        known: Shape (days,): spend of the days up to yesterday; NaN: not known.
        forecast: Horizons and quantiles of their totals, from today on; None: there is none.
        today: Day of the agency.
    """
    spent = np.full(month.days, np.nan)
    for place in range(month.days):
        back = (today - month.day(place)).days
        if 1 <= back <= len(known):
            spent[place] = known[-back]
    expected = usual_days(month, known, today)
    spent[is_planned == 0] = 0.0  # not in the budget, whatever it costs
    over = min(max((today - month.first).days, 0), month.days)
    is_open = (is_planned == 1) & (np.isnan(spent) | (np.arange(month.days) >= over))
    unknown = int(is_open.sum())
    rest = np.full(len(QUANTILES), np.nan)
    told = np.isfinite(spent) & (is_planned == 1)
    if forecast is not None and told.sum() >= _LEAST_DAYS:
        rest = total_of_days(unknown, *forecast)
    spending = Spending(month, budget.currency, spent, expected * is_planned, rest)
    return compute_pace(spending, budget, today)


@dataclass(frozen=True, slots=True)
class PaceRun:
    """Tells the pace of agencies' budgets, one agency at a time."""

    database: Database
    histories: AgencyHistories
    clock: Clock
    ids: IdFactory

    async def run(self, tenant_id: TenantId, time_zone: str) -> int:
        """Tell where the budgets of the present month end, as planned and known now.

        Args:
            tenant_id: Whose.
            time_zone: Of the agency, IANA name; says which day is over.

        Returns:
            Of how many budgets.

        Raises:
            WarehouseError: The warehouse failed.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        now = self.clock()
        today = now.astimezone(ZoneInfo(time_zone)).date()
        months = dict.fromkeys((Month.of(today - _AFTER), Month.of(today)))
        async with self.database.session(tenant_id) as session:
            plans = await load_spend_plans(session)
            forecasts = await _load_forecasts(session, today)
        budgets = [(month, budgets_of(plans, month)) for month in months]
        panel = None
        if any(of_month for _, of_month in budgets):
            told = await self.histories.read(TenantScope(tenant_id), today, now)
            panel = told[TopicName.ADS].latest() if TopicName.ADS in told else None
        rows = []
        for month, of_month in budgets:
            for target, (budget, is_planned) in of_month.items():
                made = next((one for key, one in forecasts if target.matches(key)), None)
                pace = pace_of(budget, is_planned, month, _spend(panel, target), _told(made), today)
                rows.append((target, pace, made))
        async with self.database.session(tenant_id) as session:
            kept = [await self._keep(session, *one, today, now) for one in rows]
            await self._end(session, kept, today)
        return len(rows)

    async def _keep(
        self,
        session: TenantSession,
        target: Target,
        pace: Pace,
        made: MadeForecast | None,
        today: dt.date,
        now: dt.datetime,
    ) -> uuid.UUID:
        key: dict[str, Any] = {
            "client_id": ClientId(uuid.UUID(target.client)),
            "channel": target.channel,
            "campaign": target.campaign,
            "currency": target.currency,
            "month": pace.month.first,
        }
        told = _values(pace, made) | {"looked_on": today, "as_of": now}
        statement = insert(BudgetPace).values(
            tenant_id=session.tenant_id, id=self.ids(), **key, **told
        )
        statement = statement.on_conflict_do_update(index_elements=["tenant_id", *key], set_=told)
        row_id: uuid.UUID = (await session.scalars(statement.returning(BudgetPace.id))).one()
        if pace.is_alert and pace.required:
            place = describe_place(Series(target.client, target.channel, target.campaign))
            alert = Alert(
                kind=AlertKind.BUDGET_PACE,
                severity=AlertSeverity.WARNING,
                subject=_subject(row_id),
                client_id=key["client_id"],
                title=_TITLES[pace.verdict],
                text=f"{place}: {describe_pace(pace)}",
                hint=_HINTS[pace.verdict],
            )
            await raise_alert(session, alert, now=now, ids=self.ids)
        else:
            await clear_alert(session, AlertKind.BUDGET_PACE, _subject(row_id), now=now)
        return row_id

    async def _end(self, session: TenantSession, kept: Sequence[uuid.UUID], today: dt.date) -> None:
        """Forget budgets that were taken back; those of months that are over alert nobody."""
        first = Month.of(today - _AFTER).first
        gone = select(BudgetPace.id).where(BudgetPace.month >= first, BudgetPace.id.not_in(kept))
        ended = select(BudgetPace.id).where(
            BudgetPace.month < first, BudgetPace.looked_on >= today - _ALERTED
        )
        for row_id in [*await session.scalars(gone), *await session.scalars(ended)]:
            await clear_alert(session, AlertKind.BUDGET_PACE, _subject(row_id), now=self.clock())
        await session.execute(delete(BudgetPace).where(BudgetPace.id.in_(gone)))
        await session.execute(delete(BudgetPace).where(BudgetPace.month < today - _KEPT))


def _budget(target: Target, month: Month, amount: Decimal, is_planned: Floats) -> Budget:
    first = month.day(int(is_planned.argmax()))
    return Budget(target.currency, [BudgetChange(first, amount.quantize(CENT))], CENT)


def _subject(row_id: uuid.UUID) -> str:
    return f"pace:{row_id}"


async def _load_forecasts(
    session: TenantSession, today: dt.date
) -> list[tuple[Series, MadeForecast]]:
    """Of spend, those that were served last, if that is of late."""
    asked = (
        MadeForecast.measure == Measure.SPEND.value,
        MadeForecast.role == ForecastRole.SERVED,
        MadeForecast.origin.between(today - _STALE, today),
    )
    latest = select(func.max(MadeForecast.origin)).where(*asked).scalar_subquery()
    rows = await session.scalars(select(MadeForecast).where(*asked, MadeForecast.origin == latest))
    return [(_series(row), row) for row in rows]


def _series(row: MadeForecast) -> Series:
    parts = parts_of(row.series)
    return Series(
        str(row.client_id), parts.get("channel"), parts.get("campaign"), parts.get("currency")
    )


def _told(made: MadeForecast | None) -> tuple[Sequence[int], Floats] | None:
    if made is None:
        return None
    shape = (len(made.horizons), len(QUANTILES))
    return made.horizons, np.reshape(np.array(made.quantiles, dtype=np.float64), shape)


def _spend(panel: Panel | None, target: Target) -> Floats:
    """Spend of a target by day, up to yesterday; nothing, where nobody has heard of it."""
    if panel is None:
        return np.zeros(0)
    row = next((row for row, one in enumerate(panel.series) if target.matches(one)), None)
    return np.zeros(0) if row is None else panel.values[Measure.SPEND][row]


def _values(pace: Pace, made: MadeForecast | None) -> dict[str, Any]:
    return {
        "budget": pace.budget,
        "spent": pace.spent,
        "planned": pace.planned,
        "landing": pace.landing.tolist(),
        "verdict": PaceVerdict(pace.verdict.value),
        "probability": None if np.isnan(pace.probability) else pace.probability,
        "days_missing": len(pace.missing),
        "days_left": len(pace.required),
        "left_to_spend": sum(pace.required.values(), Decimal(0)),
        "change": pace.change,
        "method": None if made is None else made.method,
        "version_id": None if made is None else made.version_id,
        "words": describe_pace(pace),
    }
