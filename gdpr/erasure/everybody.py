"""All people of a connection, as far as the identity graph knows them.

    connection -> people whom no other connection knows -> tombstones of all their identifiers
               -> people whom another one knows, too -> tombstones of this connection's ids, which
                  the graph forgets at once; the people stay

So no tombstone ever names somebody who stays. Everything is a statement of PostgreSQL's: a shop has
more customers than a process should hold.
"""

import uuid
from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import delete, literal, select
from sqlalchemy.orm import aliased

from domain.ids import ConnectionId
from domain.privacy.identifiers import IdentifierKind
from gdpr.erasure.work import RunRequest, Stores
from tenancy.privacy.subject_changes import lock_people
from tenancy.privacy.tombstones import add_tombstones_of
from tenancy.session import TenantSession
from tenancy.tables import Subject, SubjectIdentifier, Tombstone

__all__ = ["bury_everybody", "people_buried_by"]

_NO_PHONE: Final = SubjectIdentifier.kind != IdentifierKind.PHONE


async def bury_everybody(
    session: TenantSession,
    stores: Stores,
    request: RunRequest,
    connection_id: ConnectionId,
    held: Collection[str],
) -> int:
    """Set the tombstones of a connection's people; done again, nothing is added.

    Args:
        session: Of the agency.
        stores: Of the platform.
        request: By which they are erased.
        connection_id: Whose people.
        held: Categories of data that a legal hold keeps.

    Returns:
        How many identifiers have one now for this request.
    """
    await lock_people(session, request.client_id)
    here = (
        select(SubjectIdentifier.subject_id)
        .join(Subject, Subject.id == SubjectIdentifier.subject_id)
        .where(
            SubjectIdentifier.connection_id == connection_id,
            Subject.client_id == request.client_id,
        )
    )
    elsewhere = select(SubjectIdentifier.subject_id).where(
        SubjectIdentifier.connection_id.is_not(None),
        SubjectIdentifier.connection_id != connection_id,
    )
    theirs = SubjectIdentifier.subject_id
    goes = theirs.in_(here) & theirs.not_in(elsewhere)
    other = aliased(SubjectIdentifier)
    shared = (
        select(literal(1))
        .where(
            other.pseudonym == SubjectIdentifier.pseudonym,
            other.subject_id.not_in(here) | other.subject_id.in_(elsewhere),
        )
        .exists()
    )
    own = (SubjectIdentifier.connection_id == connection_id) & theirs.in_(here)
    buried = select(SubjectIdentifier.pseudonym, SubjectIdentifier.kind).where(
        own | (goes & ~shared)
    )
    await add_tombstones_of(
        session, buried.distinct(), request.client_id, request.request_id, stores.clock, held
    )
    stay = theirs.in_(here) & theirs.in_(elsewhere)
    await session.execute(
        delete(SubjectIdentifier)
        .where(SubjectIdentifier.connection_id == connection_id, stay)
        .execution_options(synchronize_session=False)
    )
    told = select(Tombstone.pseudonym).where(Tombstone.request_id == request.request_id)
    return len((await session.scalars(told)).all())


async def people_buried_by(session: TenantSession, request_id: uuid.UUID) -> Sequence[uuid.UUID]:
    """People whom tombstones of a request name, and whose keys are not forgotten yet."""
    query = (
        select(SubjectIdentifier.subject_id)
        .join(Tombstone, Tombstone.pseudonym == SubjectIdentifier.pseudonym)
        .where(Tombstone.request_id == request_id, _NO_PHONE)
    )
    ordered = query.distinct().order_by(SubjectIdentifier.subject_id)
    return (await session.scalars(ordered)).all()
