"""Curves of an agency's clients: found, or learnt from its facts and kept.

    whose -> kept row, young, of this code, with these lift tests, and nobody erased since
          |  facts as known now, lift tests, events -> gather -> learn in a thread -> row

Decision: ADR-0041.
"""

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import ColumnElement, delete, func, select

from domain.ids import ClientId, TenantId
from domain.ports import Clock, IdFactory, TenantScope
from ml.history.load import HistoryLoader
from ml.history.topics import TopicName
from ml.panel import Measure, Panel
from ml.plans.desk import Plans, load_plans
from ml.runs.histories import DAYS
from ml.spending.facts import currencies_of, only_currency, panels_of
from ml.spending.kept import Learnt, Whose, code, learn, read_learnt
from ml.spending.material import Event, Experiment, TooLittleDataError, gather
from tenancy.privacy.model_marks import were_people_erased_since
from tenancy.session import Database, TenantSession
from tenancy.tables import BudgetLevel, Client, LiftTest, ResponseCurves

__all__ = ["LEARNT_AGAIN", "MEASURES", "Learning", "events_of"]

MEASURES: Final = (Measure.REVENUE, Measure.CONVERSIONS)
LEARNT_AGAIN: Final = dt.timedelta(days=7)

_LOG: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Learning:
    """Learns curves, one client at a time."""

    database: Database
    loader: HistoryLoader
    clock: Clock
    ids: IdFactory

    async def find_or_learn(
        self, tenant_id: TenantId, whose: Whose, today: dt.date, shown: Mapping[str, str]
    ) -> Learnt:
        """Curves that are fit to plan by.

        Args:
            tenant_id: Of the agency.
            whose: Which.
            today: Of the agency.
            shown: Keys as people know them, for words of errors.

        Raises:
            TooLittleDataError: Nothing can be learnt yet; says what it takes.
            WarehouseError: The warehouse failed.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        now = self.clock()
        async with self.database.session(tenant_id) as session:
            plans = await load_plans(session, whose.client_id)
            row = await session.scalar(select(ResponseCurves).where(*_key(whose)))
            if row is not None and await _is_fit(session, row, plans, now):
                return await asyncio.to_thread(read_learnt, row)
        panels = await self._panels(tenant_id, today, now)
        panel = only_currency(panels[whose.level], whose.client_id, whose.currency)
        row = await self._learn(tenant_id, whose, panel, plans, today, now, shown)
        return await asyncio.to_thread(read_learnt, row)

    async def refresh(self, tenant_id: TenantId, today: dt.date) -> int:
        """Learn all curves of an agency anew, and delete those of before; how many there are.

        Raises:
            WarehouseError: The warehouse failed.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        now = self.clock()
        panels = await self._panels(tenant_id, today, now)
        async with self.database.session(tenant_id) as session:
            clients = (await session.scalars(select(Client.id).order_by(Client.id))).all()
            plans = {one: await load_plans(session, one) for one in clients}
        learnt = 0
        for whose in _all_of(clients, panels):
            panel = only_currency(panels[whose.level], whose.client_id, whose.currency)
            try:
                await self._learn(tenant_id, whose, panel, plans[whose.client_id], today, now, {})
            except TooLittleDataError:
                continue  # whoever asks is told
            learnt += 1
        async with self.database.session(tenant_id) as session:
            await session.execute(delete(ResponseCurves).where(ResponseCurves.as_of < now))
        _LOG.info("response_learnt", curves=learnt)
        return learnt

    async def is_due(self, tenant_id: TenantId) -> bool:
        """Whether the agency has no curves, or some that are a week old."""
        async with self.database.session(tenant_id) as session:
            oldest = await session.scalar(select(func.min(ResponseCurves.as_of)))
        return oldest is None or oldest <= self.clock() - LEARNT_AGAIN

    async def _panels(
        self, tenant_id: TenantId, today: dt.date, now: dt.datetime
    ) -> dict[BudgetLevel, Panel]:
        last = today - dt.timedelta(days=1)
        first = last - dt.timedelta(days=DAYS - 1)
        scope = TenantScope(tenant_id)
        loaded = await self.loader.load(scope, [TopicName.ADS], first, last, now)
        return await asyncio.to_thread(panels_of, loaded[TopicName.ADS])

    async def _learn(
        self,
        tenant_id: TenantId,
        whose: Whose,
        panel: Panel,
        plans: Plans,
        today: dt.date,
        now: dt.datetime,
        shown: Mapping[str, str],
    ) -> ResponseCurves:
        tests = [_experiment(one) for one in plans.lift_tests if _is_about(one, whose)]

        def fit() -> ResponseCurves:
            material = gather(panel, whose.measure, today, events_of(plans), tests, shown)
            return learn(
                whose,
                material,
                panel,
                tenant_id=tenant_id,
                as_of=now,
                tests_known=[one.id for one in plans.lift_tests],
                new_id=self.ids(),
            )

        row = await asyncio.to_thread(fit)
        async with self.database.session(tenant_id) as session:
            if not await were_people_erased_since(session, now):
                await session.execute(delete(ResponseCurves).where(*_key(whose)))
                session.add(row)
        return row


def events_of(plans: Plans) -> list[Event]:
    """Events by name, with all their days."""
    days: dict[str, set[dt.date]] = {}
    for row in plans.events:
        length = (row.day_to - row.day_from).days + 1
        own = days.setdefault(row.name, set())
        own.update(row.day_from + dt.timedelta(days=day) for day in range(length))
    return [Event(name, frozenset(some)) for name, some in days.items()]


def _all_of(clients: Sequence[ClientId], panels: Mapping[BudgetLevel, Panel]) -> list[Whose]:
    return [
        Whose(client_id, level, measure, currency)
        for client_id in clients
        for level, panel in panels.items()
        for currency in currencies_of(panel, client_id)
        for measure in MEASURES
    ]


def _key(whose: Whose) -> tuple[ColumnElement[bool], ...]:
    return (
        ResponseCurves.client_id == whose.client_id,
        ResponseCurves.level == whose.level,
        ResponseCurves.measure == whose.measure.value,
        ResponseCurves.currency == whose.currency,
    )


async def _is_fit(
    session: TenantSession, row: ResponseCurves, plans: Plans, now: dt.datetime
) -> bool:
    known = {one.id for one in plans.lift_tests}
    return (
        row.as_of > now - LEARNT_AGAIN
        and row.code == code()
        and set(row.tests_known) == known
        and not await were_people_erased_since(session, row.as_of)
    )


def _is_about(test: LiftTest, whose: Whose) -> bool:
    is_of_campaign = test.campaign is not None
    return (
        test.measure == whose.measure.value
        and test.currency == whose.currency
        and is_of_campaign is (whose.level is BudgetLevel.CAMPAIGN)
    )


def _experiment(row: LiftTest) -> Experiment:
    return Experiment(
        id=row.id,
        key=row.campaign or row.channel,
        first=row.day_from,
        last=row.day_to,
        spend_change=float(row.spend_change),
        effect=float(row.effect),
        standard_error=float(row.standard_error),
    )
