"""The addresses that platforms are told: what they answer, whoever asks."""

import datetime as dt
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from tenancy.tables import Connection, PrivacyMessage
from tests.api.graphql.edge import Agency, Edge, edge, edge_warehouse, northwind
from tests.gdpr.inbound.signed import (
    CUSTOMER_REDACT,
    EXAMPLES,
    SHOP,
    WEBHOOK_ID,
    meta_payload,
    shopify_signature,
    signed_request,
)

__all__ = ["edge", "edge_warehouse", "northwind"]

pytestmark = pytest.mark.anyio

SHOPIFY = "/privacy/shopify"
FORM = "application/x-www-form-urlencoded"


async def send(
    edge: Edge, topic: str = "customers/redact", body: bytes | None = None, **changed: str | None
) -> httpx.Response:
    """A webhook as Shopify sends it; None leaves a header out."""
    content = EXAMPLES[topic] if body is None else body
    headers = {
        "content-type": "application/json",
        "x-shopify-topic": topic,
        "x-shopify-hmac-sha256": shopify_signature(content),
        "x-shopify-shop-domain": SHOP,
        "x-shopify-api-version": "2026-10",
        "x-shopify-webhook-id": WEBHOOK_ID,
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    sent = {name: value for name, value in headers.items() if value is not None}
    return await edge.http.post(SHOPIFY, content=content, headers=sent)


async def send_meta(edge: Edge, what: str, request: str | None = None) -> httpx.Response:
    fields = {"signed_request": fresh(edge) if request is None else request}
    return await edge.http.post(f"/privacy/meta/{what}", data=fields)


def fresh(edge: Edge, user_id: str = "218471") -> str:
    now = int(edge.clock().timestamp())
    return signed_request(meta_payload(issued_at=now, expires=now + 3_600, user_id=user_id))


async def has_shop(edge: Edge, agency: Agency) -> None:
    """The agency's first client has the shop of the examples, and its person consented."""
    async with edge.database.session(agency.tenant_id) as session:
        connection = (await session.scalars(select(Connection).order_by(Connection.id))).first()
        assert connection is not None
        connection.source, connection.account_id = "shopify", "johns-apparel"


async def kept(edge: Edge, agency: Agency) -> list[str]:
    async with edge.database.session(agency.tenant_id) as session:
        rows = await session.scalars(select(PrivacyMessage).order_by(PrivacyMessage.id))
        return [row.topic.value for row in rows]


@pytest.mark.parametrize("topic", EXAMPLES)
async def test_the_documented_webhooks_are_kept(edge: Edge, northwind: Agency, topic: str) -> None:
    await has_shop(edge, northwind)
    for _ in range(2):  # sent again: the same answer, and nothing new
        reply = await send(edge, topic)
        assert (reply.status_code, reply.json()) == (200, {"status": "received"})
    assert await kept(edge, northwind) == [topic]


async def test_an_unknown_shop_gets_the_same_answer(edge: Edge, northwind: Agency) -> None:
    reply = await send(edge)
    assert (reply.status_code, reply.json()) == (200, {"status": "received"})
    assert await kept(edge, northwind) == []


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"x_shopify_hmac_sha256": None}, 401, "NOT_SIGNED"),
        ({"x_shopify_hmac_sha256": shopify_signature(CUSTOMER_REDACT, "x")}, 401, "NOT_SIGNED"),
        ({"x_shopify_topic": "customers/data_request"}, 400, "MESSAGE_REFUSED"),
        ({"x_shopify_topic": None}, 400, "MESSAGE_REFUSED"),
        ({"x_shopify_shop_domain": "other.myshopify.com"}, 400, "MESSAGE_REFUSED"),
        ({"x_shopify_webhook_id": None}, 400, "MESSAGE_REFUSED"),
        ({"content_type": "text/plain"}, 415, "MESSAGE_REFUSED"),
        ({"content_type": None}, 415, "MESSAGE_REFUSED"),
    ],
)
async def test_what_does_not_fit_is_refused_and_kept_nowhere(
    edge: Edge, northwind: Agency, changed: dict[str, Any], status: int, code: str
) -> None:
    await has_shop(edge, northwind)
    with capture_logs() as logs:
        reply = await send(edge, **changed)
    assert reply.status_code == status
    assert reply.json()["errors"][0]["extensions"]["code"] == code
    assert await kept(edge, northwind) == []
    assert not [word for word in ("john", "191167", "555") if word in f"{logs} {reply.text}"]


async def test_a_body_that_is_too_large_is_refused(edge: Edge) -> None:
    reply = await send(edge, body=b" " * 1_048_577)
    assert reply.status_code == 413


async def test_a_large_shop_s_customer_fits(edge: Edge) -> None:
    orders = ",".join(str(10**12 + number) for number in range(50_000)).encode()
    body = CUSTOMER_REDACT.replace(b"299938", orders)
    assert 700_000 < len(body) < 1_048_576
    assert (await send(edge, body=body)).status_code == 200


async def test_two_signatures_are_none(edge: Edge) -> None:
    headers = [
        ("content-type", "application/json"),
        ("x-shopify-topic", "customers/redact"),
        ("x-shopify-hmac-sha256", shopify_signature(CUSTOMER_REDACT)),
        ("x-shopify-hmac-sha256", shopify_signature(CUSTOMER_REDACT)),
        ("x-shopify-shop-domain", SHOP),
        ("x-shopify-webhook-id", WEBHOOK_ID),
    ]
    reply = await edge.http.post(SHOPIFY, content=CUSTOMER_REDACT, headers=headers)
    assert reply.status_code == 401


@pytest.mark.parametrize("path", [SHOPIFY, "/privacy/meta/deletion", "/privacy/meta/deauthorise"])
async def test_only_posts_are_taken(edge: Edge, path: str) -> None:
    assert (await edge.http.get(path)).status_code == 405


async def test_an_app_that_is_not_set_up_says_so(edge: Edge) -> None:
    privacy = edge.edge_services.privacy
    assert privacy is not None
    bare = edge._with(replace(edge.edge_services, privacy=replace(privacy, apps={})))  # noqa: SLF001
    for reply in (await send(bare), await send_meta(bare, "deletion")):
        assert reply.status_code == 503
        assert reply.json()["errors"][0]["message"] == (
            "our app at this platform is not set up here"
        )


async def test_a_deletion_is_confirmed_by_code_and_address(edge: Edge, northwind: Agency) -> None:
    async with edge.database.session(northwind.tenant_id) as session:
        connection = (await session.scalars(select(Connection).order_by(Connection.id))).first()
        assert connection is not None
        connection.source, connection.granted_by = "meta_ads", "218471"
    request = fresh(edge)
    first = await send_meta(edge, "deletion", request)
    assert first.status_code == 200
    code = first.json()["confirmation_code"]
    assert first.json() == {
        "url": f"https://bosco.example/privacy/status/{code}",
        "confirmation_code": code,
    }
    assert (await send_meta(edge, "deletion", request)).json() == first.json()
    assert await kept(edge, northwind) == ["deletion"]
    page = await edge.http.get(f"/privacy/status/{code}")
    assert (page.status_code, "Your request has arrived." in page.text) == (200, True)
    assert "218471" not in page.text
    assert northwind.canary not in page.text


async def test_a_person_whom_nobody_knows_gets_the_same_answer(
    edge: Edge, northwind: Agency
) -> None:
    reply = await send_meta(edge, "deletion", fresh(edge, "999"))
    assert reply.status_code == 200
    assert set(reply.json()) == {"url", "confirmation_code"}
    code = reply.json()["confirmation_code"]
    assert len(code) == 48
    assert await kept(edge, northwind) == []
    page = await edge.http.get(f"/privacy/status/{code}")
    assert page.status_code == 200
    assert "Your request is done. We hold nothing that it is about." in page.text
    other = code[:-1] + ("a" if code[-1] != "a" else "b")
    assert (await edge.http.get(f"/privacy/status/{other}")).status_code == 404


async def test_deauthorising_is_acknowledged(edge: Edge) -> None:
    reply = await send_meta(edge, "deauthorise")
    assert (reply.status_code, reply.json()) == (200, {"status": "received"})


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"", FORM, 400),
        (b"signed_request=a&signed_request=b", FORM, 400),
        (b"other=a", FORM, 400),
        (b"signed_request=%ff", FORM, 400),
        (b"signed_request=\xff", FORM, 400),
        (b"&".join([b"a=b"] * 30), FORM, 400),
        (b"signed_request=a.b", FORM, 401),
        (b'{"signed_request":"a.b"}', "application/json", 415),
        (b"signed_request=" + b"a" * 16_384, FORM, 413),
    ],
)
async def test_a_form_that_does_not_fit_is_refused(
    edge: Edge, content: bytes, content_type: str, status: int
) -> None:
    for what in ("deletion", "deauthorise"):
        reply = await edge.http.post(
            f"/privacy/meta/{what}", content=content, headers={"content-type": content_type}
        )
        assert reply.status_code == status


async def test_a_signed_request_kept_by_somebody_is_refused_later(edge: Edge) -> None:
    request = fresh(edge)
    edge.clock.now += dt.timedelta(days=2, seconds=1)
    assert (await send_meta(edge, "deletion", request)).status_code == 401


async def test_one_platform_s_secret_signs_nothing_of_another(edge: Edge) -> None:
    now = int(edge.clock().timestamp())
    payload = meta_payload(issued_at=now, expires=now + 60)
    assert (await send_meta(edge, "deletion", signed_request(payload, "hush"))).status_code == 401
    reply = await send(edge, x_shopify_hmac_sha256=shopify_signature(CUSTOMER_REDACT, "appsecret"))
    assert reply.status_code == 401


async def test_it_is_for_platforms_and_reads_no_cookie(edge: Edge) -> None:
    form = urlencode({"signed_request": fresh(edge)})
    reply = await edge.http.post(
        "/privacy/meta/deletion",
        content=form,
        headers={"content-type": FORM, "origin": "https://www.facebook.com"},
    )
    assert reply.status_code == 200
