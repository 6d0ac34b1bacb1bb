"""OAuth: applications, what people allow them, the tokens they hold, and the keys that sign.

    OAuthClient -> AppGrant (a person's consent) -> TokenFamily -> AuthorizationCode, RefreshToken

Codes and refresh tokens are 256 random bits, so their plain SHA-256 cannot be guessed from; the
same holds for the secrets of applications.
"""

import datetime as dt
import enum
import uuid
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ClientId
from domain.privacy.holds import (
    CANONICAL_WORD,
    CONFIGURATION,
    LINEAGE,
    PROOF,
    SEALED_SECRET,
    SECURITY_TOKEN,
    STAFF_ACCESS,
    STAFF_ID,
)
from tenancy.tables.base import Base, TenantOwned, choice, holds, within_tenant

__all__ = [
    "AppGrant",
    "AppKind",
    "AuthorizationCode",
    "OAuthClient",
    "OAuthClientSecret",
    "RefreshToken",
    "RevocationCause",
    "RevokedToken",
    "SigningKey",
    "TokenFamily",
]


class AppKind(enum.Enum):
    """Whether an application can keep a secret (RFC 6749 section 2.1)."""

    CONFIDENTIAL = "confidential"
    PUBLIC = "public"


class RevocationCause(enum.Enum):
    """Why a token family is cut off."""

    ASKED_FOR = "asked_for"  # by the application, at /oauth/revoke
    CODE_REPLAYED = "code_replayed"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"  # noqa: S105  # no secret
    CONSENT_WITHDRAWN = "consent_withdrawn"


class OAuthClient(TenantOwned, Base):
    """An application that may ask for tokens."""

    __tablename__ = "oauth_clients"
    __otherwise__ = CONFIGURATION

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    client_id: Mapped[str] = holds(CONFIGURATION, unique=True)  # shown to the application
    kind: Mapped[AppKind] = mapped_column(choice(AppKind, "kind"))
    name: Mapped[str] = holds(CONFIGURATION)
    grants: Mapped[list[str]] = holds(CANONICAL_WORD)  # values of grant_type that it may use
    scopes: Mapped[list[str]] = holds(CANONICAL_WORD)  # the most that it gets
    client_ids: Mapped[list[ClientId] | None]  # limited to these clients; NULL: all
    metrics: Mapped[list[str] | None] = holds(CONFIGURATION)  # limited to these metrics; NULL: all
    redirect_uris: Mapped[list[str]] = holds(CONFIGURATION)  # compared letter by letter
    # Of pages that may call us, as browsers name them
    origins: Mapped[list[str]] = holds(CONFIGURATION)
    calls_per_minute: Mapped[int | None]  # NULL: the usual limit
    created_at: Mapped[dt.datetime]
    suspended_at: Mapped[dt.datetime | None]
    last_used_at: Mapped[dt.datetime | None]


class OAuthClientSecret(TenantOwned, Base):
    """A secret of an application; two may live at a time, so that it can be changed in peace."""

    __tablename__ = "oauth_client_secrets"
    __otherwise__ = LINEAGE
    __table_args__ = (
        within_tenant("app_id", "oauth_clients"),
        Index(None, "tenant_id", "app_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    app_id: Mapped[uuid.UUID]
    secret_hash: Mapped[bytes] = holds(SEALED_SECRET)  # SHA-256
    created_at: Mapped[dt.datetime]
    retired_at: Mapped[dt.datetime | None]  # opens nothing from then on; may lie in the future
    last_used_at: Mapped[dt.datetime | None]


class AppGrant(TenantOwned, Base):
    """What a person allows an application; one in force for each pair."""

    __tablename__ = "app_grants"
    __otherwise__ = STAFF_ACCESS
    __person__ = ("user_id",)
    __table_args__ = (
        within_tenant("app_id", "oauth_clients"),
        within_tenant("user_id", "users"),
        Index(
            "uq_app_grants__in_force",
            "tenant_id",
            "app_id",
            "user_id",
            unique=True,
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    app_id: Mapped[uuid.UUID]
    user_id: Mapped[uuid.UUID] = holds(STAFF_ID)
    scopes: Mapped[list[str]] = holds(STAFF_ACCESS)
    granted_at: Mapped[dt.datetime]
    revoked_at: Mapped[dt.datetime | None]


class TokenFamily(TenantOwned, Base):
    """All tokens that come of one sign-in at an application; revoked together."""

    __tablename__ = "token_families"
    __otherwise__ = STAFF_ACCESS
    __person__ = ("grant_id", "app_grants.user_id")
    __table_args__ = (
        within_tenant("grant_id", "app_grants"),
        Index(None, "tenant_id", "grant_id"),
        Index(None, "tenant_id", "expires_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    grant_id: Mapped[uuid.UUID]
    scopes: Mapped[list[str]] = holds(STAFF_ACCESS)
    issued_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]  # no refresh lasts longer
    revoked_at: Mapped[dt.datetime | None]
    revoked_because: Mapped[RevocationCause | None] = mapped_column(
        choice(RevocationCause, "revoked_because")
    )


class AuthorizationCode(TenantOwned, Base):
    """A code on its way through a browser; redeemed once. Kept for a while, to know a replay."""

    __tablename__ = "authorization_codes"
    __otherwise__ = SECURITY_TOKEN
    __person__ = ("family_id", "token_families.grant_id", "app_grants.user_id")
    __table_args__ = (
        within_tenant("family_id", "token_families"),
        UniqueConstraint("tenant_id", "family_id"),
    )

    code_hash: Mapped[bytes] = holds(SECURITY_TOKEN, primary_key=True, sort_order=-1)
    family_id: Mapped[uuid.UUID]
    redirect_uri: Mapped[str] = holds(CONFIGURATION)
    code_challenge: Mapped[str] = holds(SECURITY_TOKEN)  # S256
    expires_at: Mapped[dt.datetime]
    redeemed_at: Mapped[dt.datetime | None]


class RefreshToken(TenantOwned, Base):
    """A refresh token; used once, then kept to know a reuse."""

    __tablename__ = "refresh_tokens"
    __otherwise__ = SECURITY_TOKEN
    __person__ = ("family_id", "token_families.grant_id", "app_grants.user_id")
    __table_args__ = (
        within_tenant("family_id", "token_families"),
        Index(None, "tenant_id", "family_id"),
    )

    token_hash: Mapped[bytes] = holds(SECURITY_TOKEN, primary_key=True, sort_order=-1)
    family_id: Mapped[uuid.UUID]
    issued_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    used_at: Mapped[dt.datetime | None]


class RevokedToken(TenantOwned, Base):
    """An access token that is refused before it expires; the row may go once it has expired."""

    __tablename__ = "revoked_tokens"
    __otherwise__ = LINEAGE

    token_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)  # its jti
    revoked_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]


class SigningKey(Base):
    """A key that signs tokens, or certificates of erasure; of the platform, no tenant data."""

    __tablename__ = "signing_keys"
    __otherwise__ = CONFIGURATION

    kid: Mapped[str] = holds(PROOF, primary_key=True)
    algorithm: Mapped[str] = holds(CANONICAL_WORD)  # ES256: of tokens; EdDSA: of certificates
    public_jwk: Mapped[dict[str, Any]] = holds(PROOF)
    wrapped_private_key: Mapped[bytes] = holds(SEALED_SECRET)  # sealed by the master key
    created_at: Mapped[dt.datetime]
    retired_at: Mapped[dt.datetime | None]  # NULL: signs new tokens; set: only verifies old ones
    revoked_at: Mapped[dt.datetime | None]  # set: verifies nothing
