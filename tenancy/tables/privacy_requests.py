"""What a request needs beside itself: legal holds, letters, codes of identity, and its runs."""

import datetime as dt
import enum
import uuid

from sqlalchemy import Index, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ClientId
from domain.privacy.holds import (
    CANONICAL_WORD,
    LINEAGE,
    OWN_WORDS,
    REQUEST_CLAIM,
    REQUEST_PSEUDONYM,
    REQUEST_RECORD,
    STAFF_ACTOR,
    STAFF_NOTE,
)
from tenancy.tables.base import Base, TenantOwned, choice, holds, within_tenant

__all__ = ["IdentityCode", "LegalHold", "LetterKind", "RequestLetter", "RequestRun"]


class LetterKind(enum.Enum):
    """What a letter tells a person."""

    ACKNOWLEDGEMENT = "acknowledgement"
    EXTENSION = "extension"  # GDPR article 12(3)
    REFUSAL = "refusal"  # 12(4)
    COMPLETION = "completion"
    LIFTING = "lifting"  # 18(3): before a restriction is lifted
    EXPORT_LINK = "export_link"  # where the copy of their data is, once
    NOTE = "note"  # an officer's own; goes to nobody
    MESSAGE = "message"  # what the person wrote with the request; goes to nobody

    @property
    def is_letter(self) -> bool:
        """It goes to the person."""
        return self not in {LetterKind.NOTE, LetterKind.MESSAGE}


class LegalHold(TenantOwned, Base):
    """Data that may not be erased for now: of one person, or of all of a client."""

    __tablename__ = "legal_holds"
    __otherwise__ = REQUEST_RECORD
    __person__ = ("subject_id",)
    __table_args__ = (
        within_tenant("client_id", "clients"),
        within_tenant("subject_id", "subjects"),
        Index(
            "ix_legal_holds__open",
            "tenant_id",
            "client_id",
            postgresql_where=text("released_at IS NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    client_id: Mapped[ClientId]
    # NULL: everybody in the client's data
    subject_id: Mapped[uuid.UUID | None] = holds(REQUEST_PSEUDONYM)
    # Of data, as the inventory names it; NULL: all
    category: Mapped[str | None] = holds(CANONICAL_WORD)
    basis: Mapped[str] = holds(REQUEST_RECORD)  # the law or the proceeding that asks for it
    owner: Mapped[str] = holds(STAFF_NOTE)  # who answers for it
    created_by: Mapped[str] = holds(STAFF_ACTOR)
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime | None]  # NULL: until it is released
    released_at: Mapped[dt.datetime | None]


class RequestLetter(TenantOwned, Base):
    """A letter to a person, what they wrote, or a note; the text may name people, and is sealed."""

    __tablename__ = "request_letters"
    __otherwise__ = REQUEST_RECORD
    __person__ = ("request_id", "subject_requests.subject_id")
    __table_args__ = (
        within_tenant("request_id", "subject_requests"),
        Index(None, "tenant_id", "request_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    request_id: Mapped[uuid.UUID]
    kind: Mapped[LetterKind] = mapped_column(choice(LetterKind, "kind"))
    language: Mapped[str] = holds(CANONICAL_WORD)  # ISO 639-1
    sealed: Mapped[bytes] = holds(REQUEST_CLAIM)
    written_at: Mapped[dt.datetime]
    sent_at: Mapped[dt.datetime | None]  # by mail; NULL: an officer hands it over
    handed_at: Mapped[dt.datetime | None]  # when an officer said that they did


class IdentityCode(TenantOwned, Base):
    """A code sent to an address that the data carries; only its keyed hash is kept."""

    __tablename__ = "identity_codes"
    __otherwise__ = REQUEST_RECORD
    __person__ = ("request_id", "subject_requests.subject_id")
    __table_args__ = (
        within_tenant("request_id", "subject_requests"),
        Index(None, "tenant_id", "request_id", "sent_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    request_id: Mapped[uuid.UUID]
    code_hash: Mapped[bytes] = holds(REQUEST_RECORD)
    attempts: Mapped[int]
    sent_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]  # used, replaced, or found to be over


class RequestRun(TenantOwned, Base):
    """How far a request's carrying out is; one row, from its first start."""

    __tablename__ = "request_runs"
    __otherwise__ = REQUEST_RECORD
    __person__ = ("request_id", "subject_requests.subject_id")
    __table_args__ = (within_tenant("request_id", "subject_requests"),)

    request_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    attempts: Mapped[int]  # jobs so far
    failures: Mapped[int]  # of these, since the last one that went well
    job_id: Mapped[str] = holds(LINEAGE)  # of the latest
    # Code of the latest failure; NULL: it did not fail
    failure: Mapped[str | None] = holds(CANONICAL_WORD)
    next_attempt_at: Mapped[dt.datetime | None]  # NULL: a job is under way, or none is due
    waits_for: Mapped[list[str]] = holds(OWN_WORDS, ARRAY(TEXT))  # for people
    # Left out, as holds kept them
    held_categories: Mapped[list[str]] = holds(CANONICAL_WORD, ARRAY(TEXT))
