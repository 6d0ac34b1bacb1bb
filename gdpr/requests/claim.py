"""What a requester gave of themselves: pseudonyms to look by, the words themselves sealed.

identifiers -> pseudonyms, fingerprint (what makes two requests one) -> sealed claim
"""

import hmac
import json
import uuid
from dataclasses import dataclass
from typing import Final

from domain.ids import ConnectionId
from domain.privacy.identifiers import Identifier, IdentifierKind
from gdpr.requests.intake import Intake
from tenancy.privacy.pseudonyms import Pseudonyms, open_own_key
from tenancy.session import TenantSession
from tenancy.tables import SubjectRequest
from tenancy.vault import Purpose, Vault

__all__ = ["Claim", "make_claim", "open_claim"]

_FINGERPRINT: Final = b"bosco fingerprints of requests"
_FIELD: Final = "identifiers"


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim as it is stored.

    Attributes:
        pseudonyms: Of the identifiers, sorted.
        fingerprint: Equal for requests that are one: same right, client, identifiers, scope and
            platform's id. Keyed, so that it tells nothing.
        sealed: The identifiers.
    """

    pseudonyms: list[str]
    fingerprint: bytes
    sealed: bytes


async def make_claim(
    session: TenantSession, vault: Vault, intake: Intake, request_id: uuid.UUID
) -> Claim:
    """Make what is stored of an intake's identifiers."""
    key = await open_own_key(session, vault)
    names = Pseudonyms.under(key)
    pseudonyms = sorted({names.of(intake.client_id, one) for one in intake.identifiers})
    told = [
        intake.right.value,
        str(intake.client_id),
        pseudonyms,
        intake.external_ref,
        dict(intake.scope),
    ]
    message = json.dumps(told, sort_keys=True).encode()
    return Claim(
        pseudonyms,
        hmac.digest(key.derive(_FINGERPRINT), message, "sha256"),
        vault.seal_for(
            key,
            {_FIELD: json.dumps([_written(one) for one in intake.identifiers])},
            tenant_id=session.tenant_id,
            purpose=Purpose.SUBJECT_REQUEST,
            object_id=request_id,
        ),
    )


async def open_claim(
    session: TenantSession, vault: Vault, request: SubjectRequest
) -> tuple[Identifier, ...]:
    """What the requester gave of themselves; empty when it is forgotten by now.

    Raises:
        CredentialError: It was sealed elsewhere, or changed.
    """
    if request.sealed_claim is None:
        return ()
    opened = vault.open_for(
        await open_own_key(session, vault),
        request.sealed_claim,
        tenant_id=session.tenant_id,
        purpose=Purpose.SUBJECT_REQUEST,
        object_id=request.id,
    )
    return tuple(_read(one) for one in json.loads(opened[_FIELD].reveal()))


def _written(one: Identifier) -> list[str | None]:
    connection = None if one.connection_id is None else str(one.connection_id)
    return [one.kind.value, one.value, connection]


def _read(written: list[str]) -> Identifier:
    kind, value, connection = written
    connection_id = ConnectionId(uuid.UUID(connection)) if connection else None
    return Identifier(IdentifierKind(kind), value, connection_id)
