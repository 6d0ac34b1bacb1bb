"""People whom an agency's data is about: who they are, what they asked for, and who is gone.

Subject -> SubjectIdentifier (pseudonym; the identifier itself under the person's own key)
SubjectRequest -> RequestEvent (what happened to it, append-only)
Tombstone (pseudonyms of the erased: what keeps late data from bringing them back)
"""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ClientId, ConnectionId
from domain.privacy.holds import (
    CANONICAL_WORD,
    CONFIGURATION,
    PERSON_IDENTIFIER,
    PERSON_RECORD,
    PSEUDONYM,
    REQUEST_CLAIM,
    REQUEST_PSEUDONYM,
    REQUEST_RECORD,
    STAFF_ACTOR,
    TOMBSTONE,
)
from domain.privacy.identifiers import IdentifierKind
from domain.privacy.rights import (
    IdentityLevel,
    IntakeChannel,
    ProcessingRole,
    RequestOutcome,
    RequestState,
    Right,
)
from tenancy.tables.base import Base, TenantOwned, choice, holds, within_tenant

__all__ = [
    "RequestEvent",
    "Subject",
    "SubjectIdentifier",
    "SubjectRequest",
    "Tombstone",
]


class Subject(TenantOwned, Base):
    """A person in the data of one client; the same person at two clients is two rows."""

    __tablename__ = "subjects"
    __otherwise__ = PERSON_RECORD
    __person__ = ("id",)
    __table_args__ = (
        within_tenant("client_id", "clients"),
        within_tenant("merged_into", "subjects"),
        Index(None, "tenant_id", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
    )

    id: Mapped[uuid.UUID] = holds(PERSON_RECORD, primary_key=True, sort_order=-1)
    client_id: Mapped[ClientId]
    # Of the person's identifiers; NULL: shredded
    sealed_key: Mapped[bytes | None] = holds(PERSON_IDENTIFIER)
    created_at: Mapped[dt.datetime]
    erased_at: Mapped[dt.datetime | None]
    # The older subject that turned out to be the same person; never one that is merged itself
    merged_into: Mapped[uuid.UUID | None] = holds(PERSON_RECORD)


class SubjectIdentifier(TenantOwned, Base):
    """An identifier of a person. Only a telephone number may be that of several people."""

    __tablename__ = "subject_identifiers"
    __otherwise__ = PERSON_RECORD
    __person__ = ("subject_id",)
    __table_args__ = (
        within_tenant("subject_id", "subjects"),
        within_tenant("connection_id", "connections"),
        Index(
            "uq_subject_identifiers__one_person",
            "tenant_id",
            "pseudonym",
            unique=True,
            postgresql_where=text("kind <> 'phone'"),
        ),
        Index(None, "tenant_id", "subject_id"),
    )

    pseudonym: Mapped[str] = holds(PSEUDONYM, primary_key=True, sort_order=-1)
    subject_id: Mapped[uuid.UUID] = holds(PERSON_RECORD, primary_key=True)
    kind: Mapped[IdentifierKind] = mapped_column(choice(IdentifierKind, "kind"))
    connection_id: Mapped[ConnectionId | None]  # of a platform's id
    sealed: Mapped[bytes] = holds(PERSON_IDENTIFIER)  # under the person's key
    seen_at: Mapped[dt.datetime]  # first


class Tombstone(TenantOwned, Base):
    """The pseudonym of an identifier of somebody who is erased; kept while data may come back."""

    __tablename__ = "tombstones"
    __otherwise__ = TOMBSTONE
    __person__ = ("pseudonym",)
    __table_args__ = (
        within_tenant("client_id", "clients"),
        within_tenant("request_id", "subject_requests"),
        Index(None, "tenant_id", "epoch"),
    )

    pseudonym: Mapped[str] = holds(TOMBSTONE, primary_key=True, sort_order=-1)
    client_id: Mapped[ClientId]
    kind: Mapped[IdentifierKind] = mapped_column(choice(IdentifierKind, "kind"))
    request_id: Mapped[uuid.UUID]
    epoch: Mapped[int] = mapped_column(BigInteger)  # `tenants.tombstone_epoch` when it was set
    # Categories that a legal hold keeps: rows of these are the person's still
    held: Mapped[list[str]] = holds(CANONICAL_WORD, ARRAY(TEXT))
    created_at: Mapped[dt.datetime]


class SubjectRequest(TenantOwned, Base):
    """What a person, or a platform for them, asked for.

    Without a client it is about people of the agency itself. What the requester gave of themselves
    is sealed, and forgotten when the request has ended and its time has come.
    """

    __tablename__ = "subject_requests"
    __otherwise__ = REQUEST_RECORD
    __person__ = ("subject_id",)
    __table_args__ = (
        within_tenant("client_id", "clients"),
        within_tenant("subject_id", "subjects"),
        within_tenant("merged_into", "subject_requests"),
        Index(
            "uq_subject_requests__open",
            "tenant_id",
            "fingerprint",
            unique=True,
            postgresql_where=text("state NOT IN ('completed', 'refused', 'withdrawn', 'merged')"),
        ),
        Index(None, "tenant_id", "state", "due_at"),
        Index(None, "tenant_id", "subject_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    client_id: Mapped[ClientId | None]
    right: Mapped[Right] = mapped_column(choice(Right, "right"))
    channel: Mapped[IntakeChannel] = mapped_column(choice(IntakeChannel, "channel"))
    role: Mapped[ProcessingRole] = mapped_column(choice(ProcessingRole, "role"))
    state: Mapped[RequestState] = mapped_column(choice(RequestState, "state"))
    identity: Mapped[IdentityLevel] = mapped_column(choice(IdentityLevel, "identity"))
    # Keyed hash of right, client and identifiers: one open request each
    fingerprint: Mapped[bytes] = holds(REQUEST_PSEUDONYM)
    external_ref: Mapped[str | None] = holds(REQUEST_RECORD)  # of the platform that sent it
    sealed_claim: Mapped[bytes | None] = holds(REQUEST_CLAIM)
    # Of what the requester gave, identifiers and orders
    pseudonyms: Mapped[list[str]] = holds(REQUEST_PSEUDONYM, ARRAY(TEXT))
    subject_id: Mapped[uuid.UUID | None] = holds(REQUEST_PSEUDONYM)  # NULL: nobody fits yet
    # What of it: fields to correct, purposes, formats; no identifiers
    scope: Mapped[dict[str, Any]] = holds(REQUEST_RECORD)
    policy: Mapped[str] = holds(CONFIGURATION)  # version of the rules that gave the dates
    received_at: Mapped[dt.datetime]
    due_at: Mapped[dt.datetime]  # by law, towards the person
    assist_by: Mapped[dt.datetime | None]  # by contract, towards the controller; NULL: we are it
    extended_at: Mapped[dt.datetime | None]  # when the person was told of two months more
    paused_at: Mapped[dt.datetime | None]  # since when the clock stands still
    paused_seconds: Mapped[int] = mapped_column(
        BigInteger, server_default=text("0")
    )  # that it stood still before
    approved_at: Mapped[dt.datetime | None]  # when a second person agreed
    run_by: Mapped[str | None] = holds(STAFF_ACTOR)  # who let it be carried out; NULL: nobody yet
    # Of letters to the person, ISO 639-1
    language: Mapped[str] = holds(CANONICAL_WORD, server_default=text("'en'"))
    requested_by: Mapped[str] = holds(STAFF_ACTOR)
    outcome: Mapped[RequestOutcome | None] = mapped_column(choice(RequestOutcome, "outcome"))
    # Of a refusal, or of an outcome; told to the person
    reason: Mapped[str | None] = holds(REQUEST_RECORD)
    merged_into: Mapped[uuid.UUID | None]
    closed_at: Mapped[dt.datetime | None]


class RequestEvent(TenantOwned, Base):
    """What happened to a request, when, and by whom; append-only."""

    __tablename__ = "request_events"
    __otherwise__ = REQUEST_RECORD
    __person__ = ("request_id", "subject_requests.subject_id")
    __table_args__ = (
        within_tenant("request_id", "subject_requests"),
        Index(None, "tenant_id", "request_id", "at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    request_id: Mapped[uuid.UUID]
    at: Mapped[dt.datetime]
    kind: Mapped[str] = holds(REQUEST_RECORD)  # for example paused, extended, refused
    actor: Mapped[str] = holds(STAFF_ACTOR)
    # Ids, dates and counts; never identifiers
    details: Mapped[dict[str, Any]] = holds(REQUEST_RECORD)
