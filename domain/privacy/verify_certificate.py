"""The independent check of a certificate: no database, and nothing of what makes certificates.

    file -> JSON of one meaning -> key -> signature -> payload -> shape -> readable part is the same
        -> the file's bytes are the only ones that say so -> Verdict
    audit export -> the certificate's place in it -> no newer revision -> the agency's chain

Trusts nothing but what is signed, by a key that is trusted: a list of keys or the id of one, which
is its thumbprint. One way of writing each thing is accepted, so that a file with a byte changed
anywhere fails, also where it would mean the same.

Sources: RFC 7515 section 5.2 (JWS verification), RFC 8037 (Ed25519), RFC 8032 section 5.1.7,
RFC 7638 (thumbprint), RFC 8725 sections 3.1 and 3.11.
Decision: ADR-0030.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from domain.errors import InvalidInputError
from domain.privacy.canonical_json import canonical_json, read_json, readable_json
from domain.privacy.certificate_shape import FORMAT, find_flaw

__all__ = [
    "CERTIFICATE_TYPE",
    "TrustedKeys",
    "Verdict",
    "VerifiedCertificate",
    "thumbprint_of",
    "verify_certificate",
]

CERTIFICATE_TYPE: Final = "bosco-erasure-certificate+jws"

_MEMBERS: Final = ["format", "publicKey", "signed", "statement"]
_KEY_MEMBERS: Final = ["crv", "kid", "kty", "x"]
_LARGEST: Final = 16 * 1024 * 1024


class _FlawError(Exception):
    """The first reason why it proves nothing."""


@dataclass(frozen=True, slots=True)
class TrustedKeys:
    """Whose signatures count, by the id of the key.

    Attributes:
        valid: Ids of keys that prove something, also of retired ones.
        revoked: Ids of keys that others may have had.
    """

    valid: frozenset[str]
    revoked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class VerifiedCertificate:
    """What a certificate says for certain, if its key is the platform's.

    Attributes:
        statement: As docs/gdpr.md describes it; its shape was checked.
        key_id: Thumbprint of the key that signed.
        digest: Hash by which other certificates and the audit trail name it.
    """

    statement: Mapping[str, Any]
    key_id: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the check came to.

    Attributes:
        certificate: None: it proves nothing.
        reason: Why, one sentence without a full stop; empty: it is in order.
    """

    certificate: VerifiedCertificate | None
    reason: str = ""


def verify_certificate(data: bytes, trusted: TrustedKeys | None = None) -> Verdict:
    """Check a file by itself.

    Args:
        data: The whole file.
        trusted: None: whichever key the file brings along; then only the reader can know whose it
            is, by `VerifiedCertificate.key_id`.
    """
    try:
        return Verdict(_verify(data, trusted))
    except _FlawError as flaw:
        return Verdict(None, str(flaw))


def thumbprint_of(jwk: Mapping[str, Any]) -> str:
    """The id of an Ed25519 key (RFC 7638 section 3, RFC 8037 section 2).

    Raises:
        InvalidInputError: It is no public Ed25519 key.
    """
    if jwk.get("kty") != "OKP" or jwk.get("crv") != "Ed25519" or not isinstance(jwk.get("x"), str):
        raise InvalidInputError("it is no Ed25519 key")
    members = canonical_json({name: jwk[name] for name in ("crv", "kty", "x")})
    return base64.urlsafe_b64encode(hashlib.sha256(members).digest()).decode().rstrip("=")


def _verify(data: bytes, trusted: TrustedKeys | None) -> VerifiedCertificate:
    file = _read(data, "the file")
    if not isinstance(file, dict) or sorted(file) != _MEMBERS or file["format"] != FORMAT:
        raise _FlawError(f"the file is no {FORMAT}")
    key_id = _check_key(file["publicKey"], trusted)
    payload = _check_signature(file["signed"], file["publicKey"], key_id)
    statement = _read(payload, "what is signed")
    if canonical_json(statement) != payload:
        raise _FlawError("what is signed is not written in the canonical way")
    flaw = find_flaw(statement)
    if flaw is not None:
        raise _FlawError(f"what is signed is no certificate: {flaw}")
    difference = _find_difference(statement, file["statement"], "")
    if difference is not None:
        raise _FlawError(f"the readable part is not what was signed: {difference} differs")
    if readable_json(file) != data:
        raise _FlawError("the file was written anew: take it from where it was put, unchanged")
    return VerifiedCertificate(statement, key_id, hashlib.sha256(file["signed"].encode()).digest())


def _check_key(jwk: Any, trusted: TrustedKeys | None) -> str:
    if not isinstance(jwk, dict) or sorted(jwk) != _KEY_MEMBERS:
        raise _FlawError("the file brings no public key")
    try:
        key_id = thumbprint_of(jwk)
    except InvalidInputError as error:
        raise _FlawError(f"its key cannot be used: {error.message}") from None
    if jwk["kid"] != key_id:
        raise _FlawError("its key has another id than it says")
    if trusted is not None and key_id in trusted.revoked:
        raise _FlawError(f"its key {key_id} was revoked: others may have had it")
    if trusted is not None and key_id not in trusted.valid:
        raise _FlawError(f"it is signed by key {key_id}, which is not trusted")
    return key_id


def _check_signature(jws: Any, jwk: Mapping[str, Any], key_id: str) -> bytes:
    """The payload, when header and signature are right."""
    parts = jws.split(".") if isinstance(jws, str) else []
    if len(parts) != 3:  # noqa: PLR2004  # header, payload, signature
        raise _FlawError("its signed part is none")
    header, payload, signature = map(_decode, parts)
    expected = {"alg": "EdDSA", "kid": key_id, "typ": CERTIFICATE_TYPE}
    if header != canonical_json(expected):
        raise _FlawError("its signed part is of another kind, or by another key")
    try:
        key = Ed25519PublicKey.from_public_bytes(_decode(jwk["x"]))
        key.verify(signature, f"{parts[0]}.{parts[1]}".encode())
    except (InvalidSignature, ValueError):
        raise _FlawError("its signature does not fit: what it says was changed") from None
    return payload


def _decode(text: str) -> bytes:
    """Base64url without padding, of which each value has one way of being written only."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise _FlawError("its signed part cannot be read") from None
    if base64.urlsafe_b64encode(data).decode().rstrip("=") != text:
        raise _FlawError("its signed part cannot be read")
    return data


def _read(data: bytes, what: str) -> Any:
    if len(data) > _LARGEST:
        raise _FlawError(f"{what} is too large")
    try:
        return read_json(data)
    except InvalidInputError as error:
        raise _FlawError(f"{what} cannot be read: {error.message}") from None


def _find_difference(signed: Any, shown: Any, where: str) -> str | None:
    """Where the two first differ; kinds count too: 1 is not true."""
    if type(signed) is not type(shown):
        return where or "all of it"
    if isinstance(signed, dict):
        return _find_difference_of_members(signed, shown, f"{where}." if where else "")
    if isinstance(signed, list):
        if len(signed) != len(shown):
            return where
        pairs = enumerate(zip(signed, shown, strict=True))
        found = (_find_difference(*pair, f"{where}[{place}]") for place, pair in pairs)
        return next(filter(None, found), None)
    return None if signed == shown else where


def _find_difference_of_members(
    signed: Mapping[str, Any], shown: Mapping[str, Any], prefix: str
) -> str | None:
    for name in sorted(signed.keys() | shown.keys()):
        if name not in signed or name not in shown:
            return f"{prefix}{name}"
        found = _find_difference(signed[name], shown[name], f"{prefix}{name}")
        if found is not None:
            return found
    return None
