"""Consent: what people said is kept, and what they withdrew is not read any more.

    words -> erased people and silent signals left out -> people of the identity graph
        -> consent_events (append-only) -> denials of these people -> suppressions
    pseudonyms + purpose + instant -> events known by then -> state, receipts

All of it is one transaction: a withdrawal that was accepted is on its way to every question.

Decision: ADR-0028.
"""

import datetime as dt
import hashlib
import re
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from domain.errors import ConflictError, InvalidInputError, NotFoundError
from domain.ids import ClientId
from domain.ports import Clock, IdFactory
from domain.privacy.consent import Consent, ConsentState, denials
from domain.privacy.identifiers import Identifier, IdentifierKind
from domain.privacy.purposes import Purpose
from gdpr.consent.words import ConsentWord, RecordedWord
from tenancy import audit
from tenancy.bulk import insert_rows
from tenancy.privacy.pseudonyms import Pseudonyms, open_own_key
from tenancy.privacy.subject_changes import is_among, load_owners, lock_people
from tenancy.privacy.subjects import observe
from tenancy.privacy.suppressions import Denials, follow_denials
from tenancy.privacy.tombstones import find_erased
from tenancy.session import TenantSession
from tenancy.tables import (
    Client,
    Connection,
    ConsentEvent,
    ConsentNotice,
    Subject,
    SubjectIdentifier,
)
from tenancy.vault import RandomBytes, Vault

__all__ = ["EVENT", "LONGEST_NOTICE", "MOST_WORDS", "ConsentDesk"]

MOST_WORDS: Final = 1_000
LONGEST_NOTICE: Final = 100_000  # characters
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}")
_SLACK: Final = dt.timedelta(minutes=5)  # clocks of those who tell us
# What names a person best comes first: the ledger is kept under it.
_STRENGTH: Final = (IdentifierKind.PLATFORM, IdentifierKind.EMAIL, IdentifierKind.PHONE)


EVENT: Final = (
    ConsentEvent.purpose,
    ConsentEvent.source,
    ConsentEvent.state,
    ConsentEvent.effective_at,
    ConsentEvent.recorded_at,
    ConsentEvent.receipt_id,
)


@dataclass(frozen=True, slots=True)
class ConsentDesk:
    """Records what people said, and proves it.

    Attributes:
        random_bytes: Make the keys of people who are new.
    """

    vault: Vault
    clock: Clock
    ids: IdFactory
    random_bytes: RandomBytes

    async def record(
        self, session: TenantSession, words: Sequence[ConsentWord], *, actor: str
    ) -> list[RecordedWord]:
        """Record what people said.

        Args:
            session: Of the agency.
            words: At most `MOST_WORDS`, of clients that the actor may see.
            actor: As the audit names them.

        Returns:
            One for each word, in order.

        Raises:
            InvalidInputError: Too many words, one without identifiers, or one of the future.
            NotFoundError: The agency lacks the client, or the client the notice or connection.
        """
        now = self.clock()
        _check(words, now)
        by_client: dict[ClientId, list[int]] = defaultdict(list)
        for number, word in enumerate(words):
            by_client[word.client_id].append(number)
        await _check_places(session, words)
        key = await open_own_key(session, self.vault)
        names = Pseudonyms.under(key)
        shown = [_named(names, word) for word in words]
        erased = await find_erased(session, {name for found in shown for name in found})
        recorded: dict[int, RecordedWord] = {}
        for client_id, numbers in sorted(by_client.items()):
            told = [n for n in numbers if words[n].signal.states and not erased & shown[n].keys()]
            groups = [words[n].identifiers for n in told]
            await observe(
                session,
                self.vault,
                key,
                client_id,
                groups,
                ids=self.ids,
                now=now,
                random_bytes=self.random_bytes,
            )
            people = await _people(session, {name for n in told for name in shown[n]})
            for n in told:
                recorded[n] = RecordedWord(
                    self.ids(), next((people[one] for one in shown[n] if one in people), None)
                )
            await self._store(session, [(words[n], recorded[n], shown[n]) for n in told], now)
        await self._suppress(session, {one.subject_id for one in recorded.values()}, now)
        self._audit(session, words, recorded, actor)
        return [recorded.get(n, RecordedWord(None, None)) for n in range(len(words))]

    async def withdraw(
        self,
        session: TenantSession,
        subject_id: uuid.UUID,
        purposes: Collection[Purpose],
        at: dt.datetime,
        *,
        request_id: uuid.UUID,
    ) -> int:
        """Keep a withdrawal that came as a request; doing it again changes nothing.

        Returns:
            How many purposes were withdrawn.
        """
        names = await session.execute(
            select(SubjectIdentifier.pseudonym, SubjectIdentifier.kind).where(
                SubjectIdentifier.subject_id == subject_id
            )
        )
        ranked = sorted((_STRENGTH.index(kind), name) for name, kind in names)
        done = select(ConsentEvent.id).where(ConsentEvent.receipt_id == request_id).limit(1)
        if not ranked or await session.scalar(done) is not None:
            return 0
        client_id = await _client_of(session, subject_id)
        await lock_people(session, client_id)
        now = self.clock()
        await insert_rows(
            session,
            ConsentEvent,
            [
                {
                    "id": self.ids(),
                    "client_id": client_id,
                    "pseudonym": ranked[0][1],
                    "purpose": purpose,
                    "source": "request",
                    "state": ConsentState.DENIED,
                    "effective_at": at,
                    "recorded_at": now,
                    "notice_version": "",
                    "signal": "withdrawal",
                    "receipt_id": request_id,
                }
                for purpose in sorted(purposes, key=lambda one: one.value)
            ],
        )
        await self._suppress(session, {subject_id}, now)
        return len(purposes)

    async def add_notice(
        self,
        session: TenantSession,
        client_id: ClientId,
        version: str,
        language: str,
        text: str,
        *,
        actor: str,
    ) -> str:
        """Keep what people are told; the same version again has to be the same text.

        Args:
            session: Of the agency.
            client_id: One that the actor may see.
            version: The agency's own name of the text.
            language: BCP 47.
            text: At most `LONGEST_NOTICE` characters, as people read it.
            actor: As the audit names them.

        Returns:
            SHA-256 of the text in UTF-8, hexadecimal.

        Raises:
            InvalidInputError: A version, language or text that cannot be one.
            ConflictError: The client has another text of that version.
            NotFoundError: The agency has no such client.
        """
        _check_notice(version, language, text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        await lock_people(session, client_id)
        if await session.get(Client, (session.tenant_id, client_id)) is None:
            raise NotFoundError("there is no such client")
        kept = select(ConsentNotice.content_hash, ConsentNotice.language).where(
            ConsentNotice.client_id == client_id, ConsentNotice.version == version
        )
        there = (await session.execute(kept)).one_or_none()
        if there is None:
            session.add(
                ConsentNotice(
                    id=self.ids(),
                    client_id=client_id,
                    version=version,
                    language=language,
                    content=text,
                    content_hash=digest,
                    recorded_at=self.clock(),
                )
            )
            audit.record(
                session,
                clock=self.clock,
                ids=self.ids,
                actor=actor,
                action="consent.notice_added",
                object_kind="client",
                object_id=str(client_id),
                details={"version": version, "language": language, "sha256": digest},
            )
        elif tuple(there) != (digest, language):
            raise ConflictError(
                f"notice {version} has another text already", hint="a new text is a new version"
            )
        return digest

    async def _store(
        self,
        session: TenantSession,
        told: Iterable[tuple[ConsentWord, RecordedWord, dict[str, Identifier]]],
        now: dt.datetime,
    ) -> None:
        rows = [
            {
                "id": self.ids(),
                "client_id": word.client_id,
                "pseudonym": next(iter(shown)),
                "purpose": purpose,
                "source": word.signal.source,
                "state": state,
                "effective_at": word.effective_at,
                "recorded_at": now,
                "notice_version": word.notice_version,
                "signal": word.signal.normalised,
                "receipt_id": recorded.receipt_id,
            }
            for word, recorded, shown in told
            for purpose, state in word.signal.states.items()
        ]
        await insert_rows(session, ConsentEvent, rows)

    async def _suppress(
        self, session: TenantSession, subjects: Iterable[uuid.UUID | None], now: dt.datetime
    ) -> None:
        known = {one for one in subjects if one is not None}
        people = [
            Denials(subject_id, purpose, denials(events, purpose))
            for subject_id, told in (await _events(session, known)).items()
            for purpose, events in told.items()
        ]
        await follow_denials(session, people, now, ids=self.ids)

    def _audit(
        self,
        session: TenantSession,
        words: Sequence[ConsentWord],
        recorded: dict[int, RecordedWord],
        actor: str,
    ) -> None:
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=actor,
            action="consent.recorded",
            object_kind="agency",
            object_id=str(session.tenant_id),
            details={
                "words": len(words),
                "recorded": len(recorded),
                "clients": sorted({str(word.client_id) for word in words}),
            },
        )


async def _events(
    session: TenantSession, subjects: Collection[uuid.UUID]
) -> dict[uuid.UUID, dict[Purpose, list[Consent]]]:
    """All that was recorded of some people, under any of their pseudonyms. One query."""
    named = (
        select(SubjectIdentifier.subject_id, *EVENT)
        .join(ConsentEvent, ConsentEvent.pseudonym == SubjectIdentifier.pseudonym)
        .where(is_among(SubjectIdentifier.subject_id, subjects))
        .order_by(ConsentEvent.id)  # of two words of one call the later one counts
    )
    found: dict[uuid.UUID, dict[Purpose, list[Consent]]] = {one: {} for one in subjects}
    for row in await session.execute(named):
        consent = Consent(*row[1:])
        found[row.subject_id].setdefault(consent.purpose, []).append(consent)
    return found


def _check(words: Sequence[ConsentWord], now: dt.datetime) -> None:
    if not 0 < len(words) <= MOST_WORDS:
        raise InvalidInputError(f"record between 1 and {MOST_WORDS:,} words at a time")
    for number, word in enumerate(words):
        if not word.identifiers:
            raise InvalidInputError(f"word {number} names nobody")
        if word.effective_at > now + _SLACK:
            raise InvalidInputError(f"word {number} is of the future")


def _check_notice(version: str, language: str, text: str) -> None:
    if not _VERSION.fullmatch(version):
        raise InvalidInputError(
            "a notice's version is 1 to 64 letters, digits, dots, hyphens or underscores",
            hint="for example 2026-03.1",
        )
    if not _LANGUAGE.fullmatch(language):
        raise InvalidInputError("that is no language of BCP 47", hint="for example en or de-AT")
    if not text.strip() or len(text) > LONGEST_NOTICE or "\0" in text:
        raise InvalidInputError(
            f"a notice is a text of 1 to {LONGEST_NOTICE:,} characters",
            hint="give it as people read it, without what is around it",
        )


async def _check_places(session: TenantSession, words: Sequence[ConsentWord]) -> None:
    wanted = {word.client_id for word in words}
    there = set(await session.scalars(select(Client.id).where(Client.id.in_(wanted))))
    if wanted - there:
        raise NotFoundError("there is no such client")
    shops = {
        (word.client_id, one.connection_id)
        for word in words
        for one in word.identifiers
        if one.connection_id is not None
    }
    owned = select(Connection.client_id, Connection.id).where(Connection.client_id.in_(wanted))
    if shops and shops - {(client, shop) for client, shop in await session.execute(owned)}:
        raise NotFoundError("the client has no such connection")
    versions = {(word.client_id, word.notice_version) for word in words if word.notice_version}
    if not versions:
        return
    kept = select(ConsentNotice.client_id, ConsentNotice.version).where(
        ConsentNotice.client_id.in_(wanted)
    )
    if versions - {(client, version) for client, version in await session.execute(kept)}:
        raise NotFoundError("there is no such notice", hint="add the notice first")


def _named(names: Pseudonyms, word: ConsentWord) -> dict[str, Identifier]:
    """What names the person, the strongest first."""
    ranked = sorted(
        (one for one in word.identifiers if one.kind in _STRENGTH),
        key=lambda one: _STRENGTH.index(one.kind),
    )
    return {names.of(word.client_id, one): one for one in ranked}


async def _people(session: TenantSession, pseudonyms: Collection[str]) -> dict[str, uuid.UUID]:
    """Whom these name; a telephone number names nobody by itself."""
    if not pseudonyms:
        return {}
    owners = await load_owners(session, pseudonyms)
    return {name: subject for name, kind, subject in owners if kind is not IdentifierKind.PHONE}


async def _client_of(session: TenantSession, subject_id: uuid.UUID) -> ClientId:
    return (await session.scalars(select(Subject.client_id).where(Subject.id == subject_id))).one()
