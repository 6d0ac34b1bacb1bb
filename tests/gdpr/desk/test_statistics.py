"""Figures for a regulator, counted by hand."""

import datetime as dt
import itertools
import uuid
from typing import Any

import pytest

from domain.errors import InvalidInputError
from domain.ids import ClientId
from domain.privacy.rights import IntakeChannel, RequestOutcome, RequestState, Right
from gdpr.desk.statistics import PrivacyStatistics, compute_statistics, write_csv
from tests.api.identity.world import START, Agency, World, northwind, southwind, world
from tests.gdpr.desk.requests import request_row

__all__ = ["northwind", "southwind", "world"]

pytestmark = pytest.mark.anyio

FIRST, LAST = dt.date(2026, 1, 1), dt.date(2026, 3, 31)
NEW_YEAR = dt.datetime(2025, 12, 31, 23, tzinfo=dt.UTC)  # in Berlin
NUMBERS = itertools.count(1)


def answered(
    client: ClientId | None, received_at: dt.datetime, days: float, **changed: Any
) -> dict[str, Any]:
    values = {
        "state": RequestState.COMPLETED,
        "outcome": RequestOutcome.DONE,
        "closed_at": received_at + dt.timedelta(days=days),
    }
    return {"client_id": client, "received_at": received_at, **values, **changed}


async def store(world: World, agency: Agency, *rows: dict[str, Any]) -> None:
    async with world.database.session(agency.tenant_id) as session:
        session.add_all(request_row(uuid.UUID(int=next(NUMBERS)), **row) for row in rows)


async def count(
    world: World, agency: Agency, seen: list[ClientId] | None = None
) -> PrivacyStatistics:
    async with world.database.session(agency.tenant_id) as session:
        return await compute_statistics(session, FIRST, LAST, now=START, seen=seen)


@pytest.fixture
async def year(world: World, northwind: Agency, southwind: Agency) -> None:
    acme, bolt = northwind.clients["acme"], northwind.clients["bolt"]
    refused = {"state": RequestState.REFUSED, "outcome": None}
    await store(
        world,
        northwind,
        answered(acme, NEW_YEAR, 1.0),
        answered(acme, NEW_YEAR, 2.04, right=Right.ACCESS, channel=IntakeChannel.FORM),
        answered(acme, NEW_YEAR, 31, outcome=RequestOutcome.PARTLY),
        answered(acme, NEW_YEAR, 3, outcome=RequestOutcome.NOTHING_FOUND),
        answered(acme, NEW_YEAR, 5, **refused, reason="not the person"),
        answered(acme, NEW_YEAR, 4, **refused, reason="not the person"),
        answered(acme, NEW_YEAR, 6, **refused, reason="=excessive"),
        answered(acme, NEW_YEAR, 0.1, state=RequestState.WITHDRAWN, outcome=None),
        {"client_id": acme, "received_at": NEW_YEAR, "extended_at": START},
        {"client_id": bolt, "received_at": START, "channel": IntakeChannel.SHOPIFY},
        {"client_id": bolt, "received_at": NEW_YEAR, "paused_at": NEW_YEAR},
        {"client_id": None, "received_at": START},
        # Before and after the period, by one second.
        {"client_id": acme, "received_at": NEW_YEAR - dt.timedelta(seconds=1)},
        {"client_id": acme, "received_at": dt.datetime(2026, 3, 31, 22, tzinfo=dt.UTC)},
    )
    await store(world, southwind, answered(southwind.clients["zeta"], START, 9))


@pytest.mark.usefixtures("year")
async def test_counts_what_a_regulator_asks_for(world: World, northwind: Agency) -> None:
    figures = await count(world, northwind)
    assert (figures.first, figures.last, figures.time_zone) == (FIRST, LAST, "Europe/Berlin")
    assert [(one.client_id, one.name) for one in figures.clients] == [
        (northwind.clients["acme"], "Acme"),
        (northwind.clients["bolt"], "Bolt"),
        (None, "the agency's own people"),
    ]
    acme, bolt, own = (one.tally for one in figures.clients)
    assert (acme.received, bolt.received, own.received, figures.total.received) == (9, 2, 1, 12)
    assert acme.rights == {Right.ACCESS: 1, Right.ERASURE: 8}
    assert bolt.channels == {IntakeChannel.DESK: 1, IntakeChannel.SHOPIFY: 1}
    assert acme.outcomes == {
        "done": 2,
        "nothing_found": 1,
        "open": 1,
        "partly": 1,
        "refused": 3,
        "withdrawn": 1,
    }
    # 1.0 2.0 3.0 4.0 5.0 6.0 31.0: the fourth, and the seventh (0.9 of seven is 6.3).
    assert (acme.answered, acme.median_days, acme.p90_days) == (7, 4.0, 31.0)
    assert acme.answered_late == 1
    assert (acme.extended, acme.overdue) == (1, 1)
    assert (bolt.answered, bolt.median_days, bolt.p90_days, bolt.overdue) == (0, None, None, 0)
    assert acme.refusals == [("not the person", 2), ("=excessive", 1)]
    assert figures.total.refusals == acme.refusals


@pytest.mark.usefixtures("year")
async def test_a_client_s_figures_are_its_own(world: World, northwind: Agency) -> None:
    figures = await count(world, northwind, seen=[northwind.clients["bolt"]])
    assert [one.name for one in figures.clients] == ["Bolt"]
    assert figures.total == figures.clients[0].tally


async def test_nothing_is_nothing(world: World, northwind: Agency) -> None:
    figures = await count(world, northwind)
    assert figures.clients == []
    assert (figures.total.received, figures.total.outcomes, figures.total.median_days) == (
        0,
        {},
        None,
    )


async def test_a_period_ends_after_it_begins(world: World, northwind: Agency) -> None:
    async with world.database.session(northwind.tenant_id) as session:
        with pytest.raises(InvalidInputError) as caught:
            await compute_statistics(session, LAST, FIRST, now=START)
    assert caught.value.message == "the period ends before it begins: 2026-03-31 to 2026-01-01"


@pytest.mark.usefixtures("year")
async def test_writes_a_table_that_computes_nothing(world: World, northwind: Agency) -> None:
    figures = await count(world, northwind, seen=[northwind.clients["acme"]])
    lines = write_csv(figures).split("\r\n")
    assert lines[0] == "client,from,to,measure,name,value"
    assert [line for line in lines if line.startswith("Acme,2026-01-01,2026-03-31,")] == [
        "Acme,2026-01-01,2026-03-31," + rest
        for rest in (
            "received,,9",
            "right,access,1",
            "right,erasure,8",
            "channel,desk,8",
            "channel,form,1",
            "outcome,done,2",
            "outcome,nothing_found,1",
            "outcome,open,1",
            "outcome,partly,1",
            "outcome,refused,3",
            "outcome,withdrawn,1",
            "answered,,7",
            "answered late,,1",
            "days to answer,median,4.0",
            "days to answer,90th percentile,31.0",
            "extended,,1",
            "overdue,,1",
            "refused because,not the person,2",
            "refused because,'=excessive,1",
        )
    ]
    assert lines[1].startswith("all,")
