"""Outages: found by a cheap question, over when the platform answers; budgets as they stand."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

import pytest
from sqlalchemy import select

from domain.errors import UserError
from ingestion.connector.budget import shared_buckets
from ingestion.connector.failures import (
    CredentialsRejectedError,
    ProviderUnavailableError,
    ThrottledError,
)
from ingestion.schedule.planning import plan_agency
from ingestion.schedule.provider_state import Allowance, ProviderState
from ingestion.schedule.provider_watch import ProviderWatch
from tenancy.quota import RedisCallBudget
from tenancy.redis_server import RedisServer
from tenancy.tables import ProviderOutage
from tests.fakes.fake_call_budget import FakeCallBudget
from tests.ingestion.schedule.desk import NOON, Desk
from tests.ingestion.schedule.players import FakeExtraction
from tests.ingestion.schedule.works import UNAVAILABLE
from tests.night.sources import make_source

pytestmark = pytest.mark.anyio

MINUTE: Final = dt.timedelta(minutes=1)
AWAY: Final = ProviderUnavailableError("Alpha did not answer")


@pytest.fixture
def extraction() -> FakeExtraction:
    return FakeExtraction()


@pytest.fixture
def watch(desk: Desk, extraction: FakeExtraction) -> ProviderWatch:
    return watch_with(desk, extraction, FakeCallBudget(desk.clock))


def watch_with(
    desk: Desk, extraction: FakeExtraction, budget: Any, apps: Mapping[str, Any] | None = None
) -> ProviderWatch:
    parts: Any = extraction
    return ProviderWatch(desk.services, apps or {}, budget, parts)


async def due(desk: Desk, *sources: str) -> None:
    """One agency each with a connection that is due."""
    for number, source in enumerate(sources):
        agency = await desk.agency(f"agency-{number}")
        await desk.connect(agency, source=source)
        await plan_agency(desk.services, agency.tenant_id)


async def ask(desk: Desk, watch: ProviderWatch, *suspects: str) -> ProviderState:
    return (await watch.look(await desk.doors.due_work(), suspects))["alpha"]


async def outages(desk: Desk) -> list[tuple[str, Any, Any]]:
    async with desk.database.platform_session() as session:
        found = (await session.scalars(select(ProviderOutage).order_by("since"))).all()
    return [(one.source, one.since, one.ended_at) for one in found]


async def test_nobody_is_asked_without_a_reason(
    desk: Desk, watch: ProviderWatch, extraction: FakeExtraction
) -> None:
    await due(desk, "alpha")
    assert await ask(desk, watch) == ProviderState()
    assert extraction.asked == []


async def test_one_account_in_trouble_is_no_outage(
    desk: Desk, watch: ProviderWatch, extraction: FakeExtraction
) -> None:
    await due(desk, "alpha")
    assert (await ask(desk, watch, "alpha")).is_open
    assert [source for source, _ in extraction.asked] == ["alpha"]
    assert await outages(desk) == []


async def test_an_outage_lasts_until_the_platform_answers(
    desk: Desk, watch: ProviderWatch, extraction: FakeExtraction
) -> None:
    await due(desk, "alpha", "beta")
    extraction.failing["alpha"] = AWAY
    assert await ask(desk, watch, "alpha") == ProviderState(away_since=NOON)
    desk.now = NOON + 4 * MINUTE
    await ask(desk, watch, "alpha")  # it is known, and asked again only after five minutes
    assert len(extraction.asked) == 1
    desk.now = NOON + 5 * MINUTE
    assert (await ask(desk, watch)).away_since == NOON
    assert len(extraction.asked) == 2
    del extraction.failing["alpha"]
    desk.now = NOON + 9 * MINUTE
    assert not (await ask(desk, watch)).is_open
    desk.now = NOON + 10 * MINUTE
    assert (await ask(desk, watch)).is_open
    assert await outages(desk) == [("alpha", NOON, NOON + 10 * MINUTE)]
    extraction.failing["alpha"] = AWAY
    desk.now = NOON + 20 * MINUTE
    assert (await ask(desk, watch, "alpha")).away_since == NOON + 20 * MINUTE
    assert len(await outages(desk)) == 2


@pytest.mark.parametrize(
    ("error", "is_away"),
    [
        (AWAY, True),
        (CredentialsRejectedError("no"), False),  # a refusal is an answer
        (ThrottledError("later", wait_seconds=9), True),  # nobody could ask: it stays as it was
    ],
)
async def test_any_answer_ends_an_outage(
    desk: Desk, watch: ProviderWatch, extraction: FakeExtraction, *, error: UserError, is_away: bool
) -> None:
    await due(desk, "alpha")
    extraction.failing["alpha"] = AWAY
    await ask(desk, watch, "alpha")
    extraction.failing["alpha"] = error
    desk.now = NOON + 5 * MINUTE
    assert (await ask(desk, watch)).is_open is not is_away


async def test_a_suspect_that_grants_no_call_is_not_away(
    desk: Desk, watch: ProviderWatch, extraction: FakeExtraction
) -> None:
    await due(desk, "alpha")
    extraction.failing["alpha"] = ThrottledError("later", wait_seconds=9)
    assert (await ask(desk, watch, "alpha")).is_open


async def test_an_account_without_trouble_of_its_own_is_asked_about(
    desk: Desk, watch: ProviderWatch, extraction: FakeExtraction
) -> None:
    await due(desk, "alpha", "alpha", "beta")
    works = await desk.doors.due_work()
    (one, two) = [work for work in works if work.source == "alpha"]
    await watch.look([dataclasses.replace(one, error_code=UNAVAILABLE), two], ["alpha"])
    assert extraction.asked == [("alpha", f"account-{two.connection_id.int % 1000}")]


async def test_a_platform_that_nobody_is_waiting_for_is_not_asked(
    desk: Desk, watch: ProviderWatch, extraction: FakeExtraction
) -> None:
    await due(desk, "beta")
    assert await watch.look(await desk.doors.due_work(), ["alpha"]) == {"beta": ProviderState()}
    assert extraction.asked == []


async def test_budgets_are_told_as_they_stand(
    desk: Desk, extraction: FakeExtraction, redis_server: RedisServer
) -> None:
    desk.sources = {
        "alpha": make_source(
            "alpha",
            "name: hourly, scope: app, limit: 3600, per: hour, burst: 60",
            "name: told, scope: provider",
            "name: own, scope: account, limit: 1, per: hour",
        )
    }
    apps = {"alpha": {"key": "ours"}}
    budget = RedisCallBudget(redis_server, clock=desk.clock)
    watch = watch_with(desk, extraction, budget, apps)
    await due(desk, "alpha")
    rate = (3600 - 59) / 3600
    full = ProviderState((Allowance(60, 60, rate),))
    assert (await ask(desk, watch)) == full
    hourly, told = shared_buckets(desk.sources["alpha"], apps["alpha"])
    for _ in range(10):
        assert await budget.acquire(hourly) == 0
    assert (await ask(desk, watch)).allowances == (Allowance(50, 60, rate),)
    await budget.hold(told, 59)
    assert (await ask(desk, watch)).is_open  # a worker waits that long by itself
    await budget.hold(told, 600)
    assert (await ask(desk, watch)).held_until == NOON + 10 * MINUTE
