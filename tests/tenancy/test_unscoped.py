"""The doors: what each tells, and that nothing else can be read through them."""

import datetime as dt
import uuid

import pytest
from sqlalchemy import Table, select, update
from sqlalchemy.exc import ProgrammingError
from structlog.testing import capture_logs

from domain.errors import ConflictError
from domain.ids import TenantId
from domain.privacy.rights import RequestState
from tenancy.session import Database
from tenancy.tables import (
    Base,
    DeliveryState,
    ErasureRescan,
    LandingObject,
    ModelErasure,
    OAuthClient,
    RaisedAlert,
    SubjectRequest,
    Sync,
    SyncState,
    Tenant,
    WebhookDelivery,
)
from tenancy.unscoped import Doors, TenantProfile
from tests.fixtures.database import FilledTenant

pytestmark = pytest.mark.anyio

Two = tuple[FilledTenant, FilledTenant]
DOOR_TABLES = {
    "alerts",
    "due_syncs",
    "landing_objects",
    "oauth_clients",
    "subject_requests",
    "suppressions",
    "syncs",
    "tenants",
    "webhook_deliveries",
}
NEW = TenantProfile(
    tenant_id=TenantId(uuid.UUID(int=99)),
    slug="northwind",
    name="Northwind",
    currency="EUR",
    time_zone="Europe/Berlin",
    created_at=dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
)


def profile(tenant: FilledTenant) -> TenantProfile:
    row = tenant.rows["tenants"]
    return TenantProfile(
        tenant.tenant_id,
        row["slug"],
        row["name"],
        row["currency"],
        row["time_zone"],
        row["created_at"],
    )


async def test_agency_of_an_application_is_found_by_its_public_id(
    database: Database, two_tenants: Two
) -> None:
    row = two_tenants[1].rows["oauth_clients"]
    found = await Doors(database).tenant_of_client(row["client_id"])
    assert found == two_tenants[1].tenant_id


async def test_agency_of_a_suspended_application_is_found(
    database: Database, two_tenants: Two
) -> None:
    first, _ = two_tenants
    async with database.session(first.tenant_id) as session:
        await session.execute(
            update(OAuthClient).values(suspended_at=dt.datetime(2026, 3, 2, tzinfo=dt.UTC))
        )
    client_id = first.rows["oauth_clients"]["client_id"]
    assert await Doors(database).tenant_of_client(client_id) == first.tenant_id


async def test_origin_is_known_while_a_live_application_has_it(
    database: Database, two_tenants: Two
) -> None:
    doors, (first, _) = Doors(database), two_tenants
    assert not await doors.is_origin_known("https://board.example")
    async with database.session(first.tenant_id) as session:
        await session.execute(update(OAuthClient).values(origins=["https://board.example"]))
    assert await doors.is_origin_known("https://board.example")
    assert not await doors.is_origin_known("https://board.example:8443")
    assert not await doors.is_origin_known("")
    async with database.session(first.tenant_id) as session:
        await session.execute(
            update(OAuthClient).values(suspended_at=dt.datetime(2026, 3, 2, tzinfo=dt.UTC))
        )
    assert not await doors.is_origin_known("https://board.example")


@pytest.mark.usefixtures("two_tenants")
@pytest.mark.parametrize("client_id", ["unknown", ""])
async def test_unknown_application_is_none(database: Database, client_id: str) -> None:
    assert await Doors(database).tenant_of_client(client_id) is None


async def test_door_of_applications_is_shut_until_one_is_named(
    database: Database, two_tenants: Two
) -> None:
    await Doors(database).tenant_of_client(two_tenants[0].rows["oauth_clients"]["client_id"])
    async with database.unscoped_session() as session:
        assert (await session.execute(select(OAuthClient.client_id))).all() == []


async def test_pending_loads_come_from_all_tenants_oldest_first(
    database: Database, two_tenants: Two
) -> None:
    first, second = two_tenants
    async with database.session(first.tenant_id) as session:
        await session.execute(update(Sync).values(version=12))
    loads = await Doors(database).pending_loads(limit=10)
    assert [(load.tenant_id, load.version) for load in loads] == [
        (second.tenant_id, 7),
        (first.tenant_id, 12),
    ]
    sync, landed = second.rows["syncs"], second.rows["landing_objects"]
    load = loads[0]
    for name in ("client_id", "connection_id", "run_id", "source", "stream", "fact", "api_version"):
        assert getattr(load, name) == sync[name]
    for name in ("known_at", "slice_from", "slice_to", "cursor_from", "cursor_to", "released_at"):
        assert getattr(load, name) == sync[name]
    for name in ("uri", "raw_table", "part", "rows", "bytes", "content_hash"):
        assert getattr(load, name) == landed[name]
    assert (load.sync_id, load.object_id) == (sync["id"], landed["id"])
    assert load.quarantined == sync["quarantined"]


@pytest.mark.usefixtures("two_tenants")
async def test_pending_loads_end_at_the_limit(database: Database) -> None:
    assert len(await Doors(database).pending_loads(limit=1)) == 1


@pytest.mark.parametrize(
    "change",
    [
        update(Sync).values(state=SyncState.LOADED),
        update(LandingObject).values(loaded_at=dt.datetime(2026, 3, 2, tzinfo=dt.UTC)),
    ],
)
async def test_loaded_objects_are_not_pending(
    database: Database, two_tenants: Two, change: object
) -> None:
    first, second = two_tenants
    async with database.session(first.tenant_id) as session:
        await session.execute(change)  # type: ignore[call-overload]  # two kinds of UPDATE
    loads = await Doors(database).pending_loads(limit=10)
    assert [load.tenant_id for load in loads] == [second.tenant_id]


async def test_agencies_with_alerts_are_those_with_an_unsettled_one(
    database: Database, two_tenants: Two
) -> None:
    first, second = two_tenants
    doors = Doors(database)
    assert await doors.agencies_with_alerts() == [first.tenant_id, second.tenant_id]
    async with database.session(first.tenant_id) as session:
        await session.execute(
            update(RaisedAlert).values(settled_at=dt.datetime(2026, 3, 2, tzinfo=dt.UTC))
        )
    assert await doors.agencies_with_alerts() == [second.tenant_id]
    async with database.session(second.tenant_id) as session:
        await session.execute(
            update(RaisedAlert).values(settled_at=dt.datetime(2026, 3, 2, tzinfo=dt.UTC))
        )
    with capture_logs() as lines:
        assert await doors.agencies_with_alerts() == []
    assert lines == []


async def test_agencies_with_webhooks_are_those_with_a_delivery_that_is_due(
    database: Database, two_tenants: Two
) -> None:
    first, second = two_tenants
    doors, due = Doors(database), dt.datetime(2026, 3, 2, tzinfo=dt.UTC)

    async def put(tenant: FilledTenant, **changed: object) -> None:
        async with database.session(tenant.tenant_id) as session:
            await session.execute(update(WebhookDelivery).values(**changed))

    await put(first, state=DeliveryState.PENDING, next_attempt_at=due)
    await put(second, state=DeliveryState.PENDING, next_attempt_at=due - dt.timedelta(hours=1))
    assert await doors.agencies_with_webhooks(due) == [second.tenant_id, first.tenant_id]
    assert await doors.agencies_with_webhooks(due - dt.timedelta(seconds=1)) == [second.tenant_id]
    await put(second, state=DeliveryState.FAILED)
    assert await doors.agencies_with_webhooks(due) == [first.tenant_id]
    await put(first, state=DeliveryState.DELIVERED)
    with capture_logs() as lines:
        assert await doors.agencies_with_webhooks(due) == []
    assert lines == []


async def test_agencies_with_requests_are_those_with_an_open_one(
    database: Database, two_tenants: Two
) -> None:
    first, second = two_tenants
    doors = Doors(database)
    assert await doors.agencies_with_requests() == [first.tenant_id, second.tenant_id]
    for tenant, state in ((first, RequestState.COMPLETED), (second, RequestState.WAITING)):
        async with database.session(tenant.tenant_id) as session:
            await session.execute(update(SubjectRequest).values(state=state))
    assert await doors.agencies_with_requests() == [second.tenant_id]
    async with database.session(second.tenant_id) as session:
        await session.execute(update(SubjectRequest).values(state=RequestState.MERGED))
    with capture_logs() as lines:
        assert await doors.agencies_with_requests() == []
    assert lines == []


async def test_tenants_are_listed_and_found(database: Database, two_tenants: Two) -> None:
    doors = Doors(database)
    assert await doors.list_tenants() == [profile(tenant) for tenant in two_tenants]
    slug = two_tenants[1].rows["tenants"]["slug"]
    assert await doors.find_tenant(slug) == profile(two_tenants[1])
    assert await doors.find_tenant("nobody") is None


async def test_new_tenant_is_stored_with_its_key(database: Database) -> None:
    await Doors(database).create_tenant(NEW, wrapped_data_key=b"sealed")
    assert await Doors(database).list_tenants() == [NEW]
    async with database.session(NEW.tenant_id) as session:
        assert await session.scalar(select(Tenant.wrapped_data_key)) == b"sealed"


async def test_taken_slug_is_a_conflict(database: Database) -> None:
    doors = Doors(database)
    await doors.create_tenant(NEW, wrapped_data_key=b"sealed")
    again = TenantProfile(
        TenantId(uuid.UUID(int=100)), NEW.slug, "Other", "USD", "UTC", NEW.created_at
    )
    with pytest.raises(ConflictError) as conflict:
        await doors.create_tenant(again, wrapped_data_key=b"sealed")
    assert str(conflict.value) == "there is already an agency 'northwind' (choose another slug)"
    assert await doors.list_tenants() == [NEW]


async def test_doors_are_logged_without_names(database: Database, two_tenants: Two) -> None:
    doors = Doors(database)
    with capture_logs() as lines:
        await doors.list_tenants()
        await doors.find_tenant("nobody")
        await doors.pending_loads(limit=10)
        await doors.tenant_of_client(two_tenants[0].rows["oauth_clients"]["client_id"])
        await doors.agencies_with_alerts()
    assert [(line["door"], line["tenants"]) for line in lines] == [
        ("list_tenants", 2),
        ("find_tenant", 0),
        ("pending_loads", 2),
        ("tenant_of_client", 1),
        ("agencies_with_alerts", 2),
    ]
    assert not any(tenant.canary in repr(lines) for tenant in two_tenants)


@pytest.mark.parametrize(
    "table",
    [table for table in Base.metadata.sorted_tables if table.name not in DOOR_TABLES],
    ids=lambda table: str(table.name),
)
async def test_other_tables_are_shut(database: Database, table: Table) -> None:
    async with database.unscoped_session() as session:
        with pytest.raises(ProgrammingError, match="permission denied"):
            await session.execute(select(table))


@pytest.mark.parametrize(
    "column",
    [
        Tenant.wrapped_data_key,
        OAuthClient.name,
        Sync.checkpoint,
        LandingObject.landed_at,
        RaisedAlert.title,
    ],
)
async def test_other_columns_are_shut(database: Database, column: object) -> None:
    async with database.unscoped_session() as session:
        with pytest.raises(ProgrammingError, match="permission denied"):
            await session.execute(select(column))  # type: ignore[call-overload]  # any column


async def test_agencies_with_overdue_models_are_those_whose_day_has_come(
    database: Database, two_tenants: Two
) -> None:
    first, second = two_tenants
    doors, due = Doors(database), dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    for tenant, day in ((first, due), (second, due - dt.timedelta(days=1))):
        async with database.session(tenant.tenant_id) as session:
            await session.execute(update(ModelErasure).values(retrain_by=day))
    both = sorted([first.tenant_id, second.tenant_id])
    assert await doors.agencies_with_overdue_models(due) == both
    earlier = due - dt.timedelta(seconds=1)
    assert await doors.agencies_with_overdue_models(earlier) == [second.tenant_id]
    async with database.session(second.tenant_id) as session:
        await session.execute(update(ModelErasure).values(retrained_at=due))
    with capture_logs() as lines:
        assert await doors.agencies_with_overdue_models(earlier) == []
    assert lines == []


async def test_agencies_with_rescans_are_those_with_one_that_is_due(
    database: Database, two_tenants: Two
) -> None:
    first, second = two_tenants
    doors, due = Doors(database), dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    for tenant, day in ((first, due), (second, due - dt.timedelta(days=1))):
        async with database.session(tenant.tenant_id) as session:
            await session.execute(update(ErasureRescan).values(due_at=day, done_at=None))
    both = sorted([first.tenant_id, second.tenant_id])
    assert await doors.agencies_with_rescans(due) == both
    assert await doors.agencies_with_rescans(due - dt.timedelta(seconds=1)) == [second.tenant_id]
    async with database.session(second.tenant_id) as session:
        await session.execute(update(ErasureRescan).values(done_at=due))
    with capture_logs() as lines:
        assert await doors.agencies_with_rescans(due - dt.timedelta(seconds=1)) == []
    assert lines == []
