"""Events are stored with the deed, once, for the endpoints that ask for them."""

import contextlib
import datetime as dt
import itertools
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from domain.ids import ClientId, TenantId
from tenancy.session import Database, DatabaseConfig
from tenancy.tables import (
    Client,
    DeliveryState,
    EndpointState,
    Tenant,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from tenancy.webhooks import Event, WebhookEventType, record_event

pytestmark = pytest.mark.anyio

AGENCY, OTHER = TenantId(uuid.UUID(int=1)), TenantId(uuid.UUID(int=2))
ACME, BOLT = ClientId(uuid.UUID(int=3)), ClientId(uuid.UUID(int=4))
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
PUBLISHED = Event(WebhookEventType.DATA_PUBLISHED, "sync:7", ACME, {"source": "google_ads"})


@pytest.fixture
async def agencies(database_url: str) -> AsyncIterator[Database]:
    """Two agencies, each with a client Acme and a client Bolt."""
    opened = Database(DatabaseConfig(database_url, pool_size=2, overflow=0))
    for tenant_id in (AGENCY, OTHER):
        async with opened.session(tenant_id) as session:
            session.add(
                Tenant(
                    id=tenant_id,
                    slug=f"agency-{tenant_id.int}",
                    name="Agency",
                    currency="EUR",
                    time_zone="Europe/Berlin",
                    wrapped_data_key=b"sealed",
                    created_at=NOON,
                )
            )
            await session.flush()
            session.add_all(
                Client(
                    id=client_id,
                    slug=f"client-{client_id.int}",
                    name="Client",
                    currency="EUR",
                    time_zone="Europe/Berlin",
                    created_at=NOON,
                )
                for client_id in (ACME, BOLT)
            )
    yield opened
    await opened.close()


async def _endpoint(
    database: Database, number: int, tenant_id: TenantId = AGENCY, **changed: Any
) -> None:
    given = {"event_types": None, "client_ids": None, "state": EndpointState.ACTIVE, **changed}
    async with database.session(tenant_id) as session:
        session.add(
            WebhookEndpoint(
                id=uuid.UUID(int=number),
                url="https://hooks.example.com",
                description="",
                created_at=NOON,
                **given,
            )
        )


async def _record(database: Database, event: Event = PUBLISHED) -> None:
    numbers = itertools.count(100)
    async with database.session(AGENCY) as session:
        await record_event(session, event, now=NOON, ids=lambda: uuid.UUID(int=next(numbers)))


async def _deliveries(database: Database, tenant_id: TenantId = AGENCY) -> list[int]:
    async with database.session(tenant_id) as session:
        query = select(WebhookDelivery.endpoint_id).order_by(WebhookDelivery.endpoint_id)
        return [endpoint_id.int for endpoint_id in await session.scalars(query)]


async def _events(database: Database) -> list[WebhookEvent]:
    async with database.session(AGENCY) as session:
        return list(await session.scalars(select(WebhookEvent)))


async def test_an_event_waits_for_each_endpoint(agencies: Database) -> None:
    await _endpoint(agencies, 11)
    await _endpoint(agencies, 12)
    await _record(agencies)
    (event,) = await _events(agencies)
    assert (
        event.id,
        event.type,
        event.subject,
        event.client_id,
        event.data,
        event.occurred_at,
    ) == (
        uuid.UUID(int=100),
        WebhookEventType.DATA_PUBLISHED,
        "sync:7",
        ACME,
        {"source": "google_ads"},
        NOON,
    )
    async with agencies.session(AGENCY) as session:
        rows = list(await session.scalars(select(WebhookDelivery)))
    assert {row.endpoint_id.int for row in rows} == {11, 12}
    assert {(row.event_id, row.state, row.attempts, row.next_attempt_at) for row in rows} == {
        (event.id, DeliveryState.PENDING, 0, NOON)
    }


async def test_without_an_endpoint_nothing_is_written(agencies: Database) -> None:
    await _endpoint(agencies, 11, OTHER)
    await _record(agencies)
    assert await _events(agencies) == []
    assert await _deliveries(agencies, OTHER) == []


async def test_the_same_deed_is_told_once(agencies: Database) -> None:
    await _endpoint(agencies, 11)
    await _record(agencies)
    await _endpoint(agencies, 12)
    await _record(agencies)
    assert len(await _events(agencies)) == 1
    assert await _deliveries(agencies) == [11]


async def test_endpoints_hear_what_they_ask_for(agencies: Database) -> None:
    await _endpoint(agencies, 11, event_types=["sync.failed"])
    await _endpoint(agencies, 12, event_types=["sync.failed", "data.published"])
    await _endpoint(agencies, 13, client_ids=[BOLT])
    await _endpoint(agencies, 14, client_ids=[ACME, BOLT])
    await _endpoint(agencies, 15, event_types=[], client_ids=[])
    await _endpoint(agencies, 16, state=EndpointState.DISABLED)
    await _endpoint(agencies, 17, removed_at=NOON)
    await _record(agencies)
    assert await _deliveries(agencies) == [12, 14]


async def test_what_is_rolled_back_is_not_told(agencies: Database) -> None:
    await _endpoint(agencies, 11)
    with contextlib.suppress(ZeroDivisionError):
        async with agencies.session(AGENCY) as session:
            await record_event(session, PUBLISHED, now=NOON, ids=uuid.uuid4)
            raise ZeroDivisionError
    assert await _events(agencies) == []
    assert await _deliveries(agencies) == []
