"""Certificates of erasure: `bosco gdpr certificates`, `certificate` and `keys`.

agency, request -> newest revision -> file, and who took it on record
platform -> JWK set of the keys that sign certificates
"""

import datetime as dt
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from api.commands.lookup import find_agency
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.runtime import Runtime
from domain.errors import ConflictError, InvalidInputError, NotFoundError
from domain.ids import parse_id
from domain.privacy.canonical_json import readable_json
from gdpr.evidence.keys import PublicKey
from tenancy import audit

__all__ = ["export_certificate", "export_keys", "list_certificates", "read_request_id"]


async def list_certificates(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr certificates`: the newest first."""
    tenant = await find_agency(runtime, arguments["tenant"])
    async with runtime.database.session(tenant.tenant_id) as session:
        found = await runtime.certificates.list_newest(session, arguments["limit"])
    rows = tuple(
        (
            f"{one.number:,}",
            runtime.certificates.request_of(one),
            f"{one.revision:,}",
            f"{one.issued_at.astimezone(dt.UTC):%Y-%m-%d %H:%M}",
            one.digest.hex(),
        )
        for one in found
    )
    columns = ("number", "request", "revision", "made (UTC)", "SHA-256")
    yield TableEvent(f"certificates of {tenant.slug}", columns, rows)


async def export_certificate(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr certificate`: what is known of an erasure by now, as a file.

    Raises:
        NotFoundError: The agency has no certificate for such a request.
        ConflictError: The file is there already.
    """
    tenant = await find_agency(runtime, arguments["tenant"])
    request, path = arguments["request"], arguments.resolve_path(arguments["to"])
    await runtime.issuing.issue(tenant.tenant_id, read_request_id(request))
    async with runtime.database.session(tenant.tenant_id) as session:
        found = await runtime.certificates.find_newest(session, read_request_id(request))
        if found is None:
            raise NotFoundError(
                f"the agency has no certificate for request {request}",
                hint=f"bosco gdpr certificates {tenant.slug}",
            )
        _write_new(path, await runtime.certificates.write_file(session, found))
        audit.record(
            session,
            clock=runtime.clock,
            ids=runtime.ids,
            actor=arguments["actor"],
            action="certificate.exported",
            object_kind="certificate",
            object_id=str(found.id),
            details={"number": found.number, "revision": found.revision},
        )
    yield LineEvent(f"certificate {found.number:,}, revision {found.revision:,}, is in {path}")
    yield LineEvent(f"check it anywhere: bosco gdpr verify {arguments['to']} --key {found.kid}")


async def export_keys(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr keys`: show the public keys, or write them for `bosco gdpr verify --keys`.

    Raises:
        ConflictError: The file is there already.
    """
    async with runtime.database.platform_session() as session:
        keys = await runtime.certificates.keys.public_keys(session)
    if arguments.get("to") is not None:
        path = arguments.resolve_path(arguments["to"])
        _write_new(path, readable_json({"keys": [_jwk(key) for key in keys]}))
        yield LineEvent(f"{len(keys):,} public keys are in {path}")
        return
    rows = tuple((key.jwk["kid"], f"{key.created_at:%Y-%m-%d}", _state(key)) for key in keys)
    yield TableEvent("keys that sign certificates", ("key", "made", "state"), rows)


def read_request_id(text: str) -> uuid.UUID:
    """A request by the id that people name it by.

    Raises:
        InvalidInputError: It is no id.
    """
    return parse_id(text.rpartition("_")[0] or "req", text)


def _write_new(path: Path, data: bytes) -> None:
    """Readable for its owner alone; replaces nothing."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConflictError(
            f"{path} is there already", hint="nothing is replaced: choose another name"
        ) from None
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _jwk(key: PublicKey) -> dict[str, Any]:
    members: dict[str, Any] = {**key.jwk, "alg": "EdDSA", "use": "sig"}
    if key.revoked_at is not None:
        members["revokedAt"] = key.revoked_at.astimezone(dt.UTC).isoformat(timespec="seconds")
    return members


def _state(key: PublicKey) -> str:
    if key.revoked_at is not None:
        return "revoked: what it signed proves nothing"
    return "in force" if key.retired_at is None else "retired: what it signed holds"
