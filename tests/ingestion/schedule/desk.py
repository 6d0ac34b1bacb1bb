"""A control plane for the steps of the schedule, and platforms, jobs and a clock that are played.

    agency() -> connect() -> plan_agency, claim, settle ... -> rows(), alerts()

PostgreSQL is the real one. The platforms are those of the night, see `tests.night.sources`.
"""

import datetime as dt
import itertools
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from sqlalchemy import select

from domain.ids import ClientId, ConnectionId, RunId, SyncId, TenantId
from ingestion.connector.spec import SourceSpec
from ingestion.schedule.services import ScheduleServices
from tenancy.due_work import DueWork
from tenancy.session import Database, DatabaseConfig
from tenancy.tables import (
    AlertKind,
    Client,
    Connection,
    ConnectionState,
    DueSync,
    RaisedAlert,
    RunState,
    StreamState,
    Sync,
    SyncRun,
    SyncState,
)
from tenancy.unscoped import Doors, TenantProfile
from tests.fixtures.database import TEMPLATE, administrate, copied_database
from tests.night.sources import STREAM, make_source

__all__ = ["NOON", "Agency", "Desk", "database_url", "desk"]

NOON: Final = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
LONG_AGO: Final = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
START: Final = LONG_AGO.date()


@dataclass(frozen=True, slots=True)
class Agency:
    """An agency with one client."""

    tenant_id: TenantId
    client_id: ClientId


@dataclass(slots=True)
class Desk:
    """The parts, and ways to fill and read them.

    Attributes:
        now: What the clock shows.
    """

    database: Database
    now: dt.datetime = NOON
    sources: Mapping[str, SourceSpec] = field(
        default_factory=lambda: {name: make_source(name) for name in ("alpha", "beta")}
    )
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def clock(self) -> dt.datetime:
        return self.now

    def ids(self) -> uuid.UUID:
        return uuid.UUID(int=(0x0193 << 112) | next(self.numbers))

    @property
    def services(self) -> ScheduleServices:
        return ScheduleServices(self.database, self.sources, self.clock, self.ids)

    @property
    def doors(self) -> Doors:
        return Doors(self.database)

    async def agency(self, slug: str, zone: str = "Europe/Berlin") -> Agency:
        """Make an agency; its client lives in `zone`."""
        agency = Agency(TenantId(self.ids()), ClientId(self.ids()))
        profile = TenantProfile(agency.tenant_id, slug, slug, "EUR", zone, LONG_AGO)
        await self.doors.create_tenant(profile, wrapped_data_key=b"")
        async with self.database.session(agency.tenant_id) as session:
            session.add(
                Client(
                    id=agency.client_id,
                    slug="acme",
                    name="Acme",
                    currency="EUR",
                    time_zone=zone,
                    created_at=LONG_AGO,
                )
            )
        return agency

    async def connect(
        self,
        agency: Agency,
        *,
        source: str = "alpha",
        zone: str = "Europe/Berlin",
        created_at: dt.datetime = LONG_AGO,
        start: dt.date = START,
    ) -> ConnectionId:
        """Connect an account."""
        connection_id = ConnectionId(self.ids())
        async with self.database.session(agency.tenant_id) as session:
            session.add(
                Connection(
                    id=connection_id,
                    client_id=agency.client_id,
                    source=source,
                    account_id=f"account-{connection_id.int % 1000}",
                    label="",
                    settings={"currency": "EUR", "time_zone": zone},
                    credentials=None,
                    state=ConnectionState.ACTIVE,
                    start_date=start,
                    created_at=created_at,
                )
            )
        return connection_id

    async def set_state(
        self, agency: Agency, connection_id: ConnectionId, state: ConnectionState
    ) -> None:
        async with self.database.session(agency.tenant_id) as session:
            row = await session.get_one(Connection, (agency.tenant_id, connection_id))
            row.state = state

    async def publish(
        self, agency: Agency, connection_id: ConnectionId, day: dt.date, at: dt.datetime
    ) -> None:
        """Let the connection's stream be published up to a day."""
        async with self.database.session(agency.tenant_id) as session:
            state = await session.get(StreamState, (agency.tenant_id, connection_id, STREAM))
            if state is None:
                state = StreamState(connection_id=connection_id, stream=STREAM, covered_from=day)
                session.add(state)
            state.covered_to, state.published_at = day, at

    async def run(
        self,
        agency: Agency,
        connection_id: ConnectionId,
        *,
        run_id: RunId | None = None,
        state: SyncState = SyncState.PUBLISHED,
        began: dt.datetime = NOON,
        minutes: float = 10,
        **columns: Any,
    ) -> None:
        """Keep a run of one sync that has ended."""
        run_id = run_id or RunId(self.ids())
        finished_at = began + dt.timedelta(minutes=minutes)
        times = {"started_at": began, "finished_at": finished_at}
        landed = {"version": 1, "known_at": finished_at} if state is SyncState.PUBLISHED else {}
        async with self.database.session(agency.tenant_id) as session:
            session.add(SyncRun(id=run_id, requested_by="test", state=RunState.SUCCEEDED, **times))
            await session.flush()
            connection = await session.get_one(Connection, (agency.tenant_id, connection_id))
            session.add(
                Sync(
                    id=SyncId(self.ids()),
                    run_id=run_id,
                    client_id=agency.client_id,
                    connection_id=connection_id,
                    source=connection.source,
                    stream=STREAM,
                    fact="ads_daily",
                    api_version="v1",
                    state=state,
                    **times,
                    **landed,
                    **columns,
                )
            )

    async def rows(self, agency: Agency) -> list[DueSync]:
        """What is or was due, by connection and day."""
        async with self.database.session(agency.tenant_id) as session:
            query = select(DueSync).order_by(DueSync.connection_id, DueSync.day)
            return list((await session.scalars(query)).all())

    async def row(self, agency: Agency) -> DueSync:
        """The only one."""
        (row,) = await self.rows(agency)
        return row

    async def work(self) -> DueWork:
        """The only due sync of all agencies."""
        (work,) = await self.doors.due_work()
        return work

    async def alerts(self, agency: Agency) -> list[tuple[AlertKind, str, bool]]:
        """Kind, subject and whether it is open, in the order of raising."""
        async with self.database.session(agency.tenant_id) as session:
            query = select(RaisedAlert).order_by(RaisedAlert.raised_at, RaisedAlert.id)
            found = (await session.scalars(query)).all()
        return [(alert.kind, alert.subject, alert.cleared_at is None) for alert in found]


@pytest.fixture(scope="module")
def database_url(database_template: str) -> Iterator[str]:
    """One database for a module: emptying it costs less than a copy for each test."""
    with copied_database(database_template, TEMPLATE) as url:
        yield url


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    """An empty control plane at noon."""
    administrate(database_url, "TRUNCATE tenants, provider_outages CASCADE")
    database = Database(DatabaseConfig(database_url))
    yield Desk(database)
    await database.close()
