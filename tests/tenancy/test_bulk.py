"""Many rows go in by one statement, as they are, and as one tenant's."""

import datetime as dt
import uuid
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError

from domain.privacy.identifiers import IdentifierKind
from tenancy.bulk import insert_rows
from tenancy.tables import Subject, SubjectIdentifier
from tests.tenancy.privacy.agency import ACME, NOON, SHOP, People, people

__all__ = ["people"]

pytestmark = pytest.mark.anyio

ADA = uuid.UUID(int=50)
ODD = "sp_ä\"\\,{}日本 '); --"
SEALED = bytes(range(256))


def _subject(number: int = 50) -> dict[str, Any]:
    exactly = NOON + dt.timedelta(microseconds=1)
    return {
        "id": uuid.UUID(int=number),
        "client_id": ACME,
        "sealed_key": SEALED,
        "created_at": exactly,
        "merged_into": None,
    }


def _identifier(pseudonym: str, subject: uuid.UUID = ADA) -> dict[str, Any]:
    return {
        "pseudonym": pseudonym,
        "subject_id": subject,
        "kind": IdentifierKind.PLATFORM,
        "connection_id": SHOP,
        "sealed": b"",
        "seen_at": NOON,
    }


async def test_rows_are_stored_as_they_are(people: People) -> None:
    async with people.database.session(people.tenant_id) as session:
        await insert_rows(session, Subject, [])
        await insert_rows(session, Subject, [_subject()])
        await insert_rows(session, SubjectIdentifier, [_identifier(ODD), _identifier("sp_b")])
    async with people.database.session(people.tenant_id) as session:
        (ada,) = await session.scalars(select(Subject))
        found = (await session.scalars(select(SubjectIdentifier))).all()
    assert (ada.tenant_id, ada.id, ada.client_id) == (people.tenant_id, ADA, ACME)
    assert (ada.sealed_key, ada.merged_into) == (SEALED, None)
    assert ada.created_at == NOON + dt.timedelta(microseconds=1)
    assert {(one.pseudonym, one.kind, one.connection_id, one.sealed) for one in found} == {
        (ODD, IdentifierKind.PLATFORM, SHOP, b""),
        ("sp_b", IdentifierKind.PLATFORM, SHOP, b""),
    }


async def test_what_is_there_or_came_before_is_left_out_only_if_asked(people: People) -> None:
    rows = [_identifier("sp_a"), _identifier("sp_a", uuid.UUID(int=51))]
    async with people.database.session(people.tenant_id) as session:
        await insert_rows(session, Subject, [_subject(), _subject(51)])
        for _ in range(2):
            await insert_rows(session, SubjectIdentifier, rows, skip_existing=True)
        assert (await session.scalars(select(SubjectIdentifier.subject_id))).all() == [ADA]
    with pytest.raises(IntegrityError):
        async with people.database.session(people.tenant_id) as session:
            await insert_rows(session, SubjectIdentifier, rows[:1])


async def test_it_is_one_statement(people: People) -> None:
    async with people.database.session(people.tenant_id) as session:
        connection = (await session.connection()).sync_connection
        assert connection is not None
        told: list[str] = []

        def note(*given: Any) -> None:
            told.append(given[2])

        event.listen(connection, "before_cursor_execute", note)
        await insert_rows(session, Subject, [_subject(number) for number in range(200, 300)])
    assert [one.split(" ", 3)[:3] for one in told] == [["INSERT", "INTO", "subjects"]]


async def test_a_value_that_nothing_says_how_to_write_is_refused(people: People) -> None:
    async with people.database.session(people.tenant_id) as session:
        with pytest.raises(TypeError, match="not JSON serializable: object"):
            await insert_rows(session, Subject, [_subject() | {"sealed_key": object()}])
