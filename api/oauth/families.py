"""Token families: what came of one consent, from the code to the last refresh token.

    consent -> open_family -> code -> redeem -> refresh token -> rotate -> refresh token -> ...
    code or refresh token used twice -> revoke_family

Codes and refresh tokens are used once: one UPDATE that finds the token unused decides who was
first, whatever the number of processes. Whoever comes second may be a thief, or the first one was,
and nobody can tell; so the family ends (RFC 9700 section 4.14.2).

Decision: ADR-0017. Sources: RFC 6749 sections 4.1.2, 6 and 10.5; RFC 9700 sections 2.1.1 and 2.2.2.
"""

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import InstrumentedAttribute

from api.identity.rights import Rights, read_rights
from tenancy.session import TenantSession
from tenancy.tables import (
    AppGrant,
    AuthorizationCode,
    Base,
    RefreshToken,
    RevocationCause,
    TokenFamily,
)

__all__ = [
    "CODE_LIFETIME",
    "FAMILY_LIFETIME",
    "IDLE_LIFETIME",
    "Family",
    "StoredCode",
    "StoredRefreshToken",
    "digest",
    "find_code",
    "find_family",
    "find_refresh_token",
    "open_family",
    "redeem",
    "revoke_family",
    "rotate",
    "store_refresh_token",
]

CODE_LIFETIME: Final = dt.timedelta(seconds=60)
IDLE_LIFETIME: Final = dt.timedelta(days=14)  # of a refresh token that nobody uses
FAMILY_LIFETIME: Final = dt.timedelta(days=90)  # then the person is asked again

# Spent codes and tokens are kept to know a replay; a family that is over knows none.
_KEPT: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Family:
    """What came of one consent.

    Attributes:
        app_id: The application, inside.
        scopes: What the person allowed; a token never has more.
        rights: Of the person, now; None: deactivated.
    """

    id: uuid.UUID
    app_id: uuid.UUID
    user_id: uuid.UUID
    scopes: frozenset[str]
    expires_at: dt.datetime
    is_revoked: bool
    rights: Rights | None

    def is_live(self, now: dt.datetime) -> bool:
        """Whether tokens can still come of it."""
        return not self.is_revoked and self.rights is not None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class StoredCode:
    """A code that a request brought, as it was given out.

    Attributes:
        redirect_uri: As the request named it; empty: it named none.
        is_spent: Somebody has redeemed it.
    """

    hash: bytes
    family: Family
    redirect_uri: str
    code_challenge: str
    expires_at: dt.datetime
    is_spent: bool


@dataclass(frozen=True, slots=True)
class StoredRefreshToken:
    """A refresh token that a request brought, as it was given out."""

    hash: bytes
    family: Family
    expires_at: dt.datetime
    is_spent: bool


def digest(token: str) -> bytes:
    """What is stored of a code or token."""
    return hashlib.sha256(token.encode()).digest()


async def open_family(
    session: TenantSession,
    *,
    family_id: uuid.UUID,
    grant_id: uuid.UUID,
    scopes: Iterable[str],
    code: str,
    redirect_uri: str,
    code_challenge: str,
    now: dt.datetime,
) -> None:
    """Begin a family with a code, and forget those that ended long ago."""
    await _forget_old(session, now)
    session.add(
        TokenFamily(
            id=family_id,
            grant_id=grant_id,
            scopes=sorted(scopes),
            issued_at=now,
            expires_at=now + FAMILY_LIFETIME,
            revoked_at=None,
            revoked_because=None,
        )
    )
    await session.flush()
    session.add(
        AuthorizationCode(
            code_hash=digest(code),
            family_id=family_id,
            redirect_uri=redirect_uri,
            code_challenge=code_challenge,
            expires_at=now + CODE_LIFETIME,
            redeemed_at=None,
        )
    )


async def find_code(session: TenantSession, code: str) -> StoredCode | None:
    """The code, spent or not; of the session's agency. Two queries."""
    query = _with_family(AuthorizationCode, AuthorizationCode.family_id)
    row = (
        await session.execute(query.where(AuthorizationCode.code_hash == digest(code)))
    ).one_or_none()
    if row is None:
        return None
    stored = row.AuthorizationCode
    return StoredCode(
        hash=stored.code_hash,
        family=await _family(session, row),
        redirect_uri=stored.redirect_uri,
        code_challenge=stored.code_challenge,
        expires_at=stored.expires_at,
        is_spent=stored.redeemed_at is not None,
    )


async def find_refresh_token(session: TenantSession, token: str) -> StoredRefreshToken | None:
    """The refresh token, spent or not; of the session's agency. Two queries."""
    query = _with_family(RefreshToken, RefreshToken.family_id)
    row = (
        await session.execute(query.where(RefreshToken.token_hash == digest(token)))
    ).one_or_none()
    if row is None:
        return None
    stored = row.RefreshToken
    return StoredRefreshToken(
        hash=stored.token_hash,
        family=await _family(session, row),
        expires_at=stored.expires_at,
        is_spent=stored.used_at is not None,
    )


async def find_family(session: TenantSession, family_id: uuid.UUID) -> Family | None:
    """A family of the session's agency, or None. Two queries."""
    query = select(TokenFamily, AppGrant).join(AppGrant, _OF_GRANT)
    row = (await session.execute(query.where(TokenFamily.id == family_id))).one_or_none()
    return None if row is None else await _family(session, row)


async def _family(session: TenantSession, row: Any) -> Family:
    family, grant = row.TokenFamily, row.AppGrant
    return Family(
        id=family.id,
        app_id=grant.app_id,
        user_id=grant.user_id,
        scopes=frozenset(family.scopes),
        expires_at=family.expires_at,
        is_revoked=family.revoked_at is not None or grant.revoked_at is not None,
        rights=await read_rights(session, grant.user_id),
    )


async def redeem(session: TenantSession, code: StoredCode, now: dt.datetime) -> bool:
    """Spend a code; False: somebody else has done so meanwhile."""
    spend = (
        update(AuthorizationCode)
        .where(AuthorizationCode.code_hash == code.hash, AuthorizationCode.redeemed_at.is_(None))
        .values(redeemed_at=now)
        .returning(AuthorizationCode.family_id)
    )
    return await session.scalar(spend) is not None


async def rotate(session: TenantSession, token: StoredRefreshToken, now: dt.datetime) -> bool:
    """Spend a refresh token; False: somebody else has done so meanwhile."""
    spend = (
        update(RefreshToken)
        .where(RefreshToken.token_hash == token.hash, RefreshToken.used_at.is_(None))
        .values(used_at=now)
        .returning(RefreshToken.family_id)
    )
    return await session.scalar(spend) is not None


def store_refresh_token(
    session: TenantSession, family: Family, token: str, now: dt.datetime
) -> None:
    """Keep a new refresh token of a family; it lives no longer than the family."""
    session.add(
        RefreshToken(
            token_hash=digest(token),
            family_id=family.id,
            issued_at=now,
            expires_at=min(now + IDLE_LIFETIME, family.expires_at),
            used_at=None,
        )
    )


async def revoke_family(
    session: TenantSession, family_id: uuid.UUID, cause: RevocationCause, now: dt.datetime
) -> bool:
    """End a family: no token comes of it, and its access tokens are refused within seconds.

    Returns:
        False: it was over already.
    """
    end = (
        update(TokenFamily)
        .where(TokenFamily.id == family_id, TokenFamily.revoked_at.is_(None))
        .values(revoked_at=now, revoked_because=cause)
        .returning(TokenFamily.id)
    )
    return await session.scalar(end) is not None


_OF_GRANT: Final = (AppGrant.tenant_id == TokenFamily.tenant_id) & (
    AppGrant.id == TokenFamily.grant_id
)


def _with_family(token: type[Base], family_id: InstrumentedAttribute[uuid.UUID]) -> Any:
    return (
        select(token, TokenFamily, AppGrant)
        .join(TokenFamily, TokenFamily.id == family_id)
        .join(AppGrant, _OF_GRANT)
    )


async def _forget_old(session: TenantSession, now: dt.datetime) -> None:
    ended = select(TokenFamily.id).where(TokenFamily.expires_at < now - _KEPT)
    await session.execute(delete(AuthorizationCode).where(AuthorizationCode.family_id.in_(ended)))
    await session.execute(delete(RefreshToken).where(RefreshToken.family_id.in_(ended)))
