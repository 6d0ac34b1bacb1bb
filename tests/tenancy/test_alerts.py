"""Alerts are stored with the work that raises them, one for each kind and subject."""

import asyncio
import datetime as dt
import itertools
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select, update

from domain.ids import ClientId, TenantId
from tenancy.alerts import Alert, AlertKind, AlertSeverity, clear_alert, raise_alert
from tenancy.session import Database, DatabaseConfig, TenantChangeError
from tenancy.tables import Client, RaisedAlert, Tenant

pytestmark = pytest.mark.anyio

AGENCY, ACME = TenantId(uuid.UUID(int=1)), ClientId(uuid.UUID(int=2))
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
FAILED = AlertKind.SYNC_FAILED
LATE = Alert(
    kind=FAILED,
    severity=AlertSeverity.WARNING,
    subject="connection:7",
    client_id=ACME,
    title="Google Ads could not be read",
    text="account 123: HTTP status 503",
    hint="it is tried again by itself",
    due_at=NOON + 8 * HOUR,
)


@pytest.fixture
async def agency(database_url: str) -> AsyncIterator[Database]:
    """A database with one agency and one client of it, and connections for two at once."""
    opened = Database(DatabaseConfig(database_url, pool_size=2, overflow=0))
    async with opened.session(AGENCY) as session:
        session.add(
            Tenant(
                id=AGENCY,
                slug="northwind",
                name="Northwind",
                currency="EUR",
                time_zone="Europe/Berlin",
                wrapped_data_key=b"sealed",
                created_at=NOON,
            )
        )
        await session.flush()
        session.add(
            Client(
                id=ACME,
                slug="acme",
                name="Acme",
                currency="EUR",
                time_zone="Europe/Berlin",
                created_at=NOON,
            )
        )
    yield opened
    await opened.close()


async def _raise(agency: Database, alert: Alert, now: dt.datetime, number: int = 0) -> None:
    async with agency.session(AGENCY) as session:
        await raise_alert(session, alert, now=now, ids=lambda: uuid.UUID(int=100 + number))


async def _clear(agency: Database, now: dt.datetime, kind: AlertKind = FAILED) -> bool:
    async with agency.session(AGENCY) as session:
        return await clear_alert(session, kind, LATE.subject, now=now)


async def _stored(agency: Database) -> list[dict[str, Any]]:
    names = (
        "id",
        "relapses",
        "raised_at",
        "opened_at",
        "updated_at",
        "cleared_at",
        "settled_at",
    )
    async with agency.session(AGENCY) as session:
        alerts = (await session.scalars(select(RaisedAlert).order_by(RaisedAlert.id))).all()
    return [{name: getattr(alert, name) for name in names} for alert in alerts]


def _row(number: int, raised_at: dt.datetime, **changed: object) -> dict[str, Any]:
    return {
        "id": uuid.UUID(int=100 + number),
        "relapses": 0,
        "raised_at": raised_at,
        "opened_at": raised_at,
        "updated_at": raised_at,
        "cleared_at": None,
        "settled_at": None,
    } | changed


async def test_alert_is_stored_as_it_was_said(agency: Database) -> None:
    await _raise(agency, LATE, NOON)
    async with agency.session(AGENCY) as session:
        stored = (await session.scalars(select(RaisedAlert))).one()
    assert (stored.kind, stored.severity, stored.subject, stored.client_id, stored.due_at) == (
        FAILED,
        AlertSeverity.WARNING,
        "connection:7",
        ACME,
        NOON + 8 * HOUR,
    )
    assert (stored.title, stored.details, stored.hint) == (LATE.title, LATE.text, LATE.hint)
    assert await _stored(agency) == [_row(0, NOON)]


async def test_raised_again_it_is_brought_up_to_date(agency: Database) -> None:
    await _raise(agency, LATE, NOON)
    again = Alert(FAILED, AlertSeverity.CRITICAL, LATE.subject, None, "Worse", "now", "act")
    await _raise(agency, again, NOON + HOUR, number=1)
    async with agency.session(AGENCY) as session:
        stored = (await session.scalars(select(RaisedAlert))).one()
    assert (stored.severity, stored.client_id, stored.due_at) == (
        AlertSeverity.CRITICAL,
        None,
        None,
    )
    assert (stored.title, stored.details, stored.hint) == ("Worse", "now", "act")
    assert await _stored(agency) == [_row(0, NOON, updated_at=NOON + HOUR)]


async def test_another_kind_or_subject_is_another_alert(agency: Database) -> None:
    await _raise(agency, LATE, NOON)
    missed = Alert(AlertKind.FRESHNESS_MISSED, LATE.severity, LATE.subject, ACME, "Late", "")
    await _raise(agency, missed, NOON, number=1)
    other = Alert(FAILED, LATE.severity, "connection:8", ACME, LATE.title, "")
    await _raise(agency, other, NOON, number=2)
    assert await _stored(agency) == [_row(number, NOON) for number in range(3)]


async def test_work_undone_raises_nothing(agency: Database) -> None:
    async def fail() -> None:
        async with agency.session(AGENCY) as session:
            await raise_alert(session, LATE, now=NOON, ids=uuid.uuid4)
            raise ValueError("broken work")

    with pytest.raises(ValueError, match=r"^broken work$"):
        await fail()
    assert await _stored(agency) == []


async def test_cleared_once(agency: Database) -> None:
    await _raise(agency, LATE, NOON)
    assert not await _clear(agency, NOON + HOUR, AlertKind.QUALITY_INCIDENT)
    assert await _clear(agency, NOON + HOUR)
    assert not await _clear(agency, NOON + 2 * HOUR)
    assert await _stored(agency) == [_row(0, NOON, cleared_at=NOON + HOUR)]


async def test_relapse_within_a_day_reopens_it(agency: Database) -> None:
    await _raise(agency, LATE, NOON)
    await _clear(agency, NOON + HOUR)
    async with agency.session(AGENCY) as session:
        await session.execute(update(RaisedAlert).values(settled_at=NOON + 2 * HOUR))
    back = NOON + 25 * HOUR - dt.timedelta(microseconds=1)
    await _raise(agency, LATE, back, number=1)
    assert await _stored(agency) == [_row(0, NOON, opened_at=back, updated_at=back, relapses=1)]


async def test_after_a_day_it_is_a_new_alert(agency: Database) -> None:
    await _raise(agency, LATE, NOON)
    await _clear(agency, NOON + HOUR)
    await _raise(agency, LATE, NOON + 25 * HOUR, number=1)
    await _raise(agency, LATE, NOON + 26 * HOUR, number=2)
    assert await _stored(agency) == [
        _row(0, NOON, cleared_at=NOON + HOUR),
        _row(1, NOON + 25 * HOUR, updated_at=NOON + 26 * HOUR),
    ]


async def test_raised_by_two_at_once_it_is_one(agency: Database) -> None:
    numbers = itertools.count(200)
    first_has_raised, second_may_wait = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with agency.session(AGENCY) as session:
            await raise_alert(session, LATE, now=NOON, ids=lambda: uuid.UUID(int=next(numbers)))
            first_has_raised.set()
            await second_may_wait.wait()

    async def second() -> None:
        await first_has_raised.wait()
        async with agency.session(AGENCY) as session:
            assert (await session.scalars(select(RaisedAlert))).all() == []
            second_may_wait.set()
            await raise_alert(
                session, LATE, now=NOON + HOUR, ids=lambda: uuid.UUID(int=next(numbers))
            )

    async with asyncio.timeout(10):
        await asyncio.gather(first(), second())
    assert await _stored(agency) == [_row(100, NOON, updated_at=NOON + HOUR)]


async def test_session_without_agency_raises_nothing(agency: Database) -> None:
    async with agency.platform_session() as session:
        with pytest.raises(TenantChangeError):
            await raise_alert(session, LATE, now=NOON, ids=uuid.uuid4)
