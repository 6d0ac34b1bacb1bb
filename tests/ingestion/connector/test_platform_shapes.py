"""Shapes of many platforms, each told by a source file alone; answers as documented."""

import datetime as dt
import gzip
import io
import json
import zipfile
from decimal import Decimal

import pytest

from domain.time_window import DateRange
from ingestion.connector.failures import (
    ApiVersionRetiredError,
    IncompleteAnswerError,
    ProviderError,
)
from ingestion.connector.job import Account
from tests.ingestion.connector.harness import INSTANTS, harness, platform, rows
from tests.ingestion.connector.scripted_server import Reply, Request, serve

pytestmark = pytest.mark.anyio

DAY = dt.date(2026, 11, 2)


def _meta_row(campaign: str, spend: str) -> dict[str, object]:
    return {
        "campaign_id": campaign,
        "date_start": "2026-11-02",
        "date_stop": "2026-11-02",
        "spend": spend,
        "actions": [
            {"action_type": "post_like", "value": "3"},
            {"action_type": "link_click", "value": "10", "1d_click": "9"},
        ],
    }


async def test_meta_follows_next_urls_and_holds_on_usage_header() -> None:
    usage = {"77": [{"call_count": 95, "total_cputime": 3, "estimated_time_to_regain_access": 2}]}

    def answer(request: Request) -> Reply:
        if "after" in request.query:
            return Reply({"data": [_meta_row("c2", "1.50")], "paging": {}})
        paging = {"next": f"{server.url}/v25.0/act_1234567890/insights?limit=100&after=NzIZD"}
        headers = {"x-business-use-case-usage": json.dumps(usage)}
        return Reply({"data": [_meta_row("c1", "8.53")], "paging": paging}, headers=headers)

    async with serve(answer) as server, harness({"meta_ads": f"{server.url}/v25.0"}) as run:
        pages = await run.read(platform("meta_ads"), "campaign_day")
        assert rows(pages, "campaign_id", "date", "spend", "link_clicks") == [
            ("c1", DAY, Decimal("8.53"), 10),
            ("c2", DAY, Decimal("1.5"), 10),
        ]
        first, second = server.requests
        assert first.query["time_range"] == '{"since":"2026-11-01","until":"2026-11-04"}'
        assert (first.query["limit"], second.query["after"]) == ("100", "NzIZD")
        assert second.query["access_token"] == "secret-access-token"
        assert run.budget.holds == [("meta_ads:account_usage:1234567890", 120.0)]
        assert run.waits == [120.0]


async def test_meta_halves_the_page_then_the_days_when_told_to_reduce_data() -> None:
    refusal = {
        "error": {
            "message": "Please reduce the amount of data you're asking for",
            "code": 1,
        }
    }

    def answer(request: Request) -> Reply:
        days = json.loads(request.query["time_range"])
        if days["since"] != days["until"]:
            return Reply(refusal, status=500)
        return Reply({"data": [_meta_row(days["since"], "1")], "paging": {}})

    async with serve(answer) as server, harness({"meta_ads": server.url}) as run:
        pages = await run.read(platform("meta_ads"), "campaign_day")
        asked = [(r.query["limit"], r.query["time_range"][10:20]) for r in server.requests[:4]]
        assert asked[:3] == [("100", "2026-11-01"), ("50", "2026-11-01"), ("25", "2026-11-01")]
        assert [row[0] for row in rows(pages, "campaign_id")] == [
            f"2026-11-0{day}" for day in (1, 2, 3, 4)
        ]


async def test_meta_async_job_is_kept_in_the_checkpoint_and_polled_after_a_restart() -> None:
    statuses = ["Job Running", "Job Completed"]

    def answer(request: Request) -> Reply:
        if request.method == "POST":
            return Reply({"report_run_id": "15718"})
        if request.path == "/15718":
            return Reply({"id": "15718", "async_status": statuses.pop(0)})
        return Reply({"data": [_meta_row("c1", "2")], "paging": {}})

    async with serve(answer) as server:
        source = platform("meta_ads")
        async with harness({"meta_ads": server.url}) as run:
            pages = await run.read(source, "campaign_day_async")
            assert [page.batch.num_rows for page in pages] == [0, 1]
            assert run.waits == [1.25]
            ordered = pages[0].checkpoint
            assert ordered["job"] == "15718"
        statuses.append("Job Completed")
        server.requests.clear()
        async with harness({"meta_ads": server.url}) as again:
            resumed = await again.read(source, "campaign_day_async", checkpoint=ordered)
        assert rows(resumed, "row_number", "campaign_id") == [(1, "c1")]
        assert [r.method for r in server.requests] == ["GET", "GET"]


async def test_async_job_that_ran_out_meanwhile_is_ordered_again() -> None:
    jobs = ["new"]

    def answer(request: Request) -> Reply:
        if request.method == "POST":
            return Reply({"report_run_id": jobs.pop(0)})
        if request.path in ("/old", "/new"):
            word = "Job Failed" if request.path == "/old" else "Job Completed"
            return Reply({"async_status": word})
        return Reply({"data": [_meta_row("c1", "2")], "paging": {}})

    async with serve(answer) as server, harness({"meta_ads": server.url}) as run:
        stored = {
            "version": 1,
            "slices": [["2026-11-01", "2026-11-04"]],
            "total": 1,
            "rows": 0,
            "page": None,
            "job": "old",
        }
        pages = await run.read(platform("meta_ads"), "campaign_day_async", checkpoint=stored)
        assert rows(pages, "campaign_id") == [("c1",)]


def _ga4(offset: int, total: int, held: int) -> dict[str, object]:
    count = max(0, min(2, held - offset))
    return {
        "rows": [
            {
                "dimensionValues": [{"value": "20261102"}, {"value": f"c{offset + n}"}],
                "metricValues": [{"value": "1.25"}],
            }
            for n in range(count)
        ],
        "rowCount": total,
    }


async def test_ga4_sends_the_offset_in_the_body_until_the_row_count_is_reached() -> None:
    def answer(request: Request) -> Reply:
        if request.path == "/token":
            return Reply({"access_token": "fresh", "expires_in": 3599})
        return Reply(_ga4(request.json["offset"], 5, 5))

    async with serve(answer) as server:
        urls = {"ga4": server.url, "ga4.token": f"{server.url}/token"}
        async with harness(urls) as run:
            pages = await run.read(platform("ga4"), "traffic_day", _one_day())
            bodies = [r.json for r in server.requests if r.path != "/token"]
            assert [(body["offset"], body["limit"]) for body in bodies] == [(0, 2), (2, 2), (4, 2)]
            assert [row[0] for row in rows(pages, "campaign_id")] == ["c0", "c1", "c2", "c3", "c4"]
            assert rows(pages, "date")[0] == (DAY,)


async def test_ga4_answer_with_fewer_rows_than_counted_is_an_error() -> None:
    def answer(request: Request) -> Reply:
        if request.path == "/token":
            return Reply({"access_token": "fresh"})
        return Reply(_ga4(request.json["offset"], 5, 3))

    async with serve(answer) as server:
        urls = {"ga4": server.url, "ga4.token": f"{server.url}/token"}
        async with harness(urls) as run:
            with pytest.raises(IncompleteAnswerError, match="counts 5 records but sent 3"):
                await run.read(platform("ga4"), "traffic_day", _one_day())


def _one_day() -> DateRange:
    return DateRange(DAY, DAY)


async def test_tiktok_errors_come_in_status_200_and_a_dash_is_no_value() -> None:
    throttled = {"code": 40100, "message": "App reaches the QPS limit.", "request_id": "r1"}
    answers = [throttled]

    def answer(request: Request) -> Reply:
        if answers:
            return Reply(answers.pop())
        page = int(request.query["page"])
        items = [("1", "20.00"), ("2", "-"), ("3", "1.00")][(page - 1) * 2 : page * 2]
        listed = [
            {
                "dimensions": {"campaign_id": c, "stat_time_day": "2026-11-02 00:00:00"},
                "metrics": {"spend": spend},
            }
            for c, spend in items
        ]
        info = {"page": page, "page_size": 2, "total_number": 3, "total_page": 2}
        return Reply({"code": 0, "message": "OK", "data": {"list": listed, "page_info": info}})

    async with serve(answer) as server, harness({"tiktok_ads": server.url}) as run:
        pages = await run.read(platform("tiktok_ads"), "ad_day")
        assert rows(pages, "campaign_id", "date", "spend") == [
            ("1", DAY, Decimal(20)),
            ("2", DAY, None),
            ("3", DAY, Decimal(1)),
        ]
        assert run.waits == [1.0]
        assert server.requests[0].headers["access-token"] == "secret-access-token"


async def test_tiktok_retired_interface_is_told_as_such() -> None:
    body = {"code": 41001, "message": "interface offline", "request_id": "r9"}
    async with (
        serve(lambda _: Reply(body)) as server,
        harness({"tiktok_ads": server.url}) as run,
    ):
        with pytest.raises(ApiVersionRetiredError) as caught:
            await run.read(platform("tiktok_ads"), "ad_day")
        assert str(caught.value) == (
            "TikTok Ads refused the request: interface offline (41001, request r9) "
            "(set a newer api.version in the source file and check its fields)"
        )


async def test_linkedin_silent_cut_is_answered_by_halving_the_days() -> None:
    def answer(request: Request) -> Reply:
        text = request.query["dateRange"]
        first = int(text.split("day:")[1].split(")")[0])
        last = int(text.split("day:")[2].split(")")[0])
        days = [
            {
                "dateRange": {"start": {"year": 2026, "month": 11, "day": day}},
                "pivotValues": [f"urn:li:sponsoredCampaign:{n}"],
                "costInLocalCurrency": "-2e-18" if n else "209.449",
            }
            for day in range(first, last + 1)
            for n in range(2)
        ]
        return Reply({"elements": days[:4]})

    async with serve(answer) as server, harness({"linkedin_ads": server.url}) as run:
        pages = await run.read(platform("linkedin_ads"), "campaign_day")
        found = rows(pages, "date", "campaign_id", "spend")
        assert len(found) == 8
        assert found[0] == (dt.date(2026, 11, 1), "0", Decimal("209.449"))
        assert found[1] == (dt.date(2026, 11, 1), "1", Decimal(0))
        assert (
            "(start:(year:2026,month:11,day:1),end:(year:2026,month:11,day:4))"
            in (server.requests[0].query["dateRange"])
        )


def _zip(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("report.csv", text.encode("utf-8-sig"))
    return buffer.getvalue()


async def test_bing_submits_polls_and_reads_a_zipped_csv_without_credentials() -> None:
    report = 'TimePeriod,CampaignId,Spend\r\n2026-11-02,7,"12.50"\r\n2026-11-02,8,--\r\n'
    statuses = ["Pending", "Success"]

    def answer(request: Request) -> Reply:
        if request.path.endswith("Submit"):
            return Reply({"ReportRequestId": "rep-1"})
        if request.path.endswith("Poll"):
            url = f"{server.url}/blob/report.zip"
            status = {"Status": statuses.pop(0), "ReportDownloadUrl": url}
            return Reply({"ReportRequestStatus": status})
        return Reply(_zip(report))

    async with serve(answer) as server, harness({"bing_ads": f"{server.url}/v13"}) as run:
        pages = await run.read(platform("bing_ads"), "campaign_day")
        assert rows(pages, "date", "campaign_id", "spend") == [
            (DAY, "7", Decimal("12.5")),
            (DAY, "8", None),
        ]
        submit, poll, _, download = server.requests
        window = submit.json["ReportRequest"]["Time"]
        assert window["CustomDateRangeEnd"] == {"Day": 4, "Month": 11, "Year": 2026}
        assert poll.json == {"ReportRequestId": "rep-1"}
        assert submit.headers["developertoken"] == "secret-developer-token"
        assert "authorization" not in download.headers


async def test_bing_success_without_url_means_no_rows() -> None:
    def answer(request: Request) -> Reply:
        if request.path.endswith("Submit"):
            return Reply({"ReportRequestId": "rep-1"})
        status = {"Status": "Success", "ReportDownloadUrl": None}
        return Reply({"ReportRequestStatus": status})

    async with serve(answer) as server, harness({"bing_ads": server.url}) as run:
        pages = await run.read(platform("bing_ads"), "campaign_day")
        assert [(page.batch.num_rows, page.last) for page in pages] == [(0, False), (0, True)]


async def test_amazon_reuses_the_running_report_and_reads_gzip_json() -> None:
    listed = [{"date": "2026-11-02", "campaignId": 9007199254740993, "cost": 12.34}]

    def answer(request: Request) -> Reply:
        if request.method == "POST":
            detail = "The Request is a duplicate of : 8adca409-1"
            return Reply({"code": "425", "detail": detail}, status=425)
        if request.path == "/reporting/reports/8adca409-1":
            return Reply({"status": "COMPLETED", "url": f"{server.url}/s3"})
        return Reply(gzip.compress(json.dumps(listed).encode()))

    account = Account("1", {"profile_id": "77"}, "USD", "America/New_York")
    async with serve(answer) as server, harness({"amazon_ads": server.url}) as run:
        pages = await run.read(platform("amazon_ads"), "campaign_day", account=account)
        assert rows(pages, "campaign_id", "spend") == [("9007199254740993", Decimal("12.34"))]
        assert server.requests[0].headers["amazon-advertising-api-scope"] == "77"


async def test_amazon_failed_report_is_told() -> None:
    def answer(request: Request) -> Reply:
        if request.method == "POST":
            return Reply({"reportId": "8a", "status": "PENDING"})
        return Reply({"status": "FAILED", "failureReason": "internal"})

    async with serve(answer) as server, harness({"amazon_ads": server.url}) as run:
        with pytest.raises(ProviderError, match="gave up the report 8a: FAILED"):
            await run.read(platform("amazon_ads"), "campaign_day")


async def test_pinterest_bare_array_and_rotated_refresh_token() -> None:
    def answer(request: Request) -> Reply:
        if request.path == "/token":
            return Reply({"access_token": "fresh", "refresh_token": "rotated-token"})
        listed = [
            {"CAMPAIGN_ID": 5, "DATE": "2026-11-02", "SPEND_IN_MICRO_DOLLAR": 1_500_000},
            {"CAMPAIGN_ID": 6, "DATE": "2026-11-02"},
        ]
        headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "12"}
        return Reply(listed, headers=headers)

    async with serve(answer) as server:
        urls = {"pinterest_ads": server.url, "pinterest_ads.token": f"{server.url}/token"}
        async with harness(urls) as run:
            pages = await run.read(platform("pinterest_ads"), "campaign_day")
            assert rows(pages, "campaign_id", "spend") == [("5", Decimal("1.5")), ("6", None)]
            assert run.rotated == [{"refresh_token": "rotated-token"}]
            token = server.requests[0]
            assert token.headers["authorization"].startswith("Basic ")
            assert "client_secret" not in token.form
            (held,) = run.budget.holds
            assert held[0].startswith("pinterest_ads:analytics:")
            assert held[1] == 12.0


async def test_pinterest_bookmark_ends_when_null() -> None:
    def answer(request: Request) -> Reply:
        if request.path == "/token":
            return Reply({"access_token": "fresh"})
        item = {"id": "1", "updated_time": 1_793_750_400, "spend_cap": 2_000_000}
        if "bookmark" not in request.query:
            return Reply({"items": [item], "bookmark": "b1"})
        return Reply({"items": [{**item, "id": "2"}], "bookmark": None})

    async with serve(answer) as server:
        urls = {"pinterest_ads": server.url, "pinterest_ads.token": f"{server.url}/token"}
        async with harness(urls) as run:
            pages = await run.read(platform("pinterest_ads"), "campaigns", INSTANTS)
            assert rows(pages, "campaign_id") == [("1",), ("2",)]


def _snap(status: str) -> dict[str, object]:
    series = [
        {
            "start_time": "2026-11-02T00:00:00.000+01:00",
            "end_time": "2026-11-03T00:00:00.000+01:00",
            "stats": {"impressions": 3, "spend": 2_500_000},
        }
    ]
    stat = {"id": "7057", "type": "CAMPAIGN", "timeseries": series}
    return {
        "request_status": "SUCCESS",
        "request_id": "57ad",
        "timeseries_stats": [{"sub_request_status": status, "timeseries_stat": stat}],
    }


async def test_snapchat_explodes_series_and_asks_from_local_midnight() -> None:
    async with (
        serve(lambda _: Reply(_snap("SUCCESS"))) as server,
        harness({"snapchat_ads": server.url}) as run,
    ):
        pages = await run.read(platform("snapchat_ads"), "campaign_day")
        assert rows(pages, "campaign_id", "date", "spend", "unknown_fields") == [
            ("7057", DAY, Decimal("2.5"), '{"stats":{"impressions":3}}')
        ]
        assert server.requests[0].query["start_time"] == "2026-11-01T00:00:00.000+01:00"
        assert server.requests[0].query["end_time"] == "2026-11-05T00:00:00.000+01:00"


async def test_snapchat_partial_failure_is_a_failure() -> None:
    async with (
        serve(lambda _: Reply(_snap("ERROR"))) as server,
        harness({"snapchat_ads": server.url}) as run,
    ):
        with pytest.raises(ProviderError, match="request 57ad"):
            await run.read(platform("snapchat_ads"), "campaign_day")


async def test_klaviyo_reads_json_api_pages_and_heeds_retry_after() -> None:
    refusals = [Reply({"errors": [{"code": "throttled"}]}, 429, {"Retry-After": "7"})]

    def answer(_: Request) -> Reply:
        if refusals:
            return refusals.pop()
        event = {
            "type": "event",
            "id": "3qv",
            "attributes": {"timestamp": 1_793_612_800, "event_properties": {"$value": 29.9}},
        }
        return Reply({"data": [event], "links": {"next": None}})

    async with serve(answer) as server, harness({"klaviyo": server.url}) as run:
        source = platform("klaviyo")
        pages = await run.read(source, "events", INSTANTS, credentials={"api_key": "pk_1"})
        assert rows(pages, "campaign_id", "spend") == [("3qv", Decimal("29.9"))]
        assert server.requests[0].headers["authorization"] == "Klaviyo-API-Key pk_1"
        assert server.requests[0].query["filter"] == (
            "greater-or-equal(datetime,2026-11-20T11:00:00Z),less-than(datetime,2026-11-20T12:00:00Z)"
        )
        assert run.waits[0] == 7.0


async def test_hubspot_follows_after_and_has_more() -> None:
    def answer(request: Request) -> Reply:
        if request.path.startswith("/email"):
            more = "offset" not in request.query
            event = {"id": "e1" if more else "e2", "created": 1_793_612_800_000, "cost": 150}
            return Reply({"events": [event], "hasMore": more, "offset": "o1"})
        after = request.query.get("after")
        deal = {
            "id": after or "51",
            "updatedAt": "2026-11-02T20:09:56.102Z",
            "properties": {"amount": "10.50"},
        }
        following = {} if after else {"paging": {"next": {"after": "52"}}}
        return Reply({"results": [deal], **following})

    async with serve(answer) as server, harness({"hubspot": server.url}) as run:
        source = platform("hubspot")
        assert rows(await run.read(source, "deals", INSTANTS), "campaign_id") == [("51",), ("52",)]
        events = await run.read(source, "email_events", INSTANTS)
        assert rows(events, "campaign_id", "spend") == [
            ("e1", Decimal("1.5")),
            ("e2", Decimal("1.5")),
        ]


async def test_hubspot_search_beyond_its_cap_is_asked_for_in_half_windows() -> None:
    start = int(INSTANTS.start.timestamp() * 1000)
    stamps = [start + n * 600_000 for n in range(6)]

    def answer(request: Request) -> Reply:
        rule = request.json["filters"][0]
        held = [s for s in stamps if rule["value"] <= s < rule["highValue"]]
        begin = int(request.json.get("after", 0))
        listed = [
            {
                "id": str(stamps.index(s)),
                "updatedAt": "2026-11-20T11:30:00Z",
                "properties": {"amount": "1"},
            }
            for s in held[begin : begin + 2]
        ]
        following = {"next": {"after": str(begin + 2)}} if begin + 2 < len(held) else {}
        return Reply({"total": len(held), "results": listed, "paging": following})

    async with serve(answer) as server, harness({"hubspot": server.url}) as run:
        pages = await run.read(platform("hubspot"), "deals_search", INSTANTS)
        assert [row[0] for row in rows(pages, "campaign_id")] == ["0", "1", "2", "3", "4", "5"]


async def test_link_header_with_basic_auth() -> None:
    def answer(request: Request) -> Reply:
        order = {"id": 1, "created_at": "2026-11-02T10:00:00+01:00", "total_price": "9.99"}
        if "page_info" in request.query:
            return Reply({"orders": [{**order, "id": 2}]})
        link = f'<{server.url}/orders.json?page_info=xyz&limit=250>; rel="next"'
        return Reply({"orders": [order]}, headers={"Link": link})

    async with serve(answer) as server, harness({"shop_rest": server.url}) as run:
        credentials = {"username": "u", "password": "p"}
        source = platform("shop_rest")
        pages = await run.read(source, "orders", INSTANTS, credentials=credentials)
        assert rows(pages, "campaign_id") == [("1",), ("2",)]
        assert server.requests[1].query == {"page_info": "xyz", "limit": "250"}
        assert server.requests[1].headers["authorization"] == "Basic dTpw"
