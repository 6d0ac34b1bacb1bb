"""Reading an agency's audit trail, which is recorded in it.

filter -> newest entries first, by number -> rows; `audit.read` in the same transaction
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from domain.errors import InvalidInputError
from domain.ids import parse_id
from domain.ports import Clock, IdFactory
from tenancy import audit
from tenancy.session import TenantSession
from tenancy.tables import AuditEntry

__all__ = ["TrailFilter", "TrailPage", "read_trail"]


@dataclass(frozen=True, slots=True)
class TrailFilter:
    """Which entries are asked for; None: all.

    Attributes:
        about: A kind of object, `connection`, or one object of it, `connection:con_...`.
        actor: Who did it, `user:...`, `client:...` or `job:...`.
        since: Not from before this instant.
    """

    about: str | None = None
    actor: str | None = None
    since: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class TrailPage:
    """Entries, the newest first, and whether there are more of these after them."""

    entries: Sequence[AuditEntry]
    has_more: bool


async def read_trail(  # one argument for each thing that the record of it tells
    session: TenantSession,
    wanted: TrailFilter,
    *,
    limit: int,
    before: int | None = None,
    clock: Clock,
    ids: IdFactory,
    actor: str,
) -> TrailPage:
    """At most `limit` entries of the session's tenant, the newest first; notes who read them.

    Args:
        session: The note is stored when it commits.
        wanted: Which entries.
        limit: How many at most.
        before: Only entries with lower numbers.
        clock: Tells when it was read.
        ids: Gives the note its id.
        actor: Who reads.
    """
    query = select(AuditEntry).order_by(AuditEntry.sequence.desc()).limit(limit + 1)
    if wanted.about is not None:
        kind, _, object_id = wanted.about.partition(":")
        query = query.where(AuditEntry.object_kind == kind)
        if object_id:
            query = query.where(AuditEntry.object_id.in_(_spellings(object_id)))
    if wanted.actor is not None:
        query = query.where(AuditEntry.actor == wanted.actor)
    if wanted.since is not None:
        query = query.where(AuditEntry.at >= wanted.since)
    if before is not None:
        query = query.where(AuditEntry.sequence < before)
    found = (await session.scalars(query)).all()
    page = TrailPage(found[:limit], len(found) > limit)
    audit.record(
        session,
        clock=clock,
        ids=ids,
        actor=actor,
        action="audit.read",
        object_kind="audit",
        object_id=str(session.tenant_id),
        details={
            "entries": len(page.entries),
            "about": wanted.about,
            "actor": wanted.actor,
            "since": None if wanted.since is None else wanted.since.isoformat(),
            "before": before,
        },
    )
    return page


def _spellings(object_id: str) -> set[str]:
    """An id as the trail keeps it may be shown to people in its outside form."""
    prefix = object_id.rpartition("_")[0]
    try:
        return {object_id, str(parse_id(prefix, object_id))}
    except InvalidInputError:
        return {object_id}
