"""A withdrawal is carried out once, however often it is tried."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from sqlalchemy import select, update

from domain.errors import InvalidInputError
from domain.privacy.identifiers import email, platform_id
from domain.privacy.purposes import Purpose, SuppressionCause
from domain.privacy.rights import RequestOutcome, Right
from gdpr.consent.desk import ConsentDesk
from gdpr.consent.fulfil import Withdrawal
from gdpr.requests.fulfilment import Fulfilled
from tenancy.privacy.subjects import match
from tenancy.tables import AuditEntry, ConsentEvent, SubjectRequest, Suppression
from tests.tenancy.privacy.agency import ACME, NOON, REQUEST, SHOP, People, people

__all__ = ["people"]

pytestmark = pytest.mark.anyio

T = TypeVar("T")
ADA = (platform_id("ada", SHOP), email("ada@northwind.example"))


class EachTime:
    """Steps that are run each time."""

    async def run(self, _name: str, step: Callable[[], Awaitable[T]]) -> T:
        return await step()


async def _ask(people: People, scope: dict[str, Any], *, known: bool = True) -> None:
    await people.observe(ADA)
    async with people.database.session(people.tenant_id) as session:
        (ada,) = await match(session, [people.names.of(ACME, ADA[0])])
        await session.execute(
            update(SubjectRequest).values(
                right=Right.WITHDRAWAL, scope=scope, subject_id=ada if known else None
            )
        )


async def _fulfil(people: People) -> Fulfilled:
    desk = ConsentDesk(people.vault, lambda: NOON, people.ids, secrets.token_bytes)
    return await Withdrawal(people.database, desk).fulfil(EachTime(), people.tenant_id, REQUEST)


async def _stored(people: People) -> set[tuple[Purpose, SuppressionCause, str, bool]]:
    async with people.database.session(people.tenant_id) as session:
        rows = (await session.scalars(select(Suppression))).all()
    found = {(r.purpose, r.cause, r.origin, r.events_from is None) for r in rows}
    assert len(found) == len(rows)
    return found


async def test_a_withdrawal_is_in_the_ledger_and_out_from_its_receipt_on(people: People) -> None:
    await _ask(people, {"purposes": ["analytics"]})
    for _ in range(2):
        assert await _fulfil(people) == Fulfilled(RequestOutcome.DONE, counts={"purposes": 1})
    withdrawal = (Purpose.ANALYTICS, SuppressionCause.WITHDRAWAL, "request", False)
    assert await _stored(people) == {withdrawal}
    async with people.database.session(people.tenant_id) as session:
        (event,) = await session.scalars(select(ConsentEvent))
        entries = (await session.scalars(select(AuditEntry))).all()
    assert (event.source, event.effective_at, event.receipt_id) == ("request", NOON, REQUEST)
    assert event.pseudonym == people.names.of(ACME, ADA[0])
    assert [one.action for one in entries] == ["consent.withdrawn"] * 2
    assert entries[0].details == {"purposes": ["analytics"]}


async def test_nobody_found_is_said_so(people: People) -> None:
    await _ask(people, {}, known=False)
    assert await _fulfil(people) == Fulfilled(RequestOutcome.NOTHING_FOUND)
    assert await _stored(people) == set()


async def test_an_unknown_purpose_is_refused(people: People) -> None:
    await _ask(people, {"purposes": ["storage"]})
    with pytest.raises(InvalidInputError) as refused:
        await _fulfil(people)
    assert refused.value.message == "'storage' is no purpose that can be suppressed"
