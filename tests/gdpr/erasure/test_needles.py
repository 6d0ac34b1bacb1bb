"""Where a row says that it is of."""

import uuid

import pytest

from domain.ids import ClientId, ConnectionId
from gdpr.erasure.needles import Place, place_of_row

ONE, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)


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
