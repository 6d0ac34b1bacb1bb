"""Pseudonyms of people: what stands for an identifier wherever the identifier itself may not.

    tenant's data key -> HKDF -> key of pseudonyms -> HMAC(client, kind, connection, value)

A pseudonym can be made again by whoever has the tenant's key and the identifier, and by nobody
else: it is personal data still (GDPR recital 26), and shows in proofs without naming anybody. The
client is part of it: one person at two clients of an agency is two pseudonyms, for the agency
may not bring together what two controllers know.

Sources: RFC 2104 (HMAC), RFC 5869 (HKDF); EDPB Guidelines 01/2025 on pseudonymisation.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Iterator
from typing import Final

from sqlalchemy import select

from domain.ids import ClientId, ConnectionId
from domain.privacy.identifiers import Identifier, IdentifierKind
from tenancy.session import TenantSession
from tenancy.tables import Tenant
from tenancy.vault import TenantKey, Vault

__all__ = [
    "PSEUDONYM_PREFIX",
    "SURROGATE_PREFIX",
    "Pseudonyms",
    "digest_of",
    "open_own_key",
    "open_pseudonyms",
]

PSEUDONYM_PREFIX: Final = "sp_"
SURROGATE_PREFIX: Final = "erased_"
_PURPOSE: Final = b"bosco pseudonyms of people"
_SURROGATE: Final = b"bosco surrogates of erased objects"
_BYTES: Final = 20  # 160 bits: 32 letters


class Pseudonyms:
    """Makes the pseudonyms of one tenant; keep it no longer than the work at hand."""

    __slots__ = ("_pseudonym_key", "_surrogate_key")

    def __init__(self, pseudonym_key: bytes, surrogate_key: bytes) -> None:
        self._pseudonym_key = pseudonym_key
        self._surrogate_key = surrogate_key

    @classmethod
    def under(cls, key: TenantKey) -> "Pseudonyms":
        """Those of the tenant whose data key that is."""
        return cls(key.derive(_PURPOSE), key.derive(_SURROGATE))

    def of(self, client_id: ClientId | None, identifier: Identifier) -> str:
        """The pseudonym of an identifier at a client: `sp_` and 32 letters or digits.

        Args:
            client_id: Whose data; None: the agency's own.
            identifier: Normalised.
        """
        connection = identifier.connection_id
        parts = (
            b"" if client_id is None else client_id.bytes,
            identifier.kind.value.encode(),
            b"" if connection is None else connection.bytes,
            identifier.value.encode("utf-8", "surrogatepass"),
        )
        return PSEUDONYM_PREFIX + _text(_mac(self._pseudonym_key, parts))

    def digests(
        self,
        client_id: ClientId,
        kind: IdentifierKind,
        connection_id: ConnectionId,
        values: Iterable[str],
    ) -> Iterator[bytes]:
        """What the pseudonyms of many ids of one place say, for those who only compare them.

        Args:
            client_id: Whose data.
            kind: `PLATFORM` or `ORDER`, of all of them.
            connection_id: In which they are unique.
            values: Normalised.

        Returns:
            20 bytes for each; `digest_of` a pseudonym is the same.
        """
        place = (client_id.bytes, kind.value.encode(), connection_id.bytes)
        before = b"".join(map(_framed, place))
        for value in values:
            part = _framed(value.encode("utf-8", "surrogatepass"))
            yield hmac.digest(self._pseudonym_key, before + part, hashlib.sha256)[:_BYTES]

    def surrogate(self, connection_id: ConnectionId, what: str, value: str) -> str:
        """What stands in for the id of an object of an erased person, in rows that stay.

        Another key than that of pseudonyms: neither tells the other.

        Args:
            connection_id: In which the id is unique.
            what: Column of the fact, for example `order_id`.
            value: The platform's id.
        """
        parts = (connection_id.bytes, what.encode(), value.encode("utf-8", "surrogatepass"))
        return SURROGATE_PREFIX + _text(_mac(self._surrogate_key, parts))

    def __repr__(self) -> str:
        return "Pseudonyms(***)"


async def open_pseudonyms(session: TenantSession, vault: Vault) -> Pseudonyms:
    """The pseudonyms of the session's tenant.

    Raises:
        MasterKeyError: The tenant's key does not open (the operator).
    """
    return Pseudonyms.under(await open_own_key(session, vault))


async def open_own_key(session: TenantSession, vault: Vault) -> TenantKey:
    """The data key of the session's tenant.

    Raises:
        MasterKeyError: It does not open (the operator).
    """
    wrapped = (await session.scalars(select(Tenant.wrapped_data_key))).one()
    return await vault.open_tenant_key(session.tenant_id, wrapped)


def digest_of(pseudonym: str) -> bytes:
    """The 20 bytes that a pseudonym is the text of."""
    return base64.b32decode(pseudonym.removeprefix(PSEUDONYM_PREFIX).upper())


def _mac(key: bytes, parts: tuple[bytes, ...]) -> bytes:
    message = b"".join(map(_framed, parts))
    return hmac.digest(key, message, hashlib.sha256)[:_BYTES]


def _framed(part: bytes) -> bytes:
    """Its length goes before it, so that no two lists of parts are one text."""
    return len(part).to_bytes(4, "big") + part


def _text(digest: bytes) -> str:
    return base64.b32encode(digest).decode().lower()
