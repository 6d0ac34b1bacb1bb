"""What a search looks for: words as long as they are known, pseudonyms ever after.

before the keys of people are forgotten -> KnownWords
after it -> BuriedWords: is the pseudonym of this word a tombstone?
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from domain.ids import ClientId, ConnectionId
from domain.privacy.identifiers import Identifier, IdentifierKind
from gdpr.erasure.people import Recogniser, words_in
from tenancy.privacy.pseudonyms import digest_of

__all__ = ["BuriedWords", "KnownWords", "Needles", "Place", "place_of", "place_of_row"]

_IDS: Final = (IdentifierKind.PLATFORM, IdentifierKind.ORDER)
_PARTS_OR_PROSE: Final = r'[\x1f{\["@/]'


@dataclass(frozen=True, slots=True)
class Place:
    """Whose data a text is, as far as it is known.

    Attributes:
        client_id: None: any client's.
        connection_id: None: any of the client's.
        tells_of: Category of the rows that it stands in; empty: no hold keeps such rows.
    """

    client_id: ClientId | None = None
    connection_id: ConnectionId | None = None
    tells_of: str = ""


class Needles(Protocol):
    """Tells words that name somebody who should be gone."""

    def candidates(self, values: pa.Array, place: Place) -> pa.BooleanArray:
        """Values, none of them null, that may name such a person; the others name nobody."""

    def is_found(self, value: str, place: Place) -> bool:
        """Whether a value as a whole is the id of such a person or order."""

    def is_found_in(self, text: str, place: Place) -> bool:
        """Whether any word of a text names such a person."""


@dataclass(frozen=True, slots=True)
class KnownWords:
    """Words in the clear; keep them no longer than the search.

    Attributes:
        ids: Ids of people and orders, and of what these are made of.
        words: The same, and addresses and numbers, as they may stand in a text.
        places: At which connections an id is theirs: another one may count from 1, too. One that
            is not in here is theirs anywhere.
        column: The ids, to be looked for in whole columns.
        held: Categories of data that legal holds keep of them: rows of these may name them.
    """

    ids: frozenset[str]
    words: frozenset[str]
    places: Mapping[str, Collection[ConnectionId]]
    column: pa.Array = field(repr=False, compare=False)
    held: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        identifiers: Iterable[Identifier],
        ids: Iterable[str],
        places: Mapping[str, Collection[ConnectionId]] = {},
        held: frozenset[str] = frozenset(),
    ) -> "KnownWords":
        """Everything that names some people."""
        identifiers = tuple(identifiers)
        known = frozenset(ids) | {one.value for one in identifiers if one.connection_id}
        others = {one.value for one in identifiers if not one.connection_id}
        others |= {one.value.lstrip("+") for one in identifiers if one.kind is IdentifierKind.PHONE}
        return cls(known, known | others, places, pa.array(list(known), pa.string()), held)

    def candidates(self, values: pa.Array, place: Place) -> pa.BooleanArray:
        """See `Needles`."""
        del place
        whole = pc.is_in(values, value_set=self.column)
        return pc.or_(whole, pc.match_substring_regex(values, _PARTS_OR_PROSE))

    def is_found(self, value: str, place: Place) -> bool:
        """See `Needles`."""
        return (
            place.tells_of not in self.held and value in self.ids and self._is_theirs(value, place)
        )

    def is_found_in(self, text: str, place: Place) -> bool:
        """See `Needles`."""
        return place.tells_of not in self.held and any(
            form in self.words and self._is_theirs(form, place)
            for word in words_in(text)
            for form in (word, word.casefold(), word.lstrip("+"))
        )

    def _is_theirs(self, word: str, place: Place) -> bool:
        here = self.places.get(word)
        return here is None or place.connection_id is None or place.connection_id in here


@dataclass(frozen=True, slots=True)
class BuriedWords:
    """Words of which only pseudonyms are known.

    Attributes:
        known: Of the agency.
        connections: Its connections, and whose each is.
        digests: What the pseudonyms of the erased say.
    """

    known: Recogniser
    connections: Mapping[ConnectionId, ClientId]
    digests: frozenset[bytes]

    @classmethod
    def of(cls, known: Recogniser, connections: Mapping[ConnectionId, ClientId]) -> "BuriedWords":
        """Everybody who is erased in an agency."""
        return cls(known, connections, frozenset(map(digest_of, known.requests)))

    def candidates(self, values: pa.Array, place: Place) -> pa.BooleanArray:
        """See `Needles`."""
        found = pc.match_substring_regex(values, _PARTS_OR_PROSE)
        texts = [value.strip() for value in values.to_pylist()]  # as `identifiers` has ids
        for client_id, connection_id in self._places(place):
            for kind in _IDS:
                made = self.known.names.digests(client_id, kind, connection_id, texts)
                whole = pa.array([one in self.digests for one in made], pa.bool_())
                found = pc.or_(found, whole)
        return found

    def is_found(self, value: str, place: Place) -> bool:
        """See `Needles`."""
        return any(
            self.known.request_of(client_id, connection_id, kind, value, place.tells_of) is not None
            for client_id, connection_id in self._places(place)
            for kind in _IDS
        )

    def is_found_in(self, text: str, place: Place) -> bool:
        """See `Needles`."""
        return any(
            self.known.request_in(client_id, connection_id, [text], place.tells_of) is not None
            for client_id, connection_id in self._places(place)
        )

    def _places(self, place: Place) -> Sequence[tuple[ClientId, ConnectionId]]:
        return [
            (client_id, connection_id)
            for connection_id, client_id in self.connections.items()
            if place.connection_id in {None, connection_id} and place.client_id in {None, client_id}
        ]


def place_of(client_id: str | None, connection_id: str | None, tells_of: str = "") -> Place:
    """A place from ids as they stand in rows."""
    return Place(
        ClientId(uuid.UUID(client_id)) if client_id else None,
        ConnectionId(uuid.UUID(connection_id)) if connection_id else None,
        tells_of,
    )


def place_of_row(row: Mapping[str, Any], tells_of: str = "") -> Place:
    """A place as a row of PostgreSQL tells it; a client of OAuth is none of the agency's."""
    client_id, connection_id = (
        _uuid_or_none(row.get(name)) for name in ("client_id", "connection_id")
    )
    return place_of(client_id, connection_id, tells_of)


def _uuid_or_none(value: object) -> str | None:
    try:
        return str(uuid.UUID(str(value)))
    except ValueError:
        return None
