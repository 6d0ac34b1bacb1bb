"""Entries are stored with the deed, once, and cannot be changed."""

import datetime as dt
import uuid

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import ProgrammingError

from tenancy.audit import record
from tenancy.session import Database, TenantChangeError, TenantSession
from tenancy.tables import AuditEntry
from tests.fixtures.database import FilledTenant

pytestmark = pytest.mark.anyio

Two = tuple[FilledTenant, FilledTenant]
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
ENTRY = uuid.UUID(int=77)


def pause(session: TenantSession) -> None:
    record(
        session,
        clock=lambda: NOON,
        ids=lambda: ENTRY,
        actor="user:7",
        action="connection.paused",
        object_kind="connection",
        object_id="con_1",
        details={"source": "shopify"},
    )


async def test_entry_tells_who_did_what_when(database: Database, two_tenants: Two) -> None:
    async with database.session(two_tenants[0].tenant_id) as session:
        pause(session)
    async with database.session(two_tenants[0].tenant_id) as session:
        entry = await session.scalar(select(AuditEntry).where(AuditEntry.id == ENTRY))
    assert entry is not None
    assert (entry.tenant_id, entry.at, entry.actor, entry.action) == (
        two_tenants[0].tenant_id,
        NOON,
        "user:7",
        "connection.paused",
    )
    assert (entry.object_kind, entry.object_id, entry.details) == (
        "connection",
        "con_1",
        {"source": "shopify"},
    )


async def test_deed_undone_leaves_no_entry(database: Database, two_tenants: Two) -> None:
    async def fail() -> None:
        async with database.session(two_tenants[0].tenant_id) as session:
            pause(session)
            await session.flush()
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        await fail()
    async with database.session(two_tenants[0].tenant_id) as session:
        assert await session.scalar(select(AuditEntry).where(AuditEntry.id == ENTRY)) is None


@pytest.mark.parametrize("change", [update(AuditEntry).values(actor="x"), delete(AuditEntry)])
async def test_entries_cannot_be_changed(
    database: Database, two_tenants: Two, change: object
) -> None:
    async with database.session(two_tenants[0].tenant_id) as session:
        with pytest.raises(ProgrammingError, match="permission denied for table audit_entries"):
            await session.execute(change)  # type: ignore[call-overload]  # UPDATE or DELETE


async def test_session_without_tenant_records_nothing(database: Database) -> None:
    async with database.platform_session() as session:
        with pytest.raises(TenantChangeError):
            pause(session)
