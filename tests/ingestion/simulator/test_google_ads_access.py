"""Credentials of Google Ads, from developers.google.com/google-ads/api and /identity."""

from datetime import timedelta

import pytest

from tests.fixtures.simulator import SIMULATED_NOW, RunningSimulator
from tests.ingestion.simulator.conftest import NORTHWIND_FORM, AdsCaller

QUERY = "SELECT campaign.id FROM campaign"
MISSING = (
    "Request is missing required authentication credential. Expected OAuth 2 access token, login "
    "cookie or other valid authentication credential. See "
    "https://developers.google.com/identity/sign-in/web/devconsole-project."
)
WRONG = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie "
    "or other valid authentication credential. See "
    "https://developers.google.com/identity/sign-in/web/devconsole-project."
)


def test_issues_an_access_token(simulator: RunningSimulator) -> None:
    answer = simulator.http.post("/google_ads/oauth2/v3/token", data=NORTHWIND_FORM)
    body = answer.json()
    assert body.pop("access_token").startswith("ya29.a0")
    assert (answer.status_code, body) == (
        200,
        {
            "expires_in": 3599,
            "scope": "https://www.googleapis.com/auth/adwords",
            "token_type": "Bearer",
        },
    )


@pytest.mark.parametrize(
    ("change", "status", "body"),
    [
        (
            {"refresh_token": "1//other"},
            400,
            {"error": "invalid_grant", "error_description": "Bad Request"},
        ),
        (
            {"refresh_token": "1//harbor-pine-refresh-token"},
            400,
            {"error": "invalid_grant", "error_description": "Bad Request"},
        ),
        (
            {"client_id": "nobody"},
            401,
            {"error": "invalid_client", "error_description": "The OAuth client was not found."},
        ),
        (
            {"client_secret": "wrong"},
            401,
            {"error": "invalid_client", "error_description": "Unauthorized"},
        ),
        (
            {"grant_type": "password"},
            400,
            {
                "error": "unsupported_grant_type",
                "error_description": "Invalid grant_type: password",
            },
        ),
        (
            {"refresh_token": ""},
            400,
            {
                "error": "invalid_request",
                "error_description": "Missing required parameter: refresh_token",
            },
        ),
    ],
)
def test_refuses_a_wrong_refresh(
    simulator: RunningSimulator, change: dict[str, str], status: int, body: dict[str, str]
) -> None:
    answer = simulator.http.post("/google_ads/oauth2/v3/token", data={**NORTHWIND_FORM, **change})
    assert (answer.status_code, answer.json()) == (status, body)


def test_lists_accessible_customers(ads: AdsCaller) -> None:
    answer = ads.simulator.http.get(
        "/google_ads/v25/customers:listAccessibleCustomers", headers=ads.headers
    )
    assert answer.json() == {"resourceNames": ["customers/9000000001"]}


def test_asks_for_credentials(ads: AdsCaller) -> None:
    status, body = ads.failure(QUERY, headers={}, method="search")
    assert (status, body["error"]["code"], body["error"]["status"], body["error"]["message"]) == (
        401,
        401,
        "UNAUTHENTICATED",
        MISSING,
    )


def test_refuses_an_expired_token(ads: AdsCaller) -> None:
    ads.simulator.move_clock(SIMULATED_NOW + timedelta(hours=1))
    status, body = ads.failure(QUERY)
    assert (status, body) == (
        401,
        {"error": {"code": 401, "message": WRONG, "status": "UNAUTHENTICATED"}},
    )


def test_expires_tokens_on_request(ads: AdsCaller) -> None:
    assert ads.post(QUERY).status_code == 200
    ads.simulator.http.post("/_control/tokens/expire")
    assert ads.post(QUERY).status_code == 401


def _failure_of(body: dict[str, object]) -> tuple[object, ...]:
    error = body["error"]
    assert isinstance(error, dict)
    failure = error["details"][0]
    entry = failure["errors"][0]
    assert len(failure["requestId"]) == 22
    return error["code"], error["status"], failure["@type"], entry["errorCode"], entry["message"]


FAILURE = "type.googleapis.com/google.ads.googleads.v25.errors.GoogleAdsFailure"
DENIED = (
    "User doesn't have permission to access customer. Note: If you're accessing a client customer, "
    "the manager's customer id must be set in the 'login-customer-id' header. See "
    "https://developers.google.com/google-ads/api/docs/concepts/call-structure#cid"
)


@pytest.mark.parametrize(
    ("headers", "customer", "expected"),
    [
        (
            {"developer-token": ""},
            "1111111111",
            (
                400,
                "INVALID_ARGUMENT",
                FAILURE,
                {"requestError": "DEVELOPER_TOKEN_PARAMETER_MISSING"},
                "Developer token is required.",
            ),
        ),
        (
            {"developer-token": "unknown"},
            "1111111111",
            (
                401,
                "UNAUTHENTICATED",
                FAILURE,
                {"authenticationError": "DEVELOPER_TOKEN_INVALID"},
                "The developer token is not valid.",
            ),
        ),
        (
            {"login-customer-id": ""},
            "1111111111",
            (
                403,
                "PERMISSION_DENIED",
                FAILURE,
                {"authorizationError": "USER_PERMISSION_DENIED"},
                DENIED,
            ),
        ),
        (
            {},
            "3333333333",  # a client of the other agency
            (
                403,
                "PERMISSION_DENIED",
                FAILURE,
                {"authorizationError": "USER_PERMISSION_DENIED"},
                DENIED,
            ),
        ),
        (
            {},
            "111-111-1111",
            (
                400,
                "INVALID_ARGUMENT",
                FAILURE,
                {"requestError": "INVALID_CUSTOMER_ID"},
                "Invalid customer ID '111-111-1111'.",
            ),
        ),
    ],
)
def test_refuses_wrong_headers(
    ads: AdsCaller, headers: dict[str, str], customer: str, expected: tuple[object, ...]
) -> None:
    status, body = ads.failure(QUERY, headers={**ads.headers, **headers}, customer=customer)
    assert status == expected[0]
    assert _failure_of(body) == expected


@pytest.mark.parametrize("version", ["v22", "v26"])
def test_refuses_unsupported_versions(ads: AdsCaller, version: str) -> None:
    status, body = ads.failure(QUERY, version=version)
    assert status == 400
    assert _failure_of(body) == (
        400,
        "INVALID_ARGUMENT",
        f"type.googleapis.com/google.ads.googleads.{version}.errors.GoogleAdsFailure",
        {"requestError": "UNSUPPORTED_VERSION"},
        f"Version {version} is deprecated. Requests to this version will be blocked.",
    )


def test_stream_errors_come_in_an_array(ads: AdsCaller) -> None:
    assert isinstance(ads.post(QUERY, version="v22").json(), list)
    assert isinstance(ads.post(QUERY, version="v22", method="search").json(), dict)
