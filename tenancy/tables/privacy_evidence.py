"""Proofs of what was done for people: certificates of erasure, append-only."""

import datetime as dt
import uuid

from sqlalchemy import BigInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from domain.privacy.holds import ERASURE_PROOF, PROOF, REQUEST_RECORD
from tenancy.tables.base import Base, TenantOwned, holds, within_tenant

__all__ = ["Certificate"]


class Certificate(TenantOwned, Base):
    """A revision of the certificate of an erasure; what it says stands in `signed` alone."""

    __tablename__ = "certificates"
    __otherwise__ = REQUEST_RECORD
    __person__ = ("request_id", "subject_requests.subject_id")
    __table_args__ = (
        within_tenant("request_id", "subject_requests"),
        UniqueConstraint("tenant_id", "number"),
        UniqueConstraint(
            "tenant_id", "request_id", "revision", name="uq_certificates__one_revision"
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    request_id: Mapped[uuid.UUID]
    number: Mapped[int] = mapped_column(BigInteger)  # 1, 2, 3 ... within the agency
    revision: Mapped[int]  # 1, 2, 3 ... of this request
    digest: Mapped[bytes] = holds(PROOF)  # SHA-256 of `signed`
    kid: Mapped[str] = holds(PROOF)  # of the key that signed
    signed: Mapped[str] = holds(ERASURE_PROOF)  # compact JWS; names the person by pseudonym
    issued_at: Mapped[dt.datetime]
    closed_at: Mapped[dt.datetime | None]  # of the request; NULL: there are revisions to come
