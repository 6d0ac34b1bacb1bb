"""Receipts of consent: what somebody said, told so that anybody can check it.

    events of one signal -> statement -> Ed25519 -> compact JWS -> read_receipt -> statement

Fields are those of a consent record, with the names that receipts already had. The type in the
header keeps a receipt from being taken for a certificate, which the same keys sign.

Sources: ISO/IEC TS 27560:2023 (consent record information structure); Kantara Initiative, Consent
Receipt Specification 1.1.0 (names); RFC 7515 (JWS), RFC 8037 (Ed25519), RFC 8725 section 3.11.
"""

import base64
import binascii
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from domain.errors import InvalidInputError
from domain.privacy.canonical_json import JsonValue, canonical_json, read_json
from domain.privacy.consent import Consent
from domain.privacy.verify_certificate import thumbprint_of

__all__ = [
    "RECEIPT_TYPE",
    "NoticeShown",
    "Receipt",
    "UnprovenReceiptError",
    "join_receipt",
    "read_receipt",
    "receipt_input",
]

RECEIPT_TYPE: Final = "bosco-consent-receipt+jws"
_VERSION: Final = "ISO/IEC TS 27560:2023"
_LONGEST: Final = 100_000


class UnprovenReceiptError(InvalidInputError):
    """A receipt is not signed by a key that is trusted, or was changed since."""

    code = "RECEIPT_UNPROVEN"


@dataclass(frozen=True, slots=True)
class NoticeShown:
    """What the person had been told."""

    version: str
    language: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """One signal of one person.

    Attributes:
        record_id: Public id of the receipt.
        principal: Pseudonym of the person.
        controller: Public id of the client whose data it is.
        processor: Public id of the agency.
        signal: As it was read.
        events: What it said of each purpose; at least one.
        notice: None: none was named.
    """

    record_id: str
    principal: str
    controller: str
    processor: str
    signal: str
    events: Sequence[Consent]
    notice: NoticeShown | None

    @property
    def statement(self) -> dict[str, JsonValue]:
        """What is signed."""
        first = self.events[0]
        return {
            "version": _VERSION,
            "consentReceiptID": self.record_id,
            "piiPrincipalId": self.principal,
            "piiController": self.controller,
            "piiProcessor": self.processor,
            "collectionMethod": first.source,
            "signal": self.signal,
            "consentTimestamp": _instant(first.effective_at),
            "recordedAt": _instant(first.recorded_at),
            "notice": None if self.notice is None else _notice(self.notice),
            "purposes": [
                {"purpose": one.purpose.value, "state": one.state.value, "legalBasis": "6(1)(a)"}
                for one in sorted(self.events, key=lambda one: one.purpose.value)
            ],
        }


def receipt_input(receipt: Receipt, key_id: str) -> bytes:
    """The bytes under which the signature goes."""
    return f"{_header(key_id)}.{_text(canonical_json(receipt.statement))}".encode()


def join_receipt(signed: bytes, signature: bytes) -> str:
    """The compact JWS."""
    return f"{signed.decode()}.{_text(signature)}"


def read_receipt(jws: str, keys: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Check a receipt by itself.

    Args:
        jws: The receipt.
        keys: Trusted public keys (JWK) by their id.

    Returns:
        Its statement.

    Raises:
        UnprovenReceiptError: It is none, is signed by none of these keys, or was changed.
    """
    parts = jws.split(".")
    if len(jws) > _LONGEST or len(parts) != 3:  # noqa: PLR2004  # header, payload, signature
        raise UnprovenReceiptError("that is no receipt")
    key_id = next((one for one in keys if parts[0] == _header(one)), None)
    if key_id is None:
        raise UnprovenReceiptError("the receipt is signed by a key that is not trusted")
    jwk = keys[key_id]
    try:
        if thumbprint_of(jwk) != key_id:
            raise UnprovenReceiptError("the key has another id than it says")
        public = Ed25519PublicKey.from_public_bytes(_bytes(str(jwk["x"])))
        public.verify(_bytes(parts[2]), f"{parts[0]}.{parts[1]}".encode())
    except (InvalidSignature, ValueError, UnicodeEncodeError) as error:
        raise UnprovenReceiptError("the receipt was changed") from error
    statement: dict[str, Any] = read_json(_bytes(parts[1]))
    return statement


def _notice(notice: NoticeShown) -> JsonValue:
    return {"version": notice.version, "language": notice.language, "sha256": notice.sha256}


def _header(key_id: str) -> str:
    return _text(canonical_json({"alg": "EdDSA", "kid": key_id, "typ": RECEIPT_TYPE}))


def _instant(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise UnprovenReceiptError("that is no receipt") from error
    if _text(data) != text:
        raise UnprovenReceiptError("that is no receipt")
    return data
