"""Shopify's privacy webhooks, checked and read.

    headers, raw body, secrets -> signature over the body -> topic, shop, ids -> ShopifyMessage

The signature covers the body alone. Topic and shop also stand in headers, which nobody signs: the
body has to be of the shape of that topic and name that shop, so that a signed body is of no use
under another topic or for another shop. After the secret was exchanged at Shopify the old one signs
for a while: both count.

Source: shopify.dev/docs/apps/build/compliance/privacy-law-compliance and
.../build/webhooks/subscribe/https (2026-11).
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gdpr.inbound.refusal import InboundRefusedError, NotSignedError
from gdpr.inbound.strict_json import read_object
from tenancy.tables import MessageTopic

__all__ = ["MOST_BYTES", "ShopifyCustomer", "ShopifyHeaders", "ShopifyMessage", "read_shopify"]

MOST_BYTES: Final = 1_048_576  # a customer of tens of thousands of orders
_DOMAIN: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\.myshopify\.com")
_WEBHOOK_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")

# Which members a body of each topic has.
_SHAPES: Final = {
    MessageTopic.DATA_REQUEST: {
        "shop_id", "shop_domain", "orders_requested", "customer", "data_request",
    },
    MessageTopic.CUSTOMER_REDACT: {"shop_id", "shop_domain", "customer", "orders_to_redact"},
    MessageTopic.SHOP_REDACT: {"shop_id", "shop_domain"},
}  # fmt: skip
_ORDERS: Final = {
    MessageTopic.DATA_REQUEST: "orders_requested",
    MessageTopic.CUSTOMER_REDACT: "orders_to_redact",
}


@dataclass(frozen=True, slots=True)
class ShopifyHeaders:
    """The headers that count; each as often as it was sent.

    Attributes:
        signature: `X-Shopify-Hmac-SHA256`.
        topic: `X-Shopify-Topic`.
        shop: `X-Shopify-Shop-Domain`.
        webhook_id: `X-Shopify-Webhook-Id`.
    """

    signature: Sequence[str]
    topic: Sequence[str]
    shop: Sequence[str]
    webhook_id: Sequence[str]


@dataclass(frozen=True, slots=True)
class ShopifyCustomer:
    """A person, as far as Shopify tells; empty texts are not told."""

    id: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ShopifyMessage:
    """A webhook that Shopify has signed.

    Attributes:
        webhook_id: The same when Shopify sends it again.
        shop: Name of the shop, without `.myshopify.com`.
        customer: Nobody, of `shop/redact`.
        orders: Ids of their orders.
        reference: Shopify's number of a data request; empty: it has none.
    """

    webhook_id: str
    topic: MessageTopic
    shop: str
    customer: ShopifyCustomer
    orders: tuple[str, ...] = field(repr=False)
    reference: str


def read_shopify(headers: ShopifyHeaders, body: bytes, secrets: Sequence[str]) -> ShopifyMessage:
    """Check and read a webhook.

    Args:
        headers: Of the request.
        body: Exactly as it came.
        secrets: Client secrets of our app that may sign.

    Raises:
        NotSignedError: The signature is missing, or is not over this body.
        InboundRefusedError: Signed, but not one of the three topics in its shape.
    """
    check_signature(headers.signature, body, secrets)
    topic = _topic(headers.topic)
    found = read_object(body)
    if found.keys() != _SHAPES[topic]:
        raise InboundRefusedError("the message is not of the shape of its topic")
    domain = found["shop_domain"]
    if (
        not isinstance(domain, str)
        or not _DOMAIN.fullmatch(domain)
        or [domain] != list(headers.shop)
    ):
        raise InboundRefusedError("the message does not name the shop that it comes from")
    return ShopifyMessage(
        webhook_id=_only(headers.webhook_id, _WEBHOOK_ID, "X-Shopify-Webhook-Id"),
        topic=topic,
        shop=domain.removesuffix(".myshopify.com"),
        customer=_customer(found.get("customer", {})),
        orders=_orders(found.get(_ORDERS.get(topic, ""), [])),
        reference=_reference(found),
    )


def check_signature(given: Sequence[str], body: bytes, secrets: Sequence[str]) -> None:
    """Hold the header against the body, in the same time whatever comes.

    The texts are compared, not what they decode to: of one signature there is one spelling.

    Raises:
        NotSignedError: See there.
    """
    shown = given[0].encode("utf-8", "surrogateescape") if len(given) == 1 else b""
    good = False
    for secret in secrets:
        digest = hmac.digest(secret.encode(), body, hashlib.sha256)
        good |= hmac.compare_digest(base64.b64encode(digest), shown)
    if not good:
        raise NotSignedError


def _topic(given: Sequence[str]) -> MessageTopic:
    for topic in _SHAPES:
        if list(given) == [topic.value]:
            return topic
    raise InboundRefusedError(
        "X-Shopify-Topic is none of ours",
        hint="subscribe to customers/data_request, customers/redact and shop/redact only",
    )


def _only(given: Sequence[str], pattern: re.Pattern[str], name: str) -> str:
    if len(given) != 1 or not pattern.fullmatch(given[0]):
        raise InboundRefusedError(f"{name} is missing, doubled or malformed")
    return given[0]


def _customer(found: Any) -> ShopifyCustomer:
    if not isinstance(found, dict):
        raise InboundRefusedError("the message names no customer")
    return ShopifyCustomer(
        id=_text(found.get("id")), email=_text(found.get("email")), phone=_text(found.get("phone"))
    )


def _orders(found: Any) -> tuple[str, ...]:
    if not isinstance(found, list):
        raise InboundRefusedError("the orders are no list")
    return tuple(dict.fromkeys(filter(None, map(_text, found))))


def _reference(found: dict[str, Any]) -> str:
    asked = found.get("data_request", {})
    return _text(asked.get("id")) if isinstance(asked, dict) else ""


def _text(value: Any) -> str:
    """Ids are numbers, addresses texts; null and what is neither is nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)
