"""Letters about a request: written when something happens, kept sealed, then sent or handed over.

What a person wrote with a request, and officers' notes, are kept beside them and go to nobody.

    Docket + kind -> template in the person's language -> sealed row -> COMMIT
        -> a round sends it to an address that the data carries, or an officer hands it over

A letter is part of the transaction that it tells of. Mail goes out afterwards: a letter may come
twice, never without its cause. Platforms and batches tell people themselves.
"""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from domain.errors import NotFoundError
from domain.ids import TenantId, public_id
from domain.ports import Messenger
from domain.privacy.identifiers import IdentifierKind
from domain.privacy.rights import IdentityLevel, IntakeChannel
from gdpr.requests.claim import open_claim
from gdpr.requests.colleagues import colleague_of
from gdpr.requests.docket import Docket, note_event, public_request_id
from gdpr.requests.letter_texts import LANGUAGES, REMEDIES, RIGHTS, TEXTS
from gdpr.requests.services import RequestServices
from tenancy.privacy.pseudonyms import open_own_key
from tenancy.privacy.subjects import reveal
from tenancy.session import TenantSession
from tenancy.tables import Client, LetterKind, RequestLetter, SubjectRequest, Tenant
from tenancy.vault import Purpose

__all__ = [
    "LETTER_PREFIX",
    "Letter",
    "Letters",
    "addresses_of",
    "controller_of",
    "keep_message",
    "language_of",
    "remedy_in",
    "write_letter",
    "write_note",
]

LETTER_PREFIX: Final = "let"
# Later, an officer looks after it.
_TRY_FOR: Final = dt.timedelta(days=1)
_LINK: Final = "link"
_LINK_PLACE: Final = "{link}"
_NO_LINK: Final = "(the address was told, and is kept no more)"
_LETTERS: Final = tuple(kind for kind in LetterKind if kind.is_letter)
_OWN_LETTERS: Final = frozenset({IntakeChannel.DESK, IntakeChannel.FORM, IntakeChannel.API})


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter, opened.

    Attributes:
        sent_at: By mail.
        handed_at: By an officer.
    """

    id: uuid.UUID
    public_id: str
    kind: LetterKind
    subject: str
    text: str
    written_at: dt.datetime
    sent_at: dt.datetime | None
    handed_at: dt.datetime | None


def language_of(request: SubjectRequest) -> str:
    """Of letters to the person."""
    return request.language if request.language in LANGUAGES else LANGUAGES[0]


def remedy_in(language: str) -> str:
    """What a person can do about a refusal, in general words."""
    return REMEDIES.get(language, REMEDIES[LANGUAGES[0]])


async def write_letter(
    docket: Docket,
    kind: LetterKind,
    *,
    reason: str = "",
    remedy: str = "",
    until: str = "",
    link: str = "",
) -> uuid.UUID | None:
    """Write a letter; after the docket was brought up to date.

    Args:
        docket: Of the request.
        kind: What it tells.
        reason: For the person.
        remedy: What they can do about it; empty: in general words.
        until: When a link ends, in words.
        link: Kept with the letter until the person has it.

    Returns:
        Its id; None: the platform that sent the request tells the person itself.
    """
    row, days = docket.row, docket.machine.days
    if row.channel not in _OWN_LETTERS:
        return None
    language = language_of(row)
    template = TEXTS[language, kind]
    words = {
        "controller": await controller_of(docket.session, row),
        "right": RIGHTS[language][row.right],
        "reference": public_request_id(row.id),
        "received": days.day_of(row.received_at).isoformat(),
        "due": days.day_of(row.due_at - dt.timedelta(microseconds=1)).isoformat(),
        "reason": reason,
        "remedy": remedy or remedy_in(language),
        "until": until,
        "link": _LINK_PLACE,
    }
    texts = {
        "subject": template.subject.format_map(words),
        "text": template.body.format_map(words),
    }
    if link:
        texts[_LINK] = link
    return await _store(docket.services, docket.session, row.id, kind, texts, language)


async def write_note(docket: Docket, text: str) -> uuid.UUID:
    """Keep an officer's note, which may name people."""
    texts = {"subject": "", "text": text}
    return await _store(docket.services, docket.session, docket.row.id, LetterKind.NOTE, texts)


async def keep_message(
    services: RequestServices, session: TenantSession, request_id: uuid.UUID, text: str
) -> uuid.UUID:
    """Keep what a person wrote with a request, for officers to read."""
    texts = {"subject": "", "text": text}
    return await _store(services, session, request_id, LetterKind.MESSAGE, texts)


async def controller_of(session: TenantSession, row: SubjectRequest) -> str:
    """The name in which letters are written: the client's, or the agency's."""
    if row.client_id is None:
        return (await session.get_one(Tenant, session.tenant_id)).name
    return (await session.get_one(Client, (session.tenant_id, row.client_id))).name


async def addresses_of(
    services: RequestServices, session: TenantSession, row: SubjectRequest
) -> tuple[str, ...]:
    """Addresses that the data carries, those that the requester gave first.

    The data of somebody erased carries none: then those count that were given, if it is proved who
    gave them.
    """
    claimed = [
        one.value
        for one in await open_claim(session, services.vault, row)
        if one.kind is IdentifierKind.EMAIL
    ]
    if colleague_of(row) is not None:
        return tuple(claimed)  # that of the account, for that is how it was found
    if row.subject_id is None:
        return ()
    carried = [
        one.value
        for one in await reveal(session, services.vault, row.subject_id)
        if one.kind is IdentifierKind.EMAIL
    ]
    if not carried and row.identity is not IdentityLevel.CLAIMED:
        return tuple(claimed)
    return tuple(sorted(carried, key=lambda one: (one not in claimed, one)))


@dataclass(frozen=True, slots=True)
class Letters:
    """Shows, sends and hands over letters.

    Attributes:
        messenger: None: officers hand all of them over.
    """

    services: RequestServices
    messenger: Messenger | None = None

    async def read(self, tenant_id: TenantId, letter_id: uuid.UUID) -> Letter:
        """A letter with its text.

        Raises:
            NotFoundError: The agency has no such letter.
            CredentialError: It was changed where it is stored (the operator).
        """
        async with self.services.database.session(tenant_id) as session:
            row = await session.get(RequestLetter, (tenant_id, letter_id))
            if row is None:
                raise NotFoundError("the agency has no such letter")
            return await self._open(session, row)

    async def list_of(self, session: TenantSession, request_id: uuid.UUID) -> list[Letter]:
        """All letters and notes of a request, by age."""
        query = select(RequestLetter).where(RequestLetter.request_id == request_id)
        rows = await session.scalars(query.order_by(RequestLetter.written_at, RequestLetter.id))
        return [await self._open(session, row) for row in rows]

    async def hand_over(self, tenant_id: TenantId, letter_id: uuid.UUID, *, actor: str) -> None:
        """An officer says that the person has the letter; a link in it is forgotten.

        Raises:
            NotFoundError: The agency has no such letter that waits.
        """
        query = select(RequestLetter).where(
            RequestLetter.id == letter_id,
            RequestLetter.kind.in_(_LETTERS),
            RequestLetter.sent_at.is_(None),
            RequestLetter.handed_at.is_(None),
        )
        async with self.services.database.session(tenant_id) as session:
            row = (await session.scalars(query.with_for_update())).one_or_none()
            if row is None:
                raise NotFoundError("the agency has no such letter that waits")
            row.handed_at = self.services.clock()
            await self._forget_link(session, row)
            self._note(session, row.request_id, "letter_handed_over", letter_id, actor)

    async def send_waiting(self, tenant_id: TenantId, *, actor: str) -> int:
        """Send what waits, to the addresses that the data carries; how many went out."""
        if self.messenger is None:
            return 0
        sent = 0
        for letter_id in await self._waiting(tenant_id):
            sent += await self._send(tenant_id, letter_id, self.messenger, actor)
        return sent

    async def _waiting(self, tenant_id: TenantId) -> list[uuid.UUID]:
        query = select(RequestLetter.id).where(
            RequestLetter.kind.in_(_LETTERS),
            RequestLetter.sent_at.is_(None),
            RequestLetter.handed_at.is_(None),
            RequestLetter.written_at > self.services.clock() - _TRY_FOR,
        )
        async with self.services.database.session(tenant_id) as session:
            return list(await session.scalars(query.order_by(RequestLetter.written_at)))

    async def _send(
        self, tenant_id: TenantId, letter_id: uuid.UUID, messenger: Messenger, actor: str
    ) -> bool:
        async with self.services.database.session(tenant_id) as session:
            row = await session.get(RequestLetter, (tenant_id, letter_id))
            if row is None:  # a newer link has taken its place meanwhile
                return False
            letter = await self._open(session, row)
            request = await session.get_one(SubjectRequest, (tenant_id, row.request_id))
            addresses = await addresses_of(self.services, session, request)
        if not addresses:
            return False
        if not await messenger.send_mail(tenant_id, addresses[0], letter.subject, letter.text):
            return False
        async with self.services.database.session(tenant_id) as session:
            query = select(RequestLetter).where(RequestLetter.id == letter_id)
            row = (await session.scalars(query.with_for_update())).one_or_none()
            if row is not None:
                row.sent_at = self.services.clock()
                await self._forget_link(session, row)
                self._note(session, row.request_id, "letter_sent", letter_id, actor)
        return True

    async def _forget_link(self, session: TenantSession, row: RequestLetter) -> None:
        """Whoever reads the letter later is not the person whom the link is for."""
        if row.kind is LetterKind.EXPORT_LINK:
            texts = await self._texts(session, row)
            texts.pop(_LINK, None)
            row.sealed = await _seal(self.services, session, row.id, texts)

    def _note(
        self,
        session: TenantSession,
        request_id: uuid.UUID,
        kind: str,
        letter_id: uuid.UUID,
        actor: str,
    ) -> None:
        letter = public_id(LETTER_PREFIX, letter_id)
        note_event(self.services, session, request_id, kind, actor, {"letter": letter})

    async def _texts(self, session: TenantSession, row: RequestLetter) -> dict[str, str]:
        opened = self.services.vault.open_for(
            await open_own_key(session, self.services.vault),
            row.sealed,
            tenant_id=session.tenant_id,
            purpose=Purpose.SUBJECT_REQUEST,
            object_id=row.id,
        )
        return {name: secret.reveal() for name, secret in opened.items()}

    async def _open(self, session: TenantSession, row: RequestLetter) -> Letter:
        texts = await self._texts(session, row)
        text = texts["text"]
        if row.kind is LetterKind.EXPORT_LINK:
            text = text.replace(_LINK_PLACE, texts.get(_LINK, _NO_LINK))
        return Letter(
            id=row.id,
            public_id=public_id(LETTER_PREFIX, row.id),
            kind=row.kind,
            subject=texts["subject"],
            text=text,
            written_at=row.written_at,
            sent_at=row.sent_at,
            handed_at=row.handed_at,
        )


async def _store(
    services: RequestServices,
    session: TenantSession,
    request_id: uuid.UUID,
    kind: LetterKind,
    texts: dict[str, str],
    language: str = "",
) -> uuid.UUID:
    letter_id = services.ids()
    sealed = await _seal(services, session, letter_id, texts)
    session.add(
        RequestLetter(
            id=letter_id,
            request_id=request_id,
            kind=kind,
            language=language,
            sealed=sealed,
            written_at=services.clock(),
            sent_at=None,
            handed_at=None,
        )
    )
    return letter_id


async def _seal(
    services: RequestServices, session: TenantSession, letter_id: uuid.UUID, texts: dict[str, str]
) -> bytes:
    return services.vault.seal_for(
        await open_own_key(session, services.vault),
        texts,
        tenant_id=session.tenant_id,
        purpose=Purpose.SUBJECT_REQUEST,
        object_id=letter_id,
    )
