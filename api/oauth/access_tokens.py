"""Access tokens: signed by us, verified in memory.

    identity + scopes -> JWT (RFC 9068) -> Authorization: Bearer -> signature, claims -> not revoked
    -> Caller

A token lives ten minutes. A verified one is remembered, so its signature is checked once per
process; whether it or its application has been cut off is asked again every `RECHECK`.

Sources: RFC 9068 section 2 (claims) and 4 (validation); RFC 8725 (one algorithm, typ checked).
"""

import base64
import datetime as dt
import hashlib
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from api.identity.caller import Caller, Person
from api.oauth.revocation import Revocations
from api.oauth.signing_keys import ALGORITHM, RELOAD_EVERY, KeyRing, KeyStore
from domain.errors import InvalidInputError, Terminal, UserError
from domain.ids import ClientId, TenantId, parse_id, public_id
from domain.ports import Clock, IdFactory
from tenancy.session import DatabaseUnavailableError

__all__ = ["LIFETIME", "RECHECK", "AccessTokens", "InvalidTokenError", "VerifiedToken"]

LIFETIME: Final = dt.timedelta(minutes=10)
RECHECK: Final = dt.timedelta(seconds=3)

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
class VerifiedToken:
    """A token of ours that has not expired.

    Attributes:
        token_id: Its `jti`.
        claims: All that it says, as RFC 9068 names it.
    """

    caller: Caller
    token_id: uuid.UUID
    expires_at: dt.datetime
    claims: Mapping[str, Any]

    def is_same(self, other: "VerifiedToken") -> bool:
        """Whether both are one token, however it is written."""
        return self.token_id == other.token_id


@dataclass(slots=True)
class _Remembered:
    token: VerifiedToken
    checked_at: dt.datetime


class AccessTokens:
    """Issues and verifies access tokens. Used from one event loop.

    Attributes:
        resource: What tokens are good for, the `aud` of every one.
        resource_metadata: Address of the document that names the issuer (RFC 9728).

    Args:
        keys: Where the signing keys are; read on first use, and now and then for rotation.
        revocations: What has been cut off.
        issuer: Our address, the `iss` of every token.
        clock: Present instant.
        ids: For `jti`.
    """

    def __init__(
        self,
        keys: KeyStore,
        revocations: Revocations,
        *,
        issuer: str,
        clock: Clock,
        ids: IdFactory,
    ) -> None:
        self._keys = keys
        self._revocations = revocations
        self._issuer = issuer
        self.resource = f"{issuer}/graphql"
        self.resource_metadata = f"{issuer}/.well-known/oauth-protected-resource/graphql"
        self._clock = clock
        self._ids = ids
        self._ring: KeyRing | None = None
        self._loaded_at = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()

    async def key_ring(self) -> KeyRing:
        """The keys; read from the database every `RELOAD_EVERY`.

        Raises:
            DatabaseUnavailableError: First use, and PostgreSQL does not answer.
        """
        if self._ring is None:
            return await self._load()
        if self._clock() - self._loaded_at >= RELOAD_EVERY:
            try:
                return await self._load()
            except DatabaseUnavailableError:
                return self._ring
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
            "aud": self.resource,
            "sub": _subject(caller),
            "client_id": caller.client_id,
            "iat": now,
            "exp": now + int(LIFETIME.total_seconds()),
            "jti": str(self._ids()),
            "scope": " ".join(sorted(caller.scopes)),
            "tenant": public_id("ten", caller.tenant_id),
        }
        if caller.clients is not None:
            claims["clients"] = sorted(public_id("cli", client) for client in caller.clients)
        if caller.metrics is not None:
            claims["metrics"] = sorted(caller.metrics)
        if caller.person is not None:
            claims["family"] = public_id("fam", caller.person.family_id)
        header = {"alg": ALGORITHM, "typ": _TYPE, "kid": ring.signer.kid}
        return jwt.encode(header, claims, ring.signer, algorithms=[ALGORITHM])

    async def verify(self, token: str) -> Caller:
        """Check a token.

        Returns:
            Who it stands for. `Revocations` is asked every `RECHECK` for each token, else no I/O.

        Raises:
            InvalidTokenError: Malformed, expired, revoked, not signed by us or not for us (caller).
            DatabaseUnavailableError: PostgreSQL does not tell whether it is revoked.
        """
        if len(token) > _MAXIMUM_LENGTH:
            raise _invalid("the access token is too long")
        await self.key_ring()
        key = hashlib.sha256(token.encode()).digest()
        known = self._remembered.get(key)
        now = self._clock()
        if known is None or now >= known.token.expires_at:
            known = _Remembered(self._read(await self._decode(token), now), now)
            await self._refuse_revoked(key, known.token)
            self._remember(key, known)
        elif now - known.checked_at >= RECHECK:
            known.checked_at = now  # others of the same token need not ask as well
            await self._refuse_revoked(key, known.token)
        self._remembered.move_to_end(key)
        return known.token.caller

    async def inspect(self, token: str) -> VerifiedToken | None:
        """What a token says if it is valid now and not revoked, else None; not remembered.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not tell whether it is revoked.
        """
        try:
            if len(token) > _MAXIMUM_LENGTH:
                return None
            verified = self._read(await self._decode(token), self._clock())
        except InvalidTokenError:
            return None
        is_cut_off = await self._revocations.is_cut_off(verified.caller, verified.token_id)
        return None if is_cut_off else verified

    async def revoke(self, token: VerifiedToken) -> None:
        """Cut a token off: here at once, in every process within `RECHECK`.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        await self._revocations.revoke(token.caller, token.token_id, token.expires_at)
        same = [key for key, known in self._remembered.items() if known.token.is_same(token)]
        for key in same:
            del self._remembered[key]

    def _remember(self, key: bytes, known: _Remembered) -> None:
        self._remembered[key] = known
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)

    async def _refuse_revoked(self, key: bytes, token: VerifiedToken) -> None:
        if await self._revocations.is_cut_off(token.caller, token.token_id):
            self._remembered.pop(key, None)
            raise _invalid(
                "the access token is revoked, or its application suspended",
                hint="ask /oauth/token for a new one",
            )

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
        return self._clock() - self._loaded_at >= _RELOAD_AFTER

    async def _load(self) -> KeyRing:
        self._loaded_at = self._clock()
        ring = await self._keys.load()
        if self._ring is not None and self._ring.verifiers.keys() - ring.verifiers.keys():
            self._remembered.clear()  # some may have been signed with a key that is revoked
        self._ring = ring
        return ring

    def _read(self, claims: dict[str, Any], now: dt.datetime) -> VerifiedToken:
        if claims.get("iss") != self._issuer or claims.get("aud") != self.resource:
            raise _invalid("the access token is for another server")
        try:
            expires_at = dt.datetime.fromtimestamp(claims["exp"], dt.UTC)
            issued_at = dt.datetime.fromtimestamp(claims["iat"], dt.UTC)
            caller = Caller(
                tenant_id=TenantId(parse_id("ten", claims["tenant"])),
                client_id=str(claims["client_id"]),
                scopes=frozenset(claims["scope"].split()),
                clients=_clients(claims.get("clients")),
                metrics=_metrics(claims.get("metrics")),
                person=_person(claims),
            )
            token_id = uuid.UUID(claims["jti"])
        except (KeyError, TypeError, ValueError, AttributeError, InvalidInputError) as error:
            raise _invalid("the access token lacks a claim") from error
        if now >= expires_at:
            raise _invalid("the access token has expired", hint="ask /oauth/token for a new one")
        if issued_at - now > _CLOCK_SKEW:
            raise _invalid("the access token is not valid yet")
        return VerifiedToken(caller, token_id, expires_at, claims)


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


def _subject(caller: Caller) -> str:
    """RFC 9068 section 2.2: the person, or the application that acts for itself."""
    return caller.client_id if caller.person is None else public_id("usr", caller.person.user_id)


def _person(claims: dict[str, Any]) -> Person | None:
    family = claims.get("family")
    if family is None:
        return None
    return Person(parse_id("usr", claims["sub"]), parse_id("fam", family))


def _metrics(values: list[str] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(values)


def _invalid(message: str, *, hint: str = "") -> InvalidTokenError:
    return InvalidTokenError(
        message, hint=hint or "send Authorization: Bearer with a token from /oauth/token"
    )
