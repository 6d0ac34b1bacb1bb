"""The requests that wait for an officer, the most urgent first.

filter, instant -> one query over `subject_requests` -> QueueLine
"""

import datetime as dt
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, func, select

from domain.errors import NotFoundError
from domain.ids import ClientId
from domain.privacy.rights import RequestState, Right
from gdpr.desk.urgency import (
    FINAL,
    Urgency,
    days_left,
    describe,
    is_at_risk,
    urgency_of,
    urgency_rank,
)
from tenancy.session import TenantSession
from tenancy.tables import Client, SubjectRequest, Tenant

__all__ = ["QueueFilter", "QueueLine", "count_open", "find_line", "list_queue"]


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which requests.

    Attributes:
        state: Only in this state.
        is_open: Only those that have not ended.
        is_at_risk: Only overdue ones and those that are near it.
        client: Only of this client.
        seen: The only clients that may be seen; None: all, and the agency's own people.
        subject: Only of this person.
    """

    state: RequestState | None = None
    right: Right | None = None
    client: ClientId | None = None
    is_open: bool = False
    is_at_risk: bool = False
    seen: Collection[ClientId] | None = None
    subject: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class QueueLine:
    """A request as the queue shows it.

    Attributes:
        client: Name of the client; None: about people of the agency itself.
        time_zone: Of the controller.
        days_left: Until the law's date; None: it has ended.
        words: How near its dates are, for people.
    """

    row: SubjectRequest
    client: str | None
    time_zone: str
    urgency: Urgency
    days_left: int | None
    words: str

    @property
    def received_on(self) -> dt.date:
        """Day on which it came in, where the controller is."""
        return self.row.received_at.astimezone(ZoneInfo(self.time_zone)).date()

    @property
    def due_on(self) -> dt.date:
        """Last day on which the person can be answered in time, where the controller is."""
        last = self.row.due_at - dt.timedelta(microseconds=1)
        return last.astimezone(ZoneInfo(self.time_zone)).date()


async def list_queue(
    session: TenantSession, wanted: QueueFilter, *, now: dt.datetime, limit: int, offset: int = 0
) -> list[QueueLine]:
    """A page of the queue. One query.

    Ended requests come after all others, the latest first.

    Args:
        session: Of the agency.
        wanted: Which.
        now: UTC instant.
        limit: At most so many.
        offset: After so many others.
    """
    query = _LINES.where(*_conditions(wanted, now)).order_by(
        urgency_rank(now),
        SubjectRequest.closed_at.desc().nulls_first(),
        SubjectRequest.due_at,
        SubjectRequest.id,
    )
    rows = await session.execute(query.limit(limit).offset(offset))
    return [_line(row, client, zone, now) for row, client, zone in rows]


async def find_line(
    session: TenantSession,
    request_id: uuid.UUID,
    *,
    now: dt.datetime,
    seen: Collection[ClientId] | None = None,
) -> QueueLine:
    """One request as the queue shows it. One query.

    Raises:
        NotFoundError: There is no such request for whoever asks.
    """
    query = _LINES.where(
        SubjectRequest.id == request_id, *_conditions(QueueFilter(seen=seen), now)
    ).execution_options(populate_existing=True)
    found = (await session.execute(query)).one_or_none()
    if found is None:
        raise NotFoundError("the agency has no such request", hint="bosco gdpr queue AGENCY")
    return _line(*found, now)


async def count_open(
    session: TenantSession, *, now: dt.datetime, seen: Collection[ClientId] | None = None
) -> tuple[int, int]:
    """How many requests are open, and how many of these are at risk. One query."""
    query: Select[Any, Any] = select(
        func.count(), func.count().filter(is_at_risk(now))
    ).select_from(SubjectRequest)
    total, at_risk = (
        await session.execute(query.where(*_conditions(QueueFilter(is_open=True, seen=seen), now)))
    ).one()
    return total, at_risk


_LINES: Final = (
    select(SubjectRequest, Client.name, func.coalesce(Client.time_zone, Tenant.time_zone))
    .join(Tenant, Tenant.id == SubjectRequest.tenant_id)
    .outerjoin(
        Client,
        (Client.tenant_id == SubjectRequest.tenant_id) & (Client.id == SubjectRequest.client_id),
    )
)


def _line(row: SubjectRequest, client: str | None, zone: str, now: dt.datetime) -> QueueLine:
    return QueueLine(
        row, client, zone, urgency_of(row, now), days_left(row, now), describe(row, now)
    )


def _conditions(wanted: QueueFilter, now: dt.datetime) -> list[ColumnElement[bool]]:
    """A filter in SQL."""
    row = SubjectRequest
    found: list[ColumnElement[bool]] = []
    if wanted.state is not None:
        found.append(row.state == wanted.state)
    if wanted.right is not None:
        found.append(row.right == wanted.right)
    if wanted.client is not None:
        found.append(row.client_id == wanted.client)
    if wanted.is_open:
        found.append(row.state.not_in(FINAL))
    if wanted.is_at_risk:
        found.append(is_at_risk(now))
    if wanted.seen is not None:
        found.append(row.client_id.in_(wanted.seen))
    if wanted.subject is not None:
        found.append(row.subject_id == wanted.subject)
    return found
