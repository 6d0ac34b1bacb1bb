"""Where a row says that it is of, and which values a search looks at."""

import uuid

import pyarrow as pa
import pytest

from domain.ids import ClientId, ConnectionId
from domain.privacy.identifiers import email, order, platform_id
from gdpr.erasure.needles import BuriedWords, KnownWords, Place, place_of_row
from gdpr.erasure.people import Recogniser
from tenancy.privacy.pseudonyms import Pseudonyms

ONE, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
CLIENT, SHOP, OUTLET = ClientId(ONE), ConnectionId(ONE), ConnectionId(OTHER)
PERSON, ORDER, ADA = platform_id("71", SHOP), order("501", SHOP), email("ada@shop.example")
NAMES = Pseudonyms(b"p" * 32, b"s" * 32)
VALUES = ["71", "501", " 71 ", "72", "ada", "7\x1f71", '{"id": 71}', "ada@shop.example", ""]


@pytest.mark.parametrize(
    ("row", "place"),
    [
        (
            {"client_id": str(ONE), "connection_id": str(OTHER)},
            Place(ClientId(ONE), ConnectionId(OTHER)),
        ),
        ({"client_id": str(ONE)}, Place(ClientId(ONE), None)),
        ({"client_id": None, "connection_id": None}, Place(None, None)),
        ({"client_id": "app_0123456789abcdef01234567"}, Place(None, None)),  # of OAuth
        ({}, Place(None, None)),
    ],
)
def test_a_row_of_postgresql_tells_its_place(row: dict[str, str | None], place: Place) -> None:
    assert place_of_row(row) == place


def buried() -> BuriedWords:
    erased = {NAMES.of(CLIENT, one): uuid.UUID(int=9) for one in (PERSON, ORDER, ADA)}
    return BuriedWords.of(Recogniser(NAMES, erased), {SHOP: CLIENT, OUTLET: CLIENT})


@pytest.mark.parametrize(
    ("place", "looked_at"),
    [
        (Place(CLIENT, SHOP), ["71", "501", " 71 "]),
        (Place(), ["71", "501", " 71 "]),
        (Place(CLIENT, OUTLET), []),  # ids are those of a connection
        (Place(ClientId(OTHER), SHOP), []),
    ],
)
def test_only_values_that_may_name_the_erased_are_looked_at(
    place: Place, looked_at: list[str]
) -> None:
    words = buried()
    found = pa.array(VALUES).filter(words.candidates(pa.array(VALUES), place)).to_pylist()
    assert found == [*looked_at, "7\x1f71", '{"id": 71}', "ada@shop.example"]
    assert [value for value in VALUES if words.is_found(value, place)] == looked_at


def test_words_in_the_clear_are_looked_for_alike() -> None:
    words = KnownWords.of([PERSON, ORDER, ADA], [])
    looked_at = words.candidates(pa.array(VALUES), Place(CLIENT, SHOP))
    expected = ["71", "501", "7\x1f71", '{"id": 71}', "ada@shop.example"]
    assert pa.array(VALUES).filter(looked_at).to_pylist() == expected
