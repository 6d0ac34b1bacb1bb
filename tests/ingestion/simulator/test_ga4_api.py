"""The documented shapes of Google Analytics 4: sign-in, properties, reports and refusals."""

from typing import Any

import pytest

from ingestion.simulator.ga4.failures import Ga4RefusalError
from ingestion.simulator.ga4.query import read_query
from tests.fixtures.simulator import RunningSimulator
from tests.ingestion.simulator.ga4_caller import DAY, Ga4Caller, caller, names, rows, sign_in

EXPECTED = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. See "
    "https://developers.google.com/identity/sign-in/web/devconsole-project."
)


@pytest.fixture
def ga4(simulator: RunningSimulator) -> Ga4Caller:
    return caller(simulator.http, "/ga4")


def _refusal(status: int, name: str, message: str) -> tuple[int, dict[str, Any]]:
    return status, {"error": {"code": status, "message": message, "status": name}}


def test_a_refresh_token_becomes_an_access_token(simulator: RunningSimulator) -> None:
    answer = sign_in(simulator.http, "/ga4")
    document = answer.json()
    assert document.pop("access_token").startswith("ya29.a0")
    assert (answer.status_code, document) == (
        200,
        {
            "expires_in": 3599,
            "scope": "https://www.googleapis.com/auth/analytics.readonly",
            "token_type": "Bearer",
        },
    )


@pytest.mark.parametrize(
    ("form", "status", "error", "description"),
    [
        ({"refresh_token": "1//other"}, 400, "invalid_grant", "Bad Request"),
        ({"client_secret": "wrong"}, 401, "invalid_client", "Unauthorized"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", "Invalid grant_type."),
    ],
)
def test_sign_in_is_refused(
    simulator: RunningSimulator, form: dict[str, str], status: int, error: str, description: str
) -> None:
    answer = sign_in(simulator.http, "/ga4", **form)
    assert (answer.status_code, answer.json()) == (
        status,
        {"error": error, "error_description": description},
    )


def test_a_report_as_documented(ga4: Ga4Caller) -> None:
    report = ga4.report(
        ["date"], ["sessions", "keyEvents", "purchaseRevenue"], returnPropertyQuota=True
    )
    tokens = {"consumed": 2, "remaining": 199_998}
    assert report == {
        "dimensionHeaders": [{"name": "date"}],
        "metricHeaders": [
            {"name": "sessions", "type": "TYPE_INTEGER"},
            {"name": "keyEvents", "type": "TYPE_FLOAT"},
            {"name": "purchaseRevenue", "type": "TYPE_CURRENCY"},
        ],
        "rows": [
            {
                "dimensionValues": [{"value": "20261101"}],
                "metricValues": [{"value": "3972"}, {"value": "128.383"}, {"value": "5017.47"}],
            }
        ],
        "rowCount": 1,
        "metadata": {"currencyCode": "EUR", "timeZone": "Europe/Berlin"},
        "propertyQuota": {
            "tokensPerDay": tokens,
            "tokensPerHour": {"consumed": 2, "remaining": 39_998},
            "concurrentRequests": {"consumed": 0, "remaining": 10},
            "serverErrorsPerProjectPerHour": {"consumed": 0, "remaining": 10},
            "potentiallyThresholdedRequestsPerHour": {"consumed": 0, "remaining": 120},
            "tokensPerProjectPerHour": {"consumed": 2, "remaining": 13_998},
        },
        "kind": "analyticsData#runReport",
    }


def test_a_report_without_rows_has_neither_rows_nor_a_count(ga4: Ga4Caller) -> None:
    before = {"startDate": "2024-10-01", "endDate": "2024-10-31"}
    assert ga4.report(["date"], ["sessions"], before) == {
        "dimensionHeaders": [{"name": "date"}],
        "metricHeaders": [{"name": "sessions", "type": "TYPE_INTEGER"}],
        "metadata": {"currencyCode": "EUR", "timeZone": "Europe/Berlin"},
        "kind": "analyticsData#runReport",
    }


def test_offset_and_limit_stand_in_the_body(ga4: Ga4Caller) -> None:
    body = {"dateRanges": [DAY], "dimensions": names("landingPage"), "metrics": names("sessions")}
    whole = ga4.post(body).json()
    assert [row[0] for row in rows(whole)] == ["(not set)", "/", "/products/1", "/products/2"]
    part = ga4.post({**body, "offset": 1, "limit": "2"}).json()  # 64 bits: text is a number too
    assert rows(part) == rows(whole)[1:3]
    assert part["rowCount"] == 4
    beside = ga4.http.post(
        "/ga4/v1beta/properties/111111111:runReport?offset=1&limit=2",
        headers=ga4.headers,
        json=body,
    )
    assert rows(beside.json()) == rows(whole)


def test_rows_come_in_the_order_asked_for(ga4: Ga4Caller) -> None:
    def ordered(*parts: tuple[str, bool]) -> list[tuple[str, ...]]:
        order = [{"dimension": {"dimensionName": name}, "desc": desc} for name, desc in parts]
        found = ga4.report(["deviceCategory", "countryId"], ["sessions"], orderBys=order)
        return [row[:2] for row in rows(found)]

    places = ordered(("countryId", True), ("deviceCategory", False))
    assert places[:5] == [
        *[("desktop", "US"), ("mobile", "US"), ("smart tv", "US"), ("tablet", "US")],
        ("desktop", "GB"),
    ]
    assert len(places) == 20


@pytest.mark.parametrize(
    ("given", "limit"), [({}, 10_000), ({"limit": 7}, 7), ({"limit": 900_000}, 250_000)]
)
def test_limits(given: dict[str, int], limit: int) -> None:
    body = b'{"dateRanges":[{"startDate":"2026-11-01","endDate":"2026-11-01"}],'
    body += b'"metrics":[{"name":"sessions"}]'
    body += b"".join(b',"%s":%d' % (name.encode(), number) for name, number in given.items())
    assert read_query(body + b"}").limit == limit


SCHEMA = (
    "For a list of valid dimensions and metrics, see "
    "https://developers.google.com/analytics/devguides/reporting/data/v1/api-schema"
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"dimensions": names("sessionChannel")},
            f"Did you mean date? Field sessionChannel is not a valid dimension. {SCHEMA}",
        ),
        (
            {"metrics": names("conversions")},
            f"Did you mean sessions? Field conversions is not a valid metric. {SCHEMA}",
        ),
        ({"metrics": []}, "The request must have at least one metric."),
        ({"dimensions": names("date") * 10}, "Requests are limited to 9 dimensions per request."),
        ({"metrics": names("sessions") * 11}, "Requests are limited to 10 metrics per request."),
        ({"limit": 0}, "The limit must be positive."),
        ({"offset": -1}, "Invalid value at 'offset' (TYPE_INT64), -1"),
        (
            {"dateRanges": [{"startDate": "2026-11-02", "endDate": "2026-11-01"}]},
            "The start date must not be after the end date.",
        ),
        (
            {"dateRanges": [{"startDate": "20261101", "endDate": "2026-11-01"}]},
            "Invalid startDate: 20261101. Dates should be of the form YYYY-MM-DD.",
        ),
        (
            {"orderBys": [{"dimension": {"dimensionName": "countryId"}}]},
            "An order by must be a dimension or metric of the request; dimensions are played here.",
        ),
    ],
)
def test_wrong_requests_are_refused(ga4: Ga4Caller, change: dict[str, Any], message: str) -> None:
    body = {"dateRanges": [DAY], "dimensions": names("date"), "metrics": names("sessions")}
    answer = ga4.post({**body, **change})
    assert (answer.status_code, answer.json()) == _refusal(400, "INVALID_ARGUMENT", message)


def test_a_body_that_is_no_json_is_refused() -> None:
    with pytest.raises(Ga4RefusalError, match=r"Invalid JSON payload received\."):
        read_query(b'{"dateRanges":')


@pytest.mark.parametrize("place", ["999999999", "333333333"], ids=["unknown", "of another agency"])
def test_properties_of_others_and_of_nobody_are_told_alike(ga4: Ga4Caller, place: str) -> None:
    expected = _refusal(
        403,
        "PERMISSION_DENIED",
        "User does not have sufficient permissions for this property. To learn more about Property "
        "ID, see https://developers.google.com/analytics/devguides/reporting/data/v1/property-id.",
    )
    told = ga4.post({}, place=place)
    described = ga4.get(f"/v1beta/properties/{place}")
    assert (told.status_code, told.json()) == expected
    assert (described.status_code, described.json()) == expected


def test_calls_without_a_good_token_are_refused(
    simulator: RunningSimulator, ga4: Ga4Caller
) -> None:
    path = "/ga4/v1beta/properties/111111111"
    missing = simulator.http.get(path)
    assert (missing.status_code, missing.json()) == _refusal(
        401,
        "UNAUTHENTICATED",
        f"Request is missing required authentication credential. {EXPECTED}",
    )
    simulator.http.post("/_control/tokens/expire")
    expired = simulator.http.get(path, headers=ga4.headers)
    assert (expired.status_code, expired.json()) == _refusal(
        401, "UNAUTHENTICATED", f"Request had invalid authentication credentials. {EXPECTED}"
    )


def test_nothing_is_at_a_version_that_is_gone(ga4: Ga4Caller) -> None:
    answer = ga4.post({}, version="v1alpha9")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "/v1alpha9/properties/111111111:runReport</code> was not found" in answer.text


def test_a_property_as_documented(ga4: Ga4Caller) -> None:
    assert ga4.get("/v1beta/properties/111111111").json() == {
        "name": "properties/111111111",
        "parent": "accounts/111111",
        "displayName": "Acme Shoes",
        "timeZone": "Europe/Berlin",
        "currencyCode": "EUR",
        "serviceLevel": "GOOGLE_ANALYTICS_STANDARD",
        "propertyType": "PROPERTY_TYPE_ORDINARY",
        "account": "accounts/111111",
    }


def test_accounts_come_in_pages(ga4: Ga4Caller) -> None:
    def summary(digit: str, name: str) -> dict[str, Any]:
        account = f"accounts/{digit * 6}"
        return {
            "name": f"accountSummaries/{digit * 6}",
            "account": account,
            "displayName": name,
            "propertySummaries": [
                {
                    "property": f"properties/{digit * 9}",
                    "displayName": name,
                    "propertyType": "PROPERTY_TYPE_ORDINARY",
                    "parent": account,
                }
            ],
        }

    first = ga4.get("/v1beta/accountSummaries", pageSize="1").json()
    assert first == {"accountSummaries": [summary("1", "Acme Shoes")], "nextPageToken": "1"}
    rest = ga4.get("/v1beta/accountSummaries", pageSize="1", pageToken="1").json()
    assert rest == {"accountSummaries": [summary("2", "Bluebird Coffee")]}
