"""Consents at the simulated platforms: what a code brings, and every rule that it can break."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from ingestion.simulator.config import DEMO_AGENCIES
from ingestion.simulator.shopify.consent import sign_callback
from tests.fixtures.simulator import SIMULATED_NOW, RunningSimulator

NORTHWIND, HARBOR = DEMO_AGENCIES
HOME = "http://127.0.0.1:8080/connect/{}/callback"
# RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
ADWORDS = "https://www.googleapis.com/auth/adwords"
ANALYTICS = "https://www.googleapis.com/auth/analytics.readonly"
GOOGLE = {
    "client_id": NORTHWIND.google_client_id,
    "response_type": "code",
    "access_type": "offline",
    "prompt": "consent",
    "state": "s",
    **PKCE,
}
SHOP = "/shopify/shops/acme-shoes/admin/oauth"
SHOP_APP = {
    "client_id": NORTHWIND.shopify_client_id,
    "client_secret": NORTHWIND.shopify_client_secret,
}


def visit(simulator: RunningSimulator, path: str, **query: str) -> dict[str, str]:
    """Where the person ends: the parameters of the redirect."""
    answer = simulator.http.get(path, params=query, follow_redirects=False)
    assert answer.status_code == 302, answer.text
    url = urlsplit(answer.headers["location"])
    assert f"{url.scheme}://{url.netloc}{url.path}" == query["redirect_uri"]
    return {name: values[0] for name, values in parse_qs(url.query).items()}


def google(simulator: RunningSimulator, source: str = "google_ads", **query: str) -> dict[str, str]:
    scope = ADWORDS if source == "google_ads" else ANALYTICS
    given = {**GOOGLE, "scope": scope, "redirect_uri": HOME.format(source), **query}
    return visit(simulator, f"/{source}/o/oauth2/v2/auth", **given)


def google_token(simulator: RunningSimulator, code: str, **fields: str) -> httpx.Response:
    form = {
        "grant_type": "authorization_code",
        "client_id": NORTHWIND.google_client_id,
        "client_secret": NORTHWIND.google_client_secret,
        "redirect_uri": HOME.format("google_ads"),
        "code": code,
        "code_verifier": VERIFIER,
        **fields,
    }
    return simulator.http.post("/google_ads/token", data=form)


def meta_token(simulator: RunningSimulator, **query: str) -> httpx.Response:
    given = {
        "client_id": NORTHWIND.meta_app_id,
        "client_secret": NORTHWIND.meta_app_secret,
        "redirect_uri": HOME.format("meta_ads"),
        **query,
    }
    return simulator.http.get("/meta_ads/v26.0/oauth/access_token", params=given)


def meta(simulator: RunningSimulator, **query: str) -> dict[str, str]:
    given = {
        "client_id": NORTHWIND.meta_app_id,
        "redirect_uri": HOME.format("meta_ads"),
        "scope": "ads_read",
        "return_scopes": "true",
        "state": "s",
        **query,
    }
    return visit(simulator, "/meta_ads/v26.0/dialog/oauth", **given)


def tiktok(simulator: RunningSimulator, **query: str) -> dict[str, str]:
    given = {"app_id": NORTHWIND.tiktok_app_id, "redirect_uri": HOME.format("tiktok_ads")}
    return visit(simulator, "/tiktok_ads/portal/auth", **given, state="s", **query)


def tiktok_token(simulator: RunningSimulator, **body: str) -> Any:
    given = {"app_id": NORTHWIND.tiktok_app_id, "secret": NORTHWIND.tiktok_secret, **body}
    path = "/tiktok_ads/open_api/v1.3/oauth2/access_token/"
    answer = simulator.http.post(path, json=given)
    assert answer.status_code == 200
    return answer.json()


def shop(simulator: RunningSimulator, **query: str) -> dict[str, str]:
    given = {
        "client_id": NORTHWIND.shopify_client_id,
        "redirect_uri": HOME.format("shopify"),
        "scope": "read_orders,read_products",
        "state": "s",
        **query,
    }
    return visit(simulator, f"{SHOP}/authorize", **given)


def shop_token(simulator: RunningSimulator, **fields: str) -> httpx.Response:
    return simulator.http.post(f"{SHOP}/access_token", data={**SHOP_APP, **fields})


def shop_opens(simulator: RunningSimulator, token: str) -> bool:
    path = "/shopify/shops/acme-shoes/admin/api/2026-10/graphql.json"
    headers = {"x-shopify-access-token": token}
    query = {"query": "query { shop { name } }"}
    return simulator.http.post(path, json=query, headers=headers).status_code == 200


def test_google_code_brings_a_refresh_token_that_stays(simulator: RunningSimulator) -> None:
    told = google(simulator)
    assert (told["state"], told["scope"]) == ("s", ADWORDS)
    answer = google_token(simulator, told["code"]).json()
    assert answer["refresh_token"].startswith("1//")
    assert (answer["expires_in"], answer["scope"]) == (3599, ADWORDS)
    assert "refresh_token_expires_in" not in answer
    form = {
        "grant_type": "refresh_token",
        "client_id": NORTHWIND.google_client_id,
        "client_secret": NORTHWIND.google_client_secret,
        "refresh_token": answer["refresh_token"],
    }
    for _ in range(2):
        again = simulator.http.post("/google_ads/token", data=form).json()
        assert "refresh_token" not in again
        assert again["access_token"] != answer["access_token"]


def test_google_gives_no_refresh_token_unless_asked_again(simulator: RunningSimulator) -> None:
    for given in ({"prompt": "none"}, {"access_type": "online"}):
        answer = google_token(simulator, google(simulator, **given)["code"])
        assert "refresh_token" not in answer.json()


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({"client_secret": "guessed"}, 401, "invalid_client"),
        ({"redirect_uri": "https://elsewhere.example"}, 400, "redirect_uri_mismatch"),
        ({"code_verifier": "guessed" * 7}, 400, "invalid_grant"),
        ({"code_verifier": ""}, 400, "invalid_grant"),
        ({"code": "4/guessed"}, 400, "invalid_grant"),
        (
            {
                "client_id": HARBOR.google_client_id,
                "client_secret": HARBOR.google_client_secret,
            },
            401,
            "unauthorized_client",
        ),
    ],
)
def test_google_refuses_what_breaks_a_rule(
    simulator: RunningSimulator, fields: dict[str, str], status: int, error: str
) -> None:
    code = google(simulator)["code"]
    answer = google_token(simulator, **{"code": code, **fields})
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_google_code_is_used_once_and_lives_ten_minutes(simulator: RunningSimulator) -> None:
    code = google(simulator)["code"]
    assert google_token(simulator, code).status_code == 200
    assert google_token(simulator, code).json()["error"] == "invalid_grant"
    late = google(simulator)["code"]
    simulator.move_clock(SIMULATED_NOW + timedelta(minutes=10, seconds=5))
    assert google_token(simulator, late).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"redirect_uri": "http://127.0.0.1:8080/connect/google_ads/callback/"}, "redirect_uri_"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"scope": "email"}, "invalid_scope"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"response_type": "token"}, "invalid_request"),
    ],
)
def test_google_shows_errors_and_redirects_none(
    simulator: RunningSimulator, query: dict[str, str], text: str
) -> None:
    given = {**GOOGLE, "scope": ADWORDS, "redirect_uri": HOME.format("google_ads"), **query}
    answer = simulator.http.get(
        "/google_ads/o/oauth2/v2/auth", params=given, follow_redirects=False
    )
    assert answer.status_code in {400, 401}
    assert text in answer.text


def test_google_person_declines_or_grants_nothing(simulator: RunningSimulator) -> None:
    assert google(simulator, simulate="deny") == {"error": "access_denied", "state": "s"}
    told = google(simulator, "ga4", simulate="partial")
    assert "scope" not in told  # it is empty
    form = {"redirect_uri": HOME.format("ga4")}
    answer = simulator.http.post(
        "/ga4/token",
        data={
            "grant_type": "authorization_code",
            "client_id": NORTHWIND.google_client_id,
            "client_secret": NORTHWIND.google_client_secret,
            "code": told["code"],
            "code_verifier": VERIFIER,
            **form,
        },
    ).json()
    assert answer["scope"] == ""


def test_meta_code_brings_an_hour_and_that_brings_sixty_days(simulator: RunningSimulator) -> None:
    told = meta(simulator)
    assert told["granted_scopes"] == "public_profile,ads_read"
    short = meta_token(simulator, code=told["code"]).json()
    assert short["expires_in"] == 3_600
    given = {"grant_type": "fb_exchange_token", "fb_exchange_token": short["access_token"]}
    long = meta_token(simulator, **given).json()
    assert long["expires_in"] == 60 * 86_400
    simulator.move_clock(SIMULATED_NOW + timedelta(days=59))
    query = {"access_token": long["access_token"], "fields": "account_id"}
    accounts = simulator.http.get("/meta_ads/v26.0/me/adaccounts", params=query).json()["data"]
    assert [each["account_id"] for each in accounts] == ["111111111111111", "222222222222222"]
    query["access_token"] = short["access_token"]
    ended = simulator.http.get("/meta_ads/v26.0/me/adaccounts", params=query).json()["error"]
    assert (ended["code"], ended["error_subcode"]) == (190, 463)


@pytest.mark.parametrize(
    ("query", "code", "subcode"),
    [
        ({"client_id": "1"}, 101, None),
        ({"client_secret": "guessed"}, 1, None),
        ({"redirect_uri": "https://elsewhere.example"}, 100, 36008),
        ({"code": "guessed"}, 100, None),
        ({"grant_type": "fb_exchange_token", "fb_exchange_token": "guessed"}, 190, None),
    ],
)
def test_meta_refuses_what_breaks_a_rule(
    simulator: RunningSimulator, query: dict[str, str], code: int, subcode: int | None
) -> None:
    given = {"code": meta(simulator)["code"], **query}
    error = meta_token(simulator, **given).json()["error"]
    assert (error["code"], error.get("error_subcode")) == (code, subcode)


def test_meta_code_is_used_once(simulator: RunningSimulator) -> None:
    code = meta(simulator)["code"]
    assert meta_token(simulator, code=code).status_code == 200
    assert meta_token(simulator, code=code).json()["error"]["error_subcode"] == 36009


def test_meta_person_declines_or_grants_nothing(simulator: RunningSimulator) -> None:
    told = meta(simulator, simulate="deny")
    assert (told["error"], told["error_reason"]) == ("access_denied", "user_denied")
    told = meta(simulator, simulate="partial")
    assert (told["granted_scopes"], told["denied_scopes"]) == ("public_profile", "ads_read")


def test_tiktok_code_brings_a_token_and_its_advertisers(simulator: RunningSimulator) -> None:
    told = tiktok(simulator)
    assert told["auth_code"] == told["code"]
    answer = tiktok_token(simulator, auth_code=told["auth_code"])
    assert (answer["code"], answer["message"]) == (0, "OK")
    assert answer["data"]["advertiser_ids"] == ["7111111111111111111", "7222222222222222222"]
    again = tiktok_token(simulator, auth_code=told["auth_code"])
    assert (again["code"], again["data"]) == (40110, {})


@pytest.mark.parametrize(
    ("body", "code"),
    [({"secret": "guessed"}, 40002), ({"auth_code": "x"}, 40110), ({"auth_code": ""}, 40002)],
)
def test_tiktok_refuses_with_status_200(
    simulator: RunningSimulator, body: dict[str, str], code: int
) -> None:
    given = {"auth_code": tiktok(simulator)["auth_code"], **body}
    assert tiktok_token(simulator, **given)["code"] == code


def test_shopify_callback_is_signed(simulator: RunningSimulator) -> None:
    told = shop(simulator)
    assert (told["shop"], told["state"]) == ("acme-shoes.myshopify.com", "s")
    unsigned = {name: value for name, value in told.items() if name != "hmac"}
    assert sign_callback(unsigned, NORTHWIND.shopify_client_secret) == told
    assert sign_callback(unsigned, "guessed")["hmac"] != told["hmac"]


def test_shopify_refresh_ends_both_old_tokens(simulator: RunningSimulator) -> None:
    first = shop_token(simulator, code=shop(simulator)["code"], expiring="1").json()
    assert (first["expires_in"], first["refresh_token_expires_in"]) == (3_600, 7_776_000)
    assert first["scope"] == "read_orders,read_products"
    assert shop_opens(simulator, first["access_token"])
    given = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = shop_token(simulator, **given).json()
    assert not shop_opens(simulator, first["access_token"])
    assert shop_opens(simulator, second["access_token"])
    again = shop_token(simulator, **given)
    assert (again.status_code, again.json()) == (
        401,
        {
            "error": "invalid_request",
            "error_description": "This request requires an active refresh_token",
        },
    )


def test_shopify_consent_ends_the_one_before(simulator: RunningSimulator) -> None:
    first = shop_token(simulator, code=shop(simulator)["code"], expiring="1").json()
    second = shop_token(simulator, code=shop(simulator)["code"], expiring="1").json()
    assert not shop_opens(simulator, first["access_token"])
    assert shop_opens(simulator, second["access_token"])


def test_shopify_tokens_end(simulator: RunningSimulator) -> None:
    token = shop_token(simulator, code=shop(simulator)["code"], expiring="1").json()
    endless = shop_token(simulator, code=shop(simulator)["code"]).json()
    assert set(endless) == {"access_token", "scope"}
    simulator.move_clock(SIMULATED_NOW + timedelta(days=90, seconds=1))
    assert not shop_opens(simulator, token["access_token"])
    assert shop_opens(simulator, endless["access_token"])
    given = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
    assert shop_token(simulator, **given).status_code == 401


def test_shopify_code_counts_for_its_shop_and_once(simulator: RunningSimulator) -> None:
    code = shop(simulator)["code"]
    elsewhere = "/shopify/shops/bluebird-coffee/admin/oauth/access_token"
    answer = simulator.http.post(elsewhere, data={**SHOP_APP, "code": code})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert shop_token(simulator, code=code).status_code == 400  # it is used up
    assert shop_token(simulator, code="x", client_secret="guessed").json()["error"] == (
        "invalid_client"
    )


def test_a_fault_acts_and_then_fails(simulator: RunningSimulator) -> None:
    token = shop_token(simulator, code=shop(simulator)["code"], expiring="1").json()
    simulator.fault("failed_after", match={"operation": "token"})
    given = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
    assert shop_token(simulator, **given).status_code == 500
    assert shop_token(simulator, **given).status_code == 401  # it was used
