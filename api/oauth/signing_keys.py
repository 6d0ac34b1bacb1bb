"""The keys that sign access tokens.

    first use -> advisory lock -> the key in force, or a new one sealed by the master key -> memory

The private key never leaves the process unsealed. A retired key verifies until its last token has
expired, then it can be deleted. However many processes start at once, one makes the first key.

Sources: RFC 7517 (JWK), RFC 7638 (thumbprint as key id), RFC 7518 section 3.4 (ES256).
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

import orjson
from joserfc.jwk import ECKey
from sqlalchemy import select, text

from domain.ports import Clock
from tenancy.session import Database
from tenancy.tables import SigningKey
from tenancy.vault import KeyWrapper

__all__ = ["ALGORITHM", "KeyRing", "KeyStore"]

ALGORITHM: Final = "ES256"
_CURVE: Final = "P-256"

# Of transactions that make a key; any fixed number that no other code uses.
_LOCK: Final = 0x424F_5343_4F4A_574B


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys at one moment.

    Attributes:
        signer: Signs new tokens; has the private part.
        verifiers: Public keys by key id, retired ones too.
    """

    signer: ECKey
    verifiers: dict[str, ECKey]

    @property
    def public_document(self) -> dict[str, Any]:
        """The JWK set of RFC 7517 section 5, without private parts."""
        return {"keys": [key.as_dict(private=False) for key in self.verifiers.values()]}


class KeyStore:
    """Loads the keys, and makes the first one.

    Args:
        database: Holds `signing_keys`.
        master_key: Seals the private parts.
        clock: For `created_at`.
    """

    def __init__(self, database: Database, master_key: KeyWrapper, clock: Clock) -> None:
        self._database = database
        self._master_key = master_key
        self._clock = clock

    async def load(self) -> KeyRing:
        """The keys as they are stored now; makes one when none is in force. One transaction.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        async with self._database.platform_session() as session:
            await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            newest_first = select(SigningKey).order_by(SigningKey.created_at.desc())
            rows = list(await session.scalars(newest_first))
            current = next((row for row in rows if row.retired_at is None), None)
            if current is None:
                current = await self._new_row(self._clock())
                session.add(current)
                rows.append(current)
        return KeyRing(
            signer=await self._private_key(current),
            verifiers={row.kid: ECKey.import_key(row.public_jwk) for row in rows},
        )

    async def _new_row(self, now: dt.datetime) -> SigningKey:
        key = ECKey.generate_key(_CURVE, {"use": "sig", "alg": ALGORITHM}, private=True)
        key.ensure_kid()
        secret = orjson.dumps(key.as_dict(private=True))
        return SigningKey(
            kid=key.kid,
            algorithm=ALGORITHM,
            public_jwk=key.as_dict(private=False),
            wrapped_private_key=await self._master_key.wrap(secret, context=_context(key.kid)),
            created_at=now,
            retired_at=None,
        )

    async def _private_key(self, row: SigningKey) -> ECKey:
        secret = await self._master_key.unwrap(row.wrapped_private_key, context=_context(row.kid))
        return ECKey.import_key(orjson.loads(secret))


def _context(kid: str | None) -> bytes:
    return f"signing-key:{kid}".encode()
