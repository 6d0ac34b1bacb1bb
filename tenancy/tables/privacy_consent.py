"""Who may not be read for what, and what people agreed to.

Suppression (one person, one purpose, from when until when) -> `privacy.suppressed` of the warehouse
ConsentNotice (what people were told, by version) <- ConsentEvent (what they said; append-only)
"""

import datetime as dt
import uuid

from sqlalchemy import ColumnElement, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ClientId
from domain.privacy.consent import ConsentState
from domain.privacy.holds import (
    CANONICAL_WORD,
    CONFIGURATION,
    LINEAGE,
    OWN_WORDS,
    PERSON_RECORD,
    PROOF,
    PSEUDONYM,
)
from domain.privacy.purposes import Purpose, SuppressionCause
from tenancy.tables.base import Base, TenantOwned, choice, holds, within_tenant

__all__ = ["ConsentEvent", "ConsentNotice", "Suppression"]


class Suppression(TenantOwned, Base):
    """What happened to a person within an interval is not read for a purpose.

    A change counts up `revision`; the warehouse, and then the features, catch up with it.
    """

    __tablename__ = "suppressions"
    __otherwise__ = PERSON_RECORD
    __person__ = ("subject_id",)
    __table_args__ = (
        within_tenant("client_id", "clients"),
        within_tenant("subject_id", "subjects"),
        Index(
            "uq_suppressions__open",
            "tenant_id",
            "subject_id",
            "purpose",
            "cause",
            "origin",
            unique=True,
            postgresql_where=text("events_to IS NULL AND lifted_at IS NULL"),
        ),
        Index(
            "ix_suppressions__unwritten",
            "tenant_id",
            postgresql_where=text("written_revision < revision"),
        ),
        Index(
            "ix_suppressions__unfollowed",
            "tenant_id",
            postgresql_where=text("followed_revision < written_revision"),
        ),
        Index(None, "tenant_id", "written_at"),
        Index(None, "tenant_id", "subject_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    client_id: Mapped[ClientId]
    subject_id: Mapped[uuid.UUID] = holds(PSEUDONYM)
    purpose: Mapped[Purpose] = mapped_column(choice(Purpose, "purpose"))
    cause: Mapped[SuppressionCause] = mapped_column(choice(SuppressionCause, "cause"))
    origin: Mapped[str] = holds(CANONICAL_WORD)  # source of the signal, or id of the request
    since: Mapped[dt.datetime]  # in force
    events_from: Mapped[dt.datetime | None]  # what happened from then on is out; NULL: all
    events_to: Mapped[dt.datetime | None]  # agreed again: what happens from then on is read
    lifted_at: Mapped[dt.datetime | None]  # nothing is out any more
    revision: Mapped[int]
    written_revision: Mapped[int]  # that the warehouse has
    followed_revision: Mapped[int]  # that features are made of
    written_at: Mapped[dt.datetime | None]  # when the warehouse had it

    @classmethod
    def is_unwritten(cls) -> ColumnElement[bool]:
        """Whether the warehouse lacks it."""
        return cls.written_revision < cls.revision

    @classmethod
    def is_unfollowed(cls) -> ColumnElement[bool]:
        """Whether the features lack it, and the warehouse has it."""
        return cls.followed_revision < cls.written_revision


class ConsentNotice(TenantOwned, Base):
    """What people were told before they agreed; append-only."""

    __tablename__ = "consent_notices"
    __otherwise__ = CONFIGURATION
    __table_args__ = (
        within_tenant("client_id", "clients"),
        Index("uq_consent_notices__version", "tenant_id", "client_id", "version", unique=True),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    client_id: Mapped[ClientId]
    version: Mapped[str] = holds(OWN_WORDS)
    language: Mapped[str] = holds(CANONICAL_WORD)  # BCP 47
    content: Mapped[str] = holds(OWN_WORDS)
    content_hash: Mapped[str] = holds(PROOF)  # SHA-256 of the text in UTF-8, hexadecimal
    recorded_at: Mapped[dt.datetime]


class ConsentEvent(TenantOwned, Base):
    """What one person said about one purpose; append-only."""

    __tablename__ = "consent_events"
    __otherwise__ = PERSON_RECORD
    __person__ = ("pseudonym",)
    __table_args__ = (
        within_tenant("client_id", "clients"),
        Index(None, "tenant_id", "pseudonym", "purpose", "effective_at"),
        Index(None, "tenant_id", "receipt_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    client_id: Mapped[ClientId]
    pseudonym: Mapped[str] = holds(PSEUDONYM)
    purpose: Mapped[Purpose] = mapped_column(choice(Purpose, "purpose"))
    source: Mapped[str] = holds(CANONICAL_WORD)  # for example consent_mode, gpc, tcf, shopify
    state: Mapped[ConsentState] = mapped_column(choice(ConsentState, "state"))
    effective_at: Mapped[dt.datetime]
    recorded_at: Mapped[dt.datetime]
    notice_version: Mapped[str] = holds(LINEAGE)  # empty: none was named
    signal: Mapped[str] = holds(PERSON_RECORD)  # as it was read, in one way of writing
    receipt_id: Mapped[uuid.UUID]
