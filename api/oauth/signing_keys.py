"""The keys that sign access tokens.

    load -> advisory lock -> successor when it is time, retirement when it signs -> memory

    made ─ published ahead ─► signs ─ 30 days ─► retired: its successor signs ─ overlap ─► gone

The private key never leaves the process unsealed. Whoever loads the keys rotates them: a successor
is published before it signs, so that nobody meets a key id that its copy of the JWK set lacks; a
retired key verifies until the last token that any process may have signed with it has expired. A
revoked key verifies nothing. However many processes start at once, one makes the first key. Keys
that sign certificates lie in the same table under another algorithm (`gdpr.evidence.keys`).

Sources: RFC 7517 (JWK), RFC 7638 (thumbprint as key id), RFC 7518 section 3.4 (ES256).
"""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import orjson
from joserfc.jwk import ECKey
from sqlalchemy import select, text

from domain.errors import NotFoundError
from domain.ports import Clock
from tenancy.key_rotation import KeyRotation, RotationPace
from tenancy.session import Database, TenantSession
from tenancy.tables import SigningKey
from tenancy.vault import KeyWrapper, MasterKeyError

__all__ = [
    "ALGORITHM",
    "JWKS_SECONDS",
    "OVERLAP",
    "PUBLISH_AHEAD",
    "RELOAD_EVERY",
    "SIGNS_FOR",
    "KeyRing",
    "KeyStore",
    "ProvenKeys",
]

ALGORITHM: Final = "ES256"
_CURVE: Final = "P-256"

SIGNS_FOR: Final = dt.timedelta(days=30)
RELOAD_EVERY: Final = dt.timedelta(minutes=5)  # a process may sign with a ring of this age
JWKS_SECONDS: Final = 300  # others may keep our public keys for so long
PUBLISH_AHEAD: Final = RELOAD_EVERY + dt.timedelta(seconds=JWKS_SECONDS)
OVERLAP: Final = RELOAD_EVERY + dt.timedelta(minutes=11)  # a token's ten minutes and some skew
_PACE: Final = RotationPace(SIGNS_FOR, PUBLISH_AHEAD, OVERLAP)

# Of transactions that make a key; any fixed number that no other code uses.
_LOCK: Final = 0x424F_5343_4F4A_574B

_NEWEST_FIRST: Final = select(SigningKey).order_by(SigningKey.created_at.desc(), SigningKey.kid)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys at one moment.

    Attributes:
        signer: Signs new tokens; has the private part.
        verifiers: Public keys by key id: of those that sign, did so until lately, or will soon.
    """

    signer: ECKey
    verifiers: dict[str, ECKey]

    @property
    def public_document(self) -> dict[str, Any]:
        """The JWK set of RFC 7517 section 5, without private parts."""
        return {"keys": [key.as_dict(private=False) for key in self.verifiers.values()]}


@dataclass(frozen=True, slots=True)
class ProvenKeys:
    """Keys that are ours for certain, by key id.

    Attributes:
        valid: What they signed is ours, also long after they have retired.
        revoked: Others may have had them: what they signed proves nothing any more.
    """

    valid: dict[str, ECKey]
    revoked: dict[str, ECKey]


class KeyStore:
    """Loads the keys; makes and retires them when it is time.

    Args:
        database: Holds `signing_keys`.
        master_key: Seals the private parts.
        clock: Decides what is in force.
    """

    def __init__(self, database: Database, master_key: KeyWrapper, clock: Clock) -> None:
        self._database = database
        self._master_key = master_key
        self._clock = clock

    async def load(self) -> KeyRing:
        """The keys that are in force now, rotated if it is time. One transaction.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        now = self._clock()
        async with self._exclusive() as session:
            keys = KeyRotation(await _stored(session), now, _PACE)
            if keys.needs_successor:
                session.add(row := await self._new_row(now))
                keys = KeyRotation([row, *keys.rows], now, _PACE)
            for row in keys.superseded:
                row.retired_at = now
        return KeyRing(
            signer=await self._private_key(keys.signer),
            verifiers={row.kid: ECKey.import_key(row.public_jwk) for row in keys.verifying},
        )

    async def load_proven(self) -> ProvenKeys:
        """Every key whose sealed private half opens with our master key; changes nothing.

        Public halves in the table are not looked at: whoever can write there could put their own.
        """
        proven = ProvenKeys({}, {})
        for row in await self._own_keys():
            with contextlib.suppress(MasterKeyError):
                key = await self._private_key(row)
                (proven.valid if row.revoked_at is None else proven.revoked)[key.thumbprint()] = key
        return proven

    async def list_keys(self) -> list[SigningKey]:
        """Every key that was ever made, of other kinds too, the newest first; changes nothing."""
        async with self._database.platform_session() as session:
            return list(await session.scalars(_NEWEST_FIRST))

    async def revoke(self, kid: str) -> SigningKey:
        """Let a key verify nothing any more, from the next time that a process loads the keys.

        Args:
            kid: Of a key of any kind.

        Raises:
            NotFoundError: There is no such key, or it is revoked (the operator can choose another).
        """
        now = self._clock()
        async with self._exclusive() as session:
            row = await session.get(SigningKey, kid)
            if row is None or row.revoked_at is not None:
                raise NotFoundError(f"there is no signing key {kid}", hint="bosco keys list")
            row.retired_at, row.revoked_at = row.retired_at or now, now
        return row

    async def _own_keys(self) -> list[SigningKey]:
        async with self._database.platform_session() as session:
            return await _stored(session)

    @asynccontextmanager
    async def _exclusive(self) -> AsyncIterator[TenantSession]:
        async with self._database.platform_session() as session:
            await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            yield session

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
            revoked_at=None,
        )

    async def _private_key(self, row: SigningKey) -> ECKey:
        secret = await self._master_key.unwrap(row.wrapped_private_key, context=_context(row.kid))
        return ECKey.import_key(orjson.loads(secret))


async def _stored(session: TenantSession) -> list[SigningKey]:
    return list(await session.scalars(_NEWEST_FIRST.where(SigningKey.algorithm == ALGORITHM)))


def _context(kid: str | None) -> bytes:
    return f"signing-key:{kid}".encode()
