"""Suppressions: who must not be read, for what, and for which part of what they did.

    restriction, objection: suppress -> all of them is out, until lift
    consent withdrawn: follow_denials -> what happened since is out, until they agree again
        -> suppressions -> `tenancy.privacy.suppression_writer` -> privacy.suppressed -> questions

A suppression names a subject, not their ids: the writer looks these up, also those that come later.
Nothing is deleted: what was out when, and why, stays told.

Decision: ADR-0028.
"""

import datetime as dt
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from domain.errors import NotFoundError
from domain.ports import IdFactory
from domain.privacy.consent import Denial
from domain.privacy.purposes import Purpose, SuppressionCause
from tenancy.bulk import insert_rows
from tenancy.privacy.subject_changes import is_among
from tenancy.session import TenantSession
from tenancy.tables import Subject, Suppression

__all__ = ["Denials", "follow_denials", "is_suppressed", "lift", "suppress"]

_OPEN = (Suppression.events_to.is_(None), Suppression.lifted_at.is_(None))


@dataclass(frozen=True, slots=True)
class Denials:
    """All that a person denied of one purpose, of every source.

    Attributes:
        intervals: Oldest first.
    """

    subject_id: uuid.UUID
    purpose: Purpose
    intervals: tuple[Denial, ...]


async def suppress(
    session: TenantSession,
    subject_id: uuid.UUID,
    purposes: Collection[Purpose],
    cause: SuppressionCause,
    since: dt.datetime,
    *,
    origin: str,
    ids: IdFactory,
) -> None:
    """Read nothing more of a person. Doing it again changes nothing.

    Args:
        session: Of the tenant; in force for questions within seconds of its commit.
        subject_id: Whom.
        purposes: What for; `STORAGE` cannot be among them.
        cause: Of a withdrawal only what happened from `since` on is out; else all of it.
        since: UTC instant.
        origin: What asked for it: the id of a request, or the source of a signal.
        ids: For new suppressions.

    Raises:
        NotFoundError: The tenant has no such subject.
    """
    client_id = await session.scalar(select(Subject.client_id).where(Subject.id == subject_id))
    if client_id is None:
        raise NotFoundError("there is no such person")
    is_partial = cause is SuppressionCause.WITHDRAWAL
    rows = [
        {
            "tenant_id": session.tenant_id,
            "id": ids(),
            "client_id": client_id,
            "subject_id": subject_id,
            "purpose": purpose,
            "cause": cause,
            "origin": origin,
            "since": since,
            "events_from": since if is_partial else None,
            **_NEW,
        }
        for purpose in sorted(set(purposes) - {Purpose.STORAGE}, key=lambda one: one.value)
    ]
    if rows:
        await session.execute(insert(Suppression).on_conflict_do_nothing(), rows)


async def lift(
    session: TenantSession,
    subject_id: uuid.UUID,
    cause: SuppressionCause,
    now: dt.datetime,
    *,
    origin: str | None = None,
) -> int:
    """Read somebody again. Of a restriction, tell them first (GDPR art. 18(3)).

    Args:
        session: Of the tenant.
        subject_id: Whom.
        cause: Suppressions of this cause end; others stay.
        now: UTC instant.
        origin: Only what this asked for; None: all of the cause.

    Returns:
        How many ended.
    """
    those = update(Suppression).where(
        Suppression.subject_id == subject_id,
        Suppression.cause == cause,
        Suppression.lifted_at.is_(None),
    )
    if origin is not None:
        those = those.where(Suppression.origin == origin)
    ended = await session.execute(
        those.values(lifted_at=now, revision=Suppression.revision + 1).returning(Suppression.id)
    )
    return len(ended.all())


async def is_suppressed(
    session: TenantSession, subject_id: uuid.UUID, purpose: Purpose = Purpose.ANALYTICS
) -> bool:
    """Whether anything of a person is not read for a purpose, from now on."""
    them = select(Suppression.id).where(
        Suppression.subject_id == subject_id, Suppression.purpose == purpose, *_OPEN
    )
    return await session.scalar(them.limit(1)) is not None


async def follow_denials(
    session: TenantSession, people: Collection[Denials], now: dt.datetime, *, ids: IdFactory
) -> int:
    """Bring the suppressions of consent into line with what people said. Three queries at most.

    Those of whoever turned out to be one of them are brought into line as well.

    Args:
        session: Of the tenant; hold the client's people (`lock_people`).
        people: Each with all that they denied, whatever is in force by now.
        now: UTC instant.
        ids: For new suppressions.

    Returns:
        How many suppressions changed.
    """
    wanted = {
        (one.subject_id, one.purpose, interval.source, interval.since): interval.until
        for one in people
        for interval in one.intervals
    }
    purposes = {(one.subject_id, one.purpose) for one in people}
    subjects = {subject_id for subject_id, _ in purposes}
    there = await session.execute(
        select(Suppression, func.coalesce(Subject.merged_into, Subject.id))
        .join(Subject, Subject.id == Suppression.subject_id)
        .where(
            or_(is_among(Subject.id, subjects), is_among(Subject.merged_into, subjects)),
            Suppression.cause == SuppressionCause.WITHDRAWAL,
            Suppression.lifted_at.is_(None),
        )
    )
    changed = 0
    for row, subject_id in there:
        if (subject_id, row.purpose) in purposes:
            changed += _moved(row, subject_id, wanted, now)
    await session.flush()  # what ends makes room for what begins
    if not wanted:
        return changed
    of_client = select(Subject.id, Subject.client_id).where(is_among(Subject.id, subjects))
    clients = {row.id: row.client_id for row in await session.execute(of_client)}
    rows = [
        {
            "id": ids(),
            "client_id": clients[subject_id],
            "subject_id": subject_id,
            "purpose": purpose,
            "cause": SuppressionCause.WITHDRAWAL,
            "origin": source,
            "since": since,
            "events_from": since,
            "events_to": until,
            **_NEW,
        }
        for (subject_id, purpose, source, since), until in wanted.items()
    ]
    await insert_rows(session, Suppression, rows)
    return changed + len(rows)


_NEW: Mapping[str, Any] = {"revision": 1, "written_revision": 0, "followed_revision": 0}

_Wanted = dict[tuple[uuid.UUID, Purpose, str, dt.datetime], dt.datetime | None]


def _moved(row: Suppression, subject_id: uuid.UUID, wanted: _Wanted, now: dt.datetime) -> int:
    """End a stored interval where it should; what is wanted and there is wanted no more."""
    key = (subject_id, row.purpose, row.origin, row.since)
    if key not in wanted:
        row.lifted_at, row.revision = now, row.revision + 1
        return 1
    until = wanted.pop(key)
    if row.events_to == until:
        return 0
    row.events_to, row.revision = until, row.revision + 1
    return 1
