"""Behaviour of the extractor that no platform owns: loss, duplicates, retries, secrets."""

import asyncio
import dataclasses
import datetime as dt
import json
import traceback
from decimal import Decimal

import httpx
import pytest

from domain.errors import InvalidInputError
from domain.ports import Clock
from domain.time_window import DateRange
from ingestion.connector.failures import (
    AccountNotAccessibleError,
    CredentialsRejectedError,
    ProviderError,
    ProviderUnavailableError,
    ThrottledError,
    UnknownFieldRequestedError,
)
from ingestion.connector.job import Account, CursorWindow, ExtractionJob
from ingestion.connector.records import MalformedAnswerError
from ingestion.connector.source_file import load_source
from ingestion.connector.spec import BudgetSpec
from ingestion.connector.transport import RetryPolicy
from tenancy.quota import RedisCallBudget
from tenancy.redis_server import RedisServer
from tests.ingestion.connector.harness import (
    ACCOUNT,
    APP,
    CREDENTIALS,
    DAYS,
    INSTANTS,
    harness,
    platform,
    rows,
)
from tests.ingestion.connector.scripted_server import Reply, Request, serve

pytestmark = pytest.mark.anyio

TOKEN = Reply({"access_token": "secret-issued-token", "expires_in": 3599})


def _google_urls(url: str) -> dict[str, str]:
    return {"google_ads": f"{url}/{{version}}", "google_ads.token": f"{url}/token"}


def _days_of(request: Request) -> list[str]:
    query = str(request.json["query"])
    first, last = query.split("BETWEEN '")[1].rstrip("'").split("' AND '")
    window = DateRange(dt.date.fromisoformat(first), dt.date.fromisoformat(last))
    return [day.isoformat() for day in window]


def _google_rows(days: list[str]) -> list[dict[str, object]]:
    listed = [
        {
            "campaign": {"id": "7", "name": "Brand", "advertisingChannelType": "SEARCH"},
            "segments": {"date": day, "device": "MOBILE"},
            "metrics": {"costMicros": "1500000", "clicks": "4", "impressions": "9"},
            "customer": {"currencyCode": "EUR", "timeZone": "Europe/Berlin"},
        }
        for day in days
    ]
    return [{"results": listed[:2], "requestId": "r"}, {"results": listed[2:]}, {"requestId": "r"}]


async def test_broken_stream_is_asked_for_again_and_nothing_comes_twice() -> None:
    cuts = [40, 300]

    def answer(request: Request) -> Reply:
        if request.path == "/token":
            return TOKEN
        body = _google_rows(_days_of(request))
        return Reply(body, cut_after=cuts.pop() if cuts else None)

    async with serve(answer) as server, harness(_google_urls(server.url)) as run:
        pages = await run.read(load_source("google_ads"), "campaign_day")
        assert rows(pages, "row_number", "date", "cost") == [
            (n, dt.date(2026, 11, n), Decimal("1.5")) for n in (1, 2, 3, 4)
        ]
        assert run.waits == [1.0, 2.0]  # half of 2 and of 4 seconds: full jitter of 0.5
        assert (pages[-1].last, pages[0].requests) == (True, 4)


async def test_stream_that_keeps_breaking_is_asked_for_in_halves() -> None:
    def answer(request: Request) -> Reply:
        if request.path == "/token":
            return TOKEN
        days = _days_of(request)
        return Reply(_google_rows(days), cut_after=100 if len(days) > 1 else None)

    async with serve(answer) as server, harness(_google_urls(server.url)) as run:
        pages = await run.read(load_source("google_ads"), "campaign_day")
        assert rows(pages, "row_number", "date") == [
            (n, dt.date(2026, 11, n)) for n in (1, 2, 3, 4)
        ]
        assert [page.last for page in pages] == [False, False, False, True]


async def test_every_checkpoint_resumes_to_the_same_rows() -> None:
    def answer(request: Request) -> Reply:
        return TOKEN if request.path == "/token" else Reply(_google_rows(_days_of(request)))

    source = load_source("google_ads")
    window = DateRange(dt.date(2026, 9, 1), dt.date(2026, 10, 15))
    async with serve(answer) as server, harness(_google_urls(server.url)) as run:
        whole = await run.read(source, "campaign_day", window)
        assert [page.batch.num_rows for page in whole] == [14, 14, 14, 3]
        for kept in range(len(whole)):
            stored = json.loads(json.dumps(whole[kept].checkpoint))
            rest = await run.read(source, "campaign_day", window, stored)
            again = rows(whole[: kept + 1] + rest, "row_number", "date")
            assert again == rows(whole, "row_number", "date")


async def test_error_inside_a_streamed_answer_is_not_taken_for_its_end() -> None:
    broken = [{"results": []}, {"error": {"code": 500, "status": "INTERNAL", "message": "oops"}}]
    replies = [Reply(broken)]

    def answer(request: Request) -> Reply:
        if request.path == "/token":
            return TOKEN
        return replies.pop() if replies else Reply(_google_rows(_days_of(request)))

    async with serve(answer) as server, harness(_google_urls(server.url)) as run:
        pages = await run.read(load_source("google_ads"), "campaign_day")
        assert len(rows(pages, "date")) == 4
        assert run.progress[0].reason == "trying again: oops"


def _failure(status: int, word: str, group: str, code: str) -> Reply:
    detail = {
        "errors": [{"errorCode": {group: code}, "message": f"about {code}"}],
        "requestId": "q7",
    }
    error = {"code": status, "status": word, "message": "see details", "details": [detail]}
    return Reply([{"error": error}], status=status)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (
            _failure(400, "INVALID_ARGUMENT", "queryError", "UNRECOGNIZED_FIELD"),
            UnknownFieldRequestedError,
        ),
        (
            _failure(403, "PERMISSION_DENIED", "authorizationError", "USER_PERMISSION_DENIED"),
            AccountNotAccessibleError,
        ),
        (
            _failure(401, "UNAUTHENTICATED", "authenticationError", "OAUTH_TOKEN_REVOKED"),
            CredentialsRejectedError,
        ),
    ],
)
async def test_google_failures_become_errors_that_teach(
    reply: Reply, error: type[ProviderError]
) -> None:
    def answer(request: Request) -> Reply:
        return TOKEN if request.path == "/token" else reply

    async with serve(answer) as server, harness(_google_urls(server.url)) as run:
        with pytest.raises(error) as caught:
            await run.read(load_source("google_ads"), "campaign_day")
        assert caught.value.request_id == "q7"
        assert caught.value.message.startswith("Google Ads refused the request: about ")
        assert caught.value.hint
        assert run.waits == []


async def test_google_retry_delay_of_the_body_is_waited_for() -> None:
    quota = {"errorCode": {"quotaError": "RESOURCE_EXHAUSTED"}, "message": "Too many requests."}
    quota["details"] = {"quotaErrorDetails": {"rateScope": "ACCOUNT", "retryDelay": "30s"}}
    error = {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [{"errors": [quota]}]}
    replies = [Reply({"error": error}, status=429)]

    def answer(request: Request) -> Reply:
        if request.path == "/token":
            return TOKEN
        return replies.pop() if replies else Reply(_google_rows(_days_of(request)))

    async with serve(answer) as server, harness(_google_urls(server.url)) as run:
        await run.read(load_source("google_ads"), "campaign_day")
        assert run.waits[0] == 30.0
        assert run.progress[0].waiting_seconds == 30.0
        assert run.progress[0].reason == "Google Ads is throttling: Too many requests."
        ((key, seconds),) = run.budget.holds
        assert (key.rpartition(":")[0], seconds) == ("google_ads:developer_operations", 30.0)


async def test_wait_that_is_too_long_for_a_worker_is_given_back() -> None:
    body = {"errors": [{"extensions": {"code": "THROTTLED"}, "message": "Throttled"}]}
    cost = {"requestedQueryCost": 900, "actualQueryCost": None}
    status = {"maximumAvailable": 2000, "currentlyAvailable": 0, "restoreRate": 0.5}
    body["extensions"] = {"cost": {**cost, "throttleStatus": status}}  # type: ignore[assignment]
    async with (
        serve(lambda _: Reply(body)) as server,
        harness({"shopify": server.url}) as run,
    ):
        with pytest.raises(ThrottledError) as caught:
            await run.read(load_source("shopify"), "orders", INSTANTS, account=_SHOP)
        assert caught.value.wait_seconds == 1800.0
        assert run.budget.holds[0] == ("shopify:points:acme-shoes", 1800.0)


_SHOP = Account("acme-shoes", {}, "EUR", "Europe/Berlin")


async def test_shopify_page_grows_to_the_cost_limit_and_shrinks_when_refused() -> None:
    def answer(request: Request) -> Reply:
        first = request.json["variables"]["first"]
        if first > 60:
            error = {"message": "Query cost is 1002", "extensions": {"code": "MAX_COST_EXCEEDED"}}
            return Reply({"errors": [error]})
        after = request.json["variables"]["after"]
        more = after != "c2"
        info = {"hasNextPage": more, "endCursor": f"c{int((after or 'c0')[1:]) + 1}"}
        data = {"customers": {"nodes": [], "pageInfo": info}}
        cost = {"requestedQueryCost": first * 2, "throttleStatus": {"currentlyAvailable": 2000}}
        return Reply({"data": data, "extensions": {"cost": cost}})

    async with serve(answer) as server, harness({"shopify": server.url}) as run:
        await run.read(load_source("shopify"), "customers", INSTANTS, account=_SHOP)
        asked = [r.json["variables"]["first"] for r in server.requests]
        assert asked == [100, 50, 50, 50]
        assert server.requests[0].json["variables"]["search"] == (
            "updated_at:>='2026-11-20T11:00:00Z' AND updated_at:<'2026-11-20T12:00:00Z'"
        )


async def test_access_token_is_refreshed_once_for_fifty_callers() -> None:
    issued: list[str] = []

    def answer(request: Request) -> Reply:
        if request.path == "/token":
            issued.append(request.form["refresh_token"])
            return Reply({"access_token": f"token-{len(issued)}", "expires_in": 3599})
        if request.headers["authorization"] == "Bearer token-1":
            return Reply({"error": {"status": "UNAUTHENTICATED", "message": "expired"}}, status=401)
        return Reply(_google_rows(_days_of(request)))

    source = load_source("google_ads")
    async with serve(answer) as server, harness(_google_urls(server.url)) as run:
        reads = [run.read(source, "campaign_day") for _ in range(50)]
        results = await asyncio.gather(*reads)
        assert {len(rows(pages, "date")) for pages in results} == {4}
        assert issued == ["secret-refresh-token", "secret-refresh-token"]


async def test_second_rejection_is_final() -> None:
    def answer(request: Request) -> Reply:
        return (
            TOKEN if request.path == "/token" else Reply({"error": {"message": "no"}}, status=401)
        )

    async with serve(answer) as server, harness(_google_urls(server.url)) as run:
        with pytest.raises(CredentialsRejectedError):
            await run.read(load_source("google_ads"), "campaign_day")
        assert server.paths().count("/token") == 2
        assert len(server.requests) == 4


async def test_withdrawn_permission_says_to_connect_again() -> None:
    body = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
    async with (
        serve(lambda _: Reply(body, status=400)) as server,
        harness(_google_urls(server.url)) as run,
    ):
        with pytest.raises(CredentialsRejectedError) as caught:
            await run.read(load_source("google_ads"), "campaign_day")
        assert str(caught.value) == (
            "Google Ads refused the request: Token has been expired or revoked. (invalid_grant) "
            "(connect the account again; the permission was withdrawn or has run out)"
        )


async def test_secrets_stand_in_no_message_trace_or_repr() -> None:
    secrets = [*CREDENTIALS.values(), *APP.values(), "secret-issued-token"]

    def answer(request: Request) -> Reply:
        if request.path == "/token":
            return TOKEN
        told = f"bad {request.headers['authorization']} {request.headers['developer-token']}"
        return Reply({"error": {"status": told, "message": told}}, status=400)

    async with serve(answer) as server, harness(_google_urls(server.url)) as run:
        with pytest.raises(ProviderError) as caught:
            await run.read(load_source("google_ads"), "campaign_day")
        text = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
        assert [
            secret for secret in secrets if secret.startswith("secret") and secret in text
        ] == []
        assert "bad Bearer *** ***" in text


async def test_server_errors_are_tried_again_and_then_told() -> None:
    async with (
        serve(lambda _: Reply(b"<html>busy</html>", status=503)) as server,
        harness({"tiktok_ads": server.url}) as run,
    ):
        with pytest.raises(ProviderUnavailableError) as caught:
            await run.read(platform("tiktok_ads"), "ad_day")
        assert caught.value.message == (
            "TikTok Ads did not answer usably 6 times in a row: HTTP status 503"
        )
        assert run.waits == [1.0, 2.0, 4.0, 8.0, 16.0]
        assert len(server.requests) == 6


async def test_server_errors_beyond_their_budget_stop_every_worker(
    redis_server: RedisServer,
) -> None:
    errors = BudgetSpec("errors", "account", 2, 3600, 2, counts="server_errors")
    source = dataclasses.replace(
        platform("tiktok_ads"), budgets=(BudgetSpec("calls", "account"), errors)
    )

    def share(clock: Clock) -> RedisCallBudget:
        return RedisCallBudget(redis_server, clock=clock)

    async with (
        serve(lambda _: Reply({"message": "busy"}, status=503)) as server,
        harness({"tiktok_ads": server.url}, share=share) as run,
    ):
        with pytest.raises(ThrottledError) as caught:
            await run.read(source, "ad_day")
        assert caught.value.message == (
            "TikTok Ads grants no calls for 3597 seconds: TikTok Ads is throttling: it allows few "
            "server errors, and answers with more: busy"
        )
        assert (len(server.requests), run.waits) == (3, [1.0, 2.0])
        with pytest.raises(ThrottledError, match="for 3597 seconds: the budget calls is spent"):
            await run.read(source, "ad_day")
        assert len(server.requests) == 3


async def test_request_that_keeps_timing_out_is_asked_for_in_halves() -> None:
    def answer(request: Request) -> Reply:
        if (request.query["start_date"], request.query["end_date"]) == ("2026-11-01", "2026-11-04"):
            return Reply({"code": 50002, "message": "timed out"})
        return Reply({"code": 0, "data": {"list": [], "page_info": {"total_number": 0}}})

    async with serve(answer) as server, harness({"tiktok_ads": server.url}) as run:
        await run.read(platform("tiktok_ads"), "ad_day")
        asked = [(r.query["end_date"], r.query["page_size"]) for r in server.requests]
    whole, half = ("2026-11-04", "2026-11-02")
    assert asked == [(whole, "2")] * 3 + [(whole, "1")] * 3 + [(half, "2"), (whole, "2")]


async def test_smallest_request_that_times_out_is_tried_again_later() -> None:
    timed_out = Reply({"code": 50002, "message": "timed out"})
    day = DateRange(DAYS.start, DAYS.start)
    async with serve(lambda _: timed_out) as server, harness({"tiktok_ads": server.url}) as run:
        with pytest.raises(ProviderUnavailableError, match="6 times in a row: timed out"):
            await run.read(platform("tiktok_ads"), "ad_day", day)


async def test_connection_that_is_refused_names_the_host_alone() -> None:
    policy = RetryPolicy(attempts=1)
    async with harness({"tiktok_ads": "http://somebody:word@127.0.0.1:9/x?y=z"}, policy) as run:
        with pytest.raises(ProviderUnavailableError) as caught:
            await run.read(platform("tiktok_ads"), "ad_day")
    assert str(caught.value) == (
        "TikTok Ads did not answer usably 1 times in a row: 127.0.0.1:9 does not answer"
        " (ConnectError) (the sync is tried again later by itself)"
    )


async def test_a_connection_that_breaks_off_is_told_apart_from_silence() -> None:
    policy = RetryPolicy(attempts=1)
    async with serve(lambda _: Reply(b"abc", cut_after=1)) as server:
        host = server.url.removeprefix("http://")
        async with harness({"tiktok_ads": server.url}, policy) as run:
            with pytest.raises(
                ProviderUnavailableError, match=f"{host} breaks off .RemoteProtocolError"
            ):
                await run.read(platform("tiktok_ads"), "ad_day")


@pytest.mark.parametrize("asks", ["check", "discover"])
async def test_a_check_gives_up_after_two_attempts_and_a_moment(asks: str) -> None:
    source = platform("tiktok_ads")
    async with harness({source.name: "http://127.0.0.1:9"}, RetryPolicy(attempts=9)) as run:
        ask = getattr(run.extractor, asks)
        with pytest.raises(ProviderUnavailableError) as caught:
            await ask(source, ACCOUNT, CREDENTIALS, APP)
    assert str(caught.value) == (
        "TikTok Ads did not answer usably 2 times in a row: 127.0.0.1:9 does not answer"
        " (ConnectError) (check the network, or --endpoint, and try again)"
    )
    assert run.waits == [0.25]


class _Silence(httpx.AsyncBaseTransport):
    """A network on which nothing ever answers; notes how long it would have been waited for."""

    def __init__(self) -> None:
        self.limits: list[object] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.limits.append(request.extensions["timeout"])
        raise httpx.ReadTimeout("silence", request=request)


async def test_a_check_waits_for_each_answer_for_seconds_only() -> None:
    silence = _Silence()
    async with (
        httpx.AsyncClient(transport=silence, timeout=60) as http,
        harness({}, http=http) as run,
    ):
        with pytest.raises(ProviderUnavailableError, match=r"does not answer \(ReadTimeout\)"):
            await run.extractor.check(platform("tiktok_ads"), ACCOUNT, CREDENTIALS, APP)
    assert silence.limits == [{"connect": 3.0, "read": 5.0, "write": 5.0, "pool": 5.0}] * 2


async def test_a_throttled_check_is_given_back_at_once() -> None:
    async with (
        serve(lambda _: Reply({"code": 1}, status=429, headers={"Retry-After": "60"})) as server,
        harness({"tiktok_ads": server.url}) as run,
    ):
        with pytest.raises(ThrottledError) as caught:
            await run.extractor.check(platform("tiktok_ads"), ACCOUNT, CREDENTIALS, APP)
    assert caught.value.hint == "try again after that time"
    assert run.waits == []


async def test_paging_in_circles_is_an_error() -> None:
    tokens = {"": "a", "a": "b", "b": "a"}

    def answer(request: Request) -> Reply:
        following = {"next": {"after": tokens[request.query.get("after", "")]}}
        return Reply({"results": [], "paging": following})

    async with serve(answer) as server, harness({"hubspot": server.url}) as run:
        with pytest.raises(ProviderError, match="names a page as the next one that it has sent"):
            await run.read(platform("hubspot"), "deals", INSTANTS)
        assert len(server.requests) == 3


async def test_credentials_are_not_sent_to_another_host() -> None:
    body = {"data": [], "links": {"next": "https://evil.example/events?page=2"}}
    async with serve(lambda _: Reply(body)) as server, harness({"klaviyo": server.url}) as run:
        with pytest.raises(ProviderError, match=r"points to another host, evil\.example"):
            await run.read(platform("klaviyo"), "events", INSTANTS, credentials={"api_key": "pk_1"})
        assert len(server.requests) == 1


async def test_account_id_that_could_change_the_url_is_refused() -> None:
    account = Account("evil.example/#", {}, "EUR", "Europe/Berlin")
    async with harness({}) as run:
        with pytest.raises(InvalidInputError) as caught:
            await run.read(load_source("shopify"), "orders", INSTANTS, account=account)
        assert str(caught.value) == (
            "'evil.example/#' is no shop name of Shopify (it looks like acme-shoes)"
        )


async def test_window_of_the_wrong_kind_is_refused() -> None:
    async with harness({}) as run:
        with pytest.raises(InvalidInputError, match=r"shopify\.orders is read by cursor"):
            await run.read(load_source("shopify"), "orders", DAYS, account=_SHOP)


async def test_answer_larger_than_the_limit_is_asked_for_in_halves() -> None:
    policy = RetryPolicy(largest_body_bytes=400)

    def answer(request: Request) -> Reply:
        return TOKEN if request.path == "/token" else Reply(_google_rows(_days_of(request)))

    async with serve(answer) as server, harness(_google_urls(server.url), policy) as run:
        pages = await run.read(load_source("google_ads"), "campaign_day")
        assert [page.batch.num_rows for page in pages] == [1, 1, 1, 1]


async def test_drift_is_told_once_and_unknown_fields_are_kept() -> None:
    def answer(request: Request) -> Reply:
        if request.path == "/token":
            return TOKEN
        body = _google_rows(_days_of(request)[:1])
        body[0]["results"][0]["metrics"]["newThing"] = 5  # type: ignore[index]
        body[0]["results"][0]["segments"]["device"] = "FRIDGE"  # type: ignore[index]
        return Reply(body)

    async with serve(answer) as server, harness(_google_urls(server.url)) as run:
        window = DateRange(dt.date(2026, 10, 1), dt.date(2026, 10, 28))
        pages = await run.read(load_source("google_ads"), "campaign_day", window)
        told = [(item.kind, item.field, item.detail) for page in pages for item in page.drift]
        assert told == [
            ("new_field", "metrics.newThing", "kept in unknown_fields"),
            ("unknown_value", "device", "'FRIDGE' is read as other"),
        ]
        assert rows(pages, "unknown_fields") == [('{"metrics":{"newThing":5}}',)] * 2


async def test_test_orders_are_left_out_but_keep_their_row_number() -> None:
    def order(number: int, *, test: bool) -> dict[str, object]:
        money = {"shopMoney": {"amount": "10.00", "currencyCode": "EUR"}}
        return {
            "id": f"gid://shopify/Order/{number}",
            "processedAt": "2026-11-01T23:30:00Z",
            "test": test,
            "displayFinancialStatus": "PAID",
            "cancelledAt": "2026-11-03T00:00:00Z" if number == 3 else None,
            "totalPriceSet": money,
            "billingAddress": {"countryCodeV2": "DE"},
            "shippingAddress": None,
            "customerJourneySummary": {
                "lastVisit": {"utmParameters": {"source": "Google", "medium": "CPC"}}
            },
        }

    nodes = [order(1, test=False), order(2, test=True), order(3, test=False)]
    data = {"orders": {"nodes": nodes, "pageInfo": {"hasNextPage": False, "endCursor": "x"}}}
    async with (
        serve(lambda _: Reply({"data": data})) as server,
        harness({"shopify": server.url}) as run,
    ):
        (page,) = await run.read(load_source("shopify"), "orders", INSTANTS, account=_SHOP)
        assert rows([page], "row_number", "order_id", "status", "country", "channel") == [
            (1, "1", "PAID", "DE", "paid_search"),
            (3, "3", "CANCELLED", "DE", "paid_search"),
        ]
        assert rows([page], "ordered_on")[0] == (dt.date(2026, 11, 2),)  # in Berlin
        assert page.skipped == 1


async def test_refunds_carry_fields_of_their_order() -> None:
    refund = {"id": "gid://shopify/Refund/9", "createdAt": "2026-11-02T08:00:00Z"}
    refund["totalRefundedSet"] = {"shopMoney": {"amount": "4.20", "currencyCode": "EUR"}}  # type: ignore[assignment]
    order = {"id": "gid://shopify/Order/1", "test": False, "refunds": [refund]}
    other = {"id": "gid://shopify/Order/2", "test": True, "refunds": [refund]}
    data = {"orders": {"nodes": [order, other], "pageInfo": {"hasNextPage": False}}}
    async with (
        serve(lambda _: Reply({"data": data})) as server,
        harness({"shopify": server.url}) as run,
    ):
        pages = await run.read(load_source("shopify"), "refunds", INSTANTS, account=_SHOP)
        assert rows(pages, "refund_id", "order_id", "refunded", "channel") == [
            ("9", "1", Decimal("4.2"), None)
        ]


async def test_missing_list_is_not_taken_for_an_empty_one() -> None:
    policy = RetryPolicy(attempts=2)
    async with (
        serve(lambda _: Reply({"data": {}})) as server,
        harness({"shopify": server.url}, policy) as run,
    ):
        with pytest.raises(ProviderUnavailableError, match="has no 'orders' on the way"):
            await run.read(load_source("shopify"), "orders", INSTANTS, account=_SHOP)


async def test_check_tells_currency_and_zone_and_sends_the_manager_only_when_known() -> None:
    customer = {"descriptiveName": "Acme", "currencyCode": "EUR", "timeZone": "Europe/Berlin"}

    def answer(request: Request) -> Reply:
        return TOKEN if request.path == "/token" else Reply([{"results": [{"customer": customer}]}])

    source = load_source("google_ads")
    async with serve(answer) as server, harness(_google_urls(server.url)) as run:
        plain = Account("123-456-7890", {}, "", "")
        found = await run.extractor.check(source, plain, CREDENTIALS, APP)
        assert (found.account_id, found.label, found.currency, found.time_zone) == (
            "1234567890",
            "Acme",
            "EUR",
            "Europe/Berlin",
        )
        assert "login-customer-id" not in server.requests[-1].headers
        below = Account("1234567890", {"manager_id": "9000000001"}, "", "")
        await run.extractor.check(source, below, CREDENTIALS, APP)
        assert server.requests[-1].headers["login-customer-id"] == "9000000001"


async def test_discover_lists_client_accounts_below_every_root() -> None:
    def client(number: str, *, manager: bool = False, status: str = "ENABLED") -> dict[str, object]:
        told = {"id": number, "descriptiveName": f"N{number}", "currencyCode": "EUR"}
        told |= {"timeZone": "Europe/Berlin", "manager": manager, "status": status}  # type: ignore[dict-item]
        return {"customerClient": told}

    def answer(request: Request) -> Reply:
        if request.path == "/token":
            return TOKEN
        if request.path.endswith("listAccessibleCustomers"):
            return Reply({"resourceNames": ["customers/9000000001", "customers/9000000002"]})
        if "9000000002" in request.path:
            return _failure(403, "PERMISSION_DENIED", "authorizationError", "CUSTOMER_NOT_ENABLED")
        assert request.headers["login-customer-id"] == "9000000001"
        clients = [
            client("9000000001", manager=True),
            client("1111111112"),
            client("1111111111"),
            client("1111111113", status="CLOSED"),
        ]
        return Reply([{"results": clients}])

    async with serve(answer) as server, harness(_google_urls(server.url)) as run:
        nobody = Account("", {}, "", "")
        source = load_source("google_ads")
        found = await run.extractor.discover(source, nobody, CREDENTIALS, APP)
        assert [(item.account_id, item.settings) for item in found] == [
            ("1111111111", {"manager_id": "9000000001"}),
            ("1111111112", {"manager_id": "9000000001"}),
        ]


async def test_discover_without_roots_lists_all_pages_at_once() -> None:
    def answer(request: Request) -> Reply:
        if request.query.get("after") == "c1":
            return Reply({"data": [{"account_id": "1"}], "paging": {"cursors": {"after": "c2"}}})
        paging = {"cursors": {"after": "c1"}, "next": "https://graph.invalid/?access_token=x"}
        return Reply({"data": [{"account_id": "3"}, {"account_id": "2"}], "paging": paging})

    async with serve(answer) as server, harness({"meta_ads": server.url}) as run:
        nobody = Account("", {}, "", "")
        found = await run.extractor.discover(platform("meta_ads"), nobody, CREDENTIALS, APP)
    assert [item.account_id for item in found] == ["1", "2", "3"]
    assert server.paths() == ["/me/adaccounts"] * 2


async def test_a_next_page_without_a_token_is_malformed() -> None:
    body = {"data": [], "paging": {"next": "https://graph.invalid/"}}
    async with (
        serve(lambda _: Reply(body)) as server,
        harness({"meta_ads": server.url}) as run,
    ):
        with pytest.raises(MalformedAnswerError) as caught:
            await run.extractor.discover(platform("meta_ads"), ACCOUNT, CREDENTIALS, APP)
    assert str(caught.value) == "'paging.next' tells of more, but 'paging.cursors.after' is empty"


async def test_cursor_window_is_widened_to_whole_seconds() -> None:
    seen: list[str] = []

    def answer(request: Request) -> Reply:
        seen.append(request.json["variables"]["search"])
        return Reply({"data": {"orders": {"nodes": [], "pageInfo": {"hasNextPage": False}}}})

    window = CursorWindow(
        dt.datetime(2026, 11, 1, 0, 0, 0, 900_000, tzinfo=dt.UTC),
        dt.datetime(2026, 11, 1, 1, 0, 0, 1, tzinfo=dt.UTC),
    )
    async with serve(answer) as server, harness({"shopify": server.url}) as run:
        await run.read(load_source("shopify"), "orders", window, account=_SHOP)
    assert seen == ["updated_at:>='2026-11-01T00:00:00Z' AND updated_at:<'2026-11-01T01:00:01Z'"]


async def test_jobs_show_no_secrets() -> None:
    source = load_source("shopify")
    job = ExtractionJob(source, source.streams["orders"], ACCOUNT, CREDENTIALS, INSTANTS, APP)
    assert "secret" not in repr(job) + repr(job.access)
