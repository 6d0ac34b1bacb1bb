"""The proof of a certificate by itself: `bosco gdpr verify`; it needs no database.

    file -> verify_certificate -> (audit export -> verify_export -> hold_against_trail) -> summary
        -> VALID | INVALID and the first reason

Exit codes: 0 valid, 3 invalid, 1 it could not be checked.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from api.audit.export_file import ExportReader, verify_export
from api.commands.audit_verify import TAMPERED
from api.control.protocol import DoneEvent, Event, LineEvent
from domain.errors import InvalidInputError
from domain.privacy.canonical_json import read_json
from domain.privacy.certificate_summary import explain, summarise
from domain.privacy.certificate_trail import TrailVerdict, hold_against_trail
from domain.privacy.verify_certificate import (
    TrustedKeys,
    VerifiedCertificate,
    thumbprint_of,
    verify_certificate,
)

__all__ = ["verify_certificate_file"]


async def verify_certificate_file(
    file: str, *, key: str | None, keys: str | None, trail: str | None, reasons: bool
) -> AsyncIterator[Event]:
    """`bosco gdpr verify`.

    Args:
        file: The certificate.
        key: Id of the only key that is trusted; None: see `keys`.
        keys: A JWK set of keys that are trusted; None as well: whichever the certificate names.
        trail: An export of the agency's audit trail; None: not held against one.
        reasons: Say for each place why something stays.

    Raises:
        InvalidInputError: A file cannot be read, or the export is not whole itself.
        UnprovenStatementError: The last line of the export proves nothing.
    """
    trusted = _trusted(key, keys)
    verdict = verify_certificate(_read(file), trusted)
    if verdict.certificate is None:
        yield LineEvent(f"INVALID: {verdict.reason}")
        yield DoneEvent(TAMPERED)
        return
    place, trail_key = (None, "") if trail is None else _hold(verdict.certificate, Path(trail))
    for line in summarise(verdict.certificate, place):
        yield LineEvent(line)
    for line in explain(verdict.certificate) if reasons else ():
        yield LineEvent(f"{'':<11} {line}")
    if place is not None:
        yield LineEvent(f"{'':<11} the audit trail is signed by key {trail_key}")
    if place is not None and place.reason:
        yield LineEvent(f"INVALID: {place.reason}")
        yield DoneEvent(TAMPERED)
        return
    if trusted is None:
        yield LineEvent(
            f"VALID if {verdict.certificate.key_id} is a key of the platform's: compare"
        )
    else:
        yield LineEvent("VALID")
    yield DoneEvent(0)


def _trusted(key: str | None, keys: str | None) -> TrustedKeys | None:
    if key is not None:
        return TrustedKeys(frozenset({key}))
    return None if keys is None else _read_keys(keys)


def _read_keys(file: str) -> TrustedKeys:
    data = _read(file)
    try:
        found: Any = read_json(data)
        listed = found["keys"]
        ids = {thumbprint_of(one): one.get("revokedAt") is not None for one in listed}
    except (InvalidInputError, KeyError, TypeError, AttributeError):
        raise InvalidInputError(
            f"{file} is no set of Ed25519 keys", hint="write one with bosco gdpr keys"
        ) from None
    revoked = frozenset(key_id for key_id, is_revoked in ids.items() if is_revoked)
    return TrustedKeys(frozenset(ids) - revoked, revoked)


def _hold(certificate: VerifiedCertificate, path: Path) -> tuple[TrailVerdict, str]:
    reader = ExportReader(path)
    checked = verify_export(reader)
    if checked.finding is not None:
        raise InvalidInputError(
            f"{path} is not whole itself: {checked.finding.message}",
            hint="give an export as it was written",
        )
    return hold_against_trail(certificate, reader), checked.key_id


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise InvalidInputError(f"{file} cannot be read: {error.strerror}") from None
