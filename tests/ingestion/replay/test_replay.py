"""Replayed rows give the same facts as if they had been clean, row for row."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from domain.ids import RunId
from tenancy.tables import LandingObject, QuarantinedRow, Sync, SyncState
from tests.ingestion.plane import NOW, Agency, Plane
from tests.ingestion.replay.workshop import SOURCES, Workshop, parse_map

pytestmark = pytest.mark.anyio

CAMPAIGNS = SOURCES["tiktok_ads"].streams["campaign_day"]
ORDERS = SOURCES["shopify"].streams["orders"]
REFUNDS = SOURCES["shopify"].streams["refunds"]


@pytest.fixture
def workshop(plane: Plane) -> Workshop:
    return Workshop(plane)


@pytest.fixture
async def pair(workshop: Workshop) -> tuple[Agency, Agency]:
    """A clean account and one that is sent bad values, of the same platform."""
    return await _pair(workshop, "tiktok_ads")


async def _pair(workshop: Workshop, source: str) -> tuple[Agency, Agency]:
    return await workshop.account("clean", source), await workshop.account("bad", source)


def _day(number: int, campaign: str = "7", spend: Any = "1.50", **metrics: Any) -> dict[str, Any]:
    return {
        "dimensions": {"campaign_id": campaign, "stat_time_day": f"2026-03-{number:02} 00:00:00"},
        "metrics": {
            "campaign_name": f"Campaign {campaign}",
            "spend": spend,
            "impressions": "100",
            "clicks": "10",
            "conversion": "1",
            "total_complete_payment_rate": "20.00",
            **metrics,
        },
    }


def _report(*records: dict[str, Any]) -> dict[str, Any]:
    return {"code": 0, "data": {"list": list(records), "page_info": {"total_number": len(records)}}}


async def test_by_days(workshop: Workshop, pair: tuple[Agency, Agency]) -> None:
    clean, bad = pair
    others = [_day(1), _day(1, "8"), _day(2), _day(3), _day(3, "8")]
    mended = [_day(1, "9", "7.25"), _day(3, "9", "7.25")]
    broken = [_day(1, "9", "a lot"), _day(3, "9", "a lot")]
    await workshop.send(clean, CAMPAIGNS, _report(*mended, *others), (1, 3))
    await workshop.send(bad, CAMPAIGNS, _report(*broken, *others), (1, 3))
    assert len(await workshop.facts(bad, "ads_daily")) == 5
    await workshop.replay(bad, {"spend": "7.25"})
    assert await workshop.facts(bad, "ads_daily") == await workshop.facts(clean, "ads_daily")
    assert [(n, state) for n, state, *_ in await workshop.quarantine(bad)] == [
        (1, "replayed"),
        (2, "replayed"),
    ]


async def test_who_replayed_what_is_kept(workshop: Workshop, pair: tuple[Agency, Agency]) -> None:
    _, bad = pair
    origin = await workshop.send(bad, CAMPAIGNS, _report(_day(1, spend="x"), _day(2)), (1, 2))
    await workshop.replay(bad, {"spend": "1"})
    async with workshop.plane.database.session(bad.tenant_id) as session:
        row = (await session.scalars(select(QuarantinedRow))).one()
        sync = (await session.scalars(select(Sync).where(Sync.replays == origin))).one()
    assert (row.replay_sync_id, row.resolved_by, row.resolution, row.resolved_at) == (
        sync.id,
        "user:1",
        "mended and published",
        NOW,
    )
    assert (sync.state, sync.rows, sync.quarantined) == (SyncState.PUBLISHED, 1, 0)
    assert (sync.slice_from, sync.slice_to) == (row.reporting_date, row.reporting_date)


async def test_of_a_record_that_came_twice_the_later_one_counts(
    workshop: Workshop, pair: tuple[Agency, Agency]
) -> None:
    clean, bad = pair
    for first, second in (("2", "3"), ("3", "2")):
        good = [_day(1, spend=first), _day(2), _day(1, spend=second)]
        await workshop.send(clean, CAMPAIGNS, _report(*good), (1, 2))
        broken = [_day(1, spend="x" if first == "3" else "2"), _day(2)]
        broken.append(_day(1, spend="x" if second == "3" else "2"))
        await workshop.send(bad, CAMPAIGNS, _report(*broken), (1, 2))
        await workshop.replay(bad, {"spend": "3"})
        assert await workshop.facts(bad, "ads_daily") == await workshop.facts(clean, "ads_daily")


async def test_rows_that_a_later_sync_told_again_are_history(
    workshop: Workshop, pair: tuple[Agency, Agency]
) -> None:
    clean, bad = pair
    first = [_day(1, spend="5"), _day(2, spend="5"), _day(1, "8")]
    broken = [_day(1, spend="x"), _day(2, spend="x"), _day(1, "8")]
    await workshop.send(clean, CAMPAIGNS, _report(*first), (1, 2))
    await workshop.send(bad, CAMPAIGNS, _report(*broken), (1, 2))
    later = _report(_day(2, spend="6"), _day(3))
    for agency in pair:
        await workshop.send(agency, CAMPAIGNS, later, (2, 3))
    assert [state for _, state, *_ in await workshop.quarantine(bad)] == ["open", "superseded"]
    await workshop.replay(bad, {"spend": "5"})
    assert await workshop.facts(bad, "ads_daily") == await workshop.facts(clean, "ads_daily")
    assert [state for _, state, *_ in await workshop.quarantine(bad)] == ["replayed", "superseded"]


async def test_a_row_that_comes_again_is_listed_once(
    workshop: Workshop, pair: tuple[Agency, Agency]
) -> None:
    _, bad = pair
    for _ in range(3):
        await workshop.send(bad, CAMPAIGNS, _report(_day(1, spend="x"), _day(2)), (1, 2))
    states = [state for _, state, *_ in await workshop.quarantine(bad)]
    assert states == ["superseded", "superseded", "open"]


async def test_one_row_after_the_other(workshop: Workshop, pair: tuple[Agency, Agency]) -> None:
    clean, bad = pair
    await workshop.send(
        clean, CAMPAIGNS, _report(_day(1, "7", "2"), _day(1, "8", "2"), _day(1, "9")), (1, 1)
    )
    await workshop.send(
        bad, CAMPAIGNS, _report(_day(1, "7", "x"), _day(1, "8", "x"), _day(1, "9")), (1, 1)
    )
    await workshop.replay(bad, {"spend": "2"}, rows=[1])
    assert [state for _, state, *_ in await workshop.quarantine(bad)] == ["replayed", "open"]
    await workshop.replay(bad, {"spend": "2"}, rows=[2])
    assert await workshop.facts(bad, "ads_daily") == await workshop.facts(clean, "ads_daily")


async def test_a_mended_source_file_mends_its_rows(
    workshop: Workshop, pair: tuple[Agency, Agency]
) -> None:
    """The platform began to write "unlimited" where there is no value."""
    clean, bad = pair
    await workshop.send(clean, CAMPAIGNS, _report(_day(1, spend="-"), _day(2)), (1, 2))
    await workshop.send(bad, CAMPAIGNS, _report(_day(1, spend="unlimited"), _day(2)), (1, 2))
    fields = tuple(
        dataclasses.replace(one, null_as=("-", "unlimited")) if one.name == "spend" else one
        for one in CAMPAIGNS.fields
    )
    source = SOURCES["tiktok_ads"]
    streams = {**source.streams, "campaign_day": dataclasses.replace(CAMPAIGNS, fields=fields)}
    workshop.sources = {**SOURCES, "tiktok_ads": dataclasses.replace(source, streams=streams)}
    await workshop.replay(bad)
    assert await workshop.facts(bad, "ads_daily") == await workshop.facts(clean, "ads_daily")


async def test_what_still_does_not_fit_says_why(
    workshop: Workshop, pair: tuple[Agency, Agency]
) -> None:
    _, bad = pair
    await workshop.send(bad, CAMPAIGNS, _report(_day(1, spend="x"), _day(2)), (1, 2))
    await workshop.replay(bad, {"spend": "-3"})
    assert await workshop.quarantine(bad) == [(1, "open", "spend", "-3 is less than 0")]
    await workshop.replay(bad, {"date": "2026-03-09 00:00:00", "spend": "3"})
    message = "is of 2026-03-09, which is not among the days that its sync covers"
    assert await workshop.quarantine(bad) == [(1, "open", "spend", message)]
    assert len(await workshop.facts(bad, "ads_daily")) == 1


def _order(number: int, total: str, status: str = "PAID") -> dict[str, Any]:
    money = {"shopMoney": {"amount": total, "currencyCode": "EUR"}}
    return {
        "id": f"gid://shopify/Order/{number}",
        "createdAt": "2026-03-02T09:00:00Z",
        "processedAt": "2026-03-02T09:00:00Z",
        "updatedAt": "2026-03-02T09:00:00Z",
        "cancelledAt": None,
        "test": False,
        "displayFinancialStatus": status,
        "totalPriceSet": money,
        "totalDiscountsSet": money,
        "totalTaxSet": money,
        "totalShippingPriceSet": money,
        "customer": {"id": "gid://shopify/Customer/1"},
        "shippingAddress": {"countryCodeV2": "DE"},
        "billingAddress": None,
        "customerJourneySummary": None,
    }


def _orders(*orders: dict[str, Any]) -> dict[str, Any]:
    page = {"hasNextPage": False, "endCursor": None}
    return {"data": {"orders": {"nodes": list(orders), "pageInfo": page}}}


@pytest.fixture
async def shops(workshop: Workshop) -> tuple[Agency, Agency]:
    return await _pair(workshop, "shopify")


async def test_by_key(workshop: Workshop, shops: tuple[Agency, Agency]) -> None:
    clean, bad = shops
    good = _orders(_order(1, "10"), _order(2, "20"))
    broken = _orders({**_order(1, "10"), "totalPriceSet": None}, _order(2, "20"))
    await workshop.send(clean, ORDERS, good)
    await workshop.send(bad, ORDERS, broken)
    assert len(await workshop.facts(bad, "orders")) == 1
    await workshop.replay(bad, {"total": "10", "currency": "EUR"})
    assert await workshop.facts(bad, "orders") == await workshop.facts(clean, "orders")
    assert [state for _, state, *_ in await workshop.quarantine(bad)] == ["replayed"]


async def test_a_key_that_was_told_since_stays_as_it_was_told(
    workshop: Workshop, shops: tuple[Agency, Agency]
) -> None:
    clean, bad = shops
    await workshop.send(clean, ORDERS, _orders(_order(1, "10")))
    await workshop.send(bad, ORDERS, _orders({**_order(1, "10"), "totalPriceSet": None}))
    for agency in shops:
        await workshop.send(agency, ORDERS, _orders(_order(1, "12", "REFUNDED")))
    await workshop.replay(bad, {"total": "10", "currency": "EUR"})
    assert await workshop.facts(bad, "orders") == await workshop.facts(clean, "orders")
    assert [state for _, state, *_ in await workshop.quarantine(bad)] == ["superseded"]


async def test_what_the_records_around_said_still_counts(
    workshop: Workshop, shops: tuple[Agency, Agency]
) -> None:
    def answer(amount: str) -> dict[str, Any]:
        refund = {
            "id": "gid://shopify/Refund/5",
            "createdAt": "2026-03-03T09:00:00Z",
            "totalRefundedSet": {"shopMoney": {"amount": amount, "currencyCode": "EUR"}},
        }
        return _orders({**_order(1, "10"), "refunds": [refund]})

    clean, bad = shops
    await workshop.send(clean, REFUNDS, answer("4.50"))
    await workshop.send(bad, REFUNDS, answer("much"))
    await workshop.replay(bad, {"refunded": "4.50"})
    found = await workshop.facts(bad, "refunds")
    assert found == await workshop.facts(clean, "refunds")
    assert len(found) == 1


MAP = """
map: sheet
file: {format: csv}
feeds:
  - fact: ads_daily
    key: [day, place]
    columns: {reporting_date: day}
    unpivot:
      - {set: {channel: tv}, columns: {spend: tv}}
      - {set: {channel: radio}, columns: {spend: radio}}
"""
HEADER = "day,place,tv,radio\n"


@pytest.fixture
async def sheets(workshop: Workshop) -> tuple[Agency, Agency]:
    return await _pair(workshop, "file")


async def _send_file(workshop: Workshop, agency: Agency, folder: Path, *lines: str) -> None:
    path = folder / "sheet.csv"
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines))
    await workshop.send_file(agency, path, parse_map(MAP))


FILES = {
    "one set of a line": ("2026-03-01,a,1,2", "2026-03-01,a,x,2", {"tv": "1"}),
    "the other set of a line": ("2026-03-01,b,3,4", "2026-03-01,b,3,x", {"radio": "4"}),
    "a set beside an empty one": ("2026-03-01,a,1,", "2026-03-01,a,x,", {"tv": "1"}),
    "the day of a whole line": ("2026-03-01,a,1,2", "2026-03-41,a,1,2", {"day": "2026-03-01"}),
    "a day that widens the file": ("2026-03-05,b,3,4", "2026-03-35,b,3,4", {"day": "2026-03-05"}),
}


@pytest.mark.parametrize("name", FILES)
async def test_of_files(
    workshop: Workshop, sheets: tuple[Agency, Agency], tmp_path: Path, name: str
) -> None:
    clean, bad = sheets
    good, broken, repair = FILES[name]
    for agency, line in ((clean, good), (bad, broken)):
        await _send_file(workshop, agency, tmp_path, "2026-03-03,old,9,9", "2026-03-04,old,9,9")
        await _send_file(workshop, agency, tmp_path, "2026-03-02,a,1,2", line)
    await workshop.replay(bad, repair, file_map=parse_map(MAP))
    assert await workshop.facts(bad, "ads_daily") == await workshop.facts(clean, "ads_daily")
    assert [state for _, state, *_ in await workshop.quarantine(bad)] == ["replayed"]


async def test_a_mended_map_mends_its_rows(
    workshop: Workshop, sheets: tuple[Agency, Agency], tmp_path: Path
) -> None:
    clean, bad = sheets
    await _send_file(workshop, clean, tmp_path, "2026-03-01,a,,2", "2026-03-02,a,1,2")
    await _send_file(workshop, bad, tmp_path, "2026-03-01,a,n/a,2", "2026-03-02,a,1,2")
    mended = parse_map(MAP.replace("{format: csv}", "{format: csv, null_as: [n/a]}"))
    await workshop.replay(bad, file_map=mended)
    # What is empty makes no row: nothing is left to mend, and nothing is added.
    assert await workshop.facts(bad, "ads_daily") == await workshop.facts(clean, "ads_daily")


async def test_a_line_does_not_take_the_place_of_another(
    workshop: Workshop, sheets: tuple[Agency, Agency], tmp_path: Path
) -> None:
    _, bad = sheets
    await _send_file(workshop, bad, tmp_path, "2026-03-01,a,1,2", "2026-03-01,a,3,4")
    await workshop.replay(bad, file_map=parse_map(MAP))
    assert await workshop.quarantine(bad) == [(3, "open", "day", "has the key of line 2")]
    assert len(await workshop.facts(bad, "ads_daily")) == 2


async def test_a_file_needs_its_map(
    workshop: Workshop, sheets: tuple[Agency, Agency], tmp_path: Path
) -> None:
    _, bad = sheets
    await _send_file(workshop, bad, tmp_path, "2026-03-01,a,x,2")
    await workshop.replay(bad)
    assert await workshop.quarantine(bad) == [
        (2, "open", "tv", "is of a file (name the map that reads it: --map FILE)")
    ]


async def test_held_and_failed_syncs_are_not_completed(
    workshop: Workshop, pair: tuple[Agency, Agency]
) -> None:
    _, bad = pair
    sync_id = await workshop.send(bad, CAMPAIGNS, _report(_day(1, spend="x"), _day(2)), (1, 2))
    for state, message in (
        (SyncState.HELD, "its sync is held (release it first, or sync again)"),
        (SyncState.FAILED, "its sync was never published (sync again)"),
    ):
        async with workshop.plane.database.session(bad.tenant_id) as session:
            await session.execute(update(Sync).where(Sync.id == sync_id).values(state=state))
        await workshop.replay(bad, {"spend": "1"})
        assert await workshop.quarantine(bad) == [(1, "open", "spend", message)]


async def test_rows_behind_a_held_sync_wait(
    workshop: Workshop, pair: tuple[Agency, Agency]
) -> None:
    _, bad = pair
    await workshop.send(bad, CAMPAIGNS, _report(_day(1, spend="x"), _day(2)), (1, 2))
    later = await workshop.send(bad, CAMPAIGNS, _report(_day(3)), (3, 3))
    async with workshop.plane.database.session(bad.tenant_id) as session:
        await session.execute(update(Sync).where(Sync.id == later).values(state=SyncState.HELD))
    await workshop.replay(bad, {"spend": "1"})
    message = "a later sync of its stream is held (release it first, or sync again)"
    assert await workshop.quarantine(bad) == [(1, "open", "spend", message)]


async def test_what_landed_may_be_gone(workshop: Workshop, pair: tuple[Agency, Agency]) -> None:
    _, bad = pair
    origin = await workshop.send(bad, CAMPAIGNS, _report(_day(1, spend="x"), _day(1, "8")), (1, 1))
    (entry,) = await workshop.plane.objects(bad, origin)
    await workshop.plane.store.for_tenant(bad.tenant_id).delete(entry.uri)
    before = await workshop.facts(bad, "ads_daily")
    await workshop.replay(bad, {"spend": "1"})
    async with workshop.plane.database.session(bad.tenant_id) as session:
        sync = (await session.scalars(select(Sync).where(Sync.replays == origin))).one()
    assert (sync.state, sync.error_code, sync.error_message) == (
        SyncState.FAILED,
        "LANDED_ROWS_GONE",
        "the rows that came with it are not kept any more (sync or import the days again)",
    )
    assert await workshop.facts(bad, "ads_daily") == before
    assert [state for _, state, *_ in await workshop.quarantine(bad)] == ["open"]


async def test_doing_it_again_after_a_crash_changes_nothing(
    workshop: Workshop, pair: tuple[Agency, Agency]
) -> None:
    _, bad = pair
    await workshop.send(bad, CAMPAIGNS, _report(_day(1, spend="x"), _day(2)), (1, 2))
    await workshop.replay(bad, {"spend": "1"})
    async with workshop.plane.database.session(bad.tenant_id) as session:
        row = (await session.scalars(select(QuarantinedRow))).one()
        objects = len((await session.scalars(select(LandingObject))).all())
    before = await workshop.facts(bad, "ads_daily")
    await workshop.place(bad, RunId(row.replay_run_id))  # type: ignore[arg-type]  # it has one
    await workshop.load()
    assert await workshop.facts(bad, "ads_daily") == before
    async with workshop.plane.database.session(bad.tenant_id) as session:
        assert len((await session.scalars(select(LandingObject))).all()) == objects


async def test_another_agencys_rows_are_left_alone(
    workshop: Workshop, pair: tuple[Agency, Agency]
) -> None:
    other, bad = pair
    for agency in pair:
        await workshop.send(agency, CAMPAIGNS, _report(_day(1, spend="x"), _day(2)), (1, 2))
    before = await workshop.facts(other, "ads_daily")
    await workshop.replay(bad, {"spend": "1"})
    assert await workshop.facts(other, "ads_daily") == before
    assert [state for _, state, *_ in await workshop.quarantine(other)] == ["open"]
