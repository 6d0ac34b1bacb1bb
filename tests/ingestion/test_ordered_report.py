"""A process that ends while Meta makes a report: the next one goes on with the same report."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
from sqlalchemy import select

from ingestion.connector.extract import Extractor
from ingestion.credentials import CredentialStore
from ingestion.drift import DriftBoard
from ingestion.extraction import Extraction
from ingestion.stored_tokens import TokenKeeper
from tenancy.tables import Connection, SyncState, Tenant
from tenancy.vault import MasterKey, Vault
from tests.fakes.fake_call_budget import FakeCallBudget
from tests.fixtures.simulator import RunningSimulator, _simulator_server, simulator
from tests.ingestion.plane import NOW, Agency, Plane
from tests.ingestion.sources.meta import ACCOUNT, SOURCE, TOKEN

__all__ = ["_simulator_server", "simulator"]

pytestmark = pytest.mark.anyio

STREAM = SOURCE.streams["ad_day"]

Sleep = Callable[[float], Awaitable[None]]


async def _end(_seconds: float) -> None:
    """The process ends while it waits."""
    raise asyncio.CancelledError


async def _pass(_seconds: float) -> None:
    """Time passes."""


def _extraction(plane: Plane, http: httpx.AsyncClient, url: str, sleep: Sleep) -> Extraction:
    extractor = Extractor(
        http,
        FakeCallBudget(lambda: NOW),
        lambda: NOW,
        sleep,
        {"meta_ads": f"{url}/meta_ads/{{version}}"},
        jitter=lambda: 0.5,
    )
    store = CredentialStore(plane.database, Vault(MasterKey(bytes(32))), lambda: NOW, plane.ids)
    return Extraction(
        landing=plane.services,
        publisher=plane.publisher,
        credentials=store,
        tokens=TokenKeeper(store),
        sources={"meta_ads": SOURCE},
        apps={},
        make_extractor=lambda _: extractor,
        waiting={},
        drift=DriftBoard(),
    )


async def _connect(plane: Plane, agency: Agency, extraction: Extraction) -> None:
    async with plane.database.session(agency.tenant_id) as session:
        tenant = (await session.scalars(select(Tenant))).one()
        tenant.wrapped_data_key = await extraction.credentials.vault.create_tenant_key(
            agency.tenant_id
        )
        await session.flush()
        connection = (await session.scalars(select(Connection))).one()
        connection.account_id = ACCOUNT.account_id
        connection.credentials = await extraction.credentials.seal(session, connection.id, TOKEN)


async def test_a_report_is_ordered_once_whatever_happens(
    plane: Plane, simulator: RunningSimulator
) -> None:
    agency = await plane.agency("one")
    sync_id = await plane.plan(agency, (1, 7), stream=STREAM)
    async with httpx.AsyncClient(trust_env=False) as http:
        killed = _extraction(plane, http, simulator.url, _end)
        await _connect(plane, agency, killed)
        with pytest.raises(asyncio.CancelledError):
            await killed.land(agency.tenant_id, sync_id)
        sync = await plane.sync(agency, sync_id)
        assert sync.state is SyncState.EXTRACTING
        assert sync.checkpoint is not None
        assert sync.checkpoint["job"]
        alive = _extraction(plane, http, simulator.url, _pass)
        assert await alive.land(agency.tenant_id, sync_id) == "landed"
    truth = simulator.truth(
        "meta_ads",
        ACCOUNT.account_id,
        **{"from": "2026-03-01", "to": "2026-03-07", "by": "day,campaign,ad,device"},
    )
    assert (await plane.sync(agency, sync_id)).rows == len(truth["rows"])
    path = f"/meta_ads/v26.0/act_{ACCOUNT.account_id}/insights"
    orders = [each for each in simulator.requests()["requests"] if each["path"] == path]
    assert [each["count"] for each in orders] == [1]
