"""Messages as the platforms' documentation shows them, and signatures made another way.

The signatures are made with OpenSSL's own HMAC through `cryptography`, not with the `hmac` that the
product uses.
"""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from gdpr.inbound.shopify import ShopifyHeaders

SHOPIFY_SECRET = "hush"  # of a test
META_SECRET = "appsecret"  # as above

# shopify.dev/docs/apps/build/compliance/privacy-law-compliance, "Payload"
DATA_REQUEST = b"""{
  "shop_id": 954889,
  "shop_domain": "johns-apparel.myshopify.com",
  "orders_requested": [
    299938,
    280263,
    220458
  ],
  "customer": {
    "id": 191167,
    "email": "john@example.com",
    "phone": "555-625-1199"
  },
  "data_request": {
    "id": 9999
  }
}"""
CUSTOMER_REDACT = b"""{
  "shop_id": 954889,
  "shop_domain": "johns-apparel.myshopify.com",
  "customer": {
    "id": 191167,
    "email": "john@example.com",
    "phone": "555-625-1199"
  },
  "orders_to_redact": [
    299938,
    280263,
    220458
  ]
}"""
SHOP_REDACT = b"""{
  "shop_id": 954889,
  "shop_domain": "johns-apparel.myshopify.com"
}"""
EXAMPLES = {
    "customers/data_request": DATA_REQUEST,
    "customers/redact": CUSTOMER_REDACT,
    "shop/redact": SHOP_REDACT,
}
SHOP = "johns-apparel.myshopify.com"
WEBHOOK_ID = "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"

# developers.facebook.com/docs/development/create-an-app/app-dashboard/data-deletion-callback
DELETION = (
    b'{"algorithm":"HMAC-SHA256","expires":1291840400,"issued_at":1291836800,"user_id":"218471"}'
)
ISSUED_AT = 1291836800


def mac(secret: str, message: bytes, algorithm: hashes.HashAlgorithm | None = None) -> bytes:
    """HMAC by OpenSSL."""
    maker = HMAC(secret.encode(), algorithm or hashes.SHA256())
    maker.update(message)
    return maker.finalize()


def shopify_signature(body: bytes, secret: str = SHOPIFY_SECRET) -> str:
    """As Shopify writes it."""
    return base64.b64encode(mac(secret, body)).decode()


def shopify_headers(
    topic: str, body: bytes, *, shop: str = SHOP, webhook_id: str = WEBHOOK_ID
) -> ShopifyHeaders:
    """All four, right."""
    return ShopifyHeaders([shopify_signature(body)], [topic], [shop], [webhook_id])


def base64url(data: bytes) -> str:
    """Without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed_request(payload: bytes = DELETION, secret: str = META_SECRET) -> str:
    """As Meta writes it."""
    encoded = base64url(payload)
    return f"{base64url(mac(secret, encoded.encode()))}.{encoded}"


def meta_payload(**changed: Any) -> bytes:
    """The example, changed; None takes a member out."""
    found = {**json.loads(DELETION), **changed}
    return json.dumps({key: value for key, value in found.items() if value is not None}).encode()
