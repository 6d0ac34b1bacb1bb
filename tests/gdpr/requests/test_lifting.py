"""A restriction ends when the person knows that it does; an objection when they take it back."""

import datetime as dt
import uuid

import pytest
from sqlalchemy import select

from domain.errors import InvalidInputError, NotFoundError
from domain.privacy.purposes import SUPPRESSIBLE, Purpose
from domain.privacy.request_machine import NotPossibleError, TooEarlyError
from domain.privacy.rights import IdentityLevel, IntakeChannel, RequestState, Right
from gdpr.requests.lifting import LiftingDesk, find_lifting
from tenancy.privacy.suppressions import is_suppressed
from tenancy.tables import LetterKind, Suppression
from tests.gdpr.requests.office import ANN, BEN, OTHER
from tests.gdpr.requests.test_run import Works, works

__all__ = ["works"]

pytestmark = pytest.mark.anyio

WEEK = dt.timedelta(days=7)


async def granted(works: Works, right: Right, **more: object) -> uuid.UUID:
    """A request of Ada's that an officer has granted."""
    given = {
        "channel": IntakeChannel.DESK,
        "identity": IdentityLevel.VOUCHED,
        "requested_by": ANN,
        **more,
    }
    received = await works.office.receive(works.office.intake(right, **given))
    await works.go()
    request = (works.office.tenant_id, received.request_id)
    await works.requests.rulings.grant(*request, "It is done.", actor=ANN)
    return received.request_id


async def suppressed(works: Works, request_id: uuid.UUID) -> set[Purpose]:
    """For what the person of a request is not read."""
    row = await works.office.row(request_id)
    assert row.subject_id is not None
    async with works.office.database.session(works.office.tenant_id) as session:
        return {one for one in SUPPRESSIBLE if await is_suppressed(session, row.subject_id, one)}


async def hand_over(works: Works, request_id: uuid.UUID) -> None:
    letter = (await works.office.letters_of(request_id))[-1]
    assert letter.kind is LetterKind.LIFTING
    await works.office.letters.hand_over(works.office.tenant_id, letter.id, actor=BEN)


def desk_of(works: Works) -> LiftingDesk:
    return works.requests.lifting


async def test_a_restriction_is_lifted_a_week_after_the_person_has_the_letter(
    works: Works,
) -> None:
    request_id = await granted(works, Right.RESTRICTION)
    request, desk = (works.office.tenant_id, request_id), desk_of(works)
    assert await suppressed(works, request_id) == set(SUPPRESSIBLE)
    with pytest.raises(NotPossibleError, match=r"was not told .* \(GDPR article 18\(3\)\)"):
        await desk.lift(*request, actor=ANN)
    letter = await desk.tell(*request, "Your data was checked.", actor=ANN)
    assert letter is not None
    works.office.wait(days=30)
    with pytest.raises(NotPossibleError, match=r"the letter .* was not sent"):
        await desk.lift(*request, actor=ANN)
    with pytest.raises(NotPossibleError, match="was told on 2026-03-02 that it ends"):
        await desk.tell(*request, "Again.", actor=ANN)

    await hand_over(works, request_id)
    from_then = works.office.now + WEEK
    works.office.now = from_then - dt.timedelta(seconds=1)
    with pytest.raises(TooEarlyError) as refused:
        await desk.lift(*request, actor=ANN)
    assert refused.value.hint == f"lift it from {from_then:%Y-%m-%d %H:%M} UTC on"
    assert await suppressed(works, request_id) == set(SUPPRESSIBLE)

    works.office.now = from_then
    assert await desk.lift(*request, actor=ANN) == len(SUPPRESSIBLE)
    assert await suppressed(works, request_id) == set()
    assert (await works.office.row(request_id)).state is RequestState.COMPLETED
    assert (await works.office.events(request_id))[-3:] == [
        "lifting_told",
        "letter_handed_over",
        "lifted",
    ]
    for verb in (desk.tell(*request, "Again.", actor=ANN), desk.lift(*request, actor=ANN)):
        with pytest.raises(NotPossibleError, match=r"restricts nothing|keeps nothing"):
            await verb


async def test_whom_the_platform_tells_needs_no_letter_and_the_week_runs_at_once(
    works: Works,
) -> None:
    request_id = await granted(works, Right.RESTRICTION, channel=IntakeChannel.SHOPIFY)
    request, desk = (works.office.tenant_id, request_id), desk_of(works)
    assert await desk.tell(*request, "Your data was checked.", actor=ANN) is None
    with pytest.raises(TooEarlyError):
        await desk.lift(*request, actor=ANN)
    works.office.now += WEEK
    assert await desk.lift(*request, actor=ANN) == len(SUPPRESSIBLE)


async def test_an_objection_ends_when_the_person_takes_it_back(works: Works) -> None:
    request_id = await granted(works, Right.OBJECTION, scope={"purposes": ["advertising"]})
    request, desk = (works.office.tenant_id, request_id), desk_of(works)
    with pytest.raises(NotPossibleError, match="restricts nothing"):
        await desk.tell(*request, "Over.", actor=ANN)
    with pytest.raises(InvalidInputError, match="an objection ends when the person takes it back"):
        await desk.lift(*request, " ", actor=ANN)
    assert await suppressed(works, request_id) == {Purpose.ADVERTISING}
    assert await desk.lift(*request, "She wrote to us on Monday.", actor=ANN) == 1
    assert await suppressed(works, request_id) == set()
    note = (await works.office.letters_of(request_id))[-1]
    assert (note.kind, note.text) == (LetterKind.NOTE, "She wrote to us on Monday.")
    assert (await works.office.events(request_id))[-1] == "lifted"


async def test_what_another_request_keeps_from_being_read_stays_so(works: Works) -> None:
    objection = await granted(works, Right.OBJECTION)
    restriction = await granted(works, Right.RESTRICTION)
    request, desk = (works.office.tenant_id, restriction), desk_of(works)
    await desk.tell(*request, "Your data was checked.", actor=ANN)
    await hand_over(works, restriction)
    works.office.now += WEEK
    await desk.lift(*request, actor=ANN)
    assert await suppressed(works, objection) == set(SUPPRESSIBLE)
    async with works.office.database.session(works.office.tenant_id) as session:
        still = select(Suppression.origin).where(Suppression.lifted_at.is_(None)).distinct()
        assert list(await session.scalars(still)) == [str(objection)]


async def test_only_what_was_granted_is_lifted_and_by_its_own_agency(works: Works) -> None:
    waiting = await works.office.receive(works.office.intake(Right.OBJECTION))
    await works.go()
    desk, tenant_id = desk_of(works), works.office.tenant_id
    with pytest.raises(NotPossibleError, match="keeps nothing from being read"):
        await desk.lift(tenant_id, waiting.request_id, "back", actor=ANN)
    restriction = await granted(works, Right.RESTRICTION)
    with pytest.raises(InvalidInputError, match="say why the restriction ends"):
        await desk.tell(tenant_id, restriction, " ", actor=ANN)
    for verb in (
        desk.tell(OTHER, restriction, "over", actor=ANN),
        desk.lift(OTHER, restriction, actor=ANN),
    ):
        with pytest.raises(NotFoundError, match="the agency has no such request"):
            await verb
    row = await works.office.row(restriction)
    async with works.office.database.session(tenant_id) as session:
        lifting = await find_lifting(session, row)
    assert lifting is not None
    assert (lifting.told_at, lifting.lifts_from) == (None, None)
    assert list(lifting.purposes) == sorted(one.value for one in SUPPRESSIBLE)
