"""Delivery: events reach their endpoints, at least once.

    agencies with deliveries that are due -> a few lanes for each endpoint
    lane: claim the next one -> WebhookSender -> note, or try again later -> the next one ...

A delivery is claimed, by a later time of its next attempt, before it is sent: no other lane or
process sends it meanwhile, and after a crash between sending and noting it is sent once more, with
the same id. An endpoint that answers slowly fills its own lanes; one that fails has a single lane,
which ends at the first failure.

Decision: ADR-0020.
"""

import asyncio
import datetime as dt
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from sqlalchemy import delete, func, select, update

from api.outbound.answer import Answer
from api.rounds import beside
from api.webhooks.endpoints import open_secrets
from api.webhooks.message import Message, message_of
from api.webhooks.outcome import note_attempt
from api.webhooks.sender import AT_ONCE, WebhookSender
from domain.errors import UserError
from domain.ids import TenantId
from domain.ports import Clock, IdFactory
from tenancy.session import Database, TenantSession
from tenancy.tables import (
    DeliveryState,
    EndpointState,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from tenancy.unscoped import Doors
from tenancy.vault import Secret, Vault

__all__ = ["WebhookDeliverer"]

_LOG: Final = structlog.get_logger(__name__)

_ROUND_SECONDS: Final = 2.0  # the second attempt is due after five
_LANES_OF_ONE: Final = 4
_CLAIM: Final = dt.timedelta(minutes=2)  # longer than an attempt takes
_KEPT: Final = dt.timedelta(days=30)  # events can be replayed for so long

_Start = Callable[[Coroutine[Any, Any, int]], asyncio.Task[int]]


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A delivery that nobody else makes now; without secrets when they do not open."""

    endpoint_id: uuid.UUID
    event_id: uuid.UUID
    url: str
    message: Message
    secrets: tuple[Secret, ...]
    problem: str


@dataclass(frozen=True, slots=True)
class WebhookDeliverer:
    """Tells endpoints of events; several processes share the work.

    Attributes:
        sender: Reaches the outside world.
        jitter: Random, in [0, 1).
    """

    database: Database
    doors: Doors
    vault: Vault
    sender: WebhookSender
    clock: Clock
    ids: IdFactory
    jitter: Callable[[], float]
    _lanes: Counter[uuid.UUID] = field(default_factory=Counter, init=False, repr=False)

    @asynccontextmanager
    async def running(self, sleep: Callable[[float], Awaitable[None]]) -> AsyncIterator[None]:
        """Deliver while a block runs."""
        async with beside(self._run(sleep)):
            yield

    async def deliver_due(self) -> int:
        """One round over all agencies, until its lanes are done.

        Returns:
            Number of events that were taken.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        async with asyncio.TaskGroup() as group:
            lanes = await self._open_lanes(group.create_task)
        return sum(lane.result() for lane in lanes)

    async def _run(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Begin round after round, until cancelled; nobody waits for lanes."""
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    await self._open_lanes(group.create_task)
                except Exception:  # noqa: BLE001  # whatever stops a round, there is a next one
                    _LOG.exception("webhook_round_failed")
                await sleep(_ROUND_SECONDS)

    async def _open_lanes(self, start: _Start) -> list[asyncio.Task[int]]:
        """Put lanes where something is due, as far as there is room."""
        lanes: list[asyncio.Task[int]] = []
        for tenant_id in await self.doors.agencies_with_webhooks(self.clock()):
            if self._lanes.total() >= AT_ONCE:
                break
            try:
                wanted = await self._look(tenant_id)
            except Exception:  # noqa: BLE001  # a bug that one agency meets stays with it
                _LOG.exception("webhooks_not_delivered", tenant_id=str(tenant_id))
                continue
            for endpoint_id, most in wanted:
                room = min(most - self._lanes[endpoint_id], AT_ONCE - self._lanes.total())
                for _ in range(room):
                    self._lanes[endpoint_id] += 1
                    lanes.append(start(self._lane(tenant_id, endpoint_id)))
        return lanes

    async def _look(self, tenant_id: TenantId) -> list[tuple[uuid.UUID, int]]:
        """Endpoints with something due, and how many lanes are of use to each."""
        now = self.clock()
        async with self.database.session(tenant_id) as session:
            await _tidy(session, now)
            rows = await session.execute(
                select(WebhookEndpoint.id, WebhookEndpoint.failing_since, func.count())
                .join(
                    WebhookDelivery,
                    (WebhookDelivery.tenant_id == WebhookEndpoint.tenant_id)
                    & (WebhookDelivery.endpoint_id == WebhookEndpoint.id),
                )
                .where(*_is_due(now))
                .group_by(WebhookEndpoint.tenant_id, WebhookEndpoint.id)
                .order_by(func.min(WebhookDelivery.next_attempt_at), WebhookEndpoint.id)
            )
            return [
                (endpoint_id, 1 if failing_since else min(due, _LANES_OF_ONE))
                for endpoint_id, failing_since, due in rows
            ]

    async def _lane(self, tenant_id: TenantId, endpoint_id: uuid.UUID) -> int:
        """Deliver one after the other, until nothing is due or one fails."""
        taken = 0
        try:
            while (claimed := await self._claim(tenant_id, endpoint_id)) is not None:
                if not await self._attempt(tenant_id, claimed):
                    break
                taken += 1
        except Exception:  # noqa: BLE001  # a bug that one endpoint meets stays with it
            _LOG.exception("webhook_lane_failed", endpoint_id=str(endpoint_id))
        finally:
            self._lanes[endpoint_id] -= 1
            if not self._lanes[endpoint_id]:
                del self._lanes[endpoint_id]
        return taken

    async def _claim(self, tenant_id: TenantId, endpoint_id: uuid.UUID) -> _Claimed | None:
        now = self.clock()
        async with self.database.session(tenant_id) as session:
            query = (
                select(WebhookDelivery, WebhookEndpoint, WebhookEvent)
                .join(
                    WebhookEndpoint,
                    (WebhookEndpoint.tenant_id == WebhookDelivery.tenant_id)
                    & (WebhookEndpoint.id == WebhookDelivery.endpoint_id),
                )
                .join(
                    WebhookEvent,
                    (WebhookEvent.tenant_id == WebhookDelivery.tenant_id)
                    & (WebhookEvent.id == WebhookDelivery.event_id),
                )
                .where(WebhookDelivery.endpoint_id == endpoint_id, *_is_due(now))
                .order_by(WebhookDelivery.next_attempt_at, WebhookDelivery.event_id)
                .limit(1)
                .with_for_update(of=WebhookDelivery, skip_locked=True)
            )
            row = (await session.execute(query)).one_or_none()
            if row is None:
                return None
            delivery, endpoint, event = row
            delivery.attempts += 1
            delivery.next_attempt_at = now + _CLAIM
            secrets, problem = await self._open(session, endpoint, now)
        message = message_of(event)
        return _Claimed(endpoint.id, event.id, endpoint.url, message, secrets, problem)

    async def _open(
        self, session: TenantSession, endpoint: WebhookEndpoint, now: dt.datetime
    ) -> tuple[tuple[Secret, ...], str]:
        try:
            return await open_secrets(self.vault, session, endpoint, now=now), ""
        except UserError as error:
            return (), str(error)

    async def _attempt(self, tenant_id: TenantId, claimed: _Claimed) -> bool:
        if claimed.problem:
            answer = Answer(None, "", claimed.problem)
        else:
            answer = await self.sender.send(claimed.url, claimed.secrets, claimed.message)
        async with self.database.session(tenant_id) as session:
            await note_attempt(
                session,
                (claimed.endpoint_id, claimed.event_id),
                answer,
                now=self.clock(),
                jitter=self.jitter(),
                ids=self.ids,
            )
        if not answer.is_taken:
            _LOG.warning(
                "webhook_not_delivered",
                message_id=claimed.message.id,
                endpoint_id=str(claimed.endpoint_id),
                reason=answer.failure,
            )
        return answer.is_taken


def _is_due(now: dt.datetime) -> tuple[Any, ...]:
    """Of a delivery joined with its endpoint: it may be sent now."""
    not_before = WebhookEndpoint.not_before
    return (
        WebhookEndpoint.state == EndpointState.ACTIVE,
        WebhookEndpoint.removed_at.is_(None),
        not_before.is_(None) | (not_before <= now),
        WebhookDelivery.state == DeliveryState.PENDING,
        WebhookDelivery.next_attempt_at <= now,
    )


async def _tidy(session: TenantSession, now: dt.datetime) -> None:
    """Give up what nobody takes any more, and forget what is long over."""
    is_shut = (WebhookEndpoint.state == EndpointState.DISABLED) | (
        WebhookEndpoint.removed_at.is_not(None)
    )
    await session.execute(
        update(WebhookDelivery)
        .where(
            WebhookDelivery.state == DeliveryState.PENDING,
            WebhookDelivery.endpoint_id.in_(select(WebhookEndpoint.id).where(is_shut)),
        )
        .values(state=DeliveryState.FAILED, ended_at=now, failure="the endpoint was switched off")
    )
    is_old = WebhookEvent.occurred_at < now - _KEPT
    is_on_its_way = select(WebhookDelivery.event_id).where(
        WebhookDelivery.event_id == WebhookEvent.id,
        WebhookDelivery.state == DeliveryState.PENDING,
    )
    old = select(WebhookEvent.id).where(is_old, ~is_on_its_way.exists())
    await session.execute(delete(WebhookDelivery).where(WebhookDelivery.event_id.in_(old)))
    await session.execute(delete(WebhookEvent).where(is_old, ~_has_delivery()))


def _has_delivery() -> Any:
    query = select(WebhookDelivery.event_id).where(WebhookDelivery.event_id == WebhookEvent.id)
    return query.exists()
