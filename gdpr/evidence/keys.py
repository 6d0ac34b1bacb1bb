"""The keys that sign certificates of erasure.

    signer(session) -> newest published key; a successor when it is time -> Ed25519
    public_keys(session) -> JWK set, retired keys included: what they signed holds

A certificate is read years later, so a retired key goes on proving what it signed; a revoked one
proves nothing. Keys are made and retired by whoever signs, under a lock; they lie in `signing_keys`
with those of tokens, and neither kind is taken for the other: another algorithm, another way of
sealing, another type in the header. `bosco keys` lists and revokes both.

Sources: RFC 8032 (Ed25519), RFC 8037 (in JOSE), RFC 7638 (thumbprint as key id).
Decision: ADR-0030.
"""

import base64
import contextlib
import datetime as dt
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from domain.ports import Clock
from domain.privacy.verify_certificate import thumbprint_of
from tenancy.exclusive import hold_exclusively
from tenancy.key_rotation import KeyRotation, RotationPace
from tenancy.session import TenantSession
from tenancy.tables import SigningKey
from tenancy.vault import KeyWrapper, MasterKeyError, RandomBytes

__all__ = ["ALGORITHM", "PACE", "CertificateKey", "EvidenceKeys", "PublicKey"]

ALGORITHM: Final = "EdDSA"
_SEED_BYTES: Final = 32
_LOCK: Final = "keys of certificates"

# Whoever keeps a copy of the list has a week to fetch a new one. Nothing ends with the overlap.
PACE: Final = RotationPace(
    signs_for=dt.timedelta(days=90), publish_ahead=dt.timedelta(days=7), overlap=dt.timedelta(0)
)


@dataclass(frozen=True, slots=True)
class CertificateKey:
    """A key that signs."""

    kid: str
    public_jwk: dict[str, str]
    private: Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key as others may know it.

    Attributes:
        jwk: `kid` is its thumbprint.
        revoked_at: None: what it signed holds.
    """

    jwk: dict[str, str]
    created_at: dt.datetime
    retired_at: dt.datetime | None
    revoked_at: dt.datetime | None


class EvidenceKeys:
    """Finds, makes and retires the keys, inside the transaction of whoever signs.

    Args:
        master_key: Seals the private halves.
        clock: Decides what is in force.
        random_bytes: Makes new keys.
    """

    def __init__(self, master_key: KeyWrapper, clock: Clock, random_bytes: RandomBytes) -> None:
        self._master_key = master_key
        self._clock = clock
        self._random_bytes = random_bytes

    async def signer(self, session: TenantSession) -> CertificateKey:
        """The key that signs now; rotated if it is time.

        Raises:
            MasterKeyError: It does not open with this master key (the operator).
        """
        now = self._clock()
        keys = KeyRotation(await _stored(session), now, PACE)
        if keys.needs_successor or keys.superseded:
            await hold_exclusively(session, _LOCK)
            keys = await self._rotate(session, now)
        return await self._open(keys.signer)

    async def public_keys(self, session: TenantSession) -> list[PublicKey]:
        """Every key whose private half opens with our master key, the newest first.

        Public halves in the table are not believed: whoever can write there could put their own.
        """
        found = []
        for row in await _stored(session):
            with contextlib.suppress(MasterKeyError):
                key = await self._open(row)
                found.append(
                    PublicKey(key.public_jwk, row.created_at, row.retired_at, row.revoked_at)
                )
        return found

    async def _rotate(self, session: TenantSession, now: dt.datetime) -> KeyRotation:
        keys = KeyRotation(await _stored(session), now, PACE)
        if keys.needs_successor:
            session.add(row := await self._new_row(now))
            keys = KeyRotation([row, *keys.rows], now, PACE)
        for row in keys.superseded:
            row.retired_at = now
        return keys

    async def _new_row(self, now: dt.datetime) -> SigningKey:
        seed = self._random_bytes(_SEED_BYTES)
        public = _public_jwk(Ed25519PrivateKey.from_private_bytes(seed))
        return SigningKey(
            kid=public["kid"],
            algorithm=ALGORITHM,
            public_jwk=dict(public),
            wrapped_private_key=await self._master_key.wrap(seed, context=_context(public["kid"])),
            created_at=now,
            retired_at=None,
            revoked_at=None,
        )

    async def _open(self, row: SigningKey) -> CertificateKey:
        context = _context(row.kid)
        seed = await self._master_key.unwrap(row.wrapped_private_key, context=context)
        private = Ed25519PrivateKey.from_private_bytes(seed)
        return CertificateKey(row.kid, _public_jwk(private), private)


def _public_jwk(private: Ed25519PrivateKey) -> dict[str, str]:
    raw = private.public_key().public_bytes_raw()
    x = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    members = {"crv": "Ed25519", "kty": "OKP", "x": x}
    return {**members, "kid": thumbprint_of(members)}


async def _stored(session: TenantSession) -> list[SigningKey]:
    newest_first = select(SigningKey).order_by(SigningKey.created_at.desc(), SigningKey.kid)
    return list(await session.scalars(newest_first.where(SigningKey.algorithm == ALGORITHM)))


def _context(kid: str) -> bytes:
    return f"certificate-key:{kid}".encode()
