"""Landing from a provider: resumed, refused, broken, and with the right secrets in hand."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select

from domain.errors import ConflictError
from domain.time_window import DateRange
from ingestion.connector.job import Access, ExtractionJob, ExtractProgress, Page
from ingestion.credentials import CredentialStore
from ingestion.drift import DriftBoard
from ingestion.extraction import Extraction
from ingestion.stored_tokens import TokenKeeper
from tenancy.landing_store import LandingError
from tenancy.tables import Connection, SyncState, Tenant
from tenancy.vault import MasterKey, Vault
from tests.ingestion.plane import NOW, Agency, Plane, page
from tests.ingestion.test_pipeline import WEB
from tests.ingestion.unify.ledger import ad, day

pytestmark = pytest.mark.anyio

Progress = Callable[[ExtractProgress], None]


@dataclass
class FakeExtractor:
    """Hands out prepared pages, then raises what it was given."""

    pages: list[Page] = field(default_factory=list)
    error: Exception | None = None
    jobs: list[tuple[ExtractionJob, Any]] = field(default_factory=list)
    progress: tuple[ExtractProgress, ...] = ()
    after_progress: Callable[[], None] = lambda: None

    def url(self, _access: Access, _name: str, template: str) -> str:
        return template

    async def extract(
        self, job: ExtractionJob, checkpoint: Any, on_progress: Progress
    ) -> AsyncIterator[Page]:
        self.jobs.append((job, checkpoint))
        for progress in self.progress:
            on_progress(progress)
            self.after_progress()
        for item in self.pages:
            yield item
        if self.error is not None:
            raise self.error


class Desk:
    """An extraction whose provider is the test."""

    def __init__(self, plane: Plane, apps: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self.plane = plane
        self.extractor = FakeExtractor()
        self.places: list[tuple[tuple[str, str], ...]] = []
        self.vault = Vault(MasterKey(bytes(32)))
        store = CredentialStore(plane.database, self.vault, lambda: NOW, plane.ids)
        self.extraction = Extraction(
            landing=plane.services,
            publisher=plane.publisher,
            credentials=store,
            tokens=TokenKeeper(store),
            sources={"web": WEB},
            apps=apps or {},
            make_extractor=self._make,
            waiting={},
            drift=DriftBoard(),
        )

    def _make(self, places: tuple[tuple[str, str], ...]) -> Any:
        self.places.append(places)
        return self.extractor

    async def seal(self, agency: Agency, credentials: Mapping[str, str]) -> None:
        """Store credentials of the agency's connection."""
        key = await self.vault.create_tenant_key(agency.tenant_id)
        async with self.plane.database.session(agency.tenant_id) as session:
            (await session.scalars(select(Tenant))).one().wrapped_data_key = key
            await session.flush()
            connection = (await session.scalars(select(Connection))).one()
            connection.credentials = await self.extraction.credentials.seal(
                session, connection.id, credentials
            )


@pytest.fixture
async def agency(plane: Plane) -> Agency:
    return await plane.agency("one")


@pytest.fixture
def desk(plane: Plane) -> Desk:
    return Desk(plane)


async def test_lands_every_page(desk: Desk, agency: Agency) -> None:
    sync_id = await desk.plane.plan(agency, (1, 2))
    desk.extractor.pages = [page([ad(1, "c1", "1")]), page([ad(2, "c1", "1")], first=2, last=True)]
    assert await desk.extraction.land(agency.tenant_id, sync_id) == "landed"
    sync = await desk.plane.sync(agency, sync_id)
    assert (sync.state, sync.rows) == (SyncState.LANDED, 2)
    ((job, checkpoint),) = desk.extractor.jobs
    assert checkpoint is None
    assert job.window == DateRange(day(1), day(2))
    assert (job.account.account_id, job.account.currency, job.account.time_zone) == (
        "1",
        "EUR",
        "Europe/Berlin",
    )
    assert desk.places == [()]


async def test_landing_again_asks_nobody(desk: Desk, agency: Agency) -> None:
    sync_id = await desk.plane.land(agency, [])
    assert await desk.extraction.land(agency.tenant_id, sync_id) == "landed"
    assert desk.extractor.jobs == []


async def test_goes_on_at_its_checkpoint(desk: Desk, agency: Agency) -> None:
    sync_id = await desk.plane.plan(agency)
    writer = desk.plane.writer(agency, sync_id)
    for number in range(20):
        await writer.add(page([ad(1, "c1", "1")], first=number + 1, checkpoint=str(number)))
    desk.extractor.pages = [page([ad(2, "c1", "1")], first=21, last=True)]
    assert await desk.extraction.land(agency.tenant_id, sync_id) == "landed"
    ((_, checkpoint),) = desk.extractor.jobs
    assert checkpoint == {"at": "19"}
    assert [entry.part for entry in await desk.plane.objects(agency, sync_id)] == [0, 1]


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ConflictError("closed", hint="open it"), "CONFLICT", "closed (open it)"),
        (LandingError("disk full"), "LANDING_FAILED", "an error of ours; it is in the log"),
        (ZeroDivisionError("a bug"), "INTERNAL", "an error of ours; it is in the log"),
    ],
)
async def test_whatever_goes_wrong_fails_the_sync(
    desk: Desk, agency: Agency, error: Exception, code: str, message: str
) -> None:
    sync_id = await desk.plane.plan(agency)
    desk.extractor.pages, desk.extractor.error = [page([ad(1, "c1", "1")])], error
    assert await desk.extraction.land(agency.tenant_id, sync_id) == "failed"
    sync = await desk.plane.sync(agency, sync_id)
    assert (sync.state, sync.error_code, sync.error_message) == (SyncState.FAILED, code, message)
    assert await desk.plane.loader().load_pending() == 0


async def test_credentials_that_cannot_be_opened_fail_the_sync(desk: Desk, agency: Agency) -> None:
    await desk.seal(agency, {"refresh_token": "t"})
    async with desk.plane.database.session(agency.tenant_id) as session:
        (await session.scalars(select(Connection))).one().credentials = b"tampered with"
    sync_id = await desk.plane.plan(agency)
    assert await desk.extraction.land(agency.tenant_id, sync_id) == "failed"
    assert desk.extractor.jobs == []
    assert (await desk.plane.sync(agency, sync_id)).state is SyncState.FAILED


async def test_secrets_go_where_they_belong(plane: Plane, agency: Agency) -> None:
    desk = Desk(plane, {"web": {"client_id": "ours", "developer_token": "ours too"}})
    await desk.seal(agency, {"refresh_token": "theirs", "app.client_id": "brought along"})
    sync_id = await plane.plan(agency)
    await desk.extraction.land(agency.tenant_id, sync_id)
    ((job, _),) = desk.extractor.jobs
    assert dict(job.credentials) == {"refresh_token": "theirs"}
    assert dict(job.app_credentials) == {
        "client_id": "brought along",
        "developer_token": "ours too",
    }
    assert "theirs" not in repr(job)
    assert "brought along" not in repr(job)


async def test_a_simulator_takes_the_platforms_place(desk: Desk, agency: Agency) -> None:
    async with desk.plane.database.session(agency.tenant_id) as session:
        connection = (await session.scalars(select(Connection))).one()
        connection.settings = {**connection.settings, "endpoint": "http://127.0.0.1:9001/web"}
    await desk.extraction.land(agency.tenant_id, await desk.plane.plan(agency))
    assert desk.places == [
        (
            ("web", "http://127.0.0.1:9001/web/{version}"),
            ("web.token", "http://127.0.0.1:9001/web/oauth2/v3/token"),
            ("web.authorize", "http://127.0.0.1:9001/web/o/oauth2/v2/auth"),
            ("web.exchange", "http://127.0.0.1:9001/web/token"),
        )
    ]


async def test_waits_are_shown_while_they_last(desk: Desk, agency: Agency) -> None:
    sync_id = await desk.plane.plan(agency)
    seen: list[str | None] = []

    desk.extractor = FakeExtractor(
        pages=[page([], last=True)],
        progress=(
            ExtractProgress(0, 1, 0, 38.2, "told by the provider"),
            ExtractProgress(0, 1, 0),
            ExtractProgress(0, 1, 0, 1.0, "again"),
        ),
        after_progress=lambda: seen.append(desk.extraction.waiting.get(sync_id)),
    )
    await desk.extraction.land(agency.tenant_id, sync_id)
    assert seen == ["waiting 38 s: told by the provider", None, "waiting 1 s: again"]
    assert desk.extraction.waiting == {}
