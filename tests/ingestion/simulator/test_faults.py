"""Every kind of fault, through real HTTP."""

import threading
from typing import Any, get_args

import httpx
import orjson
import pytest

from ingestion.simulator.faults import FaultKind
from tests.fixtures.simulator import RunningSimulator
from tests.ingestion.simulator.conftest import AdsCaller, ShopifyCaller

ROWS = (
    "SELECT campaign.id, segments.date, metrics.clicks FROM campaign "
    "WHERE segments.date BETWEEN '2026-10-01' AND '2026-10-07'"
)
ORDERS = (
    "query Latest { orders(first: 4) { edges { node { id totalPriceSet { shopMoney { amount } } } }"
    " pageInfo { hasNextPage endCursor } } }"
)
STREAM = {"operation": "searchStream"}


def test_google_rate_limit_tells_its_delay(ads: AdsCaller) -> None:
    ads.simulator.fault("rate_limited", match=STREAM, retry_after_seconds=7)
    status, body = ads.failure(ROWS)
    error = body["error"]
    assert (status, error["code"], error["status"], error["message"]) == (
        429,
        429,
        "RESOURCE_EXHAUSTED",
        "Resource has been exhausted (e.g. check quota).",
    )
    assert error["details"][0]["errors"] == [
        {
            "errorCode": {"quotaError": "RESOURCE_TEMPORARILY_EXHAUSTED"},
            "message": "Too many requests. Retry in 7 seconds.",
            "details": {
                "quotaErrorDetails": {
                    "rateScope": "DEVELOPER",
                    "rateName": "Requests per second per account",
                    "retryDelay": "7s",
                }
            },
        }
    ]
    assert ads.post(ROWS).status_code == 200


@pytest.mark.parametrize(
    ("status", "name", "message"),
    [
        (500, "INTERNAL", "Internal error encountered."),
        (503, "UNAVAILABLE", "The service is currently unavailable."),
    ],
)
def test_google_server_errors(ads: AdsCaller, status: int, name: str, message: str) -> None:
    ads.simulator.fault("server_error", status=status)
    answer = ads.post(ROWS, method="search")
    assert (answer.status_code, answer.json()) == (
        status,
        {"error": {"code": status, "message": message, "status": name}},
    )


def test_google_expired_token(ads: AdsCaller) -> None:
    ads.simulator.fault("expired_token", match=STREAM)
    assert ads.post(ROWS).status_code == 401
    assert ads.post(ROWS).status_code == 200


def test_shopify_throttles_with_status_200(
    simulator: RunningSimulator, shopify: ShopifyCaller
) -> None:
    simulator.fault("rate_limited", match={"operation": "orders"}, retry_after_seconds=3)
    answer = shopify(ORDERS)
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "errors": [
                {
                    "message": "Throttled",
                    "extensions": {
                        "code": "THROTTLED",
                        "documentation": "https://shopify.dev/api/usage/rate-limits",
                    },
                }
            ],
            "extensions": {
                "cost": {
                    "requestedQueryCost": 3000,
                    "actualQueryCost": None,
                    "throttleStatus": {
                        "maximumAvailable": 20000.0,
                        "currentlyAvailable": 0,
                        "restoreRate": 1000.0,
                    },
                }
            },
        },
    )


@pytest.mark.parametrize(
    ("kind", "values", "status", "errors"),
    [
        ("server_error", {"status": 500}, 500, "An unexpected error occurred"),
        ("server_error", {"status": 503}, 503, "Service Unavailable"),
        (
            "expired_token",
            {},
            401,
            "[API] Invalid API key or access token (unrecognized login or wrong password)",
        ),
    ],
)
def test_shopify_refusals(
    simulator: RunningSimulator,
    shopify: ShopifyCaller,
    kind: str,
    values: dict[str, Any],
    status: int,
    errors: str,
) -> None:
    simulator.fault(kind, match={"operation": "Latest"}, **values)
    answer = shopify(ORDERS)
    assert (answer.status_code, answer.json()) == (status, {"errors": errors})
    assert shopify(ORDERS).status_code == 200


@pytest.mark.parametrize("method", ["search", "searchStream"])
def test_cuts_the_connection_within_the_body(ads: AdsCaller, method: str) -> None:
    ads.simulator.fault("cut_connection", cut_after_bytes=1000)
    got: list[bytes] = []
    with pytest.raises(httpx.RemoteProtocolError):
        _read_into(ads, method, got)
    body = b"".join(got)
    assert len(body) == 1000
    assert body.startswith(b"[" if method == "searchStream" else b'{"results":')
    assert ads.post(ROWS, method=method).status_code == 200


def _read_into(ads: AdsCaller, method: str, pieces: list[bytes]) -> None:
    with ads.simulator.http.stream(
        "POST",
        f"/google_ads/v25/customers/1111111111/googleAds:{method}",
        headers=ads.headers,
        json={"query": ROWS},
    ) as answer:
        pieces.extend(answer.iter_raw())


def test_slow_answers_arrive_whole_and_in_pieces(ads: AdsCaller) -> None:
    whole = ads.rows(ROWS)
    ads.simulator.fault("slow", match=STREAM, seconds=0.01, piece_bytes=2_000)
    pieces: list[bytes] = []
    _read_into(ads, "searchStream", pieces)
    assert [row for chunk in orjson.loads(b"".join(pieces)) for row in chunk["results"]] == whole


def test_malformed_json_is_a_complete_answer(ads: AdsCaller) -> None:
    ads.simulator.fault("malformed_json")
    answer = ads.post(ROWS)
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content)
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(answer.content)


def test_google_unknown_field_and_changed_type(ads: AdsCaller) -> None:
    whole = ads.rows(ROWS)
    ads.simulator.fault("unknown_field", rows=1)
    altered = ads.rows(ROWS)
    assert altered[0].pop("assetGroupSignal") == {"experimentArm": "7"}
    assert altered == whole
    ads.simulator.fault("changed_type", rows=2)
    altered = ads.rows(ROWS)
    assert [row["metrics"]["clicks"] for row in altered[:2]] == ["n/a", "n/a"]
    assert altered[2:] == whole[2:]
    ads.simulator.fault("changed_type", field="campaign.id", value={"v": 1})
    assert {orjson.dumps(row["campaign"]["id"]) for row in ads.rows(ROWS)} == {b'{"v":1}'}


def test_shopify_unknown_field_and_changed_type(
    simulator: RunningSimulator, shopify: ShopifyCaller
) -> None:
    def nodes() -> list[dict[str, Any]]:
        return [edge["node"] for edge in shopify(ORDERS).json()["data"]["orders"]["edges"]]

    whole = nodes()
    simulator.fault("unknown_field")
    found = nodes()
    assert [node.pop("fulfillmentHoldPolicy") for node in found] == [{"reason": "NONE"}] * 4
    assert found == whole
    simulator.fault("changed_type", rows=1)
    altered = nodes()
    assert altered[0]["totalPriceSet"] == "n/a"
    assert altered[1:] == whole[1:]


def test_half_pages_go_on_from_where_they_ended(
    ads: AdsCaller, simulator: RunningSimulator, shopify: ShopifyCaller
) -> None:
    page = shopify(ORDERS).json()["data"]["orders"]
    simulator.fault("half_page", times=2)
    half = shopify(ORDERS).json()["data"]["orders"]
    assert half["edges"] == page["edges"][:2]
    assert half["pageInfo"]["hasNextPage"] is True
    rest = shopify(
        ORDERS.replace("first: 4", f'first: 4, after: "{half["pageInfo"]["endCursor"]}"')
    )
    assert rest.json()["data"]["orders"]["edges"] == page["edges"][2:]
    wide = ROWS.replace("2026-10-01", "2024-11-01").replace("metrics", "segments.device, metrics")
    whole = ads.rows(wide)
    simulator.fault("half_page")
    chunks = ads.post(wide).json()
    assert [len(chunk["results"]) for chunk in chunks[:2]] == [5_000, 5_000]
    assert [row for chunk in chunks for row in chunk["results"]] == whole


def test_strikes_after_and_times_and_where_it_matches(ads: AdsCaller) -> None:
    ads.simulator.fault("server_error", match={"path": "/v25/"}, after=1, times=2)
    codes = [ads.post(ROWS).status_code for _ in range(5)]
    assert codes == [200, 503, 503, 200, 200]
    ads.simulator.fault("server_error", match={"path": "/v24/"}, times=None)
    assert ads.post(ROWS).status_code == 200
    assert [ads.post(ROWS, version="v24").status_code for _ in range(3)] == [503, 503, 503]
    ads.simulator.http.delete("/_control/faults")
    assert ads.post(ROWS, version="v24").status_code == 200


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            {"kind": "flood"},
            f"'flood' is not a kind of fault. (One of {', '.join(get_args(FaultKind))}.)",
        ),
        (
            {"kind": "slow", "match": {"host": "x"}},
            "`match` of a fault has `path` and `operation` only.",
        ),
        ([], 'A fault is a JSON object. ({"kind": "rate_limited"})'),
    ],
)
def test_refuses_a_wrong_fault(simulator: RunningSimulator, fault: object, message: str) -> None:
    answer = simulator.http.post("/_control/faults", json=fault)
    assert (answer.status_code, answer.json()) == (400, {"error": message})


def test_counts_requests_and_the_most_at_once(ads: AdsCaller) -> None:
    ads.simulator.fault("slow", match=STREAM, seconds=0.3, times=None)
    threads = [threading.Thread(target=ads.post, args=(ROWS,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = ads.simulator.requests()
    assert counts["requests"] == [
        {
            "path": "/google_ads/v25/customers/1111111111/googleAds:searchStream",
            "status": 200,
            "count": 3,
        }
    ]
    assert (counts["total"], counts["highWater"], counts["inFlight"]) == (3, 3, 0)


def test_the_clock_wants_an_offset(simulator: RunningSimulator) -> None:
    answer = simulator.http.post("/_control/clock", json={"now": "2026-11-02T07:00:00"})
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": '`now` is an ISO 8601 instant with an offset. ({"now": "2026-11-02T07:00:00Z"})'},
    )
