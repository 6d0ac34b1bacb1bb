"""Meta's signed requests: a person takes our app out, or wants deleted what Meta told us of them.

    "signature.payload" -> HMAC of the payload as it stands -> decoded -> algorithm, time -> ids

`user_id` is the person's id within our app. At Bosco it names who consented to a connection
(`connections.granted_by`): nobody in the data of ad accounts has one. A page that is taken out
comes with `profile_id` and a `user_id` of 0.

A confirmation code is made of what was signed, so that the same request gets the same code, and of
a second part that only we can make: the status page tells codes of ours without keeping them.

Source: developers.facebook.com/docs/development/create-an-app/app-dashboard/data-deletion-callback
and .../docs/facebook-login/guides/advanced/manual-flow, "deauthorize" (2026-11).
"""

import base64
import datetime as dt
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gdpr.inbound.refusal import InboundRefusedError, NotSignedError
from gdpr.inbound.strict_json import read_object

__all__ = ["MetaMessage", "confirmation_code", "is_confirmation_code", "open_signed", "read_meta"]

_LONGEST: Final = 8_192
_FORM: Final = re.compile(r"[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]+", re.ASCII)
_ALGORITHM: Final = "HMAC-SHA256"
_ID: Final = re.compile(r"[0-9]{1,32}", re.ASCII)
_NOBODY: Final = "0"

# Meta tries again for a while; what is older was kept by somebody.
_OLDEST: Final = dt.timedelta(days=2)
_AHEAD: Final = dt.timedelta(minutes=5)

_CODE_BYTES: Final = 15  # 24 letters
_CODE: Final = re.compile(r"[a-z2-7]{48}", re.ASCII)
_MAKE: Final = b"bosco confirmation code\0"
_PROVE: Final = b"bosco confirmation proof\0"


@dataclass(frozen=True, slots=True)
class MetaMessage:
    """What Meta has signed.

    Attributes:
        person: Id of a person within our app; empty: it is about a page.
        page: Id of a page; empty: it is about a person.
        digest: Names this message: the same when it is sent again.
        issued_at: UTC instant.
    """

    person: str = field(repr=False)
    page: str = field(repr=False)
    digest: str
    issued_at: dt.datetime


def read_meta(signed_request: str, secrets: Sequence[str], now: dt.datetime) -> MetaMessage:
    """Check and read a signed request.

    Args:
        signed_request: The form field.
        secrets: App secrets that may sign.
        now: UTC instant.

    Raises:
        NotSignedError: Malformed, or not signed by Meta for our app by this algorithm.
        InboundRefusedError: Signed, but too old, from the future, or about nobody.
    """
    found = open_signed(signed_request, secrets)
    issued_at = _instant(found.get("issued_at"))
    if not now - _OLDEST <= issued_at <= now + _AHEAD:
        raise InboundRefusedError("the signed request is not of now", status=401)
    expires = found.get("expires", 0)
    if expires and _instant(expires) < now:
        raise InboundRefusedError("the signed request has run out", status=401)
    person, page = _id(found.get("user_id")), _id(found.get("profile_id"))
    if not person and not page:
        raise InboundRefusedError("the signed request is about nobody")
    digest = hashlib.sha256(signed_request.partition(".")[2].encode()).hexdigest()
    return MetaMessage(person, page, digest, issued_at)


def open_signed(signed_request: str, secrets: Sequence[str]) -> dict[str, Any]:
    """What was signed.

    Raises:
        NotSignedError: See `read_meta`.
    """
    if len(signed_request) > _LONGEST or not _FORM.fullmatch(signed_request):
        raise NotSignedError
    shown, _, payload = signed_request.partition(".")
    good = False
    for secret in secrets:
        digest = hmac.digest(secret.encode(), payload.encode(), hashlib.sha256)
        good |= hmac.compare_digest(_unpadded(digest), shown.encode())
    if not good:
        raise NotSignedError
    try:
        found = read_object(base64.urlsafe_b64decode(f"{payload}{'=' * (-len(payload) % 4)}"))
    except ValueError:
        raise NotSignedError from None
    if found.get("algorithm") != _ALGORITHM:
        raise NotSignedError
    return found


def confirmation_code(message: MetaMessage, secret: str) -> str:
    """The code of a message: 48 letters and digits, always the same.

    Args:
        message: That is confirmed.
        secret: Of our app, the current one.
    """
    first = hmac.digest(secret.encode(), _MAKE + message.digest.encode(), "sha256")[:_CODE_BYTES]
    return _text(first) + _text(_proof(first, secret))


def is_confirmation_code(code: str, secrets: Sequence[str]) -> bool:
    """Whether we gave this code to somebody."""
    if not _CODE.fullmatch(code):
        return False
    half = len(code) // 2
    first, proof = (base64.b32decode(part.upper()) for part in (code[:half], code[half:]))
    good = False
    for secret in secrets:
        good |= hmac.compare_digest(_proof(first, secret), proof)
    return good


def _proof(first: bytes, secret: str) -> bytes:
    return hmac.digest(secret.encode(), _PROVE + first, "sha256")[:_CODE_BYTES]


def _text(part: bytes) -> str:
    return base64.b32encode(part).decode().lower()


def _unpadded(digest: bytes) -> bytes:
    return base64.urlsafe_b64encode(digest).rstrip(b"=")


def _instant(value: Any) -> dt.datetime:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InboundRefusedError("the signed request does not say when it was made")
    try:
        return dt.datetime.fromtimestamp(value, dt.UTC)
    except (OverflowError, ValueError, OSError):
        raise InboundRefusedError("the signed request does not say when it was made") from None


def _id(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = str(value)
    return text if _ID.fullmatch(text) and text != _NOBODY else ""
