"""Google Analytics 4 through the real extractor: what it holds arrives, under every fault."""

import dataclasses
import datetime as dt
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from domain.ports import Clock
from domain.time_window import DateRange
from ingestion.connector.failures import (
    AccountNotAccessibleError,
    ApiVersionRetiredError,
    CredentialsRejectedError,
    ProviderError,
    ThrottledError,
    UnknownFieldRequestedError,
)
from ingestion.connector.job import Account, DiscoveredAccount, Page
from ingestion.connector.source_file import load_source
from ingestion.connector.spec import SourceSpec
from ingestion.simulator.config import demo_config
from ingestion.simulator.ga4 import Ga4, Property
from ingestion.simulator.ga4.world import Ga4World, Moment, cells_of
from tenancy.quota import RedisCallBudget
from tenancy.redis_server import RedisServer
from tests.fixtures.simulator import SIMULATED_NOW, RunningSimulator
from tests.ingestion.connector.harness import Harness, harness
from tests.ingestion.simulator.standing import Standing, standing
from tests.ingestion.sources.documented_faults import DocumentedFault, plays

pytestmark = pytest.mark.anyio

SOURCE = load_source("ga4")
ACCOUNT = Account("111111111", {}, "EUR", "Europe/Berlin")
DAYS = DateRange(dt.date(2026, 10, 30), dt.date(2026, 11, 1))
LAST = DateRange(dt.date(2026, 11, 1), dt.date(2026, 11, 1))
TOKEN = {"refresh_token": "1//northwind-analytics-refresh-token"}
APP = {
    "client_id": "northwind.apps.googleusercontent.com",
    "client_secret": "northwind-client-secret",
}
NUMBERS = {
    "sessions": "sessions",
    "engaged_sessions": "engagedSessions",
    "new_users": "newUsers",
    "page_views": "screenPageViews",
    "key_events": "keyEvents",
    "purchase_revenue": "purchaseRevenue",
}
KEYS = {
    "date": "day",
    "channel_group": "channel",
    "visit_source": "source",
    "visit_medium": "medium",
    "page_told": "page",
    "device": "device",
    "country_told": "country",
}
Rows = dict[tuple[str, ...], tuple[Decimal, ...]]


def _with_pages_of(size: int) -> SourceSpec:
    """The source, with pages of so many rows; the file's own hold a whole day of the demo."""
    stream = SOURCE.streams["web_day"]
    assert stream.pagination.size is not None
    small = dataclasses.replace(stream.pagination.size, start=size, minimum=size)
    pages = dataclasses.replace(stream.pagination, size=small)
    web = dataclasses.replace(stream, pagination=pages)
    return dataclasses.replace(SOURCE, streams={**SOURCE.streams, "web_day": web})


SMALL_PAGES = _with_pages_of(50)


def _urls(url: str) -> dict[str, str]:
    base = f"{url}/{{version}}"
    return {"ga4": base, "ga4.admin": base, "ga4.token": f"{url}/token"}


def _ga4(simulator: RunningSimulator) -> dict[str, str]:
    return _urls(f"{simulator.url}/ga4")


async def _read(
    run: Harness,
    stream: str = "web_day",
    source: SourceSpec = SOURCE,
    days: DateRange = DAYS,
    account: Account = ACCOUNT,
) -> list[Page]:
    return await run.read(source, stream, days, account=account, credentials=TOKEN, app=APP)


def _rows(pages: list[Page]) -> list[dict[str, Any]]:
    return [row for page in pages for row in page.batch.to_pylist()]


def _arrived(pages: list[Page], *columns: str) -> Rows:
    rows = _rows(pages)
    assert [row["row_number"] for row in rows] == list(range(1, len(rows) + 1))
    found = {
        tuple(str(row[column]) for column in columns): tuple(Decimal(row[name]) for name in NUMBERS)
        for row in rows
    }
    assert len(found) == len(rows)
    return found


def _truth(simulator: RunningSimulator, *columns: str) -> Rows:
    days = {"from": DAYS.start.isoformat(), "to": DAYS.end.isoformat()}
    by = ",".join(KEYS[column] for column in columns)
    return {
        tuple(row[KEYS[column]] for column in columns): tuple(
            Decimal(row[name]) for name in NUMBERS.values()
        )
        for row in simulator.truth("ga4", ACCOUNT.account_id, **days, by=by)["rows"]
    }


async def test_visits_and_totals_are_the_simulator_s_truth(simulator: RunningSimulator) -> None:
    async with harness(_ga4(simulator)) as run:
        visits = await _read(run)
        totals = await _read(run, "property_day")
    assert [page.batch.num_rows for page in visits] == [120, 120, 120]  # one day a request
    assert _arrived(visits, *KEYS) == _truth(simulator, *KEYS)
    assert _arrived(totals, "date") == _truth(simulator, "date")
    for pages in (visits, totals):
        assert [row for page in pages for row in page.rejected] == []
        assert [item for page in pages for item in page.drift] == []


async def test_unknown_pages_and_places_are_no_values(simulator: RunningSimulator) -> None:
    async with harness(_ga4(simulator)) as run:
        rows = _rows(await _read(run, days=LAST))
    assert {(row["page_told"], row["landing_page"]) for row in rows} == {
        *(("/", "/"), ("/products/1", "/products/1"), ("/products/2", "/products/2")),
        ("(not set)", None),
    }
    assert {row["country"] for row in rows} == {"AT", "DE", "GB", "US", None}


@plays("ga4")
async def test_rows_survive(simulator: RunningSimulator, fault: DocumentedFault) -> None:
    assert fault.play is not None
    simulator.fault(**fault.play)
    async with harness(_ga4(simulator)) as run:
        pages = await _read(run, source=SMALL_PAGES)
    assert _arrived(pages, *KEYS) == _truth(simulator, *KEYS)
    assert [row for page in pages for row in page.rejected] == []
    assert tuple(run.waits) == fault.waits


async def test_a_report_of_several_pages_is_handed_out_whole(simulator: RunningSimulator) -> None:
    async with harness(_ga4(simulator)) as run:
        pages = await _read(run, source=SMALL_PAGES)
    # The first day also asks for a token.
    assert [(page.batch.num_rows, page.requests) for page in pages] == [
        (120, 4),
        (120, 3),
        (120, 3),
    ]


@contextmanager
def _alone(place: Property) -> Iterator[Standing]:
    """The property on a platform of its own."""
    config = dataclasses.replace(demo_config().ga4, properties=(place,))
    grant = dataclasses.replace(config.grants[0], property_ids=(place.property_id,))
    only = dataclasses.replace(config, grants=(grant,))
    with standing(lambda clock: Ga4(only, clock), SIMULATED_NOW) as running:
        yield running


@asynccontextmanager
async def _patient(running: Standing) -> AsyncIterator[Harness]:
    """An extractor that waits longer for an answer than others: the machine may be busy."""
    url = str(running.http.base_url).rstrip("/")
    async with (
        httpx.AsyncClient(timeout=60, trust_env=False) as http,
        harness(_urls(url), http=http) as run,
    ):
        yield run


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
    source = SOURCE if size == 100_000 else _with_pages_of(size)
    place = dataclasses.replace(demo_config().ga4.properties[0], pages=cells // 100, cells=cells)
    with _alone(place) as running:
        if fault:
            play = {**fault, "operation": "runReport"}
            running.http.post("/_control/faults", json=play).raise_for_status()
        async with _patient(running) as run:
            (page,) = await _read(run, source=source, days=LAST)
        asked = running.http.get("/_control/requests").json()["requests"]
    assert sum(each["count"] for each in asked if "runReport" in each["path"]) == reports
    assert page.batch.num_rows == cells
    assert page.batch.column("row_number").to_pylist() == list(range(1, cells + 1))
    assert _landed(page) == _held(place)
    assert (page.rejected, page.last) == ((), True)


async def test_the_tokens_of_a_day_come_back_at_midnight_in_california(
    simulator: RunningSimulator,
) -> None:
    simulator.fault("rate_limited", value="day", operation="runReport")
    async with harness(_ga4(simulator)) as run:
        with pytest.raises(ThrottledError) as caught:
            await _read(run)
    assert caught.value.wait_seconds == 20 * 3600.0  # the harness's noon, UTC, is 04:00 there
    assert run.budget.holds == [("ga4:property_tokens:111111111", 72_000.0)]


@pytest.mark.parametrize(
    ("quota", "left", "seconds"),
    [
        ("tokensPerDay", 499, 72_000.0),
        ("tokensPerHour", 199, 900.0),
        ("tokensPerProjectPerHour", 199, 900.0),
        ("serverErrorsPerProjectPerHour", 2, 900.0),
        ("concurrentRequests", 0.5, 10.0),
    ],
)
async def test_quotas_of_the_answer_hold_every_worker(
    simulator: RunningSimulator, quota: str, left: float, seconds: float
) -> None:
    simulator.fault("high_usage", field=quota, value=left, times=1, operation="runReport")
    async with harness(_ga4(simulator)) as run:
        pages = await _read(run, days=LAST)
    assert len(_rows(pages)) == 120  # the answer itself counts
    assert run.budget.holds == [("ga4:property_tokens:111111111", seconds)]


async def test_server_errors_never_close_the_property(
    simulator: RunningSimulator, redis_server: RedisServer
) -> None:
    def share(clock: Clock) -> RedisCallBudget:
        return RedisCallBudget(redis_server, clock=clock)

    simulator.fault("server_error", times=None, operation="runReport")
    async with harness(_ga4(simulator), share=share) as run:
        with pytest.raises(ThrottledError) as caught:
            await _read(run)
        with pytest.raises(ThrottledError, match="the budget property_tokens is spent"):
            await _read(run, "property_day")
        counts = simulator.requests()["requests"]
        simulator.http.delete("/_control/faults")
        run.now[0] += dt.timedelta(hours=1)
        assert len(_rows(await _read(run, "property_day"))) == 3
    assert [(each["status"], each["count"]) for each in counts if "runReport" in each["path"]] == [
        (503, 6)  # of the ten that the property may have in an hour
    ]
    assert caught.value.message == (
        "Google Analytics 4 grants no calls for 3569 seconds: Google Analytics 4 is throttling: it "
        "allows few server errors, and answers with more: The service is currently unavailable."
    )


ROLLED = (
    "rare combinations are rolled into (other): totals are right, pages and sources are not "
    "complete"
)
WITHHELD = "rows of few people are withheld: rows add up to less than the property's totals"
SAMPLED = "the report is estimated from a sample of the events"
NOTICES = {
    "other_row": ("metadata.dataLossFromOtherRow", ROLLED),
    "thresholded": ("metadata.subjectToThresholding", WITHHELD),
    "sampled": ("metadata.samplingMetadatas", SAMPLED),
}


@plays("ga4")
async def test_shortcomings_are_kept_and_told(
    simulator: RunningSimulator, fault: DocumentedFault
) -> None:
    assert fault.play is not None
    kind = fault.play["kind"]
    simulator.fault(**fault.play)
    async with harness(_ga4(simulator)) as run:
        pages = await _read(run)
    told = [(item.kind, item.field, item.detail) for page in pages for item in page.drift]
    assert told == [("notice", *NOTICES[kind])]  # once, not for each of the three days
    truth = _truth(simulator, *KEYS)
    sessions = sum(row["sessions"] for row in _rows(pages))
    exact = sum(numbers[0] for numbers in truth.values())
    if kind == "other_row":
        assert sessions == exact
        assert {row["landing_page"] for row in _rows(pages)} > {"(other)"}
    elif kind == "thresholded":
        assert len(_rows(pages)) == 3 * 108
        assert _arrived(pages, *KEYS).items() < truth.items()
    else:
        assert len(_rows(pages)) == 360
        assert 0 < exact - sessions < exact // 10


async def test_rows_of_another_type_are_quarantined(simulator: RunningSimulator) -> None:
    cells = [{"value": "many"}, *[{"value": "1"}] * 5]
    fault = {"operation": "runReport", "times": 1, "rows": 2, "value": cells}
    simulator.fault("changed_type", **fault)
    async with harness(_ga4(simulator)) as run:
        (page,) = await _read(run, days=LAST)
    assert [(row.row_number, row.field, row.reason, row.message) for row in page.rejected] == [
        (number, "sessions", "not_a_number", "'many' is not a number") for number in (1, 2)
    ]
    assert page.batch.num_rows == 118


async def test_the_days_that_change_are_those_that_are_read_again(
    simulator: RunningSimulator,
) -> None:
    days = DateRange(dt.date(2026, 10, 10), dt.date(2026, 11, 1))
    async with harness(_ga4(simulator)) as run:
        before = _rows(await _read(run, "property_day", days=days))
        simulator.move_clock(dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC))
        after = _rows(await _read(run, "property_day", days=days))
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
    with _alone(moved) as running:
        async with _patient(running) as run:
            visits = _rows(await _read(run, days=LAST))
            totals = _rows(await _read(run, "property_day", days=LAST))
    for rows in (visits, totals):
        assert {(row["currency"], row["time_zone"]) for row in rows} == {("CHF", "Europe/Zurich")}
    mapped = {item.column: item.field for item in SOURCE.streams["web_day"].mapping}
    assert (mapped["currency"], mapped["time_zone"]) == ("currency", "time_zone")


ROLE = (
    "give the connected Google user the role Viewer of this property, and enable the Analytics "
    "Data API and Admin API in the Google Cloud project"
)
NOT_SHARED = (
    "User does not have sufficient permissions for this property. To learn more about Property ID, "
    "see https://developers.google.com/analytics/devguides/reporting/data/v1/property-id. "
    "(PERMISSION_DENIED)"
)
GONE = "set a newer api.version in the source file and check its fields"
REFUSALS: dict[int, tuple[type[ProviderError], str, str]] = {
    403: (AccountNotAccessibleError, NOT_SHARED, ROLE),
    404: (ApiVersionRetiredError, "HTTP status 404 (404)", GONE),
}


@plays("ga4")
async def test_refusals_say_what_to_do(simulator: RunningSimulator, fault: DocumentedFault) -> None:
    assert fault.play is not None
    simulator.fault(**fault.play)
    async with harness(_ga4(simulator)) as run:
        with pytest.raises(ProviderError) as caught:
            await _read(run)
    kind, message, hint = REFUSALS[fault.play["code"]]
    assert type(caught.value) is kind
    assert str(caught.value) == f"Google Analytics 4 refused the request: {message} ({hint})"
    assert run.waits == []


async def test_a_metric_that_is_gone_is_told(simulator: RunningSimulator) -> None:
    stream = SOURCE.streams["property_day"]
    assert stream.request is not None
    body = {**stream.request.json, "metrics": [{"name": "conversions"}]}
    asked = dataclasses.replace(stream, request=dataclasses.replace(stream.request, json=body))
    source = dataclasses.replace(SOURCE, streams={"property_day": asked})
    async with harness(_ga4(simulator)) as run:
        with pytest.raises(UnknownFieldRequestedError) as caught:
            await _read(run, "property_day", source)
    assert str(caught.value) == (
        "Google Analytics 4 refused the request: Did you mean sessions? Field conversions is not a "
        "valid metric. For a list of valid dimensions and metrics, see "
        "https://developers.google.com/analytics/devguides/reporting/data/v1/api-schema "
        "(INVALID_ARGUMENT) (compare the request in the source file with the provider's field list "
        "of this version)"
    )


CONNECT = "connect the account again; the permission was withdrawn or has run out"


@pytest.mark.parametrize(
    ("token", "app", "message"),
    [
        ({"refresh_token": "1//withdrawn"}, APP, "Bad Request (invalid_grant)"),
        (TOKEN, {**APP, "client_secret": "guessed"}, "Unauthorized (invalid_client)"),
    ],
)
async def test_bad_credentials_say_what_to_do(
    simulator: RunningSimulator, token: dict[str, str], app: dict[str, str], message: str
) -> None:
    async with harness(_ga4(simulator)) as run:
        with pytest.raises(CredentialsRejectedError) as caught:
            await run.extractor.check(SOURCE, ACCOUNT, token, app)
    assert str(caught.value) == (f"Google Analytics 4 refused the request: {message} ({CONNECT})")
    assert "guessed" not in str(caught.value)


async def test_check_and_discover(simulator: RunningSimulator) -> None:
    async with harness(_ga4(simulator)) as run:
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
    assert caught.value.hint == ROLE


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
