"""Shopify's webhooks: the documented ones are taken, byte for byte, and no forged one is."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from hypothesis import given
from hypothesis import strategies as st

from gdpr.inbound.refusal import InboundRefusedError, NotSignedError
from gdpr.inbound.shopify import ShopifyCustomer, ShopifyHeaders, ShopifyMessage, read_shopify
from tenancy.tables import MessageTopic
from tests.gdpr.inbound.signed import (
    CUSTOMER_REDACT,
    DATA_REQUEST,
    EXAMPLES,
    SHOP,
    SHOP_REDACT,
    SHOPIFY_SECRET,
    WEBHOOK_ID,
    mac,
    shopify_headers,
    shopify_signature,
)

SECRETS = (SHOPIFY_SECRET,)
JOHN = ShopifyCustomer("191167", "john@example.com", "555-625-1199")
ORDERS = ("299938", "280263", "220458")


def test_a_data_request_is_read() -> None:
    headers = shopify_headers("customers/data_request", DATA_REQUEST)
    assert read_shopify(headers, DATA_REQUEST, SECRETS) == ShopifyMessage(
        WEBHOOK_ID, MessageTopic.DATA_REQUEST, "johns-apparel", JOHN, ORDERS, "9999"
    )


def test_a_redaction_of_a_customer_is_read() -> None:
    headers = shopify_headers("customers/redact", CUSTOMER_REDACT)
    assert read_shopify(headers, CUSTOMER_REDACT, SECRETS) == ShopifyMessage(
        WEBHOOK_ID, MessageTopic.CUSTOMER_REDACT, "johns-apparel", JOHN, ORDERS, ""
    )


def test_a_redaction_of_a_shop_is_read() -> None:
    headers = shopify_headers("shop/redact", SHOP_REDACT)
    assert read_shopify(headers, SHOP_REDACT, SECRETS) == ShopifyMessage(
        WEBHOOK_ID, MessageTopic.SHOP_REDACT, "johns-apparel", ShopifyCustomer(), (), ""
    )


def test_a_customer_may_hold_an_address_only() -> None:
    found = json.loads(CUSTOMER_REDACT)
    found["customer"] = {"id": None, "email": "john@example.com", "phone": None}
    found["orders_to_redact"] = []
    body = json.dumps(found).encode()
    message = read_shopify(shopify_headers("customers/redact", body), body, SECRETS)
    assert message.customer == ShopifyCustomer("", "john@example.com", "")
    assert message.orders == ()


def test_the_secret_before_signs_too() -> None:
    headers = shopify_headers("shop/redact", SHOP_REDACT)
    assert read_shopify(headers, SHOP_REDACT, ("newer", SHOPIFY_SECRET)).shop == "johns-apparel"


def test_nothing_shows_in_a_log() -> None:
    message = read_shopify(
        shopify_headers("customers/redact", CUSTOMER_REDACT), CUSTOMER_REDACT, SECRETS
    )
    assert not [known for known in ("191167", "john@", "555", "299938") if known in repr(message)]


def _with_signature(make: Callable[[bytes], str]) -> tuple[ShopifyHeaders, bytes]:
    headers = shopify_headers("customers/redact", CUSTOMER_REDACT)
    return replace(headers, signature=[make(CUSTOMER_REDACT)]), CUSTOMER_REDACT


def _with_body(body: bytes) -> tuple[ShopifyHeaders, bytes]:
    return shopify_headers("customers/redact", CUSTOMER_REDACT), body


RIGHT = shopify_signature(CUSTOMER_REDACT)
RAW = base64.b64decode(RIGHT)
UNSIGNED = {
    "wrong secret": _with_signature(lambda body: shopify_signature(body, "hushed")),
    "empty secret": _with_signature(lambda body: shopify_signature(body, "x")),
    "one byte changed": _with_body(CUSTOMER_REDACT.replace(b"191167", b"191168")),
    "encoded again": _with_body(json.dumps(json.loads(CUSTOMER_REDACT)).encode()),
    "one space more": _with_body(CUSTOMER_REDACT + b" "),
    "a newline more": _with_body(CUSTOMER_REDACT + b"\n"),
    "cut short": _with_body(CUSTOMER_REDACT[:-1]),
    "empty body": _with_body(b""),
    "hexadecimal": _with_signature(lambda body: mac(SHOPIFY_SECRET, body).hex()),
    "without padding": _with_signature(lambda _: RIGHT.rstrip("=")),
    "more padding": _with_signature(lambda _: f"{RIGHT}="),
    "base64url": _with_signature(
        lambda body: base64.urlsafe_b64encode(mac(SHOPIFY_SECRET, body)).decode().rstrip("=")
    ),
    "spaces around": _with_signature(lambda _: f" {RIGHT}"),
    "another last letter": _with_signature(lambda _: f"{RIGHT[:-2]}{chr(ord(RIGHT[-2]) + 1)}="),
    "other case": _with_signature(lambda _: RIGHT.swapcase()),
    "SHA-1": _with_signature(
        lambda body: base64.b64encode(mac(SHOPIFY_SECRET, body, hashes.SHA1())).decode()  # noqa: S303
    ),
    "SHA-512": _with_signature(
        lambda body: base64.b64encode(mac(SHOPIFY_SECRET, body, hashes.SHA512())).decode()
    ),
    "of the digest": _with_signature(lambda _: shopify_signature(RAW)),
    "with a scheme": _with_signature(lambda _: f"sha256={RIGHT}"),
    "of nothing": _with_signature(lambda _: ""),
    "no ASCII": _with_signature(lambda _: "\udcff" + RIGHT),
    "of another topic's body": _with_signature(lambda _: shopify_signature(DATA_REQUEST)),
    "missing": (
        replace(shopify_headers("customers/redact", CUSTOMER_REDACT), signature=[]),
        CUSTOMER_REDACT,
    ),
    "twice": (
        replace(shopify_headers("customers/redact", CUSTOMER_REDACT), signature=[RIGHT, RIGHT]),
        CUSTOMER_REDACT,
    ),
}


@pytest.mark.parametrize("name", UNSIGNED)
def test_a_forged_signature_is_refused(name: str) -> None:
    headers, body = UNSIGNED[name]
    with pytest.raises(NotSignedError) as refused:
        read_shopify(headers, body, SECRETS)
    assert refused.value.status == 401


def test_nobody_signs_for_an_app_without_a_secret() -> None:
    with pytest.raises(NotSignedError):
        read_shopify(shopify_headers("shop/redact", SHOP_REDACT), SHOP_REDACT, ())


@pytest.mark.parametrize("topic", EXAMPLES)
@pytest.mark.parametrize("other", EXAMPLES)
def test_a_signed_body_is_of_no_use_under_another_topic(topic: str, other: str) -> None:
    body = EXAMPLES[topic]
    if topic == other:
        assert read_shopify(shopify_headers(other, body), body, SECRETS).topic.value == topic
        return
    with pytest.raises(InboundRefusedError) as refused:
        read_shopify(shopify_headers(other, body), body, SECRETS)
    assert (refused.value.message, refused.value.status) == (
        "the message is not of the shape of its topic",
        400,
    )


GOOD = shopify_headers("shop/redact", SHOP_REDACT)


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        (
            replace(GOOD, shop=["others.myshopify.com"]),
            "the message does not name the shop that it comes from",
        ),
        (
            replace(GOOD, shop=[SHOP, SHOP]),
            "the message does not name the shop that it comes from",
        ),
        (replace(GOOD, shop=[]), "the message does not name the shop that it comes from"),
        (replace(GOOD, topic=[]), "X-Shopify-Topic is none of ours"),
        (replace(GOOD, topic=["orders/create"]), "X-Shopify-Topic is none of ours"),
        (replace(GOOD, topic=["shop/redact"] * 2), "X-Shopify-Topic is none of ours"),
        (replace(GOOD, topic=["SHOP/REDACT"]), "X-Shopify-Topic is none of ours"),
        (
            replace(GOOD, webhook_id=[]),
            "X-Shopify-Webhook-Id is missing, doubled or malformed",
        ),
        (
            replace(GOOD, webhook_id=["a" * 101]),
            "X-Shopify-Webhook-Id is missing, doubled or malformed",
        ),
    ],
)
def test_headers_that_do_not_fit_are_refused(headers: ShopifyHeaders, message: str) -> None:
    with pytest.raises(InboundRefusedError) as refused:
        read_shopify(headers, SHOP_REDACT, SECRETS)
    assert (refused.value.message, refused.value.status) == (message, 400)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"{",
        b"\xff",
        b'{"shop_id": 1, "shop_id": 2, "shop_domain": "johns-apparel.myshopify.com"}',
        b'{"shop_id": 1, "shop_domain": "johns-apparel.myshopify.com", "customer": {}}',
        b'{"shop_domain": "johns-apparel.myshopify.com"}',
        b'{"shop_id": 1, "shop_domain": "evil.example"}',
        b'{"shop_id": 1, "shop_domain": "a.b.myshopify.com"}',
        b'{"shop_id": 1, "shop_domain": ["johns-apparel.myshopify.com"]}',
        b"[" * 100_000,
    ],
)
def test_what_is_signed_and_of_no_use_is_refused(body: bytes) -> None:
    with pytest.raises(InboundRefusedError) as refused:
        read_shopify(shopify_headers("shop/redact", body), body, SECRETS)
    assert refused.value.status == 400


@given(st.binary(max_size=80), st.text(max_size=60))
def test_no_made_up_signature_is_taken(body: bytes, signature: str) -> None:
    with pytest.raises(NotSignedError):
        read_shopify(replace(GOOD, signature=[signature]), body, SECRETS)
