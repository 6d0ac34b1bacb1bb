"""How people prove who they are: passwords, second factors, providers, sessions, links.

    User -> Password | ExternalIdentity -> (SecondFactor) -> BrowserSession

Tokens of sessions and links are 256 random bits, so their plain SHA-256 cannot be guessed from.
"""

import datetime as dt
import enum
import uuid
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.privacy.holds import (
    AUDIT_OBJECT,
    CANONICAL_WORD,
    CONFIGURATION,
    LINEAGE,
    SEALED_SECRET,
    SECURITY_TOKEN,
    STAFF_ACCOUNT,
    STAFF_ACTOR,
    STAFF_APPROVAL,
    STAFF_BROWSER,
    STAFF_FACTOR,
    STAFF_ID,
    STAFF_PASSWORD,
    STAFF_SESSION,
)
from tenancy.tables.base import Base, TenantOwned, choice, holds, within_tenant

__all__ = [
    "Approval",
    "ApprovalDecision",
    "BrowserSession",
    "ExternalIdentity",
    "IdentityProvider",
    "LinkKind",
    "OneTimeLink",
    "Password",
    "PendingSignIn",
    "RecoveryCode",
    "SecondFactor",
]


class LinkKind(enum.Enum):
    """What a one-time link is for."""

    INVITATION = "invitation"  # choose a password, or sign in at the provider, for the first time
    PASSWORD_RESET = "password_reset"  # noqa: S105  # no secret


class ApprovalDecision(enum.Enum):
    """What the second person said."""

    APPROVED = "approved"
    REJECTED = "rejected"


class Password(TenantOwned, Base):
    """A user's password; absent for who signs in at the agency's own provider."""

    __tablename__ = "passwords"
    __otherwise__ = STAFF_ACCOUNT
    __person__ = ("user_id",)
    __table_args__ = (within_tenant("user_id", "users"),)

    user_id: Mapped[uuid.UUID] = holds(STAFF_ID, primary_key=True, sort_order=-1)
    hash: Mapped[str] = holds(STAFF_PASSWORD)  # argon2id
    changed_at: Mapped[dt.datetime]


class SecondFactor(TenantOwned, Base):
    """A user's authenticator (TOTP, RFC 6238)."""

    __tablename__ = "second_factors"
    __otherwise__ = STAFF_FACTOR
    __person__ = ("user_id",)
    __table_args__ = (within_tenant("user_id", "users"),)

    user_id: Mapped[uuid.UUID] = holds(STAFF_ID, primary_key=True, sort_order=-1)
    sealed_secret: Mapped[bytes] = holds(STAFF_FACTOR)
    created_at: Mapped[dt.datetime]
    confirmed_at: Mapped[dt.datetime | None]  # NULL: not asked for yet
    last_step: Mapped[int | None]  # time step of the last code; it and older ones are refused


class RecoveryCode(TenantOwned, Base):
    """Stands in, once, for an authenticator that is lost."""

    __tablename__ = "recovery_codes"
    __otherwise__ = STAFF_FACTOR
    __person__ = ("user_id",)
    __table_args__ = (within_tenant("user_id", "second_factors", "user_id"),)

    user_id: Mapped[uuid.UUID] = holds(STAFF_ID, primary_key=True, sort_order=-1)
    code_hash: Mapped[bytes] = holds(STAFF_FACTOR, primary_key=True)
    used_at: Mapped[dt.datetime | None]


class IdentityProvider(TenantOwned, Base):
    """The agency's own OpenID Connect provider."""

    __tablename__ = "identity_providers"
    __otherwise__ = CONFIGURATION
    __table_args__ = (
        Index(
            "uq_identity_providers__in_force",
            "tenant_id",
            unique=True,
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    issuer: Mapped[str] = holds(CONFIGURATION)
    client_id: Mapped[str] = holds(CONFIGURATION)  # ours, at the provider
    sealed_secret: Mapped[bytes] = holds(SEALED_SECRET)
    created_at: Mapped[dt.datetime]
    removed_at: Mapped[dt.datetime | None]


class ExternalIdentity(TenantOwned, Base):
    """Who a user is at a provider; `subject` never changes there, an address may."""

    __tablename__ = "external_identities"
    __otherwise__ = STAFF_ACCOUNT
    __person__ = ("user_id",)
    __table_args__ = (within_tenant("user_id", "users"),)

    issuer: Mapped[str] = holds(CONFIGURATION, primary_key=True, sort_order=-1)
    subject: Mapped[str] = holds(STAFF_ID, primary_key=True)
    user_id: Mapped[uuid.UUID] = holds(STAFF_ID)
    linked_at: Mapped[dt.datetime]


class PendingSignIn(TenantOwned, Base):
    """A person is at the provider and will come back, once, with this state."""

    __tablename__ = "pending_sign_ins"
    __otherwise__ = LINEAGE
    __table_args__ = (within_tenant("provider_id", "identity_providers"),)

    state_hash: Mapped[bytes] = holds(SEALED_SECRET, primary_key=True, sort_order=-1)
    provider_id: Mapped[uuid.UUID]
    nonce: Mapped[str] = holds(SEALED_SECRET)
    sealed_verifier: Mapped[bytes] = holds(SEALED_SECRET)  # of PKCE
    return_to: Mapped[str] = holds(LINEAGE)  # path of ours
    expires_at: Mapped[dt.datetime]


class BrowserSession(TenantOwned, Base):
    """A signed-in browser."""

    __tablename__ = "browser_sessions"
    __otherwise__ = STAFF_SESSION
    __person__ = ("user_id",)
    __table_args__ = (
        within_tenant("user_id", "users"),
        Index(None, "tenant_id", "token_hash", unique=True),
        Index(None, "tenant_id", "user_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    user_id: Mapped[uuid.UUID] = holds(STAFF_ID)
    token_hash: Mapped[bytes] = holds(SECURITY_TOKEN)
    methods: Mapped[list[str]] = holds(STAFF_SESSION)  # RFC 8176: pwd, otp; or oidc
    browser: Mapped[str] = holds(STAFF_BROWSER)
    created_at: Mapped[dt.datetime]
    last_seen_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]


class OneTimeLink(TenantOwned, Base):
    """A link that lets a person choose a password once."""

    __tablename__ = "one_time_links"
    __otherwise__ = STAFF_SESSION
    __person__ = ("user_id",)
    __table_args__ = (
        within_tenant("user_id", "users"),
        Index(None, "tenant_id", "token_hash", unique=True),
        Index(None, "tenant_id", "user_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    kind: Mapped[LinkKind] = mapped_column(choice(LinkKind, "kind"))
    user_id: Mapped[uuid.UUID] = holds(STAFF_ID)
    token_hash: Mapped[bytes] = holds(SECURITY_TOKEN)
    created_by: Mapped[str] = holds(STAFF_ACTOR)  # audit actor
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    used_at: Mapped[dt.datetime | None]
    withdrawn_at: Mapped[dt.datetime | None]


class Approval(TenantOwned, Base):
    """Something that one person asks for and another one has to allow."""

    __tablename__ = "approvals"
    __otherwise__ = LINEAGE
    __table_args__ = (Index(None, "tenant_id", "requested_at"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    action: Mapped[str] = holds(CANONICAL_WORD)  # for example erasure.execute
    object_kind: Mapped[str] = holds(CANONICAL_WORD)
    object_id: Mapped[str] = holds(AUDIT_OBJECT)
    # Exactly what is allowed; ids and settings
    payload: Mapped[dict[str, Any]] = holds(AUDIT_OBJECT)
    requested_by: Mapped[str] = holds(STAFF_APPROVAL)  # audit actor
    requested_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    decision: Mapped[ApprovalDecision | None] = mapped_column(choice(ApprovalDecision, "decision"))
    decided_by: Mapped[str | None] = holds(STAFF_APPROVAL)
    decided_at: Mapped[dt.datetime | None]
    used_at: Mapped[dt.datetime | None]  # it allows one deed
