"""GAQL and the answers to it, from developers.google.com/google-ads/api/docs/query."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.simulator.google_ads.failures import GoogleAdsRefusalError
from ingestion.simulator.google_ads.gaql import Condition, Ordering, Query, parse_gaql
from tests.ingestion.simulator.conftest import AdsCaller

DAY = "SELECT {} FROM {} WHERE segments.date = '2026-10-01'"


def test_serves_exactly_the_selected_fields(ads: AdsCaller) -> None:
    answer = ads.post(
        "SELECT campaign.id, metrics.cost_micros, metrics.conversions, segments.device, "
        "segments.date FROM campaign WHERE segments.date BETWEEN '2026-09-01' AND '2026-09-01'"
    )
    (chunk,) = answer.json()
    assert sorted(chunk) == ["fieldMask", "queryResourceConsumption", "requestId", "results"]
    assert chunk["fieldMask"] == (
        "campaign.id,metrics.costMicros,metrics.conversions,segments.device,segments.date"
    )
    row = chunk["results"][0]
    assert sorted(row) == ["campaign", "metrics", "segments"]
    assert row["campaign"] == {
        "resourceName": "customers/1111111111/campaigns/111111111101",
        "id": "111111111101",
    }
    assert isinstance(row["metrics"]["costMicros"], str)
    assert isinstance(row["metrics"]["conversions"], float)
    assert row["segments"] == {"device": "MOBILE", "date": "2026-09-01"}


def test_an_empty_result_has_no_results(ads: AdsCaller) -> None:
    query = "SELECT campaign.id, segments.date FROM campaign WHERE segments.date = '2020-01-01'"
    (chunk,) = ads.post(query).json()
    assert sorted(chunk) == ["fieldMask", "queryResourceConsumption", "requestId"]


def test_lists_campaigns_of_every_channel_without_segments(ads: AdsCaller) -> None:
    query = "SELECT campaign.id, campaign.advertising_channel_type, campaign.status FROM campaign"
    campaigns = [row["campaign"] for row in ads.rows(query)]
    assert len(campaigns) == 12
    assert {each["advertisingChannelType"] for each in campaigns} == {
        "SEARCH",
        "PERFORMANCE_MAX",
        "SHOPPING",
        "DISPLAY",
        "VIDEO",
        "DEMAND_GEN",
    }


def test_zero_metrics_are_present_without_segments(ads: AdsCaller) -> None:
    query = (
        "SELECT campaign.id, metrics.clicks, metrics.conversions FROM campaign "
        "WHERE segments.date = '2020-01-01'"
    )
    rows = ads.rows(query)
    assert len(rows) == 12
    assert rows[0]["metrics"] == {"clicks": "0", "conversions": 0}


def test_account_attributes_come_along(ads: AdsCaller) -> None:
    row = ads.rows("SELECT customer.currency_code, customer.time_zone, campaign.id FROM campaign")[
        0
    ]
    assert row["customer"] == {
        "resourceName": "customers/1111111111",
        "currencyCode": "EUR",
        "timeZone": "Europe/Berlin",
    }


def test_levels_add_up_to_their_campaign(ads: AdsCaller) -> None:
    dates = "segments.date BETWEEN '2026-09-01' AND '2026-09-03'"
    where = f"WHERE campaign.advertising_channel_type = 'SEARCH' AND {dates}"

    def total(resource: str) -> dict[str, int]:
        sums: dict[str, int] = {}
        for row in ads.rows(f"SELECT campaign.id, metrics.cost_micros FROM {resource} {where}"):
            key = row["campaign"]["id"]
            sums[key] = sums.get(key, 0) + int(row["metrics"]["costMicros"])
        return sums

    assert total("ad_group") == total("campaign")
    assert total("ad_group_ad") == total("campaign")


def test_filters_orders_and_limits(ads: AdsCaller) -> None:
    rows = ads.rows(
        "SELECT campaign.id, segments.device, metrics.clicks FROM campaign WHERE segments.date = "
        "'2026-10-01' AND segments.device IN ('MOBILE', 'TABLET') AND metrics.clicks >= 10 "
        "ORDER BY metrics.clicks DESC LIMIT 5"
    )
    clicks = [int(row["metrics"]["clicks"]) for row in rows]
    assert len(rows) == 5
    assert clicks == sorted(clicks, reverse=True)
    assert {row["segments"]["device"] for row in rows} <= {"MOBILE", "TABLET"}


def test_during_last_7_days_ends_yesterday(ads: AdsCaller) -> None:
    rows = ads.rows(
        "SELECT segments.date, metrics.clicks FROM customer "
        "WHERE segments.date DURING LAST_7_DAYS ORDER BY segments.date"
    )
    assert [row["segments"]["date"] for row in rows] == [
        "2026-10-26",
        "2026-10-27",
        "2026-10-28",
        "2026-10-29",
        "2026-10-30",
        "2026-10-31",
        "2026-11-01",
    ]


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        (
            "SELECT campaign.foo FROM campaign",
            "UNRECOGNIZED_FIELD",
            "Unrecognized field in the query: 'campaign.foo'.",
        ),
        (
            "SELECT campaign.foo, campaign.bar FROM campaign",
            "UNRECOGNIZED_FIELD",
            "Unrecognized fields in the query: 'campaign.foo', 'campaign.bar'.",
        ),
        (
            "SELECT campaign.id FROM campaign WHERE campaign.id = 1 OR campaign.id = 2",
            "UNEXPECTED_INPUT",
            "Error in query: unexpected input OR.",
        ),
        (
            "SELECT campaign.id FROM campaign WHERE",
            "UNEXPECTED_END_OF_QUERY",
            "Error in query: unexpected end of query.",
        ),
        ("campaign.id", "EXPECTED_SELECT", "Error in query: SELECT clause is missing."),
        (
            "SELECT campaign.id FROM campaigns",
            "BAD_RESOURCE_TYPE_IN_FROM_CLAUSE",
            "Error in query: invalid resource type in FROM clause: 'campaigns'.",
        ),
        (
            "SELECT campaign.id FROM campaign WHERE segments.device = 'MOBILE'",
            "EXPECTED_REFERENCED_FIELD_IN_SELECT_CLAUSE",
            "The following field must be present in SELECT clause: 'segments.device'.",
        ),
        (
            "SELECT campaign.id FROM campaign WHERE campaign.status = 'LIVE'",
            "BAD_ENUM_CONSTANT",
            "Invalid enum value cannot be included in WHERE clause: 'LIVE'.",
        ),
        (
            DAY.format("metrics.search_impression_share", "ad_group_ad"),
            "PROHIBITED_METRIC_IN_SELECT_OR_WHERE_CLAUSE",
            (
                "Cannot select or filter on the following metrics: 'search_impression_share', "
                "since metrics is incompatible with the resource in FROM clause: 'ad_group_ad'."
            ),
        ),
        (
            "SELECT campaign.id FROM campaign LIMIT 0",
            "LIMIT_VALUE_TOO_LOW",
            "Value passed to LIMIT is too low.",
        ),
        (
            "SELECT campaign.id FROM campaign WHERE segments.date = '2026-13-01'",
            "INVALID_DATE_FORMAT",
            "Invalid date '2026-13-01': dates are written 'YYYY-MM-DD'.",
        ),
    ],
)
def test_explains_a_wrong_query(ads: AdsCaller, query: str, code: str, message: str) -> None:
    status, body = ads.failure(query)
    failure = body["error"]["details"][0]
    assert status == 400
    assert body["error"]["message"] == "Request contains an invalid argument."
    assert failure["errors"] == [
        {
            "errorCode": {"queryError": code},
            "message": message,
            "location": {"fieldPathElements": [{"fieldName": "query"}]},
        }
    ]


@pytest.mark.parametrize("condition", ["", " WHERE segments.date >= '2026-01-01'"])
def test_a_date_segment_needs_a_finite_range(ads: AdsCaller, condition: str) -> None:
    _, body = ads.failure("SELECT segments.date, metrics.clicks FROM campaign" + condition)
    (error,) = body["error"]["details"][0]["errors"]
    assert error["errorCode"] == {"queryError": "EXPECTED_FILTERS_ON_DATE_RANGE"}


def test_a_manager_has_no_metrics(ads: AdsCaller) -> None:
    _, body = ads.failure("SELECT metrics.clicks FROM customer", customer="9000000001")
    (error,) = body["error"]["details"][0]["errors"]
    assert error["errorCode"] == {"queryError": "REQUESTED_METRICS_FOR_MANAGER"}
    assert error["message"] == (
        "Metrics cannot be requested for a manager account. To retrieve metrics, issue separate "
        "requests against each client account under the manager account."
    )


WIDE = (
    "SELECT campaign.id, segments.date, segments.device, metrics.clicks FROM campaign "
    "WHERE segments.date BETWEEN '2025-01-01' AND '2026-10-31'"
)


def _pages(ads: AdsCaller, query: str) -> list[dict[str, Any]]:
    pages = [ads.post(query, method="search", searchSettings=COUNTED).json()]
    while "nextPageToken" in pages[-1]:
        token = pages[-1]["nextPageToken"]
        answer = ads.post(query, method="search", pageToken=token, searchSettings=COUNTED)
        pages.append(answer.json())
    return pages


COUNTED = {"returnTotalResultsCount": True}


def test_pages_hold_10000_rows_and_miss_none(ads: AdsCaller) -> None:
    pages = _pages(ads, WIDE)
    rows = [row for page in pages for row in page["results"]]
    assert [len(page["results"]) for page in pages[:-1]] == [10_000] * (len(pages) - 1)
    assert {page["totalResultsCount"] for page in pages} == {str(len(rows))}
    assert rows == ads.rows(WIDE)
    keys = {(row["campaign"]["id"], *row["segments"].values()) for row in rows}
    assert len(keys) == len(rows) > 20_000


def test_a_stream_comes_in_chunks_of_10000(ads: AdsCaller) -> None:
    chunks = ads.post(WIDE).json()
    assert [len(chunk["results"]) for chunk in chunks[:-1]] == [10_000] * (len(chunks) - 1)
    assert len({chunk["requestId"] for chunk in chunks}) == 1


def test_refuses_a_page_size(ads: AdsCaller) -> None:
    _, body = ads.failure(WIDE, method="search", pageSize=100)
    assert body["error"]["details"][0]["errors"] == [
        {
            "errorCode": {"requestError": "PAGE_SIZE_NOT_SUPPORTED"},
            "message": "Setting the page size is not supported. Search Responses will have fixed "
            "page size of '10000' rows.",
        }
    ]


def test_page_tokens_expire_and_belong_to_their_query(ads: AdsCaller) -> None:
    token = ads.post(WIDE, method="search").json()["nextPageToken"]
    _, other = ads.failure("SELECT campaign.id FROM campaign", method="search", pageToken=token)
    assert other["error"]["details"][0]["errors"][0]["errorCode"] == {
        "requestError": "INVALID_PAGE_TOKEN"
    }
    _, broken = ads.failure(WIDE, method="search", pageToken="###")
    assert broken["error"]["details"][0]["errors"][0]["errorCode"] == {
        "requestError": "INVALID_PAGE_TOKEN"
    }


def test_parses_every_clause() -> None:
    query = parse_gaql(
        'select campaign.id, metrics.clicks from campaign where campaign.name like "%it\\"s%" and '
        "campaign.id not in (1, 2) and segments.date during last_7_days "
        "order by metrics.clicks desc, campaign.id limit 10"
    )
    assert query == Query(
        ("campaign.id", "metrics.clicks"),
        "campaign",
        (
            Condition("campaign.name", "LIKE", ('%it"s%',)),
            Condition("campaign.id", "NOT IN", ("1", "2")),
            Condition("segments.date", "DURING", ("LAST_7_DAYS",)),
        ),
        (Ordering("metrics.clicks", is_descending=True), Ordering("campaign.id", False)),
        10,
    )


@given(st.text(alphabet="SELECTFROMWHREAND campaign.id=<>'(),123", max_size=60))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        assert parse_gaql(text).fields
    except GoogleAdsRefusalError as error:
        assert error.error_type == "queryError"  # noqa: PT017 - either outcome is right
