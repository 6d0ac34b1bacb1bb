"""Whom a request is about, by what the requester gave of themselves.

pseudonyms -> people; several: those named by more than a telephone number -> none, one, several
"""

import uuid
from collections.abc import Collection, Sequence

from sqlalchemy import select

from domain.errors import NotFoundError
from domain.ids import ClientId
from domain.privacy.identifiers import IdentifierKind
from tenancy.privacy.subjects import match
from tenancy.session import TenantSession
from tenancy.tables import Subject, SubjectIdentifier

__all__ = ["find_people", "get_named", "names_of"]


async def find_people(session: TenantSession, pseudonyms: Collection[str]) -> list[uuid.UUID]:
    """The people whom a claim names, oldest first.

    A telephone number may be that of several people: it counts only when nothing else names one.

    Args:
        session: Of the agency.
        pseudonyms: Of one client.
    """
    people = await match(session, pseudonyms)
    if len(people) < 2:  # noqa: PLR2004
        return people
    surely = select(SubjectIdentifier.subject_id).where(
        SubjectIdentifier.pseudonym.in_(pseudonyms),
        SubjectIdentifier.kind != IdentifierKind.PHONE,
    )
    sure = set(await session.scalars(surely))
    return [one for one in people if one in sure] or people


async def get_named(
    session: TenantSession, client_id: ClientId | None, pseudonym: str
) -> uuid.UUID:
    """The one person of a client whom a pseudonym names.

    Raises:
        NotFoundError: The client has no such person, or it is several people's telephone number.
    """
    query = (
        select(Subject.id)
        .join(
            SubjectIdentifier,
            (SubjectIdentifier.tenant_id == Subject.tenant_id)
            & (SubjectIdentifier.subject_id == Subject.id),
        )
        .where(SubjectIdentifier.pseudonym == pseudonym, Subject.client_id == client_id)
    )
    found = (await session.scalars(query)).all()
    if len(found) > 1:
        raise NotFoundError(
            "that telephone number is several people's",
            hint="choose by another pseudonym of the person",
        )
    if not found:
        raise NotFoundError(
            "the client has no such person", hint="bosco gdpr requests show lists candidates"
        )
    return found[0]


async def names_of(session: TenantSession, subject_id: uuid.UUID) -> Sequence[str]:
    """The pseudonyms of a person, sorted."""
    query = select(SubjectIdentifier.pseudonym).where(SubjectIdentifier.subject_id == subject_id)
    return (await session.scalars(query.order_by(SubjectIdentifier.pseudonym))).all()
