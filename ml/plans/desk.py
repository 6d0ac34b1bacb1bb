"""Planning inputs of an agency: kept, listed and taken back.

    spend of a period, days of an event, result of an experiment -> checked -> row + audit entry

A plan for a whole channel holds what is planned for its campaigns as well: the more special plan
says how a part of the other is spent. Two plans of the same target never overlap; the same period
planned again takes the place of the former figure.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeVar

from sqlalchemy import select

from domain.errors import ConflictError, InvalidInputError, NotFoundError
from domain.ids import ClientId, public_id
from domain.money import Money, parse_currency
from domain.ports import Clock, IdFactory
from domain.time_window import DateRange
from ml.plans.inputs import (
    LiftResult,
    Target,
    check_amount,
    check_period,
    check_result,
    check_target,
    checked_words,
)
from tenancy import audit
from tenancy.session import TenantSession
from tenancy.tables import LiftTest, PlannedEvent, SpendPlan

__all__ = ["EVENT", "LIFT", "SPEND", "PlanDesk", "Plans", "load_plans"]

# Prefixes of public ids.
SPEND: Final = "spl"
EVENT: Final = "evt"
LIFT: Final = "lft"

_MOST_ROWS: Final = 5_000  # of a kind and a client

T = TypeVar("T", SpendPlan, PlannedEvent, LiftTest)

_Row = SpendPlan | PlannedEvent | LiftTest
_Table = type[SpendPlan] | type[PlannedEvent] | type[LiftTest]
_KINDS: Final[dict[str, _Table]] = {SPEND: SpendPlan, EVENT: PlannedEvent, LIFT: LiftTest}


@dataclass(frozen=True, slots=True)
class Plans:
    """All that is planned for a client, by first day."""

    spend: Sequence[SpendPlan]
    events: Sequence[PlannedEvent]
    lift_tests: Sequence[LiftTest]


@dataclass(frozen=True, slots=True)
class PlanDesk:
    """Changes planning inputs within the caller's transaction."""

    clock: Clock
    ids: IdFactory

    async def plan_spend(
        self, session: TenantSession, target: Target, period: DateRange, money: Money, *, actor: str
    ) -> SpendPlan:
        """Plan the media cost of a period.

        Raises:
            InvalidInputError: A figure or period cannot be meant so (caller).
            NotFoundError: There is no such client, channel or campaign (caller).
            ConflictError: Another plan of the target overlaps, or there are too many (caller).
        """
        check_period(period)
        check_amount("the amount", money.amount, least=Decimal(0))
        await check_target(session, target)
        of_target = await _plans_of(session, target)
        same = next((row for row in of_target if _period(row) == period), None)
        _refuse_overlap([row for row in of_target if row is not same], period)
        row = same or SpendPlan(
            id=self.ids(),
            client_id=target.client_id,
            channel=target.channel,
            campaign=target.campaign,
            day_from=period.start,
            day_to=period.end,
        )
        row.amount, row.currency = money.amount, parse_currency(money.currency)
        row.planned_at = self.clock()
        await self._keep(session, row, actor)
        return row

    async def plan_event(
        self, session: TenantSession, client_id: ClientId, name: str, days: DateRange, *, actor: str
    ) -> PlannedEvent:
        """Name days of a client that will not be, or were not, like others.

        Raises:
            InvalidInputError: The name or the days cannot be meant so (caller).
            NotFoundError: There is no such client (caller).
            ConflictError: There are too many (caller).
        """
        check_period(days)
        await check_target(session, Target(client_id))
        row = PlannedEvent(
            id=self.ids(),
            client_id=client_id,
            name=checked_words("the name", name),
            day_from=days.start,
            day_to=days.end,
            planned_at=self.clock(),
        )
        await self._keep(session, row, actor)
        return row

    async def note_lift_test(
        self,
        session: TenantSession,
        target: Target,
        period: DateRange,
        result: LiftResult,
        *,
        actor: str,
    ) -> LiftTest:
        """Keep what an experiment found.

        Raises:
            InvalidInputError: The result or the period cannot be meant so (caller).
            NotFoundError: There is no such client, channel or campaign (caller).
            ConflictError: There are too many (caller).
        """
        check_period(period)
        if target.channel is None:
            raise InvalidInputError(
                "the test names no channel", hint="say which channel's spend was changed"
            )
        check_result(result)
        await check_target(session, target)
        row = LiftTest(
            id=self.ids(),
            client_id=target.client_id,
            channel=target.channel,
            campaign=target.campaign,
            day_from=period.start,
            day_to=period.end,
            measure=result.measure.value,
            spend_change=result.spend_change.amount,
            effect=result.effect,
            standard_error=result.standard_error,
            currency=parse_currency(result.spend_change.currency),
            source=checked_words("the source", result.source),
            noted_at=self.clock(),
        )
        await self._keep(session, row, actor)
        return row

    async def remove(
        self,
        session: TenantSession,
        kind: str,
        row_id: uuid.UUID,
        clients: frozenset[ClientId] | None,
        *,
        actor: str,
    ) -> None:
        """Take a planning input back.

        Args:
            session: Of the agency.
            kind: Prefix of its public id.
            row_id: Which.
            clients: Those that the caller may see; None: all.
            actor: Who does it.

        Raises:
            NotFoundError: There is none, or it is of another client (caller).
        """
        table = _KINDS[kind]
        row: _Row | None = await session.scalar(select(table).where(table.id == row_id))
        if row is None or (clients is not None and row.client_id not in clients):
            raise NotFoundError(
                f"there is no plan {public_id(kind, row_id)}", hint="`plans` lists what there is"
            )
        self._record(session, row, "removed", actor)
        await session.delete(row)

    async def _keep(self, session: TenantSession, row: _Row, actor: str) -> None:
        table = type(row)
        rows = select(table.id).where(table.client_id == row.client_id).limit(_MOST_ROWS)
        if len((await session.scalars(rows)).all()) >= _MOST_ROWS:
            raise ConflictError(
                f"the client has {_MOST_ROWS:,} of these already", hint="remove old ones"
            )
        session.add(row)
        self._record(session, row, "set", actor)

    def _record(self, session: TenantSession, row: _Row, verb: str, actor: str) -> None:
        kind = next(prefix for prefix, table in _KINDS.items() if isinstance(row, table))
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=actor,
            action=f"plan.{verb}",
            object_kind="plan",
            object_id=public_id(kind, row.id),
            details={
                "client_id": str(row.client_id),
                "from": row.day_from.isoformat(),
                "to": row.day_to.isoformat(),
            },
        )


async def load_plans(session: TenantSession, client_id: ClientId) -> Plans:
    """All planning inputs of a client."""

    async def of(table: type[T]) -> list[T]:
        query = select(table).where(table.client_id == client_id)
        return list(await session.scalars(query.order_by(table.day_from, table.id)))

    return Plans(await of(SpendPlan), await of(PlannedEvent), await of(LiftTest))


async def _plans_of(session: TenantSession, target: Target) -> list[SpendPlan]:
    query = select(SpendPlan).where(
        SpendPlan.client_id == target.client_id,
        SpendPlan.channel.is_not_distinct_from(target.channel),
        SpendPlan.campaign.is_not_distinct_from(target.campaign),
    )
    return list(await session.scalars(query.with_for_update()))


def _period(row: SpendPlan) -> DateRange:
    return DateRange(row.day_from, row.day_to)


def _refuse_overlap(others: Sequence[SpendPlan], period: DateRange) -> None:
    for row in others:
        if row.day_from <= period.end and period.start <= row.day_to:
            raise ConflictError(
                f"{row.day_from} to {row.day_to} is planned already, and overlaps"
                f" {period.start} to {period.end}",
                hint=f"remove {public_id(SPEND, row.id)} first, or plan the same period again",
            )
