"""Refreshing: once for all who wait, nothing newer overwritten, nothing lost in silence."""

import asyncio
import dataclasses
import random
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import update

from ingestion.connector.auth import TokenAnswer
from ingestion.connector.failures import (
    CredentialsRejectedError,
    ProviderUnavailableError,
)
from ingestion.connector.job import Access, Account
from ingestion.connector.spec import RequestSpec
from ingestion.credentials import CredentialStore, with_access
from ingestion.stored_tokens import TokenKeeper
from tenancy.alerts import AlertKind
from tenancy.redis_server import RedisServer
from tenancy.session import DatabaseUnavailableError
from tenancy.tables import Connection, ConnectionState
from tests.api.connect.front_desk import Agency, FrontDesk, at_once, front_desk
from tests.fixtures.simulator import RunningSimulator

pytestmark = pytest.mark.anyio

CHECKOUT = Path(__file__).parents[3]


@pytest.fixture
async def fronts(
    front: FrontDesk, database_url: str, redis_server: RedisServer, simulator: RunningSimulator
) -> AsyncIterator[list[FrontDesk]]:
    """Three desks that share nothing but the servers."""
    async with AsyncExitStack() as stack:
        others = [
            await stack.enter_async_context(front_desk(database_url, redis_server, simulator))
            for _ in range(2)
        ]
        yield [front, *others]


async def token_of(
    front: FrontDesk, connection: Connection, keeper: TokenKeeper | None = None
) -> str:
    """The access token that a job would get."""
    extractor = front.extraction.extractor(
        front.extraction.sources[connection.source], connection.settings
    )
    tokens = front.tokens(connection, keeper)

    account = Account(connection.account_id, connection.settings, "", "")
    access = Access(tokens.source, account, {}, tokens.app)

    async def ask(request: RequestSpec) -> object:
        transport = extractor._check_transport(access)  # noqa: SLF001  # as a job's would
        return await transport._send_token_request(request)  # noqa: SLF001

    return await tokens.get(ask)


@pytest.mark.parametrize("source", ["shopify", "google_ads"])
async def test_sixty_four_jobs_of_three_processes_refresh_once(
    fronts: list[FrontDesk], agency: Agency, source: str
) -> None:
    connection = await fronts[0].connected(agency, source)
    fronts[0].advance(hours=2)
    for front in fronts:
        front.clock.now = fronts[0].clock.now
    fronts[0].simulator.http.delete("/_control/requests").raise_for_status()
    keepers = [TokenKeeper(front.store, at_once) for front in fronts]
    places = [(fronts[number % 3], keepers[number % 3]) for number in range(64)]
    got = await asyncio.gather(*(token_of(front, connection, keeper) for front, keeper in places))
    assert len(set(got)) == 1
    assert fronts[0].token_requests() == {200: 1}
    kept = await fronts[0].kept(connection)
    assert kept.access is not None
    assert kept.access.access_token == got[0]
    assert (await fronts[0].extraction.check_connection(connection)).account_id == (
        connection.account_id
    )


@pytest.mark.slow
async def test_processes_refresh_once(front: FrontDesk, agency: Agency, database_url: str) -> None:
    connection = await front.connected(agency, "shopify")
    front.advance(hours=2)
    front.simulator.http.delete("/_control/requests").raise_for_status()
    arguments = (
        *("-m", "tests.api.connect.refresher", database_url, front.simulator.url),
        *(str(agency.tenant_id), str(connection.id), front.clock().isoformat()),
    )
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, cwd=CHECKOUT
        )
        for _ in range(3)
    ]
    told = [(await process.communicate())[0].decode().split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert [len(tokens) for tokens in told] == [22, 22, 22]
    assert len({token for tokens in told for token in tokens}) == 1
    assert front.token_requests() == {200: 1}


async def test_one_of_many_changes_of_a_version_counts(front: FrontDesk, agency: Agency) -> None:
    """Whatever the order: each version has one author, and the last one's credentials stand."""
    connection = await front.connected(agency, "shopify")
    chance = random.Random(7)  # noqa: S311
    won: list[str] = []

    async def change(name: str) -> None:
        for _ in range(3):
            kept = await front.kept(connection)
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            new = {"refresh_token": name}
            if await front.store.replace(
                agency.tenant_id, connection.id, kept.version, new, expire_at=None
            ):
                won.append(f"{kept.version + 1:04d} {name}")

    await asyncio.gather(*(change(f"author-{number}") for number in range(12)))
    kept = await front.kept(connection)
    versions = sorted(won)
    assert [int(each[:4]) for each in versions] == list(range(2, kept.version + 1))
    assert kept.credentials == {"refresh_token": versions[-1][5:]}


async def test_a_slow_refresh_does_not_overwrite_a_new_consent(
    front: FrontDesk, agency: Agency
) -> None:
    connection = await front.connected(agency, "google_ads")
    front.advance(hours=2)
    began, goes_on = asyncio.Event(), asyncio.Event()
    newer = TokenAnswer("newer-access", front.clock() + (front.clock() - front.clock()))
    newer = dataclasses.replace(newer, ends_at=newer.ends_at.replace(year=2027))
    tokens = front.tokens(connection)

    async def ask(_: object) -> dict[str, object]:
        began.set()
        await goes_on.wait()
        return {"access_token": "late-access", "refresh_token": "late-refresh"}

    waiting = asyncio.create_task(tokens.get(ask))
    await began.wait()
    kept = await front.kept(connection)
    await front.store.replace(
        agency.tenant_id,
        connection.id,
        kept.version,
        with_access({"refresh_token": "newer-refresh"}, newer),
        expire_at=None,
    )
    goes_on.set()
    assert await waiting == "newer-access"
    assert (await front.kept(connection)).credentials == {"refresh_token": "newer-refresh"}


async def test_a_refused_refresh_breaks_the_connection_once_for_all(
    front: FrontDesk, agency: Agency
) -> None:
    connection = await front.connected(agency, "google_ads")
    front.simulator.http.post("/_control/reset").raise_for_status()  # the person has withdrawn it
    front.advance(hours=2)
    keeper = TokenKeeper(front.store, at_once)
    results = await asyncio.gather(
        *(token_of(front, connection, keeper) for _ in range(8)), return_exceptions=True
    )
    assert {type(each) for each in results} == {CredentialsRejectedError}
    assert front.token_requests() == {400: 1}
    (broken,) = await front.connections(agency)
    assert broken.state is ConnectionState.BROKEN
    (alert,) = await front.alerts(agency)
    assert (alert.kind, alert.title) == (
        AlertKind.CREDENTIALS_REFUSED,
        "Google Ads refuses the credentials",
    )
    assert "bosco connections link northwind acme google_ads --reconnect con_" in alert.hint
    with pytest.raises(CredentialsRejectedError, match="is not asked"):
        await front.extraction.check_connection(broken)
    assert front.token_requests() == {400: 1}
    link = await front.link(
        agency,
        "google_ads",
        account_id=broken.account_id,
        connection_id=broken.id,
        settings=broken.settings,
    )
    assert (await front.walk(link)).status_code == 200
    (again,) = await front.connections(agency)
    assert again.state is ConnectionState.ACTIVE
    assert await front.alerts(agency) == []
    assert (await front.extraction.check_connection(again)).label == "Acme Shoes"


async def test_a_paused_connection_stays_paused_when_it_is_refused(
    front: FrontDesk, agency: Agency
) -> None:
    connection = await front.connected(agency, "shopify")
    async with front.database.session(agency.tenant_id) as session:
        await session.execute(update(Connection).values(state=ConnectionState.PAUSED))
    front.simulator.http.post("/_control/reset").raise_for_status()
    front.advance(hours=2)
    with pytest.raises(CredentialsRejectedError):
        await token_of(front, connection)
    (paused,) = await front.connections(agency)
    assert paused.state is ConnectionState.PAUSED
    assert await front.alerts(agency) == []


async def test_refused_apps_break_no_connection(front: FrontDesk, agency: Agency) -> None:
    connection = await front.connected(agency, "google_ads")
    front.advance(hours=2)
    tokens = dataclasses.replace(
        front.tokens(connection), app={"client_id": "x", "client_secret": "y"}
    )

    async def ask(_: object) -> object:
        raise CredentialsRejectedError("no", provider_code="invalid_client")

    with pytest.raises(CredentialsRejectedError):
        await tokens.get(ask)
    (same,) = await front.connections(agency)
    assert same.state is ConnectionState.ACTIVE


async def test_a_token_endpoint_that_is_away_breaks_nothing(
    front: FrontDesk, agency: Agency
) -> None:
    connection = await front.connected(agency, "shopify")
    front.advance(hours=2)
    front.simulator.fault("server_error", times=None, match={"operation": "token"})
    with pytest.raises(ProviderUnavailableError):
        await token_of(front, connection)
    front.simulator.http.delete("/_control/faults").raise_for_status()
    assert (await token_of(front, connection)).startswith("shpat_")
    (same,) = await front.connections(agency)
    assert (same.state, same.refresh_began_at) == (ConnectionState.ACTIVE, None)


async def test_a_lost_answer_costs_nothing_where_tokens_do_not_rotate(
    front: FrontDesk, agency: Agency
) -> None:
    connection = await front.connected(agency, "google_ads")
    front.advance(hours=2)
    front.simulator.fault("failed_after", match={"operation": "token"})
    assert (await token_of(front, connection)).startswith("ya29.")
    assert front.token_requests()[500] == 1


async def test_a_lost_answer_of_a_rotating_token_says_so(front: FrontDesk, agency: Agency) -> None:
    connection = await front.connected(agency, "shopify")
    front.advance(hours=2)
    front.simulator.fault("failed_after", match={"operation": "token"})
    with pytest.raises(CredentialsRejectedError):
        await token_of(front, connection)
    (broken,) = await front.connections(agency)
    assert broken.state is ConnectionState.BROKEN
    (alert,) = await front.alerts(agency)
    assert "was used up by an answer that got lost" in alert.details


async def test_a_crash_before_the_answer_is_stored_says_so(
    front: FrontDesk, agency: Agency
) -> None:
    connection = await front.connected(agency, "shopify")
    front.advance(hours=2)
    began = asyncio.Event()

    async def never_stored(_: object) -> object:
        began.set()
        return await asyncio.Event().wait()

    crashed = asyncio.create_task(front.tokens(connection).get(never_stored))
    await began.wait()
    crashed.cancel()
    await asyncio.gather(crashed, return_exceptions=True)
    front.simulator.http.post("/_control/reset").raise_for_status()  # the token was used up
    front.simulator.move_clock(front.clock())
    with pytest.raises(CredentialsRejectedError, match="a refresh of 2026-11-02 11:30 UTC was cut"):
        await token_of(front, connection)
    (alert,) = await front.alerts(agency)
    assert alert.details == (
        "account acme-shoes: a refresh of 2026-11-02 11:30 UTC was cut off, and Shopify had used "
        "up the old token before its answer arrived"
    )


class _Flickering(CredentialStore):
    """A store whose database is away for its first two changes."""

    away = 2

    async def replace(self, *args: object, **values: object) -> bool:
        if type(self).away:
            type(self).away -= 1
            raise DatabaseUnavailableError("away")
        return await CredentialStore.replace(self, *args, **values)  # type: ignore[arg-type]


async def test_a_database_that_is_away_for_a_moment_costs_no_token(
    front: FrontDesk, agency: Agency
) -> None:
    connection = await front.connected(agency, "shopify")
    front.advance(hours=2)
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    store = _Flickering(front.database, front.desk.vault, front.clock, front.ids)
    token = await token_of(front, connection, TokenKeeper(store, sleep))
    assert waits == [0.5, 2.0]
    kept = await front.kept(connection)
    assert kept.access is not None
    assert kept.access.access_token == token


async def test_a_token_that_the_platform_rejects_is_replaced(
    front: FrontDesk, agency: Agency
) -> None:
    connection = await front.connected(agency, "shopify")
    before = (await front.kept(connection)).access
    front.simulator.http.post("/_control/tokens/expire").raise_for_status()
    assert (await front.extraction.check_connection(connection)).label == "Acme Shoes"
    after = (await front.kept(connection)).access
    assert before is not None
    assert after is not None
    assert before.access_token != after.access_token
    assert front.token_requests() == {200: 2}  # the code, and one refresh


async def test_refreshing_moves_the_end(front: FrontDesk, agency: Agency) -> None:
    connection = await front.connected(agency, "shopify")
    front.advance(days=80)
    await token_of(front, connection)
    (renewed,) = await front.connections(agency)
    assert renewed.credentials_expire_at is not None
    assert (renewed.credentials_expire_at - front.clock()).days == 90
    assert renewed.connected_at == connection.connected_at


async def test_a_token_of_another_agency_stays_its_own(front: FrontDesk, agency: Agency) -> None:
    connection = await front.connected(agency, "shopify")
    other = await front.agency("southwind")
    foreign = dataclasses.replace(front.tokens(connection), tenant_id=other.tenant_id)

    async def ask(_: object) -> object:
        raise AssertionError("nobody may be asked")

    with pytest.raises(Exception, match="No row was found"):
        await foreign.get(ask)
