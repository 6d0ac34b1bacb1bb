"""Google Analytics 4 through the real extractor: what it holds arrives, whole and exact."""

import dataclasses
import datetime as dt
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from domain.time_window import DateRange
from ingestion.connector.failures import (
    AccountNotAccessibleError,
)
from ingestion.connector.job import Account, DiscoveredAccount, Page
from ingestion.simulator.config import demo_config
from ingestion.simulator.ga4 import Property
from ingestion.simulator.ga4.world import Ga4World, Moment, cells_of
from tests.fixtures.simulator import SIMULATED_NOW, RunningSimulator
from tests.ingestion.connector.harness import harness
from tests.ingestion.sources.ga4 import (
    APP,
    KEYS,
    LAST,
    NUMBERS,
    SMALL_PAGES,
    SOURCE,
    TOKEN,
    alone,
    arrived,
    list_rows,
    patient,
    read,
    simulated,
    truth,
    with_pages_of,
)

pytestmark = pytest.mark.anyio


async def test_visits_and_totals_are_the_simulator_s_truth(simulator: RunningSimulator) -> None:
    async with harness(simulated(simulator)) as run:
        visits = await read(run)
        totals = await read(run, "property_day")
    assert [page.batch.num_rows for page in visits] == [120, 120, 120]  # one day a request
    assert arrived(visits, *KEYS) == truth(simulator, *KEYS)
    assert arrived(totals, "date") == truth(simulator, "date")
    for pages in (visits, totals):
        assert [row for page in pages for row in page.rejected] == []
        assert [item for page in pages for item in page.drift] == []


async def test_unknown_pages_and_places_are_no_values(simulator: RunningSimulator) -> None:
    async with harness(simulated(simulator)) as run:
        rows = list_rows(await read(run, days=LAST))
    assert {(row["page_told"], row["landing_page"]) for row in rows} == {
        *(("/", "/"), ("/products/1", "/products/1"), ("/products/2", "/products/2")),
        ("(not set)", None),
    }
    assert {row["country"] for row in rows} == {"AT", "DE", "GB", "US", None}


async def test_a_report_of_several_pages_is_handed_out_whole(simulator: RunningSimulator) -> None:
    async with harness(simulated(simulator)) as run:
        pages = await read(run, source=SMALL_PAGES)
    # The first day also asks for a token.
    assert [(page.batch.num_rows, page.requests) for page in pages] == [
        (120, 4),
        (120, 3),
        (120, 3),
    ]


def _held(place: Property) -> list[tuple[Any, ...]]:
    """Every row of 1 November: its cell, and its numbers in thousandths and cents."""
    moment = Moment.at(SIMULATED_NOW, place.time_zone)
    columns = Ga4World(demo_config().ga4).day_columns(place, LAST.start, moment)
    assert columns is not None
    return sorted(zip(map(tuple, cells_of(place)), *columns, strict=True))


def _landed(page: Page) -> list[tuple[Any, ...]]:
    """The same of a page; by columns, since there are many rows."""
    cells = zip(*(page.batch.column(name).to_pylist() for name in list(KEYS)[1:]), strict=True)
    scales = {"key_events": 1_000, "purchase_revenue": 100}
    numbers = [
        pc.round(pc.multiply(page.batch.column(name).cast(pa.float64()), scales.get(name, 1)))
        for name in NUMBERS
    ]
    whole = [column.cast(pa.int64()).to_pylist() for column in numbers]
    return sorted(zip(cells, *whole, strict=True))


# A fault, and how many reports the platform is asked for: pages of a second reading too.
UNDISTURBED: tuple[dict[str, Any] | None, int] = (None, 3)
CUT = ({"kind": "cut_connection", "after": 1, "times": 1, "cut_after_bytes": 90_000}, 4)
FAILS = ({"kind": "server_error", "after": 2, "times": 1}, 4)
COME_IN = ({"kind": "moved_rows", "rows": 5, "after": 2, "times": 1}, 6)
COME_AND_GO = ({"kind": "moved_rows", "rows": 5, "value": True, "after": 1, "times": 1}, 5)


@pytest.mark.parametrize(
    ("cells", "size", "fault", "reports"),
    [
        pytest.param(2_700, 1_000, *UNDISTURBED, id="small, undisturbed"),
        pytest.param(2_700, 1_000, *CUT, id="small, cut"),
        pytest.param(2_700, 1_000, *FAILS, id="small, server error"),
        pytest.param(2_700, 1_000, *COME_IN, id="small, rows come in"),
        pytest.param(2_700, 1_000, *COME_AND_GO, id="small, rows come in and others go"),
        pytest.param(270_000, 100_000, *UNDISTURBED, id="undisturbed", marks=pytest.mark.slow),
        pytest.param(270_000, 100_000, *CUT, id="cut", marks=pytest.mark.slow),
        pytest.param(270_000, 100_000, *COME_IN, id="rows come in", marks=pytest.mark.slow),
    ],
)
async def test_a_report_of_270000_rows_arrives_whole(
    cells: int, size: int, fault: dict[str, Any] | None, reports: int
) -> None:
    """In three pages; and a hundredth of it, for every day, in pages of a hundredth."""
    source = SOURCE if size == 100_000 else with_pages_of(size)
    place = dataclasses.replace(demo_config().ga4.properties[0], pages=cells // 100, cells=cells)
    with alone(place) as running:
        if fault:
            play = {**fault, "operation": "runReport"}
            running.http.post("/_control/faults", json=play).raise_for_status()
        async with patient(running) as run:
            (page,) = await read(run, source=source, days=LAST)
        asked = running.http.get("/_control/requests").json()["requests"]
    assert sum(each["count"] for each in asked if "runReport" in each["path"]) == reports
    assert page.batch.num_rows == cells
    assert page.batch.column("row_number").to_pylist() == list(range(1, cells + 1))
    assert _landed(page) == _held(place)
    assert (page.rejected, page.last) == ((), True)


async def test_the_days_that_change_are_those_that_are_read_again(
    simulator: RunningSimulator,
) -> None:
    days = DateRange(dt.date(2026, 10, 10), dt.date(2026, 11, 1))
    async with harness(simulated(simulator)) as run:
        before = list_rows(await read(run, "property_day", days=days))
        simulator.move_clock(dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC))
        after = list_rows(await read(run, "property_day", days=days))
    pairs = list(zip(before, after, strict=True))
    changed = [old["date"] for old, new in pairs if old["key_events"] != new["key_events"]]
    # The plan of 3 November begins with 22 October: 12 days, the last of them new.
    assert changed == list(DateRange(dt.date(2026, 10, 22), dt.date(2026, 11, 1)))
    assert len(changed) == SOURCE.streams["web_day"].restates_days - 1
    settled = [old["date"] for old, new in pairs if old["sessions"] != new["sessions"]]
    assert settled == [dt.date(2026, 11, 1)]


async def test_currency_and_zone_are_those_of_the_answer() -> None:
    place = demo_config().ga4.properties[0]
    moved = dataclasses.replace(place, currency="CHF", time_zone="Europe/Zurich")
    with alone(moved) as running:
        async with patient(running) as run:
            visits = list_rows(await read(run, days=LAST))
            totals = list_rows(await read(run, "property_day", days=LAST))
    for rows in (visits, totals):
        assert {(row["currency"], row["time_zone"]) for row in rows} == {("CHF", "Europe/Zurich")}
    mapped = {item.column: item.field for item in SOURCE.streams["web_day"].mapping}
    assert (mapped["currency"], mapped["time_zone"]) == ("currency", "time_zone")


async def test_check_and_discover(simulator: RunningSimulator) -> None:
    async with harness(simulated(simulator)) as run:
        checked = await run.extractor.check(SOURCE, Account("111111111", {}, "", ""), TOKEN, APP)
        found = await run.extractor.discover(SOURCE, Account("", {}, "", ""), TOKEN, APP)
        other = Account("333333333", {}, "", "")  # of the other agency
        with pytest.raises(AccountNotAccessibleError) as caught:
            await run.extractor.check(SOURCE, other, TOKEN, APP)
    assert checked == DiscoveredAccount("111111111", "Acme Shoes", "EUR", "Europe/Berlin")
    assert found == [
        checked,
        DiscoveredAccount("222222222", "Bluebird Coffee", "EUR", "Europe/Berlin"),
    ]
    assert caught.value.provider_code == "PERMISSION_DENIED"


async def test_every_channel_of_analytics_has_a_place() -> None:
    """The default channel group, support.google.com/analytics/answer/9756891."""
    (channel,) = (m for m in SOURCE.streams["web_day"].mapping if m.column == "channel")
    known = {
        *("Affiliates", "AI Assistant", "Audio", "Cross-network", "Direct", "Display", "Email"),
        *("Mobile Push Notifications", "Organic Search", "Organic Shopping", "Organic Social"),
        *("Organic Video", "Paid Other", "Paid Search", "Paid Shopping", "Paid Social"),
        *("Paid Video", "Referral", "SMS", "Unassigned", "(other)", "(not set)"),
    }
    assert set(channel.enum) == known
