"""The identity graph: which identifiers are one person's, sealed under that person's own key.

    records -> observe: people of the records, brought together with known ones -> subjects and
    identifiers
    what a requester gave -> match -> subjects: none, one or several -> reveal, or shred

Who shares a platform's id or an address is the same person; a telephone number may be several
people's. An identifier stands there as its pseudonym, and itself under a key that only this person
has: without the key, it and every copy of it are noise.

Work on the people of a client waits for other such work: the client's row is locked.

Decision: ADR-0025.
"""

import asyncio
import datetime as dt
import secrets
import uuid
from collections.abc import Collection, Iterable

from sqlalchemy import delete, or_, select, update

from domain.ids import ClientId
from domain.ports import IdFactory
from domain.privacy.identifiers import Identifier, IdentifierKind
from tenancy.privacy.people import gather
from tenancy.privacy.pseudonyms import Pseudonyms, open_own_key
from tenancy.privacy.subject_changes import (
    Changes,
    is_among,
    load_owners,
    load_subjects,
    lock_people,
)
from tenancy.privacy.subject_keys import SubjectKeys
from tenancy.session import TenantSession
from tenancy.tables import Subject, SubjectIdentifier
from tenancy.vault import RandomBytes, TenantKey, Vault

__all__ = ["current", "match", "observe", "reveal", "shred"]


async def observe(
    session: TenantSession,
    vault: Vault,
    key: TenantKey,
    client_id: ClientId,
    groups: Iterable[Collection[Identifier]],
    *,
    ids: IdFactory,
    now: dt.datetime,
    random_bytes: RandomBytes = secrets.token_bytes,
) -> None:
    """Note what records showed; what is known already stays as it is.

    Args:
        session: Of the tenant. Screen the records under `tombstones.lock_epoch` first.
        vault: Seals the keys of people.
        key: The tenant's.
        client_id: Whose people.
        groups: Identifiers that one record showed together. One without a platform's id and an
            address tells of nobody.
        ids: For new people.
        now: UTC instant.
        random_bytes: Make the keys of new people.
    """
    names = Pseudonyms.under(key)
    # Hashing and sealing are the work of seconds, for a shop of many customers.
    shown = await asyncio.to_thread(_named, names, client_id, groups)
    pseudonyms = {name for group in shown for name in group}
    if not pseudonyms:
        return
    await lock_people(session, client_id)
    owners = await load_owners(session, pseudonyms)
    known = {name: one for name, kind, one in owners if kind is not IdentifierKind.PHONE}
    people = await asyncio.to_thread(lambda: list(gather(shown, known)))
    subjects = await load_subjects(session, {one for person in people for one in person.known_as})
    keys = SubjectKeys(vault, key, session.tenant_id, random_bytes)
    changes = Changes(keys, client_id, ids, now, {(name, one) for name, _, one in owners})
    await asyncio.to_thread(changes.take_all, people, subjects)
    await changes.store(session)


async def match(session: TenantSession, pseudonyms: Collection[str]) -> list[uuid.UUID]:
    """The people whom any of these names, oldest first: none, one or several.

    Args:
        session: Of the tenant.
        pseudonyms: At one client, of what somebody gave of themselves.
    """
    among = is_among(SubjectIdentifier.pseudonym, pseudonyms)
    named = select(SubjectIdentifier.subject_id).where(among)
    found = select(Subject.id).where(Subject.id.in_(named)).order_by(Subject.created_at, Subject.id)
    return list(await session.scalars(found))


async def current(session: TenantSession, subject_id: uuid.UUID) -> uuid.UUID | None:
    """Who that is by now: merging makes one subject of two. None: nobody."""
    found = select(Subject.id, Subject.merged_into).where(Subject.id == subject_id)
    row = (await session.execute(found)).one_or_none()
    return None if row is None else row.merged_into or row.id


async def reveal(
    session: TenantSession, vault: Vault, subject_id: uuid.UUID
) -> tuple[Identifier, ...]:
    """The identifiers of a person, by kind and text; empty: nobody, or somebody erased.

    Raises:
        CredentialError: They were changed where they are stored (the operator).
    """
    person = await current(session, subject_id)
    sealed_key = await session.scalar(select(Subject.sealed_key).where(Subject.id == person))
    if person is None or sealed_key is None:
        return ()
    keys = SubjectKeys(vault, await open_own_key(session, vault), session.tenant_id)
    own = keys.open(person, sealed_key)
    columns = (SubjectIdentifier.kind, SubjectIdentifier.sealed, SubjectIdentifier.connection_id)
    mine = await session.execute(select(*columns).where(SubjectIdentifier.subject_id == person))
    found = [
        Identifier(kind, keys.unseal(own, person, sealed), connection_id)
        for kind, sealed, connection_id in mine
    ]
    return tuple(sorted(found, key=lambda one: (one.kind.value, one.value)))


async def shred(session: TenantSession, subject_id: uuid.UUID, now: dt.datetime) -> None:
    """Forget the key and the identifiers of a person; their pseudonyms go, too.

    Set tombstones for what must not come back in the same transaction, before this. The row of the
    subject stays, with nothing in it, so that what happened stays told.
    """
    found = select(Subject.client_id).where(Subject.id == subject_id)
    client_id = (await session.scalars(found)).one_or_none()
    if client_id is None:
        return
    await lock_people(session, client_id)
    person = await current(session, subject_id)
    await session.execute(delete(SubjectIdentifier).where(SubjectIdentifier.subject_id == person))
    them = or_(Subject.id == person, Subject.merged_into == person)
    gone = update(Subject).where(them, Subject.erased_at.is_(None))
    await session.execute(gone.values(sealed_key=None, erased_at=now))


def _named(
    names: Pseudonyms, client_id: ClientId, groups: Iterable[Collection[Identifier]]
) -> list[dict[str, Identifier]]:
    return [{names.of(client_id, one): one for one in group} for group in groups]
