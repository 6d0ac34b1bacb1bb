"""Copies of people's data, made for them."""

import datetime as dt
import uuid

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.privacy.holds import REQUEST_RECORD, SEALED_SECRET
from tenancy.tables.base import Base, TenantOwned, holds, within_tenant

__all__ = ["PersonExport"]


class PersonExport(TenantOwned, Base):
    """The export that answers a request; its sealed parts lie in the landing store.

    Without its key the export is noise. A link opens it once, and is known by its hash.
    """

    __tablename__ = "person_exports"
    __otherwise__ = REQUEST_RECORD
    __person__ = ("request_id", "subject_requests.subject_id")
    __table_args__ = (
        within_tenant("request_id", "subject_requests"),
        Index(
            "ix_person_exports__kept",
            "tenant_id",
            "expires_at",
            postgresql_where=text("purged_at IS NULL"),
        ),
    )

    request_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    parts: Mapped[int]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sealed_key: Mapped[bytes | None] = holds(SEALED_SECRET)  # NULL: revoked or purged
    link_hash: Mapped[bytes | None] = holds(SEALED_SECRET)  # SHA-256; NULL: no link is in force
    link_expires_at: Mapped[dt.datetime | None]
    made_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]  # then it is purged
    downloaded_at: Mapped[dt.datetime | None] = holds(REQUEST_RECORD)  # by the last link
    purged_at: Mapped[dt.datetime | None]
