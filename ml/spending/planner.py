"""Budgets of an agency's clients, out of its own facts.

    question -> checked -> what is spent now -> curves, found or learnt -> plan, or a given split
        -> answer in amounts and words

One question at a time is worked on in a process, in a thread: curves and plans take all of a core
for up to some seconds, and the edge goes on answering.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from sqlalchemy import select

from domain.errors import NotFoundError
from domain.ids import ClientId, TenantId
from domain.ports import Clock, TenantScope
from ingestion.connector.values import minor_digits
from ml.budget.plan import plan_budget
from ml.budget.request import Request
from ml.budget.returns import PlannedReturns
from ml.history.load import HistoryLoader
from ml.history.topics import TopicName
from ml.plans.desk import load_plans
from ml.spending.answer import Asked, answer_plan, answer_scenario
from ml.spending.facts import (
    Recent,
    chosen_currency,
    currencies_of,
    only_currency,
    panels_of,
    recent_of,
)
from ml.spending.kept import Learnt, Whose
from ml.spending.learning import Learning, events_of
from ml.spending.material import RECENT_DAYS, Event, LeftOut, TooLittleDataError
from ml.spending.question import Ask, Split, check_ask, check_split
from ml.spending.request import Members, Paces, request_of, request_of_split, split_of
from ml.spending.told import BudgetPlan, BudgetScenario
from tenancy.session import Database, TenantSession
from tenancy.tables import Client

__all__ = ["BudgetPlanner", "Shown"]

Shown = Callable[[str], str]  # a key of a channel or campaign, as people know it

# Before the period and the four weeks: who has been silent is seen.
_SLACK_DAYS: Final = 14


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What is known before curves are asked."""

    recent: Recent
    currency: str
    events: Sequence[Event]


@dataclass(frozen=True, slots=True, eq=False)
class _Items:
    """What is planned, and by what."""

    members: Members
    paces: Paces
    stays: Sequence[int]
    returns: PlannedReturns
    learnt: Learnt
    planned_from: dt.date


@dataclass(frozen=True, slots=True)
class BudgetPlanner:
    """Answers questions about budgets."""

    database: Database
    loader: HistoryLoader
    learning: Learning
    clock: Clock
    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    async def plan(self, tenant_id: TenantId, today: dt.date, ask: Ask, shown: Shown) -> BudgetPlan:
        """Split a total so that it brings most, or say to hold the present split.

        Args:
            tenant_id: Of the agency.
            today: Of the agency.
            ask: The question; it has a total.
            shown: Names campaigns as people know them.

        Raises:
            InvalidInputError: The question cannot be meant so (caller).
            NotFoundError: There is no such client, channel or campaign (caller).
            TooLittleDataError: What spend brings cannot be told yet; says what it takes.
            ImpossibleBudgetError: Limits contradict each other; says which, and by how much.
            WarehouseError: The warehouse failed.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        check_ask(ask, today)
        async with self._turn:
            known = await self._known(tenant_id, today, ask)
            items = await self._items(tenant_id, today, ask, known, shown)
            request = request_of(ask, items.members, items.paces, sum(items.stays), known.currency)

            def answer() -> BudgetPlan:
                plan = plan_budget(request, items.returns)
                return answer_plan(_asked(ask, items, known, request), plan)

            return await asyncio.to_thread(answer)

    async def scenario(
        self, tenant_id: TenantId, today: dt.date, ask: Ask, spends: Sequence[Split], shown: Shown
    ) -> BudgetScenario:
        """What given spends would bring; what is not named goes on as it is.

        Args:
            tenant_id: Of the agency.
            today: Of the agency.
            ask: The question; its total and limits are not looked at.
            spends: Of the whole period.
            shown: Names campaigns as people know them.

        Raises:
            InvalidInputError: The question cannot be meant so (caller).
            NotFoundError: There is no such client, channel or campaign (caller).
            TooLittleDataError: What spend brings cannot be told yet; says what it takes.
            WarehouseError: The warehouse failed.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        check_split(ask, spends, today)
        async with self._turn:
            known = await self._known(tenant_id, today, ask)
            items = await self._items(tenant_id, today, ask, known, shown)
            request = request_of_split(ask, items.paces, known.currency)
            amounts = split_of(spends, ask.level, items.members, items.paces, known.currency)

            def answer() -> BudgetScenario:
                asked = _asked(ask, items, known, request)
                return answer_scenario(asked, np.array(amounts, dtype=np.int64))

            return await asyncio.to_thread(answer)

    async def _known(self, tenant_id: TenantId, today: dt.date, ask: Ask) -> _Known:
        async with self.database.session(tenant_id) as session:
            await _check_client(session, ask.client_id)
            plans = await load_plans(session, ask.client_id)
        last = today - dt.timedelta(days=1)
        first = today - dt.timedelta(days=RECENT_DAYS + _SLACK_DAYS)
        first = min(first, ask.period.start)
        scope = TenantScope(tenant_id)
        loaded = await self.loader.load(scope, [TopicName.ADS], first, last, self.clock())
        panel = (await asyncio.to_thread(panels_of, loaded[TopicName.ADS]))[ask.level]
        currency = chosen_currency(currencies_of(panel, ask.client_id), ask.currency)
        own = only_currency(panel, ask.client_id, currency)
        recent = recent_of(own, ask.period.start, today)
        return _Known(recent, currency, events_of(plans))

    async def _items(
        self, tenant_id: TenantId, today: dt.date, ask: Ask, known: _Known, shown: Shown
    ) -> _Items:
        recent = known.recent
        words = {key: shown(key) for key in recent.keys}
        whose = Whose(ask.client_id, ask.level, ask.measure, known.currency)
        learnt = await self.learning.find_or_learn(tenant_id, whose, today, words)
        running = {key for key, pace in zip(recent.keys, recent.pace, strict=True) if pace > 0}
        curves = learnt.among(running)
        left_out = _left_out(recent, learnt, words)
        if not curves.names:
            reasons = "; ".join(one.reason for one in left_out)
            raise TooLittleDataError(
                f"nothing that spends now can be planned: {reasons}",
                hint="ask again when it has spent for some weeks",
            )
        planned_from = max(ask.period.start, recent.known_to + dt.timedelta(days=1))
        days = (ask.period.end - planned_from).days + 1
        digits = minor_digits(known.currency)
        places = [recent.keys.index(key) for key in curves.names]
        gone = [recent.keys.index(one.key) for one in left_out]
        current = np.round(recent.pace * days * 10**digits).astype(np.int64)
        spent = np.round(recent.spent * 10**digits).astype(np.int64)
        return _Items(
            members=Members(
                keys=curves.names,
                channels=tuple(recent.channels[place] for place in places),
                shown=words,
                left_out=left_out,
            ),
            paces=Paces(current[places].tolist(), spent[places].tolist()),
            stays=(current + spent)[gone].tolist(),
            returns=PlannedReturns(
                replace(curves, names=tuple(words[key] for key in curves.names)),
                learnt.demand(planned_from, days, known.events),
                10**digits,
            ),
            learnt=replace(learnt, curves=curves),
            planned_from=planned_from,
        )


async def _check_client(session: TenantSession, client_id: ClientId) -> None:
    if await session.scalar(select(Client.id).where(Client.id == client_id)) is None:
        raise NotFoundError("there is no such client", hint="`clients` lists them")


def _left_out(recent: Recent, learnt: Learnt, words: Mapping[str, str]) -> tuple[LeftOut, ...]:
    """Who has spent in the period or of late, and has no curve or has stopped."""
    told = {one.key: one.reason for one in learnt.left_out}
    found = []
    for key, pace in zip(recent.keys, recent.pace, strict=True):
        if pace == 0:
            found.append(LeftOut(key, f"{words[key]} has not spent in the last {RECENT_DAYS} days"))
        elif key not in learnt.curves.names:
            new = f"{words[key]} has begun to spend since {learnt.row.last_day}"
            found.append(LeftOut(key, told.get(key, new)))
    return tuple(found)


def _asked(ask: Ask, items: _Items, known: _Known, request: Request) -> Asked:
    return Asked(
        level=ask.level,
        measure=ask.measure,
        members=items.members,
        stays=items.stays,
        request=request,
        returns=items.returns,
        learnt=items.learnt,
        planned_from=items.planned_from,
        known_to=known.recent.known_to,
    )
