"""Who the people of a run are, and what keeps them away from now on.

request -> identifiers of the person, and of the platform's claim -> tombstones
pseudonyms of the erased -> whose is this id, this address? (`Recogniser`)
nothing left to look for -> the person's key is forgotten
"""

import re
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import func, select

from domain.ids import ClientId, ConnectionId
from domain.privacy.identifiers import Identifier, IdentifierKind
from domain.privacy.rights import IdentityLevel
from gdpr.erasure.everybody import people_buried_by
from gdpr.erasure.work import RunRequest, Stores
from tenancy.privacy.pseudonyms import Pseudonyms, open_pseudonyms
from tenancy.privacy.screen import identify
from tenancy.privacy.subjects import reveal, shred
from tenancy.privacy.tombstones import add_tombstones, pseudonymise
from tenancy.session import TenantSession
from tenancy.tables import SubjectIdentifier, SubjectRequest, Tombstone

__all__ = [
    "AS_LONG_AS_KNOWN",
    "Recogniser",
    "bury",
    "identifiers_of",
    "load_recogniser",
    "shred_people",
    "words_in",
]

# In place of a category: rows that go when the person's key is forgotten, and stay until then.
AS_LONG_AS_KNOWN: Final = "as long as the person is known"
# Shorter ones are found where an id is told to be one, not in any text: they may be quantities.
_SHORTEST_WORD: Final = 6
_WORD: Final = re.compile(r"[^\s\"'{}\[\](),;:<>/\\|=\x1f]+")
_LOCATED: Final = re.compile(r"://[^\s\"\\]*/([^\s\"\\/]+)")
_FEWEST_DIGITS: Final = 7


async def identifiers_of(
    session: TenantSession, stores: Stores, request: RunRequest
) -> tuple[Identifier, ...]:
    """What names the person of a request, and their orders as far as they were given.

    What the requester gave counts only where a platform or an officer vouches for it: somebody
    else's order is not erased because somebody names it.
    """
    known: list[Identifier] = []
    people = [request.subject_id] if request.subject_id is not None else []
    if request.everybody_of is not None:
        people += await people_buried_by(session, request.request_id)
    for person in people:
        known += await reveal(session, stores.vault, person)
    row = await session.get_one(SubjectRequest, (session.tenant_id, request.request_id))
    if row.identity is IdentityLevel.VOUCHED:
        known += await stores.open_claim(session, stores.vault, row)
    return tuple(dict.fromkeys(known))


async def bury(
    session: TenantSession,
    stores: Stores,
    request: RunRequest,
    identifiers: Iterable[Identifier],
    held: Collection[str],
) -> int:
    """Set tombstones for identifiers; a telephone number that others have too gets none.

    Args:
        session: Of the agency.
        stores: Of the platform.
        request: By which the person is erased.
        identifiers: Of the person, orders included.
        held: Categories of data that a legal hold keeps.

    Returns:
        How many identifiers were given one.
    """
    names = await open_pseudonyms(session, stores.vault)
    told = pseudonymise(names, request.client_id, identifiers)
    phones = [one.pseudonym for one in told if one.kind is IdentifierKind.PHONE]
    shared = await _shared(session, phones) if phones else frozenset()
    buried = [one for one in told if one.pseudonym not in shared]
    await add_tombstones(session, buried, request.request_id, stores.clock, held)
    return len(buried)


async def _shared(session: TenantSession, pseudonyms: Sequence[str]) -> frozenset[str]:
    owners = func.count(SubjectIdentifier.subject_id.distinct())
    query = select(SubjectIdentifier.pseudonym).where(SubjectIdentifier.pseudonym.in_(pseudonyms))
    found = await session.scalars(query.group_by(SubjectIdentifier.pseudonym).having(owners > 1))
    return frozenset(found)


async def shred_people(
    session: TenantSession, stores: Stores, requests: Sequence[RunRequest]
) -> dict[str, int]:
    """Forget the keys of people: those of requests, and any others whom a tombstone names.

    Of whom a legal hold keeps something, the key stays: by it they are found for the rest.

    Returns:
        By request: how many identifiers are noise from now on.
    """
    buried = (
        select(SubjectIdentifier.subject_id, Tombstone.request_id)
        .join(Tombstone, Tombstone.pseudonym == SubjectIdentifier.pseudonym)
        .where(SubjectIdentifier.kind != IdentifierKind.PHONE)
    )
    found = dict(iter((await session.execute(buried)).all()))
    found |= {one.subject_id: one.request_id for one in requests if one.subject_id is not None}
    in_part = select(SubjectIdentifier.subject_id).join(
        Tombstone, Tombstone.pseudonym == SubjectIdentifier.pseudonym
    )
    for subject_id in await session.scalars(in_part.where(Tombstone.held != [])):
        found.pop(subject_id, None)
    counts: dict[str, int] = {}
    for subject_id, request_id in sorted(found.items(), key=str):
        mine = select(func.count()).where(SubjectIdentifier.subject_id == subject_id)
        identifiers = await session.scalar(mine) or 0
        await shred(session, subject_id, stores.clock())
        counts[str(request_id)] = counts.get(str(request_id), 0) + identifiers
    return counts


@dataclass(frozen=True, slots=True)
class Recogniser:
    """Tells the erased by what names them, knowing their pseudonyms only.

    Attributes:
        names: Of the tenant.
        requests: Pseudonym of an erased identifier -> the request that it was erased for.
        held: By category of data: pseudonyms of those whose rows of it a legal hold keeps.
    """

    names: Pseudonyms
    requests: Mapping[str, uuid.UUID]
    held: Mapping[str, Collection[str]] = field(default_factory=dict)

    def is_erased(self, pseudonym: str, tells_of: str) -> bool:
        """Whether an identifier is erased from rows of a category; empty: from any other place."""
        return pseudonym in self.requests and pseudonym not in self.held.get(tells_of, ())

    def request_of(
        self,
        client_id: ClientId,
        connection_id: ConnectionId,
        kind: IdentifierKind,
        text: str,
        tells_of: str,
    ) -> uuid.UUID | None:
        """The request for which an identifier was erased; None: it was not.

        Args:
            client_id: Whose data it stands in.
            connection_id: In which it is unique.
            kind: Of the identifier.
            text: As it stands there.
            tells_of: Category of the rows that it stands in; empty: no hold keeps such rows.
        """
        identifier = identify(kind, text, connection_id)
        if identifier is None:
            return None
        pseudonym = self.names.of(client_id, identifier)
        return self.requests[pseudonym] if self.is_erased(pseudonym, tells_of) else None

    def request_in(
        self,
        client_id: ClientId,
        connection_id: ConnectionId,
        texts: Iterable[str],
        tells_of: str,
    ) -> uuid.UUID | None:
        """The request of somebody whom any of some texts names; None: they name nobody erased.

        See `request_of` for the arguments.
        """
        for text in texts:
            for word in words_in(text):
                for kind in _kinds_of(word):
                    found = self.request_of(client_id, connection_id, kind, word, tells_of)
                    if found is not None:
                        return found
        return None


async def load_recogniser(
    session: TenantSession, stores: Stores, held: Collection[str] | None = None
) -> Recogniser:
    """Of everybody who is erased in the session's agency.

    Args:
        session: Of the agency.
        stores: Of the platform.
        held: Only those of whom holds keep exactly these categories; None: everybody.
    """
    names = await open_pseudonyms(session, stores.vault)
    query = select(Tombstone.pseudonym, Tombstone.request_id, Tombstone.held)
    if held is not None:
        query = query.where(Tombstone.held == sorted(held))
    requests, kept = dict[str, uuid.UUID](), defaultdict[str, set[str]](set)
    for pseudonym, request_id, categories in await session.execute(query):
        requests[pseudonym] = request_id
        for category in (*categories, AS_LONG_AS_KNOWN) if categories else ():
            kept[category].add(pseudonym)
    return Recogniser(names, requests, dict(kept))


def words_in(text: str) -> set[str]:
    """What in a text may name somebody: longer words, and what an address ends with."""
    words = {word for word in _WORD.findall(text) if len(word) >= _SHORTEST_WORD}
    return words | {found.group(1) for found in _LOCATED.finditer(text)}


def _kinds_of(word: str) -> tuple[IdentifierKind, ...]:
    if "@" in word:
        return (IdentifierKind.EMAIL,)
    ids = (IdentifierKind.PLATFORM, IdentifierKind.ORDER)
    digits = sum(letter.isdigit() for letter in word)
    return (*ids, IdentifierKind.PHONE) if digits >= _FEWEST_DIGITS else ids
