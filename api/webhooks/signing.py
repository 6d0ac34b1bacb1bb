"""Signatures: how a receiver knows that a message is ours, whole and fresh.

    secrets, message id, instant, body -> HMAC-SHA256 of "id.timestamp.body" -> webhook-signature

An endpoint has one secret of its own. For a while after it was exchanged the one before signs too:
the header then holds both signatures, and the receiver needs one that it can verify.

Source: Standard Webhooks 1.0.0, "Signature scheme" and "Webhook headers".
"""

import base64
import datetime as dt
import hmac
from collections.abc import Callable, Sequence
from typing import Final

from tenancy.vault import Secret

__all__ = ["new_secret", "signed_headers"]

_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32  # the specification takes 24 to 64


def new_secret(random_bytes: Callable[[int], bytes]) -> Secret:
    """A secret as receivers take it: `whsec_` and base64.

    Args:
        random_bytes: Gives that many unpredictable bytes.
    """
    return Secret(_PREFIX + base64.b64encode(random_bytes(_SECRET_BYTES)).decode())


def signed_headers(
    secrets: Sequence[Secret], *, message_id: str, at: dt.datetime, body: bytes
) -> dict[str, str]:
    """The three headers of a message.

    Args:
        secrets: Made by `new_secret`; the current one first.
        message_id: The same in each attempt; without a full stop.
        at: UTC instant of this attempt.
        body: Exactly what is sent.
    """
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_sign(secret, signed) for secret in secrets),
    }


def _sign(secret: Secret, signed: bytes) -> str:
    key = base64.b64decode(secret.reveal().removeprefix(_PREFIX))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}"
