"""Access tokens: signed by us, verified in memory.

    identity + scopes -> JWT (RFC 9068) -> Authorization: Bearer -> signature, claims -> Caller

A token lives ten minutes and is not looked up anywhere: an application that is suspended gets no
new token at once, and its last one dies by its own expiry. A verified token is remembered until
then, so its signature is checked once per process.

Sources: RFC 9068 section 2 (claims) and 4 (validation); RFC 8725 (one algorithm, typ checked).
"""

import base64
import datetime as dt
import hashlib
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from api.oauth.caller import Caller
from api.oauth.signing_keys import ALGORITHM, KeyRing, KeyStore
from domain.errors import InvalidInputError, Terminal, UserError
from domain.ids import ClientId, TenantId, parse_id, public_id
from domain.ports import Clock, IdFactory

__all__ = ["LIFETIME", "AccessTokens", "InvalidTokenError"]

LIFETIME: Final = dt.timedelta(minutes=10)

_TYPE: Final = "at+jwt"
_CLOCK_SKEW: Final = dt.timedelta(seconds=30)
_MAXIMUM_LENGTH: Final = 8_192
_REMEMBERED: Final = 10_000

# An unknown key id makes us read the keys again, at most this often: another process may have
# made it.
_RELOAD_AFTER: Final = dt.timedelta(seconds=10)


class InvalidTokenError(UserError, Terminal):
    """The access token is missing, malformed, expired or not ours."""

    code = "UNAUTHENTICATED"


@dataclass(frozen=True, slots=True)
class _Remembered:
    caller: Caller
    expires_at: dt.datetime


class AccessTokens:
    """Issues and verifies access tokens. Used from one event loop.

    Args:
        keys: Where the signing keys are; read on first use.
        issuer: Our address, the `iss` of every token.
        clock: Present instant.
        ids: For `jti`.
    """

    def __init__(self, keys: KeyStore, *, issuer: str, clock: Clock, ids: IdFactory) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = f"{issuer}/graphql"
        self._clock = clock
        self._ids = ids
        self._ring: KeyRing | None = None
        self._loaded_at: dt.datetime | None = None
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()

    async def key_ring(self) -> KeyRing:
        """The keys; read from the database once.

        Raises:
            DatabaseUnavailableError: First use, and PostgreSQL does not answer.
        """
        if self._ring is None:
            return await self._load()
        return self._ring

    def issue(self, ring: KeyRing, caller: Caller) -> str:
        """Sign a token for a caller; valid for `LIFETIME`. No I/O.

        Args:
            ring: From `key_ring`.
            caller: What the token says; nothing is checked here.
        """
        now = int(self._clock().timestamp())
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": caller.client_id,
            "client_id": caller.client_id,
            "iat": now,
            "exp": now + int(LIFETIME.total_seconds()),
            "jti": str(self._ids()),
            "scope": " ".join(sorted(caller.scopes)),
            "tenant": public_id("ten", caller.tenant_id),
        }
        if caller.clients is not None:
            claims["clients"] = sorted(public_id("cli", client) for client in caller.clients)
        header = {"alg": ALGORITHM, "typ": _TYPE, "kid": ring.signer.kid}
        return jwt.encode(header, claims, ring.signer, algorithms=[ALGORITHM])

    async def verify(self, token: str) -> Caller:
        """Check a token.

        Returns:
            Who it stands for. No I/O, except when it names a key that is not known yet.

        Raises:
            InvalidTokenError: Malformed, expired, not signed by us or not for us (caller).
        """
        if len(token) > _MAXIMUM_LENGTH:
            raise _invalid("the access token is too long")
        key = hashlib.sha256(token.encode()).digest()
        known = self._remembered.get(key)
        now = self._clock()
        if known is not None and now < known.expires_at:
            self._remembered.move_to_end(key)
            return known.caller
        verified = self._read(await self._decode(token), now)
        self._remembered[key] = verified
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return verified.caller

    async def _decode(self, token: str) -> dict[str, Any]:
        try:
            header = _header(token)
            key = await self._verifier(header["kid"])
            return jwt.decode(token, key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise _invalid("the access token is malformed or not signed by this server") from error

    async def _verifier(self, kid: str) -> ECKey:
        ring = await self.key_ring()
        if kid not in ring.verifiers and self._may_reload():
            ring = await self._load()
        return ring.verifiers[kid]

    def _may_reload(self) -> bool:
        return self._loaded_at is None or self._clock() - self._loaded_at >= _RELOAD_AFTER

    async def _load(self) -> KeyRing:
        self._loaded_at = self._clock()
        self._ring = await self._keys.load()
        return self._ring

    def _read(self, claims: dict[str, Any], now: dt.datetime) -> _Remembered:
        if claims.get("iss") != self._issuer or claims.get("aud") != self._audience:
            raise _invalid("the access token is for another server")
        try:
            expires_at = dt.datetime.fromtimestamp(claims["exp"], dt.UTC)
            issued_at = dt.datetime.fromtimestamp(claims["iat"], dt.UTC)
            caller = Caller(
                tenant_id=TenantId(parse_id("ten", claims["tenant"])),
                client_id=str(claims["client_id"]),
                scopes=frozenset(claims["scope"].split()),
                clients=_clients(claims.get("clients")),
            )
        except (KeyError, TypeError, ValueError, AttributeError, InvalidInputError) as error:
            raise _invalid("the access token lacks a claim") from error
        if now >= expires_at:
            raise _invalid("the access token has expired", hint="ask /oauth/token for a new one")
        if issued_at - now > _CLOCK_SKEW:
            raise _invalid("the access token is not valid yet")
        return _Remembered(caller, expires_at)


def _header(token: str) -> dict[str, Any]:
    segment = token.partition(".")[0]
    header: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(segment + "=="))
    if header.get("typ") != _TYPE or header.get("alg") != ALGORITHM:
        raise ValueError("typ or alg")
    return header


def _clients(values: list[str] | None) -> frozenset[ClientId] | None:
    if values is None:
        return None
    ids: list[uuid.UUID] = [parse_id("cli", value) for value in values]
    return frozenset(ClientId(value) for value in ids)


def _invalid(message: str, *, hint: str = "") -> InvalidTokenError:
    return InvalidTokenError(
        message, hint=hint or "send Authorization: Bearer with a token from /oauth/token"
    )
