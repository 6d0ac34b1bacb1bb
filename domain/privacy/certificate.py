"""The certificate of an erasure: evidence -> statement -> bytes to sign -> file.

    ErasureEvidence + CertificatePlace -> statement -> canonical JSON -> compact JWS (Ed25519)
        -> file: the JWS, the public key, and the statement once more for people

Pure: whoever has the key signs (`gdpr.evidence`). Each certificate names the hash of the agency's
certificate before it, the hash of the revision that it replaces, and the end of the agency's audit
trail when it was made; the trail in turn names the certificate. Nothing is changed in place: a
later state is a new revision. `domain.privacy.verify_certificate` checks it, and shares nothing
with this module but the way of writing JSON.

Sources: RFC 7515 (JWS), RFC 8037 (Ed25519 in JOSE), RFC 8785 (canonical JSON), RFC 8725 section
3.11 (explicit typing).
Decision: ADR-0030.
"""

import base64
import datetime as dt
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from domain.audit.verify import Link
from domain.errors import InternalError
from domain.privacy.canonical_json import JsonValue, canonical_json, readable_json
from domain.privacy.evidence import (
    ErasedCount,
    ErasureEvidence,
    MarkedModel,
    RecipientNotice,
    Rescan,
    Residual,
    Treatment,
    TreatmentAction,
)

__all__ = [
    "CERTIFICATE_TYPE",
    "FORMAT",
    "CertificatePlace",
    "UnfitEvidenceError",
    "hash_of",
    "join_signature",
    "signing_input",
    "state_erasure",
    "write_file",
]

FORMAT: Final = "bosco-erasure-certificate-1"
CERTIFICATE_TYPE: Final = "bosco-erasure-certificate+jws"

_SUBJECT: Final = re.compile(r"sp_[a-z2-7]{32}")
_PLAN_HASH: Final = re.compile(r"[0-9a-f]{64}")
_ADDRESS: Final = re.compile(r"\S@\S")


class UnfitEvidenceError(InternalError):
    """Evidence that must not, or cannot, become a certificate (our bug)."""

    code = "UNFIT_EVIDENCE"


@dataclass(frozen=True, slots=True)
class CertificatePlace:
    """Where a certificate stands among others.

    Attributes:
        number: 1, 2, 3 ... within the agency.
        previous: Hash of the agency's certificate before it; None: it is the first.
        revision: 1, 2, 3 ... of this request.
        replaces: Hash of the revision before it; None: it is the first.
        trail: End of the agency's audit trail when it was made.
        issued_at: UTC instant.
    """

    number: int
    previous: bytes | None
    revision: int
    replaces: bytes | None
    trail: Link
    issued_at: dt.datetime


def state_erasure(evidence: ErasureEvidence, place: CertificatePlace) -> dict[str, JsonValue]:
    """What the certificate says.

    Raises:
        UnfitEvidenceError: The subject is no pseudonym, a text looks like an e-mail address,
            something stays without a reason, or a date and what belongs to it do not go together.
    """
    _check(evidence)
    statement: dict[str, JsonValue] = {
        "format": FORMAT,
        "agency": evidence.agency,
        "auditTrail": {"hash": place.trail.hash.hex(), "sequence": place.trail.sequence},
        "certificate": {
            "issuedAt": _instant(place.issued_at),
            "number": place.number,
            "previous": _hex(place.previous),
            "replaces": _hex(place.replaces),
            "revision": place.revision,
        },
        "erased": [_erased(one) for one in evidence.counts],
        "plan": {
            "hash": evidence.plan_hash,
            "treatments": [_treatment(one) for one in evidence.treatments],
        },
        "policy": evidence.policy,
        "recipients": [_recipient(one) for one in evidence.recipients],
        "request": {
            "closedAt": _instant(evidence.closed_at),
            "countersignedBy": evidence.countersigned_by,
            "dueAt": _instant(evidence.due_at),
            "id": evidence.request,
            "outcome": None if evidence.outcome is None else evidence.outcome.value,
            "receivedAt": _instant(evidence.received_at),
            "right": evidence.right.value,
        },
        "rescans": [_rescan(one) for one in evidence.rescans],
        "residuals": [_residual(one) for one in evidence.residuals],
        "subject": evidence.subject,
    }
    if evidence.models:  # a certificate without any is written as it was before there were models
        statement["models"] = [_model(one) for one in evidence.models]
    if any(map(_ADDRESS.search, _texts(statement))):
        raise UnfitEvidenceError("evidence of an erasure holds an e-mail address")
    return statement


def signing_input(statement: Mapping[str, JsonValue], key_id: str) -> bytes:
    """The bytes under which the signature goes: header and payload (RFC 7515 section 5.1)."""
    header: JsonValue = {"alg": "EdDSA", "kid": key_id, "typ": CERTIFICATE_TYPE}
    return _base64(canonical_json(header)) + b"." + _base64(canonical_json(statement))


def join_signature(signed: bytes, signature: bytes) -> str:
    """The compact JWS."""
    return (signed + b"." + _base64(signature)).decode("ascii")


def hash_of(jws: str) -> bytes:
    """What names a certificate elsewhere: SHA-256 of the compact JWS."""
    return hashlib.sha256(jws.encode("ascii")).digest()


def write_file(
    statement: Mapping[str, JsonValue], jws: str, public_key: Mapping[str, str]
) -> bytes:
    """The file that people get.

    Args:
        statement: What is signed, for people.
        jws: What counts.
        public_key: JWK of the key that signed, `kid` being its thumbprint.
    """
    return readable_json(
        {"format": FORMAT, "publicKey": dict(public_key), "signed": jws, "statement": statement}
    )


def _check(evidence: ErasureEvidence) -> None:
    if not _SUBJECT.fullmatch(evidence.subject):
        raise UnfitEvidenceError("the subject of an erasure is named by something else than sp_...")
    if not _PLAN_HASH.fullmatch(evidence.plan_hash):
        raise UnfitEvidenceError("the hash of the plan is no SHA-256 in hexadecimal")
    for one in evidence.treatments:
        if one.action is TreatmentAction.KEEP and not one.reason:
            raise UnfitEvidenceError(f"{one.store} {one.place} stays, and nothing says why")
    if (evidence.closed_at is None) != (evidence.outcome is None):
        raise UnfitEvidenceError("a request is closed if and only if it has an outcome")
    for scan in evidence.rescans:
        if (scan.done_at is None) != (scan.found is None):
            raise UnfitEvidenceError("a rescan is done if and only if it has found so many")


def _treatment(one: Treatment) -> JsonValue:
    return {
        "action": one.action.value,
        "place": one.place,
        "reason": one.reason,
        "store": one.store,
    }


def _erased(one: ErasedCount) -> JsonValue:
    return {
        "count": one.count,
        "operations": list(one.operations),
        "place": one.place,
        "store": one.store,
        "unit": one.unit.value,
    }


def _recipient(one: RecipientNotice) -> JsonValue:
    return {
        "answer": one.answer.value,
        "answeredAt": _instant(one.answered_at),
        "nextTryAt": _instant(one.next_try_at),
        "receipt": one.receipt,
        "recipient": one.recipient,
    }


def _residual(one: Residual) -> JsonValue:
    return {
        "endsAt": _instant(one.ends_at),
        "kind": one.kind.value,
        "note": one.note,
        "store": one.store,
    }


def _rescan(one: Rescan) -> JsonValue:
    return {
        "doneAt": _instant(one.done_at),
        "dueAt": _instant(one.due_at),
        "found": one.found,
        "moment": one.moment.value,
    }


def _model(one: MarkedModel) -> JsonValue:
    return {
        "kind": one.kind,
        "retrainBy": _instant(one.retrain_by),
        "retrainedAt": _instant(one.retrained_at),
        "version": one.version,
    }


def _instant(at: dt.datetime | None) -> str | None:
    return None if at is None else f"{at.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _hex(digest: bytes | None) -> str | None:
    return None if digest is None else digest.hex()


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _texts(value: JsonValue) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for one in value.values():
                yield from _texts(one)
        case list():
            for one in value:
                yield from _texts(one)
