"""What becomes of the identity graph when records are observed, and how it is written.

people + subjects that are there -> Changes: new subjects, subjects to merge, identifiers to
seal -> a few statements
"""

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, any_, delete, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute

from domain.ids import ClientId
from domain.ports import IdFactory
from domain.privacy.identifiers import IdentifierKind
from tenancy.bulk import insert_rows
from tenancy.privacy.people import Person
from tenancy.privacy.subject_keys import SubjectKeys
from tenancy.session import TenantSession
from tenancy.tables import Client, Subject, SubjectIdentifier
from tenancy.vault import TenantKey

__all__ = ["Changes", "KnownSubject", "is_among", "load_owners", "load_subjects", "lock_people"]

_Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KnownSubject:
    """A living subject that is there."""

    id: uuid.UUID
    created_at: dt.datetime
    sealed_key: bytes


@dataclass(slots=True)
class Changes:
    """Collects what is to be written of one client's people.

    Attributes:
        keys: Of the tenant's people.
        client_id: Whose people.
        ids: For new people.
        now: UTC instant.
        there: Pairs of pseudonym and subject that are stored.
    """

    keys: SubjectKeys
    client_id: ClientId
    ids: IdFactory
    now: dt.datetime
    there: Collection[tuple[str, uuid.UUID]]
    _subjects: list[_Row] = field(default_factory=list)
    _identifiers: list[_Row] = field(default_factory=list)
    _merged: dict[uuid.UUID, tuple[KnownSubject, KnownSubject]] = field(default_factory=dict)

    def take_all(
        self, people: Iterable[Person], subjects: Mapping[uuid.UUID, KnownSubject]
    ) -> None:
        """Note people."""
        for person in people:
            self._take(person, [subjects[one] for one in person.known_as])

    def _take(self, person: Person, known: Sequence[KnownSubject]) -> None:
        by_age = sorted(known, key=lambda one: (one.created_at, one.id))
        self._merged.update({younger.id: (younger, by_age[0]) for younger in by_age[1:]})
        subject_id = by_age[0].id if by_age else self.ids()
        new = {n: i for n, i in person.identifiers.items() if (n, subject_id) not in self.there}
        if not new:
            return
        own = self._open(by_age[0]) if by_age else self._create(subject_id)
        for pseudonym, one in new.items():
            sealed = self.keys.seal(own, subject_id, one.value)
            values = (pseudonym, subject_id, one.kind, one.connection_id, sealed, self.now)
            self._identifiers.append(dict(zip(_COLUMNS, values, strict=True)))

    async def store(self, session: TenantSession) -> None:
        """Write all of it."""
        moved = await self._move(session) if self._merged else []
        await insert_rows(session, Subject, self._subjects)
        # What is moved comes first: it was seen earlier.
        rows = [*moved, *self._identifiers]
        await insert_rows(session, SubjectIdentifier, rows, skip_existing=True)

    def _create(self, subject_id: uuid.UUID) -> TenantKey:
        own, sealed_key = self.keys.create(subject_id)
        values = (subject_id, self.client_id, sealed_key, self.now)
        names = ("id", "client_id", "sealed_key", "created_at")
        self._subjects.append(dict(zip(names, values, strict=True)))
        return own

    def _open(self, known: KnownSubject) -> TenantKey:
        return self.keys.open(known.id, known.sealed_key)

    async def _move(self, session: TenantSession) -> list[_Row]:
        """Take the identifiers out of merged subjects, sealed under the keys of the older ones."""
        theirs = is_among(SubjectIdentifier.subject_id, self._merged)
        columns = [getattr(SubjectIdentifier, name) for name in _COLUMNS]
        stored = (await session.execute(select(*columns).where(theirs))).mappings().all()
        moved = []
        for row in stored:
            younger, older = self._merged[row["subject_id"]]
            value = self.keys.unseal(self._open(younger), younger.id, row["sealed"])
            sealed = self.keys.seal(self._open(older), older.id, value)
            moved.append({**row, "subject_id": older.id, "sealed": sealed})
        await session.execute(delete(SubjectIdentifier).where(theirs))
        for younger, older in self._merged.values():
            them = or_(Subject.id == younger.id, Subject.merged_into == younger.id)
            values = {"merged_into": older.id, "sealed_key": None}
            await session.execute(update(Subject).where(them).values(values))
        return moved


_COLUMNS = ("pseudonym", "subject_id", "kind", "connection_id", "sealed", "seen_at")


async def lock_people(session: TenantSession, client_id: ClientId) -> None:
    """Keep others from the people of a client until the transaction ends."""
    client = select(Client.id).where(Client.id == client_id)
    await session.execute(client.with_for_update(key_share=True))


async def load_owners(
    session: TenantSession, pseudonyms: Collection[str]
) -> list[tuple[str, IdentifierKind, uuid.UUID]]:
    """Which of them are stored: pseudonym, kind and subject."""
    columns = (SubjectIdentifier.pseudonym, SubjectIdentifier.kind, SubjectIdentifier.subject_id)
    among = is_among(SubjectIdentifier.pseudonym, pseudonyms)
    found = await session.execute(select(*columns).where(among))
    return [(pseudonym, kind, subject_id) for pseudonym, kind, subject_id in found]


async def load_subjects(
    session: TenantSession, subject_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, KnownSubject]:
    """Subjects that have identifiers, by id."""
    columns = (Subject.id, Subject.created_at, Subject.sealed_key)
    found = await session.execute(select(*columns).where(is_among(Subject.id, subject_ids)))
    return {
        subject_id: KnownSubject(subject_id, created_at, sealed_key)
        for subject_id, created_at, sealed_key in found
        if sealed_key is not None
    }


def is_among(column: InstrumentedAttribute[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """Whether a column has one of many values: one parameter, however many they are."""
    return column == any_(literal(list(values), ARRAY(column.type)))
