"""The documented shapes of TikTok Ads: advertisers, reports, and refusals in HTTP 200."""

from typing import Any

import pytest

from tests.fixtures.simulator import RunningSimulator
from tests.ingestion.simulator.tiktok_caller import ADVERTISER, APP, TikTokCaller, told


@pytest.fixture
def tiktok(simulator: RunningSimulator) -> TikTokCaller:
    return TikTokCaller(simulator.http, "/tiktok_ads")


def test_a_report_as_documented(tiktok: TikTokCaller) -> None:
    metrics = ["campaign_name", *("spend", "impressions", "clicks", "conversion")]
    metrics.append("total_complete_payment_rate")
    report = tiktok.ask(
        "CAMPAIGN", ["campaign_id", "stat_time_day"], metrics, page="2", page_size="1"
    )
    assert len(report.pop("request_id")) == 32
    assert report == {
        "code": 0,
        "message": "OK",
        "data": {
            "list": [
                {
                    "dimensions": {
                        "campaign_id": "17111111111110002",
                        "stat_time_day": "2026-11-01 00:00:00",
                    },
                    "metrics": {
                        "campaign_name": "Acme Shoes | Video Shopping 1",
                        "spend": "27.95",
                        "impressions": "4762",
                        "clicks": "45",
                        "conversion": "0",
                        "total_complete_payment_rate": "0.00",
                    },
                }
            ],
            "page_info": {"page": 2, "page_size": 1, "total_number": 8, "total_page": 8},
        },
    }


def test_a_page_has_ten_rows_unless_told(tiktok: TikTokCaller) -> None:
    week = {"start_date": "2026-10-26", "end_date": "2026-11-01"}
    query = {"advertiser_id": ADVERTISER, "report_type": "BASIC", "data_level": "AUCTION_CAMPAIGN"}
    dimensions = '["campaign_id","stat_time_day"]'
    report = tiktok.get("report/integrated/get", **query, **week, dimensions=dimensions)
    assert report["data"]["page_info"] == {
        "page": 1,
        "page_size": 10,
        "total_number": 56,
        "total_page": 6,
    }
    assert [list(row["metrics"]) for row in report["data"]["list"]] == [
        ["spend", "impressions"]
    ] * 10


def test_no_rows_are_an_empty_list(tiktok: TikTokCaller) -> None:
    days: Any = {"start_date": "2024-10-01", "end_date": "2024-10-02"}
    report = tiktok.ask("AD", ["ad_id", "stat_time_day"], **days)
    assert report["data"] == {
        "list": [],
        "page_info": {"page": 1, "page_size": 1000, "total_number": 0, "total_page": 0},
    }


DAILY = ["campaign_id", "stat_time_day"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"page_size": "1001"},
            "page_size: Must be greater than or equal to 1 and not more than 1000.",
        ),
        ({"page": "0"}, "page: Must be greater than or equal to 1."),
        (
            {"start_date": "2026-10-02", "end_date": "2026-11-01"},
            "The time span cannot be longer than 30 days",
        ),
        ({"start_date": "2026-11-02"}, "end_date should not be earlier than start_date"),
        ({"start_date": "1 Nov"}, "start_date: Must be a date in the format YYYY-MM-DD."),
        ({"metrics": '["spend","revenue"]'}, "Invalid metric fields: ['revenue']"),
        ({"metrics": "spend"}, "metrics: Not a valid list."),
        (
            {"dimensions": '["campaign_id","country_code"]'},
            "dimensions: ['campaign_id', 'country_code'] is not supported for the data_level",
        ),
        ({"dimensions": "[1]"}, "dimensions: Not a valid list."),
        ({"report_type": "TOTAL"}, "report_type: Must be one of ['BASIC', 'AUDIENCE']."),
    ],
)
def test_wrong_parameters_are_refused(
    tiktok: TikTokCaller, change: dict[str, Any], message: str
) -> None:
    assert told(tiktok.ask("CAMPAIGN", DAILY, **change)) == (40002, message)


def test_thirty_days_are_not_too_many(tiktok: TikTokCaller) -> None:
    report = tiktok.ask("CAMPAIGN", DAILY, start_date="2026-10-03", end_date="2026-11-01")
    assert (report["code"], report["data"]["page_info"]["total_number"]) == (0, 240)


def test_audience_reports_know_no_value_of_payments(tiktok: TikTokCaller) -> None:
    cut = ["campaign_id", "country_code", "stat_time_day"]
    report = tiktok.ask("CAMPAIGN", cut, ["total_complete_payment_rate"], "AUDIENCE")
    assert told(report) == (40002, "Invalid metric fields: ['total_complete_payment_rate']")


@pytest.mark.parametrize(
    ("headers", "refusal"),
    [
        ({}, (40104, "Access token is empty.")),
        ({"Access-Token": "x"}, (40105, "Access token is incorrect or has been revoked.")),
    ],
)
def test_calls_without_a_good_token_are_refused(
    tiktok: TikTokCaller, headers: dict[str, str], refusal: tuple[int, str]
) -> None:
    stranger = TikTokCaller(tiktok.http, tiktok.base, headers)
    assert told(stranger.ask("CAMPAIGN", DAILY)) == refusal


def test_advertisers_of_others_are_refused(tiktok: TikTokCaller) -> None:
    other = "7333333333333333333"
    refusal = (40001, f"No permission to operate advertiser {other}.")
    assert told(tiktok.ask("CAMPAIGN", DAILY, advertiser_id=other)) == refusal
    assert told(tiktok.get("advertiser/info", advertiser_ids=f'["{other}"]')) == refusal


def test_an_older_version_is_offline(tiktok: TikTokCaller) -> None:
    assert told(tiktok.get("report/integrated/get", version="v1.2")) == (
        41001,
        "This interface of version v1.2 is offline. Please use the latest version.",
    )


def test_advertisers_as_documented(tiktok: TikTokCaller) -> None:
    secret = {"app_id": APP, "secret": "northwind-tiktok-secret"}
    listed = tiktok.get("oauth2/advertiser/get", **secret)
    assert listed["data"] == {
        "list": [
            {"advertiser_id": "7111111111111111111", "advertiser_name": "Acme Shoes"},
            {"advertiser_id": "7222222222222222222", "advertiser_name": "Bluebird Coffee"},
        ]
    }
    fields = '["advertiser_id","currency","display_timezone"]'
    told_of = tiktok.get("advertiser/info", advertiser_ids=f'["{ADVERTISER}"]', fields=fields)
    info = {
        "advertiser_id": ADVERTISER,
        "currency": "EUR",
        "display_timezone": "Europe/Berlin",
    }
    assert told_of["data"] == {"list": [info]}


def test_wrong_questions_about_advertisers_are_refused(tiktok: TikTokCaller) -> None:
    wrong = tiktok.get("oauth2/advertiser/get", app_id=APP, secret="guessed")
    assert told(wrong) == (40002, "app_id or secret is invalid.")
    unknown = tiktok.get("advertiser/info", advertiser_ids="[]", fields='["balance"]')
    assert told(unknown) == (40002, "fields: Invalid field names: ['balance']")


@pytest.mark.parametrize(
    ("fault", "refusal"),
    [
        ({"kind": "server_error"}, (50002, "Service error: request timed out.")),
        ({"kind": "server_error", "code": 50000}, (50000, "System error.")),
        ({"kind": "server_error", "code": 60001}, (60001, "The service is under maintenance.")),
        ({"kind": "expired_token"}, (40102, "Access token is expired.")),
        (
            {"kind": "refused", "code": 41002},
            (41002, "Some of the requested fields are offline: ['conversion']."),
        ),
        (
            {"kind": "rate_limited"},
            (40100, "App 7012345678901234567 reaches the QPS limit 10, current QPS is 11"),
        ),
    ],
)
def test_faults_are_refusals_in_status_200(
    tiktok: TikTokCaller, fault: dict[str, Any], refusal: tuple[int, str]
) -> None:
    tiktok.http.post("/_control/faults", json=fault)
    assert told(tiktok.ask("CAMPAIGN", DAILY)) == refusal
    assert tiktok.ask("CAMPAIGN", DAILY)["code"] == 0


def test_a_success_of_a_part_brings_half_of_the_rows(tiktok: TikTokCaller) -> None:
    tiktok.http.post("/_control/faults", json={"kind": "partial"})
    report = tiktok.ask("CAMPAIGN", DAILY)
    assert (report["code"], report["message"]) == (20001, "Partial success")
    assert (len(report["data"]["list"]), report["data"]["page_info"]["total_number"]) == (4, 8)


def test_rows_that_came_in_before_a_page_shift_it(tiktok: TikTokCaller) -> None:
    whole = tiktok.rows("CAMPAIGN", DAILY)
    for value, count in ((None, 9), (True, 8)):
        tiktok.http.post("/_control/faults", json={"kind": "moved_rows", "value": value})
        report = tiktok.ask("CAMPAIGN", DAILY, page="2", page_size="3")
        page = [(row["dimensions"], row["metrics"]) for row in report["data"]["list"]]
        assert (page, report["data"]["page_info"]["total_number"]) == (whole[2:5], count)
