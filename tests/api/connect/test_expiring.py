"""An agency is told seven days before credentials end, and one; then no more when it acts."""

import datetime as dt

import pytest
from sqlalchemy import update

from ingestion.expiring import tell_expiring
from tenancy.tables import AlertKind, AlertSeverity, Connection, ConnectionState
from tests.api.connect.front_desk import Agency, FrontDesk

pytestmark = pytest.mark.anyio


async def told(front: FrontDesk, agency: Agency) -> list[tuple[AlertSeverity, str]]:
    """What is told on this day."""
    await tell_expiring(
        front.database,
        agency.tenant_id,
        front.extraction.sources,
        clock=front.clock,
        ids=front.ids,
    )
    alerts = await front.alerts(agency)
    assert {each.kind for each in alerts} <= {AlertKind.CREDENTIALS_EXPIRING}
    return [(each.severity, each.details) for each in alerts]


async def test_a_token_of_sixty_days_is_told_of_in_time(front: FrontDesk, agency: Agency) -> None:
    connection = await front.connected(agency, "meta_ads")
    assert connection.credentials_expire_at == dt.datetime(2027, 1, 1, 9, 30, tzinfo=dt.UTC)
    front.clock.advance(days=52, hours=23)
    assert await told(front, agency) == []
    ends = "account 111111111111111: the permission ends 2027-01-01 09:30 UTC"
    front.clock.advance(hours=1)
    assert await told(front, agency) == [(AlertSeverity.WARNING, ends)]
    front.clock.advance(days=6)
    assert await told(front, agency) == [(AlertSeverity.CRITICAL, ends)]
    assert await told(front, agency) == [(AlertSeverity.CRITICAL, ends)]
    (alert,) = await front.alerts(agency)
    assert (alert.title, alert.due_at) == (
        "Access to Meta Ads runs out",
        connection.credentials_expire_at,
    )
    assert "bosco connections link northwind acme meta_ads --reconnect con_" in alert.hint
    front.clock.advance(days=2)
    assert await told(front, agency) == [(AlertSeverity.CRITICAL, ends.replace("ends", "ended"))]


async def test_connecting_again_ends_it(front: FrontDesk, agency: Agency) -> None:
    connection = await front.connected(agency, "meta_ads")
    front.advance(days=55)
    assert len(await told(front, agency)) == 1
    link = await front.link(
        agency,
        "meta_ads",
        account_id=connection.account_id,
        connection_id=connection.id,
        settings=connection.settings,
    )
    assert (await front.walk(link)).status_code == 200
    assert await front.alerts(agency) == []
    assert await told(front, agency) == []


@pytest.mark.parametrize("state", [ConnectionState.PAUSED, ConnectionState.BROKEN])
async def test_accounts_that_are_not_read_are_not_told_of(
    front: FrontDesk, agency: Agency, state: ConnectionState
) -> None:
    await front.connected(agency, "meta_ads")
    front.clock.advance(days=58)
    assert len(await told(front, agency)) == 1
    async with front.database.session(agency.tenant_id) as session:
        await session.execute(update(Connection).values(state=state))
    assert await told(front, agency) == []


async def test_credentials_without_an_end_are_not_told_of(front: FrontDesk, agency: Agency) -> None:
    await front.connected(agency, "google_ads")
    await front.connected(agency, "tiktok_ads")
    front.clock.advance(days=3650)
    assert await told(front, agency) == []


async def test_each_agency_hears_of_its_own(front: FrontDesk, agency: Agency) -> None:
    other = await front.agency("southwind")
    await front.connected(agency, "meta_ads")
    front.clock.advance(days=58)
    assert await told(front, other) == []
    assert len(await told(front, agency)) == 1
