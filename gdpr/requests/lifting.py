"""How a granted restriction or objection ends.

    restriction: tell the person -> letter sent or handed over -> a week -> lift
    objection: the person takes it back -> lift, with a note of that

Whatever is lifted is read again within seconds (ADR-0028). Lifting is on record in the request's
history and in the audit trail; the request itself stays completed.

Source: GDPR article 18(3).
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from domain.errors import InvalidInputError
from domain.ids import TenantId
from domain.privacy.request_machine import NotPossibleError, TooEarlyError
from domain.privacy.rights import RequestState, Right
from gdpr.requests.docket import Docket, open_docket
from gdpr.requests.letters import write_letter, write_note
from gdpr.requests.rulings import CAUSES
from gdpr.requests.services import RequestServices
from tenancy.privacy.suppressions import lift
from tenancy.session import TenantSession
from tenancy.tables import LetterKind, RequestEvent, RequestLetter, SubjectRequest, Suppression

__all__ = ["NOTICE", "Lifting", "LiftingDesk", "find_lifting"]

# The law names no time. In a week a letter is read, and there is time to object or to complain
# before the data is used again.
NOTICE: Final = dt.timedelta(days=7)

_TOLD: Final = "lifting_told"


@dataclass(frozen=True, slots=True)
class Lifting:
    """What a granted request keeps from being read, and how far its end is.

    Attributes:
        right: Restriction or objection.
        purposes: For which the person is not read, in order.
        told_at: Of a restriction: when its end was told, as a UTC instant; None: it was not.
        lifts_from: When it can be lifted, as a UTC instant; None: the letter waits to be sent or
            handed over, or there is none yet.
    """

    right: Right
    purposes: Sequence[str]
    told_at: dt.datetime | None
    lifts_from: dt.datetime | None


async def find_lifting(session: TenantSession, row: SubjectRequest) -> Lifting | None:
    """What a request keeps from being read; None: nothing, or nothing any more."""
    held = await _in_force(session, row)
    if not held:
        return None
    purposes = sorted({one.purpose.value for one in held})
    if row.right is Right.OBJECTION:
        return Lifting(row.right, purposes, None, row.closed_at)
    told = await session.scalar(
        select(RequestEvent.at)
        .where(RequestEvent.request_id == row.id, RequestEvent.kind == _TOLD)
        .order_by(RequestEvent.at)
        .limit(1)
    )
    if told is None:
        return Lifting(row.right, purposes, None, None)
    letter = await session.scalar(
        select(RequestLetter)
        .where(RequestLetter.request_id == row.id, RequestLetter.kind == LetterKind.LIFTING)
        .order_by(RequestLetter.written_at)
        .limit(1)
    )
    # Without a letter the platform tells the person.
    there = told if letter is None else letter.sent_at or letter.handed_at
    return Lifting(row.right, purposes, told, None if there is None else there + NOTICE)


@dataclass(frozen=True, slots=True)
class LiftingDesk:
    """Ends what a grant began."""

    services: RequestServices

    async def tell(
        self, tenant_id: TenantId, request_id: uuid.UUID, reason: str, *, actor: str
    ) -> uuid.UUID | None:
        """Tell the person that a restriction ends, before it does.

        Args:
            tenant_id: The agency.
            request_id: Of a restriction that was granted.
            reason: Why it ends; told to the person.
            actor: The officer.

        Returns:
            The letter; None: the platform tells them.

        Raises:
            NotFoundError: The agency has no such request.
            NotPossibleError: It restricts nothing, or the person was told before.
            InvalidInputError: No reason.
        """
        if not reason.strip():
            raise InvalidInputError("say why the restriction ends", hint="the person is told")
        async with self.services.database.session(tenant_id) as session:
            docket = await open_docket(self.services, session, request_id)
            lifting = await find_lifting(session, docket.row)
            if lifting is None or lifting.right is not Right.RESTRICTION:
                raise NotPossibleError(
                    "this request restricts nothing", hint="only a granted restriction is lifted"
                )
            if lifting.told_at is not None:
                raise NotPossibleError(
                    f"the person was told on {lifting.told_at:%Y-%m-%d} that it ends",
                    hint="lift it when a week has passed since the person has the letter",
                )
            docket.note(_TOLD, actor, {})
            return await write_letter(docket, LetterKind.LIFTING, reason=reason)

    async def lift(
        self, tenant_id: TenantId, request_id: uuid.UUID, reason: str = "", *, actor: str
    ) -> int:
        """Read the person again.

        Args:
            tenant_id: The agency.
            request_id: Of a restriction whose end was told, or of an objection.
            reason: Of an objection: how the person took it back; kept sealed.
            actor: The officer.

        Returns:
            For how many purposes the person is read again.

        Raises:
            NotFoundError: The agency has no such request.
            NotPossibleError: It keeps nothing from being read, or the person was not told.
            TooEarlyError: The person was told less than a week ago.
            InvalidInputError: An objection, and no reason.
        """
        async with self.services.database.session(tenant_id) as session:
            docket = await open_docket(self.services, session, request_id)
            lifting = await find_lifting(session, docket.row)
            if lifting is None:
                raise NotPossibleError(
                    "this request keeps nothing from being read",
                    hint="only a granted restriction or objection is lifted, and once",
                )
            self._check(lifting, reason)
            await self._end(docket)
            if reason.strip():
                await write_note(docket, reason)
            docket.note("lifted", actor, {"purposes": list(lifting.purposes)})
            return len(lifting.purposes)

    def _check(self, lifting: Lifting, reason: str) -> None:
        if lifting.right is Right.OBJECTION:
            if not reason.strip():
                raise InvalidInputError(
                    "an objection ends when the person takes it back",
                    hint="say how they did: it is kept as a note",
                )
            return
        if lifting.told_at is None:
            raise NotPossibleError(
                "the person was not told that the restriction ends (GDPR article 18(3))",
                hint="tell them first: bosco gdpr requests tell-lifting",
            )
        if lifting.lifts_from is None:
            raise NotPossibleError(
                "the letter that says that the restriction ends was not sent",
                hint="hand it over: bosco gdpr requests letter --handed-over",
            )
        if self.services.clock() < lifting.lifts_from:
            raise TooEarlyError(
                f"the person has the letter for less than {NOTICE.days} days",
                hint=f"lift it from {lifting.lifts_from:%Y-%m-%d %H:%M} UTC on",
            )

    async def _end(self, docket: Docket) -> None:
        """End what was asked for by this request, of whomever the person turned out to be."""
        row, now = docket.row, self.services.clock()
        people = {one.subject_id for one in await _in_force(docket.session, row)}
        for subject_id in sorted(people):
            await lift(docket.session, subject_id, CAUSES[row.right], now, origin=str(row.id))


async def _in_force(session: TenantSession, row: SubjectRequest) -> Sequence[Suppression]:
    cause = CAUSES.get(row.right)
    if cause is None or row.state is not RequestState.COMPLETED:
        return ()
    query = select(Suppression).where(
        Suppression.origin == str(row.id),
        Suppression.cause == cause,
        Suppression.lifted_at.is_(None),
    )
    return (await session.scalars(query)).all()
